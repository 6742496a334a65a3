package content

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
)

var agentDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "content-")
	if err != nil {
		panic(err)
	}
	agentDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// agent is the binary as the pack ships it.
func agent(t testing.TB) string {
	t.Helper()
	name, err := builtAgent()
	require.NoError(t, err)
	return name
}

var builtAgent = sync.OnceValues(func() (string, error) {
	name := filepath.Join(agentDir, "image-capture")
	cmd := exec.Command("go", "build", "-o", name, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return name, cmd.Run()
})

// row is a line of the table of flags.
var row = regexp.MustCompile(`(?m)^\{\{ template "image-capture-flag.tmpl" \(list \. "(\w+)" +"--([\w-]+)" +"([\w/-]+)"\) \}\}$`)

func table(t testing.TB, p *Pack) (flags, params map[string]string) {
	t.Helper()
	text := p.Sections.Templates["image-capture-flags.tmpl"].Contents
	rows := row.FindAllStringSubmatch(text, -1)
	require.Len(t, rows, strings.Count(text, "{{ template"), "a row is not written like the others")
	flags, params = map[string]string{}, map[string]string{}
	for _, r := range rows {
		require.NotContains(t, flags, r[2], "--%s is there twice", r[2])
		require.NotContains(t, params, r[3], "%s is there twice", r[3])
		flags[r[2]], params[r[3]] = r[3], r[1]
	}
	return flags, params
}

// notInTasks are the agent's flags that no Param is for, and why.
var notInTasks = map[string]string{
	"upload":       "the task always uploads",
	"files-url":    "the task knows it: .ProvisionerURL",
	"in-task":      "the task says so",
	"pre-hook":     "what runs as root is a task's: put one before and one after",
	"post-hook":    "as pre-hook",
	"ssh-option":   "a task runs on the machine that is captured",
	"sudo":         "as ssh-option",
	"agent-dir":    "as ssh-option",
	"upload-from":  "as ssh-option",
	"dry-run":      "a job is there to capture",
	"result":       "the task reads it, and copies it to image-capture/result-file",
	"endpoint":     "the runner says which",
	"token-file":   "the runner has the token in the environment",
	"output":       "nothing is staged on a disk",
	"manifest":     "nothing is staged on a disk",
	"profile":      "the Profile is printed, or stored by --save-profile",
	"deletions":    "nothing is staged on a disk; the MANIFEST lists them",
	"exclude-from": "a list of excludes is a Param",
	"progress":     "a job log has lines",
	"quiet":        "a job log has it all",
	"verbose":      "the MANIFEST has them",
	"help":         "",
}

// gone are flags that are accepted for one version more, and that the help does not list.
var gone = map[string]bool{"require-free": true}

// TestFlags: each flag of the agent is in the table or known to be of no use in a
// task, and the table has no other.
func TestFlags(t *testing.T) {
	p := readPack(t)
	flags, params := table(t, p)
	require.Equal(t, flags, cli.Params, "what the agent calls them in a task")
	help, err := exec.Command(agent(t), "capture", "--help").Output()
	require.NoError(t, err)
	has := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([\w-]+)`).FindAllStringSubmatch(string(help), -1) {
		has[m[1]] = true
		_, useless := notInTasks[m[1]]
		require.True(t, useless || flags[m[1]] != "", "--%s: add a line to image-capture-flags.tmpl and a Param, or say in this test why not", m[1])
	}
	for flag, param := range flags {
		require.True(t, has[flag] || gone[flag], "the agent has no --%s (%s)", flag, param)
	}
	// Each Param of the pack goes somewhere, and each kind fits its Param's type.
	kinds := map[string]string{"text": "string", "file": "string", "number": "integer", "yes": "boolean", "curtin": "boolean", "no": "boolean", "each": "array"}
	for name, param := range p.Sections.Params {
		kind, ok := params[name]
		if !ok {
			used := false
			for id, tmpl := range p.Sections.Templates {
				used = used || id != "image-capture-flags.tmpl" && strings.Contains(tmpl.Contents, `"`+name+`"`)
			}
			for _, stage := range p.Sections.Stages {
				used = used || stage.Params["flexiflow/list-parameter"] == name
			}
			require.True(t, used, "nothing uses %s", name)
			continue
		}
		require.Equal(t, kinds[kind], param.Schema.Type, name)
		require.True(t, kind != "no" || param.Schema.Default == true, name)
	}
}

// TestDocsFlags: the pages name no flag that the agent does not have, but those of
// other programs.
func TestDocsFlags(t *testing.T) {
	flag := regexp.MustCompile("(^|[\\s`(])--([a-z][a-z-]+)")
	otherCommand := regexp.MustCompile(`\b((bsd)?tar|dpkg|dracut|journalctl|ovs-ctl\(8\)|systemd|tailscaled) -[^|\n]*`) // to its end, or that of a table's cell
	has := map[string]bool{}
	for _, command := range []string{"capture", "check", "upload", "verify", "prune", "hooks", "operations", "extract", "diff", "list", "cat"} {
		help, err := exec.Command(agent(t), command, "--help").Output()
		require.NoError(t, err)
		for _, m := range flag.FindAllStringSubmatch(string(help), -1) {
			has[m[2]] = true
		}
	}
	for _, other := range []string{"help", "now", "showtrace", "config", "device", "exclude-backups", "exclude-vcs", "dry-run", "version", "target", "update-bls-cmdline", "no-hostonly", "scope", "machine-id", "logs", "tar"} {
		has[other] = true
	}
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		if filepath.Base(page) == "hooks.md" {
			continue // it is about the flags of the hooks
		}
		for _, m := range flag.FindAllStringSubmatch(otherCommand.ReplaceAllString(string(text), ""), -1) {
			require.True(t, has[m[2]], "%s: --%s is no flag", page, m[2])
		}
	}
}

