package content

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// elsewhere are the objects that the pack uses and others supply.
var elsewhere = map[string][]string{
	"drp-community-content": {
		"bootenv sledgehammer", "param linux/install-bootenv", "task linux-selector",
		"stage linux-selector", "stage ssh-access", "stage drp-agent", "stage complete-nobootenv",
		"stage centos-7-install", "stage centos-8-install", "stage alma-8-install", "stage rocky-8-install", "stage ubuntu-18.04-install",
	},
	"os-other":  {"stage rhel-server-7-install", "stage rhel-server-8-install", "stage redhat-subscription-register"},
	"flexiflow": {"task flexiflow-start", "task flexiflow-stop", "param flexiflow/list-parameter"},
}

// checker collects what is wrong.
type checker struct {
	pack  *Pack
	known map[string]bool
	errs  []error
}

// Check finds all that an endpoint would refuse or, worse, take and trip over
// later: names it does not allow, references to nothing, values that are not of
// their Param's type, claims of unknown scopes.
func (p *Pack) Check() error {
	c := &checker{pack: p, known: map[string]bool{}}
	s := p.Sections
	for kind, names := range map[string][]string{
		"param": keys(s.Params), "profile": keys(s.Profiles), "stage": keys(s.Stages),
		"task": keys(s.Tasks), "template": keys(s.Templates), "workflow": keys(s.Workflows),
	} {
		for _, name := range names {
			c.known[kind+" "+name] = true
			c.name(kind, name)
		}
	}
	// What another pack supplies is known only where that pack is a prerequisite.
	for _, pre := range strings.Split(p.Meta["Prerequisites"], ",") {
		for _, ref := range elsewhere[strings.TrimSpace(pre)] {
			c.known[ref] = true
		}
		if strings.TrimSpace(pre) == imageBuilder {
			for _, name := range builderParams {
				c.known["param "+name] = true
			}
		}
	}
	if !validName(p.Meta["Name"]) {
		c.bad("meta", "Name %q is not a name", p.Meta["Name"])
	}
	for _, name := range keys(s.Params) {
		c.param(s.Params[name])
	}
	for _, name := range keys(s.Tasks) {
		c.task(s.Tasks[name])
	}
	for _, name := range keys(s.Stages) {
		c.stage(s.Stages[name])
	}
	for _, name := range keys(s.Workflows) {
		w := s.Workflows[name]
		c.refs("workflow "+name, "stage", w.Stages...)
	}
	for _, name := range keys(s.Profiles) {
		c.values("profile "+name, s.Profiles[name].Params)
	}
	return errors.Join(c.errs...)
}

func keys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func (c *checker) bad(where, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

func (c *checker) refs(where, kind string, names ...string) {
	for _, n := range names {
		if !c.known[kind+" "+n] {
			c.bad(where, "there is no %s %s", kind, n)
		}
	}
}

func (c *checker) name(kind, name string) {
	plain := name
	if kind == "param" {
		plain = strings.ReplaceAll(name, "/", "")
	}
	if !validName(plain) {
		c.bad(kind+" "+name, "an endpoint takes no such name")
	}
}

// validName is the rule of models.ValidName, without the letters beyond ASCII.
func validName(s string) bool {
	for i := range len(s) {
		b := s[i]
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= b && b <= '9' || strings.IndexByte("-_. ", b) >= 0)) {
			return false
		}
	}
	return len(s) > 1
}

func (c *checker) param(p Param) {
	where := "param " + p.Name
	switch p.Schema.Type {
	case "string", "boolean", "integer":
	case "array":
		if p.Schema.Items == nil || p.Schema.Items.Type != "string" {
			c.bad(where, "an array must be of strings")
		}
	default:
		c.bad(where, "the type %q is not used here", p.Schema.Type)
	}
	// .Param fails in a template when there is neither a value nor a default.
	if p.Schema.Default == nil {
		c.bad(where, "has no default")
	} else if err := p.Schema.fits(p.Schema.Default); err != nil {
		c.bad(where, "default: %w", err)
	}
}

// fits says whether a value is of the schema's type.
func (s Schema) fits(value any) error {
	ok := false
	switch v := value.(type) {
	case string:
		if ok = s.Type == "string"; ok && len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			return fmt.Errorf("%q is none of %s", v, strings.Join(s.Enum, ", "))
		}
	case bool:
		ok = s.Type == "boolean"
	case int:
		if ok = s.Type == "integer"; ok && s.Minimum != nil && v < *s.Minimum {
			return fmt.Errorf("%d is less than %d", v, *s.Minimum)
		}
	case []any:
		ok = s.Type == "array" && s.Items != nil
		for _, item := range v {
			if ok {
				if err := s.Items.fits(item); err != nil {
					return err
				}
			}
		}
	}
	if !ok {
		return fmt.Errorf("%v is not of type %s", value, s.Type)
	}
	return nil
}

// values checks the Params that an object sets.
func (c *checker) values(where string, params map[string]any) {
	for _, name := range keys(params) {
		c.refs(where, "param", name)
		if p, ok := c.pack.Sections.Params[name]; ok {
			if err := p.Schema.fits(params[name]); err != nil {
				c.bad(where, "%s: %w", name, err)
			}
		}
	}
}

func (c *checker) templates(where string, list []TemplateInfo) {
	for _, t := range list {
		switch {
		case t.Name == "":
			c.bad(where, "a template has no name")
		case (t.ID == "") == (t.Contents == ""):
			c.bad(where, "template %s: must have either an ID or Contents", t.Name)
		case t.ID != "":
			c.refs(where, "template", t.ID)
		}
	}
}

// actions are those of the scopes that tasks here may ask for; see models/role.go.
var actions = map[string][]string{
	"files":    {"list", "get", "post", "delete"},
	"profiles": {"list", "get", "create", "update", "delete"},
}

func (c *checker) task(t Task) {
	where := "task " + t.Name
	if len(t.Templates) == 0 {
		c.bad(where, "has no template")
	}
	c.templates(where, t.Templates)
	c.refs(where, "param", slices.Concat(t.RequiredParams, t.OptionalParams, t.OutputParams)...)
	c.refs(where, "task", t.Prerequisites...)
	for _, claim := range t.ExtraClaims {
		if actions[claim.Scope] == nil {
			c.bad(where, "claim: no scope %q", claim.Scope)
			continue
		}
		for _, a := range strings.Split(claim.Action, ",") {
			if a = strings.TrimSpace(a); !slices.Contains(actions[claim.Scope], a) {
				c.bad(where, "claim: %s has no action %q", claim.Scope, a)
			}
		}
		if claim.Specific == "" {
			c.bad(where, "claim: nothing specific")
		}
	}
}

func (c *checker) stage(s Stage) {
	where := "stage " + s.Name
	c.templates(where, s.Templates)
	c.refs(where, "task", s.Tasks...)
	c.refs(where, "profile", s.Profiles...)
	c.refs(where, "param", slices.Concat(s.RequiredParams, s.OptionalParams, s.OutputParams)...)
	c.values(where, s.Params)
	if s.BootEnv != "" {
		c.refs(where, "bootenv", s.BootEnv)
	}
	// Such a stage is replaced by the list that the Param names; see the flexiflow
	// pack. The list's type must be known.
	if list, ok := s.Params["flexiflow/list-parameter"].(string); ok {
		c.refs(where, "param", list)
		if !slices.Equal(s.Tasks, []string{"flexiflow-start", "flexiflow-stop"}) {
			c.bad(where, "a flexiflow stage has exactly the tasks flexiflow-start and flexiflow-stop")
		}
	}
}
