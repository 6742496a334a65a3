package content

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

var someSums = map[string]string{"linux-amd64": strings.Repeat("a1", 32), "linux-arm64": strings.Repeat("b2", 32)}

func readPack(t testing.TB) *Pack {
	t.Helper()
	p, err := Read(os.DirFS("pack"))
	require.NoError(t, err)
	return p
}

func released(t testing.TB) *Pack {
	t.Helper()
	p := readPack(t)
	require.NoError(t, p.Release("1.2.3", someSums))
	return p
}

// TestPack: the pack in the folder is whole, and survives the way through a bundle,
// twice with the same bytes.
func TestPack(t *testing.T) {
	p := released(t)
	require.NoError(t, p.Check())
	text, err := p.Bundle()
	require.NoError(t, err)
	again, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, p, again)
	twice, err := released(t).Bundle()
	require.NoError(t, err)
	require.Equal(t, text, twice)
	for name, template := range p.Sections.Templates {
		require.Equal(t, name, template.ID)
		require.True(t, strings.HasPrefix(name, "image-capture-") || strings.HasPrefix(name, "image-builder-"), "%s: the name may be another pack's", name)
	}
}

// TestContract: what users of Image Builder have in their workflows, profiles and
// machines is there, with its type and default.
func TestContract(t *testing.T) {
	s := readPack(t).Sections
	packages := []any{"mdadm", "lvm2", "xfsprogs", "e2fsprogs", "grub2-tools", "grub2-efi-x64", "grub2-efi-modules", "grub2-efi-x64-modules", "grub2-pc-modules"}
	for name, want := range map[string]struct {
		kind  string
		value any
	}{
		"image-builder/upload-path":            {"string", "images"},
		"image-builder/upload-rootfs-name":     {"string", "$TAG-rootfs-$DSTAMP-$RS_IMAGE_IDENT"},
		"image-builder/upload-manifest-name":   {"string", "$TAG-MANIFEST-$DSTAMP-$RS_IMAGE_IDENT"},
		"image-builder/additional-excludes":    {"array", []any{"./etc/default/grub", "./boot/grub2/grub.cfg"}},
		"image-builder/additional-tar-options": {"string", ""},
		"image-builder/additional-packages":    {"array", packages},
		"image-builder/skip-package-reset":     {"boolean", false},
		"image-builder/pre-builder-flexiflow":  {"array", []any{}},
		"image-builder/post-builder-flexiflow": {"array", []any{}},
	} {
		require.Contains(t, s.Params, name)
		require.Equal(t, want.kind, s.Params[name].Schema.Type, name)
		require.Equal(t, want.value, s.Params[name].Schema.Default, name)
		require.Contains(t, builderParams, name)
	}
	// The script has the default a second time, to know what may be missing.
	for _, name := range packages {
		require.Regexp(t, `(?m)^defaults=' .* ?`+name.(string)+` .*'$`, s.Templates["image-builder-update.sh.tmpl"].Contents)
	}
	for stage, tasks := range map[string][]string{
		"image-builder-start":                  nil,
		"image-builder-pre-builder-flexiflow":  {"flexiflow-start", "flexiflow-stop"},
		"image-builder-linux":                  {"image-reset-package-repos", "image-update-packages", "image-install-cloud-init", "image-builder-cleanup"},
		"image-builder-post-builder-flexiflow": {"flexiflow-start", "flexiflow-stop"},
		"image-builder-capture":                {"image-capture"},
	} {
		require.Contains(t, s.Stages, stage)
		require.Equal(t, tasks, s.Stages[stage].Tasks, stage)
	}
	order := []string{"image-builder-start", "-install", "ssh-access", "drp-agent", "image-builder-pre-builder-flexiflow", "image-builder-linux",
		"image-builder-post-builder-flexiflow", "image-builder-capture", "complete-nobootenv"}
	for _, name := range strings.Fields("centos centos8 rhel-server rhel8-server rocky8 alma8 ubuntu-bionic " +
		"alma9 alma10 rocky9 rocky10 rhel9-server rhel10-server ubuntu-jammy ubuntu-noble debian12 debian13") {
		require.Contains(t, s.Workflows, "image-builder-"+name)
		stages := s.Workflows["image-builder-"+name].Stages
		at := 0
		for _, stage := range stages {
			if strings.Contains(stage, order[at]) {
				at++
			}
		}
		require.Equal(t, len(order), at, "%s: %v", name, stages)
		require.Equal(t, strings.HasPrefix(name, "rhel"), slices.Contains(stages, "redhat-subscription-register"), name)
	}
	for name, task := range s.Tasks {
		require.Equal(t, "sane-exit-codes", task.Meta["feature-flags"], name)
	}
}