// args renders the task and returns what it would give to the agent, as bash sees it.
func args(t *testing.T, params map[string]any) (got []string, stderr string, err error) {
	t.Helper()
	p := released(t)
	script := newJob(p, params).render(t, "image-capture")
	// Up to the call, without what needs an endpoint.
	script, _, found := strings.Cut(script, "\n# What is left here when")
	require.True(t, found)
	script = regexp.MustCompile(`(?m)^(fetch_agent http|fetch_agent '|find_work$).*$`).ReplaceAllString(script, "work="+t.TempDir())
	cmd := exec.Command("bash", "-c", script+"\nprintf '%s\\0' \"${args[@]}\"\n[ ! -e \"$work/ca-cert\" ] || cat \"$work/ca-cert\" >&2\n")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RS_ENDPOINT=x", "RS_TOKEN=y"}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, errs.String(), err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), errs.String(), nil
}

// TestArguments: what Params say reaches the agent unharmed.
func TestArguments(t *testing.T) {
	got, _, err := args(t, nil)
	require.NoError(t, err)
	require.Equal(t, []string{
		"--upload", "--files-url=http://192.168.124.1:8091", "--upload-path=images", "--rootfs-name=$TAG-rootfs-$DSTAMP-$RS_IMAGE_IDENT", "--manifest-name=$TAG-MANIFEST-$DSTAMP-$RS_IMAGE_IDENT",
		"--exclude=./etc/default/grub", "--exclude=./boot/grub2/grub.cfg", "--add-curtin", "--format=tgz", "--level=default", "--check=warn", "--snapshot=none",
	}, got)

	got, stderr, err := args(t, map[string]any{
		"image-builder/upload-rootfs-name": hostile, "image-builder/additional-excludes": []any{hostile, "", "./b"}, "image-capture/tls-ca": "-----BEGIN'\n" + hostile,
		"image-capture/default-excludes": false, "image-capture/add-curtin": false, "image-capture/fix": true, "image-capture/refuse-secrets": true, "image-capture/jobs": 1000000, "image-capture/limit-rate": "50M", "image-capture/nice": "true",
		"image-capture/include-mounts": []any{"/a b", "-c"}, "image-builder/upload-path": "",
	})
	require.NoError(t, err)
	require.NoFileExists(t, "/tmp/image-capture-pwned")
	for _, want := range []string{"--rootfs-name=" + hostile, "--exclude=" + hostile, "--exclude=", "--exclude=./b", "--default-excludes=false", "--fix", "--jobs=1000000",
		"--limit-rate=50M", "--nice=true", "--refuse-secrets", "--include-mount=/a b", "--include-mount=-c"} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "--add-curtin")
	require.NotContains(t, strings.Join(got, "\n"), "--upload-path")
	require.Contains(t, stderr, "-----BEGIN'\n"+hostile)
	require.Regexp(t, `\n--ca-cert=/.*/ca-cert(\n|$)`, strings.Join(got, "\n"))
}

