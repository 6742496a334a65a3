package content

// The fields are those that digitalrebar/provision documents for its models, as far
// as a pack sets them; what an endpoint fills in itself (ReadOnly, Validated,
// Errors, Available, Bundle, ...) is not among them. See models/*.go there, and for
// what came later https://docs.rackn.io/stable/resources/models.

// Task is models.Task: a script that a job runs.
type Task struct {
	Name           string            `yaml:"Name"`
	Description    string            `yaml:"Description,omitempty"`
	Documentation  string            `yaml:"Documentation,omitempty"`
	Meta           map[string]string `yaml:"Meta,omitempty"`
	Prerequisites  []string          `yaml:"Prerequisites,omitempty"`
	RequiredParams []string          `yaml:"RequiredParams,omitempty"`
	OptionalParams []string          `yaml:"OptionalParams,omitempty"`
	OutputParams   []string          `yaml:"OutputParams,omitempty"`
	ExtraClaims    []Claim           `yaml:"ExtraClaims,omitempty"`
	ExtraRoles     []string          `yaml:"ExtraRoles,omitempty"`
	// ExtraDuration is for how many seconds the job's token lasts; 0 means 720 hours.
	ExtraDuration int            `yaml:"ExtraDuration,omitempty"`
	Templates     []TemplateInfo `yaml:"Templates"`
}

// Claim is models.Claim: what a token may do. Its keys are lower case.
type Claim struct {
	Scope    string `yaml:"scope"`
	Action   string `yaml:"action"`
	Specific string `yaml:"specific"`
}

// TemplateInfo is models.TemplateInfo: by ID or inline, and without a Path a
// script.
type TemplateInfo struct {
	Name     string            `yaml:"Name"`
	ID       string            `yaml:"ID,omitempty"`
	Contents string            `yaml:"Contents,omitempty"`
	Path     string            `yaml:"Path,omitempty"`
	Link     string            `yaml:"Link,omitempty"`
	Meta     map[string]string `yaml:"Meta,omitempty"`
}

// Stage is models.Stage: tasks, and what they are run with.
type Stage struct {
	Name           string            `yaml:"Name"`
	Description    string            `yaml:"Description,omitempty"`
	Documentation  string            `yaml:"Documentation,omitempty"`
	Meta           map[string]string `yaml:"Meta,omitempty"`
	BootEnv        string            `yaml:"BootEnv,omitempty"`
	Params         map[string]any    `yaml:"Params,omitempty"`
	Profiles       []string          `yaml:"Profiles,omitempty"`
	RequiredParams []string          `yaml:"RequiredParams,omitempty"`
	OptionalParams []string          `yaml:"OptionalParams,omitempty"`
	OutputParams   []string          `yaml:"OutputParams,omitempty"`
	Reboot         bool              `yaml:"Reboot,omitempty"`
	RunnerWait     bool              `yaml:"RunnerWait,omitempty"`
	Tasks          []string          `yaml:"Tasks,omitempty"`
	Templates      []TemplateInfo    `yaml:"Templates,omitempty"`
}

// Param is models.Param: the type of a value, and its default.
type Param struct {
	Name          string            `yaml:"Name"`
	Description   string            `yaml:"Description,omitempty"`
	Documentation string            `yaml:"Documentation,omitempty"`
	Meta          map[string]string `yaml:"Meta,omitempty"`
	Secure        bool              `yaml:"Secure,omitempty"`
	Schema        Schema            `yaml:"Schema"`
}

// Schema is the part of JSON Schema (draft 4) that the pack uses.
type Schema struct {
	Type    string   `yaml:"type"`
	Items   *Schema  `yaml:"items,omitempty"`
	Enum    []string `yaml:"enum,omitempty"`
	Minimum *int     `yaml:"minimum,omitempty"`
	Default any      `yaml:"default,omitempty"`
}

// Template is models.Template: text/template that others include by its ID.
type Template struct {
	ID          string            `yaml:"ID"`
	Description string            `yaml:"Description,omitempty"`
	Meta        map[string]string `yaml:"Meta,omitempty"`
	Contents    string            `yaml:"Contents"`
}

// Workflow is models.Workflow: stages in their order.
type Workflow struct {
	Name          string            `yaml:"Name"`
	Description   string            `yaml:"Description,omitempty"`
	Documentation string            `yaml:"Documentation,omitempty"`
	Meta          map[string]string `yaml:"Meta,omitempty"`
	Stages        []string          `yaml:"Stages"`
}

// Profile is models.Profile: values of Params.
type Profile struct {
	Name          string            `yaml:"Name"`
	Description   string            `yaml:"Description,omitempty"`
	Documentation string            `yaml:"Documentation,omitempty"`
	Meta          map[string]string `yaml:"Meta,omitempty"`
	Params        map[string]any    `yaml:"Params,omitempty"`
	Profiles      []string          `yaml:"Profiles,omitempty"`
}

func (o Task) key() string     { return o.Name }
func (o Stage) key() string    { return o.Name }
func (o Param) key() string    { return o.Name }
func (o Workflow) key() string { return o.Name }
func (o Profile) key() string  { return o.Name }