// TestClaims: the tasks that capture may do what they need, and no other may do
// anything.
func TestClaims(t *testing.T) {
	files := Claim{"files", "post, get", "*"}
	for name, task := range readPack(t).Sections.Tasks {
		switch name {
		case "image-capture", "image-capture-agent":
			require.Equal(t, []Claim{files}, task.ExtraClaims)
		case "image-capture-profile":
			require.Equal(t, []Claim{files, {"profiles", "create, update", "*"}}, task.ExtraClaims)
		default:
			require.Empty(t, task.ExtraClaims, name)
		}
	}
}

// TestBrownfieldKeepsItsIdentity: no workflow that takes a machine as it is has a
// task that changes it.
func TestBrownfieldKeepsItsIdentity(t *testing.T) {
	s := readPack(t).Sections
	for name, w := range s.Workflows {
		var tasks []string
		for _, stage := range w.Stages {
			tasks = append(tasks, s.Stages[stage].Tasks...)
		}
		if strings.HasPrefix(name, "image-builder-") {
			require.Contains(t, tasks, "image-builder-cleanup", name)
			require.Equal(t, "image-builder-start", w.Stages[0], name)
			continue
		}
		require.NotContains(t, w.Stages, "image-builder-start", name)
		for _, task := range tasks {
			require.Contains(t, []string{"image-capture-agent", "image-capture-mount", "image-capture-unmount"}, task, name)
		}
	}
}

func TestBeside(t *testing.T) {
	p := released(t)
	b := p.Beside()
	text, err := b.Bundle()
	require.NoError(t, err)
	again, err := Parse(text)
	require.NoError(t, err)
	require.Equal(t, b.Sections.Stages, again.Sections.Stages)
	require.Contains(t, again.Meta["Prerequisites"], "flexiflow, image-builder")
	require.NotContains(t, p.Meta["Prerequisites"], "image-builder")
	for _, names := range [][]string{keys(b.Sections.Params), keys(b.Sections.Tasks), keys(b.Sections.Workflows), keys(b.Sections.Stages), keys(b.Sections.Templates)} {
		require.NotEmpty(t, names)
		for _, name := range names {
			require.True(t, strings.HasPrefix(name, "image-capture"), name)
		}
	}
	require.NotContains(t, b.Sections.Tasks, "image-capture")
	require.Contains(t, b.Sections.Stages, "image-capture")
	require.Contains(t, p.Sections.Tasks, "image-capture", "the whole pack is not touched")
}

func TestRelease(t *testing.T) {
	p := released(t)
	text := p.Sections.Templates[releaseTemplate].Contents
	require.NotContains(t, text, "@")
	require.Contains(t, text, "version='1.2.3'")
	require.Contains(t, text, "sha256_linux_arm64='"+someSums["linux-arm64"]+"'")
	require.ErrorContains(t, p.Release("1.2.4", someSums), "must be there once")
	for _, version := range []string{"", ".1", "-1", "1/2", "1 2", "1'2", "..", "ä", "b35bfd2", "v1.2.3", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+a_b"} {
		require.ErrorContains(t, readPack(t).Release(version, someSums), "is not a version", version)
	}
	for _, sums := range []map[string]string{nil, {"linux-amd64": someSums["linux-amd64"]}, {"linux-amd64": "a1", "linux-arm64": "b2"}} {
		require.Error(t, readPack(t).Release("1", sums))
	}
	for _, version := range []string{"1.2.3-dev.4+gabcdef0.dirty", "10.20.30-0a.-", "1.0.0+21AF26D3"} {
		require.NoError(t, readPack(t).Release(version, someSums), version)
	}
	_, err := readPack(t).Bundle()
	require.ErrorContains(t, err, "has no version")
}

