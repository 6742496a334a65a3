package content

import (
	"bufio"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
	"image-capture/upload/drptest"
)

// runner stands for the agent that runs a machine's tasks, as drpcli 3.13 and 4.8 were
// seen to: one job a task, each with a token of its own that has the task's claims and
// ends with the job, and a folder that is removed then. A task that did not finish clears
// Runnable, and nothing runs until somebody sets it again.
type runner struct {
	*endpoint
	machine  string // the folder that is the machine's root
	holder   int    // a process in the machine's mount namespace
	path     string // what comes first in PATH there
	values   map[string]any
	foreign  map[string]func() // what stages and tasks of other packs do
	family   string
	noClaims bool // an endpoint before 4.3, which drops ExtraClaims

	list     []string // as Machine.Tasks
	current  int
	runnable bool
	jobs     []jobRun
}

// jobRun is what an endpoint keeps of a job.
type jobRun struct {
	task, state, log string
	code             int
}

const machineUUID = "9d6e3a4e-4fd7-4d1e-8a86-3c3a0a4e4d11"

// secretOf is in the machine object, which the runner keeps on the machine.
const secretOf = "wN3kQ0bZ7r1uXy5T"

// newRunner starts a machine whose root is a folder with the tools of this host, in a
// mount namespace that lasts as long as the test. setup runs in that namespace.
func newRunner(t *testing.T, setup string) *runner {
	t.Helper()
	e := serve(t, []string{})
	_, err := exec.LookPath("nsenter")
	roottest.Need(t, err == nil, "nsenter")
	r := &runner{endpoint: e, machine: e.root, values: map[string]any{"image-capture/tls-fingerprint": e.api.Fingerprint}, foreign: map[string]func(){}, family: "debian-13"}
	for _, name := range []string{"proc", "dev", "sys", "usr", "run", "mnt", "root", "home/ann", "var/lib/drp-agent", "var/log", "var/tmp", "opt/doubles", "etc/systemd/system"} {
		require.NoError(t, os.MkdirAll(filepath.Join(r.machine, name), 0o755))
	}
	put(t, r.machine, "etc/os-release", "ID=debian\nVERSION_ID=13\nVERSION_CODENAME=trixie\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n", 0o644)
	sh(t, `cp -a /etc/alternatives "$1"`, filepath.Join(r.machine, "etc")) // awk is a link to there
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		require.NoError(t, os.Symlink("usr/"+name, filepath.Join(r.machine, name)))
	}
	r.path = "/opt/doubles"
	hold := `mount --bind "$1" "$1"; cd "$1"
mount -t proc proc proc; mount -t sysfs -o ro sysfs sys; mount --rbind /dev dev; mount -t overlay -o "lowerdir=/usr,upperdir=$2/upper,workdir=$2/work" overlay usr; mount -t tmpfs none run; mount -t tmpfs none mnt
` + setup + "\necho held; read -r end || :"
	usr := t.TempDir() // what is written below /usr
	sh(t, `mkdir "$1/upper" "$1/work"`, usr)
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "bash", "-euc", hold, "sh", r.machine, usr)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		require.NoError(t, cmd.Wait())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)
	r.holder = cmd.Process.Pid
	return r
}

// double puts a program on the machine in the place of one that cannot be run in a test.
func (r *runner) double(name, text string) {
	put(r.t, r.machine, "opt/doubles/"+name, "#!/bin/bash\n"+text+"\n", 0o755)
}

// on runs a script on the machine.
func (r *runner) on(script string, args ...string) string {
	r.t.Helper()
	out, err := r.enter("bash", append([]string{"-euc", script, "sh"}, args...)...).CombinedOutput()
	require.NoError(r.t, err, "%s", out)
	return string(out)
}

func (r *runner) enter(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", fmt.Sprint(r.holder), "-m", "chroot", r.machine, name}, args...)...)
}

// workflow gives the machine the tasks of a workflow's stages.
func (r *runner) workflow(name string) {
	r.t.Helper()
	w, ok := r.pack.Sections.Workflows[name]
	require.True(r.t, ok, name)
	r.list, r.current, r.runnable, r.jobs = nil, 0, true, nil
	for _, stage := range w.Stages {
		r.list = append(r.list, "stage:"+stage)
		r.list = append(r.list, r.pack.Sections.Stages[stage].Tasks...)
	}
}

// work runs tasks until one did not finish, or none is left. It returns the last job.
func (r *runner) work() jobRun {
	r.t.Helper()
	stage := map[string]any{}
	for _, entry := range r.list[:r.current] {
		if name, ok := strings.CutPrefix(entry, "stage:"); ok {
			stage = r.pack.Sections.Stages[name].Params
		}
	}
	for ; r.runnable && r.current < len(r.list); r.current++ {
		entry := r.list[r.current]
		if name, ok := strings.CutPrefix(entry, "stage:"); ok {
			stage = r.pack.Sections.Stages[name].Params
			r.otherPacks(name)
			continue
		}
		if _, ours := r.pack.Sections.Tasks[entry]; !ours {
			r.otherPacks(entry)
			continue
		}
		job := r.job(entry, stage)
		r.jobs = append(r.jobs, job)
		if job.state != "finished" {
			r.runnable = false
			break
		}
	}
	require.NotEmpty(r.t, r.jobs)
	return r.jobs[len(r.jobs)-1]
}