// TestHooks: add-curtin stays a boolean, and hooks says what it means.
func TestHooks(t *testing.T) {
	for want, params := range map[string]map[string]any{
		"--add-curtin":     {"image-capture/hooks": true},
		"--add-curtin=dir": {"image-capture/hooks": false},
		"":                 {"image-capture/hooks": false, "image-capture/add-curtin": false},
	} {
		got, _, err := args(t, params)
		require.NoError(t, err)
		var found string
		for _, a := range got {
			if strings.HasPrefix(a, "--add-curtin") {
				found += a
			}
		}
		require.Equal(t, want, found)
	}
}

func TestTarOptions(t *testing.T) {
	for _, c := range []struct {
		options string
		want    []string
	}{
		{"", nil},
		{"  \t ", nil},
		{"--exclude=./a --exclude './b c' --exclude=\"d'e\" --exclude=$HOME/*", []string{"--exclude=./a", "--exclude=./b c", "--exclude=d'e", "--exclude=$HOME/*"}},
		{"-X /a --exclude-from=/b -X/c --exclude-from /d", []string{"--exclude-from=/a", "--exclude-from=/b", "--exclude-from=/c", "--exclude-from=/d"}},
		{"--exclude-backups", []string{"--exclude=.#*", "--exclude=*~", "--exclude=#*#"}},
		{"--one-file-system --xattrs --xattrs-include=* --acls --selinux -S -p -z --warning=no-file-changed --totals -v", []string{"--one-file-system"}},
	} {
		base, _, err := args(t, nil)
		require.NoError(t, err)
		got, _, err := args(t, map[string]any{"image-builder/additional-tar-options": c.options})
		require.NoError(t, err, c.options)
		require.Equal(t, append(base, c.want...), got, c.options)
	}
	vcs, _, err := args(t, map[string]any{"image-builder/additional-tar-options": "--exclude-vcs"})
	require.NoError(t, err)
	require.Subset(t, vcs, []string{"--exclude=.git", "--exclude={arch}", "--exclude=.svn"})
	for options, want := range map[string]string{
		"--ignore-failed-read": "--ignore-failed-read has no counterpart in the agent",
		"-pz":                  "-pz has no counterpart",
		"-C /x":                "-C has no counterpart",
		"x":                    "x has no counterpart",
		"--zstd":               "--zstd is not understood\nhint: image-capture/format",
		"-I 'zstd -9'":         "-I is not understood\nhint: image-capture/format",
		"--exclude":            "--exclude needs a value",
		"--exclude='a":         "a quote is not closed",
		"$(reboot)":            "$(reboot) has no counterpart",
		"--to-command=reboot":  "--to-command=reboot has no counterpart",
	} {
		_, stderr, err := args(t, map[string]any{"image-builder/additional-tar-options": options})
		require.Error(t, err, options)
		require.Contains(t, stderr, "image-builder/additional-tar-options: "+want, options)
	}
}