// TestReadStrictly: what an endpoint would drop or misread is an error here.
func TestReadStrictly(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"unknown field":       {map[string]string{"tasks/a1.yaml": "Name: a1\nTemplate: x\n"}, "Template"},
		"lower case field":    {map[string]string{"tasks/a1.yaml": "name: a1\n"}, "name"},
		"upper case claim":    {map[string]string{"tasks/a1.yaml": "Name: a1\nExtraClaims:\n- Scope: files\n"}, "Scope"},
		"field twice":         {map[string]string{"tasks/a1.yaml": "Name: a1\nName: a1\n"}, "Name"},
		"two documents":       {map[string]string{"tasks/a1.yaml": "Name: a1\n---\nName: a2\n"}, "document"},
		"other name":          {map[string]string{"tasks/a1.yaml": "Name: a2\n"}, "not named like it"},
		"other ending":        {map[string]string{"params/a1.json": "Name: a1\n"}, "not named like it"},
		"unknown kind":        {map[string]string{"taks/a1.yaml": "Name: a1\n"}, "no such kind"},
		"not a meta file":     {map[string]string{"README.md": "x"}, "README.md"},
		"folder in a section": {map[string]string{"tasks/a/b.yaml": "Name: b\n"}, "tasks/a"},
		"wrong type":          {map[string]string{"workflows/a1.yaml": "Name: a1\nStages: x\n"}, "workflows/a1.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for n, text := range c.files {
				fsys[n] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := Read(fsys)
			require.ErrorContains(t, err, c.want)
		})
	}
	for _, text := range []string{"meta: {}\nsections: {machines: {}}\n", "meta: {}\nextra: 1\n", "meta: {}\n---\nmeta: {}\n", "- 1\n", "meta: {Name: [a]}\n"} {
		_, err := Parse([]byte(text))
		require.Error(t, err, "%s", text)
	}
}