func (r *runner) otherPacks(name string) {
	if does := r.foreign[name]; does != nil {
		does()
	}
}

// again is drpcli machines update NAME '{"Runnable": true}'.
func (r *runner) again() jobRun {
	r.t.Helper()
	require.False(r.t, r.runnable, "nothing waits")
	r.runnable = true
	return r.work()
}

// job runs a task once.
func (r *runner) job(task string, stage map[string]any) jobRun {
	r.t.Helper()
	var grant drptest.Grant
	if !r.noClaims {
		grant = drptest.Grant{Actions: actionsOf(r.pack, task, "files"), Profiles: actionsOf(r.pack, task, "profiles")}
	}
	if grant.Actions == nil {
		grant.Actions = []string{} // not all
	}
	raw := make([]byte, 60)
	_, err := rand.Read(raw)
	require.NoError(r.t, err)
	token := base64.URLEncoding.EncodeToString(raw)
	r.api.Allow(token, grant)
	defer r.api.Revoke(token)

	// A machine's own value counts more than its stage's.
	values := maps.Clone(stage)
	if values == nil {
		values = map[string]any{}
	}
	maps.Copy(values, r.values)
	j := newJob(r.pack, values)
	j.provisioner, j.Machine.Tasks = r.files.URL, r.list
	j.Env.OS.Name = r.family
	j.Env.OS.Family, j.Env.OS.Version, _ = strings.Cut(r.family, "-")

	home := "/var/lib/drp-agent/runner-1"
	dir := fmt.Sprintf("%s/%s-%d", home, task, len(r.jobs))
	put(r.t, r.machine, dir+"/script", j.render(r.t, task), 0o700)
	cmd := r.enter("bash", "-c", `cd "$1" && exec ./script`, "sh", dir)
	cmd.Env = []string{"PATH=" + r.path + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=/tmp",
		"RS_TASK_DIR=" + dir, "RS_RUNNER_DIR=" + home, "RS_UUID=" + machineUUID, "RS_ENDPOINT=" + r.api.URL, "RS_TOKEN=" + token}
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(r.t, err, new(*exec.ExitError), "%s", out)
	}
	require.NoError(r.t, os.RemoveAll(filepath.Join(r.machine, dir)))
	log := string(out)
	for _, secret := range []string{token[:20], token[len(token)-20:], secretOf} {
		require.NotContains(r.t, log, secret, "a secret is in the log")
	}
	r.keepState()
	code := cmd.ProcessState.ExitCode()
	return jobRun{task: task, state: stateOf(code), log: log, code: code}
}

// stateOf is what an exit code means where a task has the feature flag sane-exit-codes.
func stateOf(code int) string {
	switch code {
	case 0:
		return "finished"
	case 16, 144:
		return "stopped"
	case 32, 160:
		return "powered off"
	case 64, 192:
		return "rebooted"
	case 128:
		return "incomplete"
	}
	return "failed"
}

// keepState writes the machine object as the runner does after each task.
func (r *runner) keepState() {
	r.t.Helper()
	f, err := os.Create(filepath.Join(r.machine, "var/lib/drp-agent", machineUUID+".state"))
	require.NoError(r.t, err)
	z := gzip.NewWriter(f)
	require.NoError(r.t, json.NewEncoder(z).Encode(map[string]any{"Name": "m1", "Uuid": machineUUID, "Secret": secretOf, "Params": r.values}))
	require.NoError(r.t, z.Close())
	require.NoError(r.t, f.Close())
}

// pair returns the one image and its MANIFEST, after the program has verified both.
func (r *runner) pair() (image, manifest string) {
	r.t.Helper()
	images, manifests := r.stored()
	images = slices.DeleteFunc(images, func(name string) bool { return strings.HasSuffix(name, ".part") })
	require.Len(r.t, images, 1)
	require.Len(r.t, manifests, 1)
	image, manifest = r.api.File("/"+images[0]), r.api.File("/"+manifests[0])
	out, err := exec.Command(agent(r.t), "verify", image, manifest).CombinedOutput()
	require.NoError(r.t, err, "%s", out)
	return image, manifest
}

// members lists an image by tar.
func members(t *testing.T, image string) []string {
	t.Helper()
	out, err := exec.Command("tar", "-tf", image).Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// requireNoSecret looks for what the runner keeps in all that an image unpacks to.
func requireNoSecret(t *testing.T, image string) {
	t.Helper()
	f, err := os.Open(image)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.NotContains(t, string(text), secretOf)
	for _, name := range members(t, image) {
		require.NotRegexp(t, `^\./var/lib/drp-agent/.|^\./etc/drpcli`, name)
	}
}
