package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
	"image-capture/upload/drptest"
)

// operator answers what an operator's drpcli asks of an endpoint, as far as the page for
// operators goes. All its machines are the one of the runner, under several names.
type operator struct {
	*runner
	dir      string // where the operator is
	global   map[string]any
	machines map[string]map[string]any // the Params of each
	runs     map[string]bool           // whose Runnable is set
	wants    map[string]string         // the workflow of each
	profiles map[string]bool
}

// drpcli is called with the arguments and what is on stdin.
func (o *operator) drpcli(args []string, stdin []byte) (string, error) {
	machine := ""
	if len(args) > 2 {
		machine = strings.TrimPrefix(args[2], "Name:")
	}
	value := func(text string) (v any, err error) {
		err = json.Unmarshal([]byte(text), &v)
		return v, err
	}
	switch line := strings.Join(args, " "); {
	case len(args) == 5 && strings.HasPrefix(line, "files upload ") && args[3] == "as":
		text, err := os.ReadFile(filepath.Join(o.dir, args[2]))
		if err != nil {
			return "", err
		}
		name := o.api.File("/" + args[4])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return "", err
		}
		return fmt.Sprintf("{\"Path\":\"/%s\",\"Size\":%d}\n", args[4], len(text)), os.WriteFile(name, text, 0o644)
	case line == "files list images":
		list, err := filepath.Glob(o.api.File("/images/*"))
		for i := range list {
			list[i] = filepath.Base(list[i])
		}
		text, _ := json.MarshalIndent(list, "", "  ")
		return string(text) + "\n", err
	case len(args) == 3 && strings.HasPrefix(line, "contents upload "):
		text, err := os.ReadFile(filepath.Join(o.dir, args[2]))
		if err != nil {
			return "", err
		}
		pack, err := Parse(text)
		if err != nil {
			return "", err
		}
		if !semver.MatchString(pack.Meta["Version"]) {
			return "", fmt.Errorf("invalid version %s", pack.Meta["Version"])
		}
		o.pack = pack
		return "", nil
	case len(args) == 7 && strings.HasPrefix(line, "profiles set global param ") && args[5] == "to":
		v, err := value(args[6])
		o.global[args[4]] = v
		return "", err
	case len(args) == 7 && strings.HasPrefix(line, "machines set Name:") && args[3] == "param" && args[5] == "to":
		v, err := value(args[6])
		o.machines[machine][args[4]] = v
		return "", err
	case len(args) == 4 && strings.HasPrefix(line, "machines workflow Name:"):
		o.wants[machine] = args[3]
		return o.start(machine)
	case len(args) == 4 && strings.HasPrefix(line, "machines update Name:") && args[3] == `{"Runnable": true}`:
		o.runs[machine] = true
		return o.start(machine)
	case len(args) == 3 && strings.HasPrefix(line, "machines show Name:"):
		return fmt.Sprintf("{\"Name\":%q,\"Uuid\":%q}\n", machine, machineUUID), nil
	case len(args) == 4 && strings.HasPrefix(line, "jobs list Machine="+machineUUID+" Task="):
		list := []map[string]string{}
		for i, job := range o.jobs {
			if "Task="+job.task == args[3] {
				list = append(list, map[string]string{"Uuid": jobID(i), "State": job.state})
			}
		}
		text, err := json.Marshal(list)
		return string(text), err
	case len(args) == 3 && strings.HasPrefix(line, "jobs log "):
		for i, job := range o.jobs {
			if jobID(i) == args[2] {
				return job.log, nil
			}
		}
	case line == "profiles create -":
		var p Profile
		err := load(stdin, &p)
		o.profiles[p.Name] = true
		return "", err
	case len(args) == 4 && strings.HasPrefix(line, "machines addprofile Name:"):
		if !o.profiles[args[3]] {
			return "", fmt.Errorf("no Profile %s", args[3])
		}
		return "", nil
	}
	return "", fmt.Errorf("drpcli %q: not known", args)
}

func jobID(i int) string { return fmt.Sprintf("c1a0b2f4-0000-4000-8000-%012d", i) }

// start has a machine do its workflow, when it may.
func (o *operator) start(machine string) (string, error) {
	if !o.runs[machine] || o.wants[machine] == "" {
		return "", nil
	}
	if _, ours := o.pack.Sections.Workflows[o.wants[machine]]; !ours {
		return "", nil
	}
	o.values = map[string]any{}
	for name, v := range o.global {
		o.values[name] = v
	}
	for name, v := range o.machines[machine] {
		o.values[name] = v
	}
	o.workflow(o.wants[machine])
	job := o.work()
	o.wants[machine] = ""
	if job.state != "finished" {
		return "", fmt.Errorf("%s %s: %s", job.task, job.state, job.log)
	}
	return "", nil
}