// TestCheck breaks the pack in one way at a time.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		ruin func(*Pack)
		want string
	}{
		"no name":           {func(p *Pack) { p.Meta["Name"] = "" }, "meta: Name"},
		"prerequisite":      {func(p *Pack) { p.Meta["Prerequisites"] = "drp-community-content, os-other" }, "there is no task flexiflow-start"},
		"template":          {func(p *Pack) { delete(p.Sections.Templates, "image-capture-agent.sh.tmpl") }, "task image-capture: there is no template"},
		"task":              {func(p *Pack) { delete(p.Sections.Tasks, "image-capture-mount") }, "stage image-capture-sledgehammer: there is no task"},
		"stage":             {func(p *Pack) { delete(p.Sections.Stages, "image-builder-linux") }, "workflow image-builder-alma9: there is no stage"},
		"param of a task":   {func(p *Pack) { delete(p.Sections.Params, "image-capture/level") }, "task image-capture: there is no param"},
		"list of flexiflow": {func(p *Pack) { delete(p.Sections.Params, "image-builder/pre-builder-flexiflow") }, "there is no param image-builder/pre-builder-flexiflow"},
		"tasks of flexiflow": {func(p *Pack) {
			edit(p.Sections.Stages, "image-builder-pre-builder-flexiflow", func(s *Stage) { s.Tasks = s.Tasks[:1] })
		}, "has exactly the tasks"},
		"no default": {func(p *Pack) {
			edit(p.Sections.Params, "image-capture/fix", func(q *Param) { q.Schema.Default = nil })
		}, "has no default"},
		"wrong default": {func(p *Pack) {
			edit(p.Sections.Params, "image-capture/fix", func(q *Param) { q.Schema.Default = "yes" })
		}, "is not of type boolean"},
		"not in the enum": {func(p *Pack) {
			edit(p.Sections.Params, "image-capture/format", func(q *Param) { q.Schema.Default = "zip" })
		}, "is none of"},
		"too small": {func(p *Pack) {
			edit(p.Sections.Params, "image-capture/jobs", func(q *Param) { q.Schema.Default = -1 })
		}, "is less than 0"},
		"not a list of strings": {func(p *Pack) {
			edit(p.Sections.Params, "image-capture/disks", func(q *Param) { q.Schema.Default = []any{1} })
		}, "is not of type string"},
		"value of a stage": {func(p *Pack) {
			edit(p.Sections.Stages, "image-capture-brownfield", func(s *Stage) { s.Params = map[string]any{"image-capture/fix": "true"} })
		}, "image-capture/fix: true is not of type boolean"},
		"value of a profile": {func(p *Pack) {
			edit(p.Sections.Profiles, "image-capture-eikon", func(q *Profile) { q.Params = map[string]any{"image-capture/formt": "tgz"} })
		}, "there is no param image-capture/formt"},
		"scope": {func(p *Pack) {
			edit(p.Sections.Tasks, "image-capture", func(q *Task) { q.ExtraClaims = []Claim{{"file", "get", "*"}} })
		}, `no scope "file"`},
		"action": {func(p *Pack) {
			edit(p.Sections.Tasks, "image-capture", func(q *Task) { q.ExtraClaims = []Claim{{"files", "put", "*"}} })
		}, `no action "put"`},
		"bootenv":   {func(p *Pack) { edit(p.Sections.Stages, "image-capture", func(s *Stage) { s.BootEnv = "sledge" }) }, "there is no bootenv"},
		"name":      {func(p *Pack) { p.Sections.Workflows["1st"] = Workflow{Name: "1st"} }, "takes no such name"},
		"no script": {func(p *Pack) { p.Sections.Tasks["some-task"] = Task{Name: "some-task"} }, "has no template"},
		"two bodies": {func(p *Pack) {
			edit(p.Sections.Tasks, "image-capture", func(q *Task) { q.Templates[0].Contents = "x" })
		}, "either an ID or Contents"},
	} {
		t.Run(name, func(t *testing.T) {
			p := released(t)
			c.ruin(p)
			require.ErrorContains(t, p.Check(), c.want)
			_, err := p.Bundle()
			require.Error(t, err, "a broken pack is not bundled")
		})
	}
}

func edit[T any](section map[string]T, name string, change func(*T)) {
	o := section[name]
	change(&o)
	section[name] = o
}

// TestOperatorsPage: the page for operators names every Param of the pack, every
// workflow and none that does not exist.
func TestOperatorsPage(t *testing.T) {
	text, err := os.ReadFile("../docs/operators.md")
	require.NoError(t, err)
	s := readPack(t).Sections
	for name := range s.Params {
		require.True(t, strings.Contains(string(text), "`"+name+"`"), "the page does not name %s", name)
	}
	for name := range maps.Keys(s.Workflows) {
		require.True(t, strings.Contains(string(text), name), "the page does not name %s", name)
	}
	for word := range strings.FieldsFuncSeq(string(text), func(r rune) bool {
		return !strings.ContainsRune("/-", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		if param := strings.TrimRight(word, "/-"); strings.HasPrefix(param, "image-builder/") && strings.Count(param, "/") == 1 {
			require.Contains(t, s.Params, param, "the page names a Param that is not there")
		}
	}
}

// FuzzParse: no bundle makes it panic, and what it takes it writes.
func FuzzParse(f *testing.F) {
	p := readPack(f)
	require.NoError(f, p.Release("1.2.3", someSums))
	text, err := p.Bundle()
	require.NoError(f, err)
	f.Add(text[:4096])
	f.Add([]byte("meta: {Name: x1, Version: v1}\nsections:\n  params: {a/b: {Name: a/b, Schema: {type: array, items: {type: string}, default: [a]}}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := Parse(text); err == nil {
			_, _ = p.Bundle()
		}
	})
}
