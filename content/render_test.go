package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

// job is a stand-in for what an endpoint renders a task with: as much of it as is
// documented and used here. See
// https://docs.rackn.io/stable/developers/automation/tasks/data-render.
type job struct {
	Machine struct {
		Name, UUID, Arch, Workflow string
		Tasks                      []string
	}
	Env struct {
		OS struct{ Name, Family, Version string }
	}
	provisioner string
	pack        *Pack
	params      map[string]any
}

func newJob(p *Pack, params map[string]any) *job {
	j := &job{provisioner: "http://192.168.124.1:8091", pack: p, params: params}
	j.Machine.Name, j.Machine.UUID, j.Machine.Arch = "m1", "9d6e3a4e-4fd7-4d1e-8a86-3c3a0a4e4d11", "amd64"
	j.Machine.Tasks = []string{"stage:image-builder-start", "stage:image-builder-linux", "image-builder-cleanup"}
	j.Env.OS.Name, j.Env.OS.Family, j.Env.OS.Version = "debian-12", "debian", "12"
	return j
}

func (j *job) ProvisionerURL() string { return j.provisioner }
func (j *job) ApiURL() string         { return "https://192.168.124.1:8092" }

// Param is the machine's value, or the default. Numbers are floats, as those that
// have been JSON.
func (j *job) Param(name string) (any, error) {
	value, ok := j.params[name]
	if !ok {
		p, known := j.pack.Sections.Params[name]
		if !known {
			return nil, fmt.Errorf("no param %s", name)
		}
		value = p.Schema.Default
	} else if p, known := j.pack.Sections.Params[name]; known {
		if err := p.Schema.fits(value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(text, &out)
	return out, err
}

func (j *job) ParamExists(name string) bool {
	_, err := j.Param(name)
	return err == nil
}

// render returns the script of a task, made as an endpoint does (see models.
// MergeTemplates and DrpSafeFuncMap).
func (j *job) render(t testing.TB, task string) string {
	t.Helper()
	funcs := sprig.GenericFuncMap()
	for _, name := range []string{"env", "expandenv", "ago", "now"} {
		delete(funcs, name)
	}
	root := template.New("").Funcs(funcs).Option("missingkey=error")
	for id, tmpl := range j.pack.Sections.Templates {
		_, err := root.New(id).Parse(tmpl.Contents)
		require.NoError(t, err, id)
	}
	require.Contains(t, j.pack.Sections.Tasks, task)
	list := j.pack.Sections.Tasks[task].Templates
	require.Len(t, list, 1)
	var out bytes.Buffer
	require.NoError(t, root.ExecuteTemplate(&out, list[0].ID, j), task)
	return out.String()
}

// hostile is a value with all that a shell could take for its own.
const hostile = "a'b\"c $(touch /tmp/image-capture-pwned) `id` \\ ; & | * -x\t#"

// everything sets each Param to what is not its default.
func everything(p *Pack) map[string]any {
	values := map[string]any{}
	for name, param := range p.Sections.Params {
		switch {
		case name == "image-builder/additional-tar-options":
			values[name] = `--exclude='./with space/*' --xattrs -p`
		case name == "image-builder/skip-package-reset", name == "image-capture/force-cleanup":
			values[name] = false // what else the scripts have would not be seen
		case len(param.Schema.Enum) > 0:
			values[name] = param.Schema.Enum[len(param.Schema.Enum)-1]
		case param.Schema.Type == "string":
			values[name] = hostile
		case param.Schema.Type == "boolean":
			values[name] = param.Schema.Default == false
		case param.Schema.Type == "integer":
			values[name] = 7
		case param.Schema.Type == "array":
			values[name] = []any{hostile, "b"}
		}
	}
	values["image-capture/root"] = "/mnt/it's here"
	return values
}

// TestScripts renders every task for every distribution, with defaults and with
// everything set, and has bash and shellcheck read the scripts.
func TestScripts(t *testing.T) {
	t.Parallel()
	p := released(t)
	dir := t.TempDir()
	written := map[string]bool{}
	for _, system := range []string{"alma-8", "alma-9", "alma-10", "rocky-8", "rocky-9", "rocky-10", "rhel-server-8", "rhel-server-9", "rhel-server-10",
		"centos-7", "ubuntu-22.04", "ubuntu-24.04", "debian-12", "debian-13", "sles-15", "local", "sledgehammer"} {
		for variant, params := range map[string]map[string]any{
			"default": nil, "everything": everything(p), "debug": {"rs-debug-enable": true},
			"empty": {"image-builder/additional-excludes": []any{}, "image-builder/additional-packages": []any{}, "image-builder/skip-package-reset": true, "image-builder/upload-path": ""},
		} {
			for task := range p.Sections.Tasks {
				j := newJob(p, params)
				j.Env.OS.Name = system
				j.Env.OS.Family, j.Env.OS.Version, _ = strings.Cut(system, "-")
				script := j.render(t, task)
				require.True(t, strings.HasPrefix(script, "#!/usr/bin/env bash\n"), task)
				require.NotContains(t, script, "<no value>", task)
				require.NotContains(t, script, "RS_TOKEN}", task, "a trace would show it")
				if written[script] {
					continue
				}
				written[script] = true
				name := filepath.Join(dir, fmt.Sprintf("%s.%s.%d.sh", task, variant, len(written)))
				require.NoError(t, os.WriteFile(name, []byte(script), 0o600))
				out, err := exec.Command("bash", "-n", name).CombinedOutput()
				require.NoError(t, err, "%s: %s", name, out)
			}
		}
	}
	_, err := exec.LookPath("shellcheck")
	roottest.Need(t, err == nil, "shellcheck")
	// Not wanted: 2015, as "test && test || die" means what it says; 2016, as values of
	// Params are in single quotes just so that nothing expands; 2034, as a common part has
	// more than each script uses.
	scripts, err := filepath.Glob(dir + "/*.[de][ev]*.sh") // the variants that have it all
	require.NoError(t, err)
	out, err := exec.Command("shellcheck", append([]string{"-s", "bash", "-e", "SC2015,SC2016,SC2034"}, scripts...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestCleanupGuard: it is rendered harmless where nothing says that a machine is
// being built.
func TestCleanupGuard(t *testing.T) {
	p := released(t)
	refuse := "die 'this machine is not being built as an image"
	j := newJob(p, nil)
	require.NotContains(t, j.render(t, "image-builder-cleanup"), refuse)
	for _, tasks := range [][]string{nil, {"stage:image-capture-brownfield", "image-capture-agent"}, {"image-builder-start"}} {
		j.Machine.Tasks = tasks
		script := j.render(t, "image-builder-cleanup")
		before, _, found := strings.Cut(script, refuse)
		require.True(t, found)
		for _, word := range []string{"rm -", "machine-id", "find ", "truncate"} {
			require.NotContains(t, before, word, "nothing is done before it refuses")
		}
	}
	j.params = map[string]any{"image-capture/force-cleanup": true}
	require.NotContains(t, j.render(t, "image-builder-cleanup"), refuse)
}