// alike leaves of a line what is the same at each run.
func alike(line string) string {
	return regexp.MustCompile(`[0-9a-f]{10,}|[0-9]+|\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z]\b`).ReplaceAllString(strings.Join(strings.Fields(line), " "), "N")
}

// TestOperatorsWalk types what docs/operators.md tells operators to type, in its order,
// and compares the output that it shows.
func TestOperatorsWalk(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"jq", "openssl", "curl"} {
		_, err := exec.LookPath(tool)
		roottest.Need(t, err == nil, tool)
	}
	page, err := os.ReadFile("../docs/operators.md")
	require.NoError(t, err)
	d := newDisks(t)
	d.add("mkfs.ext4 -q -F", "16M", root(""))
	r := newRunner(t, "")
	r.doubles()
	r.double("dpkg", "true")
	o := &operator{runner: r, global: map[string]any{}, runs: map[string]bool{"web1": true}, wants: map[string]string{}, profiles: map[string]bool{},
		machines: map[string]map[string]any{"gold": r.values, "web1": r.values, "db1": {"image-capture/disks": []any{d.devs[0]}}, "clone1": {}}}
	delete(r.values, "image-capture/tls-fingerprint")

	// A release, unpacked.
	dir := t.TempDir()
	o.dir = dir
	const version = "9.0.0-test.1+gabc"
	bundle, err := r.pack.Bundle()
	require.NoError(t, err)
	for _, platform := range Platforms {
		folder := filepath.Join(dir, "image-capture-"+version+"-"+platform)
		sh(t, `mkdir "$1"; cp "$2" "$1"`, folder, agent(t))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "image-capture.yaml"), bundle, 0o644))
	}
	require.NoError(t, os.Remove(r.binary()))
	r.pack = nil

	cli := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, _ := io.ReadAll(req.Body)
		list, stdin, _ := bytes.Cut(text, []byte("\x00\x00"))
		out, err := o.drpcli(strings.Split(string(list), "\x00"), stdin)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			out = err.Error() + "\n"
		}
		_, _ = io.WriteString(w, out)
	}))
	t.Cleanup(cli.Close)
	bin := t.TempDir()
	put(t, bin, "drpcli", `#!/bin/bash
{ printf '%s' "$1"; shift; printf '\0%s' "$@"; printf '\0\0'; if [ "${*: -1}" = - ]; then cat; fi; } |
	curl -sS --fail-with-body --data-binary @- `+cli.URL+"\n", 0o755)

	var log, all, printed string // of the last capture, the last command, all since the last shown output
	var fence, shown []string
	done := 0
	for _, line := range strings.Split(string(page), "\n") {
		if strings.HasPrefix(line, "```") {
			for _, want := range shown {
				require.Contains(t, alike(printed), alike(want), "docs/operators.md shows what is not printed")
			}
			if len(fence) > 0 {
				fence, shown, printed = nil, nil, ""
			} else {
				fence = []string{line}
			}
			continue
		}
		if len(fence) > 0 {
			shown = append(shown, line)
			continue
		}
		command, typed := strings.CutPrefix(line, "    ")
		if !typed {
			continue
		}
		// The reader's own values.
		command = strings.NewReplacer("VERSION", version, "9F:86:D0:81:...", r.api.Fingerprint, "127.0.0.1:8092", strings.TrimPrefix(r.api.URL, "https://")).Replace(command)
		command = strings.Replace(command, "JOB", strings.Fields(all + " -")[0], 1)
		if strings.Contains(command, "<profile.yaml") {
			_, profile, found := strings.Cut(log, "Profile that deploys it:\n")
			require.True(t, found)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "profile.yaml"), []byte(profile), 0o644))
		}
		if _, after, ok := strings.Cut(command, "addprofile Name:clone1 "); ok {
			command = strings.Replace(command, after, regexp.MustCompile(`(?m)^Name: (.*)`).FindStringSubmatch(read(t, dir, "profile.yaml"))[1], 1)
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+filepath.Dir(agent(t))+":"+os.Getenv("PATH"), "RS_ENDPOINT="+r.api.URL, "RS_KEY="+drptest.DefaultUser+":"+drptest.DefaultPassword)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		all = string(out)
		printed += all
		t.Logf("$ %s\n%s", command, all)
		if strings.HasPrefix(command, "drpcli jobs log ") {
			log = all
		}
		done++
	}
	require.Greater(t, done, 15)
	images, manifests := r.stored()
	require.Len(t, images, 3, "of gold, web1 and db1")
	require.Len(t, manifests, 3)
}
