package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
	"image-capture/upload/drptest"
)

const token = "dGhlLWpvYi1zLW93bi10b2tlbi13aXRoLWV4dHJhLWNsYWltcw=="

// endpoint is a server with the agent among its files, and one machine.
type endpoint struct {
	t      *testing.T
	pack   *Pack
	api    *drptest.Server
	files  *httptest.Server // plain HTTP, as on port 8091
	root   string
	params map[string]any
	// setup runs before the script, in its mount namespace.
	setup string
}

// actionsOf is what a job of a task may do on a scope.
func actionsOf(p *Pack, task, scope string) []string {
	var list []string
	for _, claim := range p.Sections.Tasks[task].ExtraClaims {
		if claim.Scope == scope {
			list = append(list, strings.Split(strings.ReplaceAll(claim.Action, " ", ""), ",")...)
		}
	}
	return list
}

// serve starts an endpoint on which the token has these rights on files; nil means
// those of the task image-capture.
func serve(t *testing.T, actions []string) *endpoint {
	t.Helper()
	roottest.NeedRoot(t)
	for _, tool := range []string{"curl", "unshare"} {
		_, err := exec.LookPath(tool)
		roottest.Need(t, err == nil, tool)
	}
	e := &endpoint{t: t, pack: readPack(t), root: t.TempDir()}
	if actions == nil {
		actions = actionsOf(e.pack, "image-capture", "files")
	}
	e.api = drptest.New(t, drptest.Options{Tokens: map[string]drptest.Grant{token: {Actions: actions}}})
	e.files = httptest.NewServer(http.StripPrefix("/files/", http.FileServer(http.Dir(e.api.Dir))))
	t.Cleanup(e.files.Close)

	text, err := os.ReadFile(agent(t))
	require.NoError(t, err)
	sum := sha256.Sum256(text)
	sums := map[string]string{}
	for _, platform := range Platforms {
		sums[platform] = hex.EncodeToString(sum[:])
	}
	require.NoError(t, e.pack.Release("9.0.0-test.1+gabc", sums))
	name := e.binary()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, text, 0o644))

	for name, text := range map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
		"etc/hostname":   "gold\n", "etc/default/grub": "X=1\n", "usr/bin/tool": strings.Repeat("tool\n", 10000), "tmp/junk": "x",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(e.root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(e.root, name), []byte(text), 0o644))
	}
	e.params = map[string]any{"image-capture/root": e.root, "image-capture/tls-fingerprint": e.api.Fingerprint}
	return e
}

func (e *endpoint) binary() string {
	return e.api.File("/image-capture/9.0.0-test.1+gabc/linux-" + runtime.GOARCH + "/image-capture")
}

// inJob runs a script as the runner does, in a mount namespace of its own in which
// setup comes first. Its log is stdout and stderr, as in a job.
func inJob(t *testing.T, script, setup string, env ...string) (log string, code int) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "script.sh")
	require.NoError(t, os.WriteFile(name, []byte(script), 0o700))
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "bash", "-c", "set -e\n"+setup+"\nexec bash "+name)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "TMPDIR=/tmp", "RS_TASK_DIR=" + dir, "RS_RUNNER_DIR=" + dir,
		"RS_UUID=9d6e3a4e-4fd7-4d1e-8a86-3c3a0a4e4d11"}, env...)
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError), "%s", out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// run runs a task as a job.
func (e *endpoint) run(task string) (log string, code int) {
	e.t.Helper()
	j := newJob(e.pack, e.params)
	j.provisioner = e.files.URL
	setup := e.setup
	if setup == "" {
		setup = "mount -t tmpfs none /run"
	}
	log, code = inJob(e.t, j.render(e.t, task), setup, "RS_ENDPOINT="+e.api.URL, "RS_TOKEN="+token)
	for i := 0; i+10 <= len(token); i++ {
		require.NotContains(e.t, log, token[i:i+10], "the token is in the log")
	}
	return log, code
}

// stored lists what is below images/.
func (e *endpoint) stored() (images, manifests []string) {
	e.t.Helper()
	e.api.Requests() // waits until the server is done
	names, err := e.api.Files()
	require.NoError(e.t, err)
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "image-capture/"):
		case strings.HasSuffix(name, ".txt"):
			manifests = append(manifests, name)
		default:
			images = append(images, name)
		}
	}
	return images, manifests
}

// TestCapture: the job of an Image Builder user, with the rights of the task and no
// others, leaves a whole image on the endpoint and nothing on the machine.
func TestCapture(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	// A runner's, as it is while the job runs.
	for _, name := range []string{"var/lib/drp-agent/9d6e3a4e.state", "etc/drpcli", "var/log/drp-agent.log"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(e.root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(e.root, name), []byte("Secret=x"), 0o644))
	}
	before := tree(t, e.root)
	log, code := e.run("image-capture")
	require.Zero(t, code, log)
	require.NotRegexp(t, "drp.* matched nothing", log)
	images, manifests := e.stored()
	require.Len(t, images, 1)
	require.Len(t, manifests, 1)
	require.Regexp(t, `^images/debian-12-rootfs-\d{8}-\d{6}-[0-9a-f]{10}\.tgz$`, images[0])
	require.Regexp(t, `^images/debian-12-MANIFEST-\d{8}-\d{6}-[0-9a-f]{10}\.txt$`, manifests[0])
	block := "Image Builder created image information:\n" + strings.Repeat("-", 80) + "\n        filename:  "
	require.Contains(t, log, block)
	require.Contains(t, log, "\n  upload tarball:  "+images[0]+"\n upload manifest:  "+manifests[0]+"\n")
	require.Contains(t, log, "stored "+images[0]+"; the endpoint reports the same SHA-256")

	out, err := exec.Command(agent(t), "verify", e.api.File("/"+images[0]), e.api.File("/"+manifests[0])).CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command("tar", "-tzf", e.api.File("/"+images[0])).Output()
	require.NoError(t, err)
	for name, in := range map[string]bool{"./usr/bin/tool": true, "./curtin/": true, "./tmp/": true, "./tmp/junk": false, "./var/lib/drp-agent/": true, "./var/lib/drp-agent/9d6e3a4e.state": false, "./etc/drpcli": false, "./var/log/drp-agent.log": false, "./etc/default/grub": false} {
		require.Equal(t, in, strings.Contains("\n"+string(out), "\n"+name+"\n"), name)
	}
	require.Equal(t, before, tree(t, e.root), "the source was touched")
}

// tree is what a folder holds.
func tree(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-printf", "%p %y %m %s %T@ %C@\n").Output()
	require.NoError(t, err)
	return string(out)
}

// TestClaimsEnforced: with a claim less it fails with the words that help, or says
// what it could not do.
func TestClaimsEnforced(t *testing.T) {
	t.Parallel()
	e := serve(t, []string{"get"})
	log, code := e.run("image-capture")
	require.Equal(t, 5, code, log)
	require.Contains(t, log, "403 Forbidden")
	require.Contains(t, log, `hint: use the token of a job that is running and whose task has ExtraClaims: scope files, action "post, get"`)
	images, manifests := e.stored()
	require.Empty(t, append(images, manifests...))

	e = serve(t, []string{"post"})
	log, code = e.run("image-capture")
	require.Zero(t, code, log)
	require.Contains(t, log, "but not verified: the endpoint shows its SHA-256 only to tokens with the claim files get")
	images, manifests = e.stored()
	require.Len(t, append(images, manifests...), 2)
}

func TestResultFile(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	file := filepath.Join(t.TempDir(), "sub", "result.json")
	e.params["image-capture/result-file"] = file
	e.params["image-capture/format"] = "tar-zst"
	log, code := e.run("image-capture-agent")
	require.Zero(t, code, log)
	images, _ := e.stored()
	require.Len(t, images, 1)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var result struct {
		Tarball string `json:"upload_tarball"`
		Stored  bool   `json:"stored"`
	}
	require.NoError(t, json.Unmarshal(text, &result))
	require.Equal(t, images[0], result.Tarball)
	require.True(t, result.Stored)
	require.Contains(t, log, "upload tarball:  "+images[0]+"\n", "the log has the summary all the same")

	// Of a capture that fails, too.
	e.params["image-capture/limit-rate"] = "5x"
	log, code = e.run("image-capture-agent")
	require.Equal(t, 2, code, log)
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), `"exit_code": 2`)
}

// TestNoCurl: a host without curl and wget has drpcli at least, as it runs jobs.
func TestNoCurl(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	// The system's programs without these two, and with a drpcli.
	drpcli := "#!/bin/sh\n[ \"$1 $2\" = 'files download' ] && cat '" + e.api.Dir + "'/\"$3\"\n"
	own := filepath.Join(t.TempDir(), "drpcli")
	require.NoError(t, os.WriteFile(own, []byte(drpcli), 0o755))
	e.setup = "mount -t tmpfs none /run; mkdir /run/u /run/w; mount -t overlay none -o lowerdir=/usr/bin,upperdir=/run/u,workdir=/run/w /usr/bin\n" +
		"rm -f /usr/bin/curl /usr/bin/wget; cp " + own + " /usr/bin; mount -t tmpfs none /run"
	log, code := e.run("image-capture")
	require.Zero(t, code, log)
	_, manifests := e.stored()
	require.Len(t, manifests, 1)
}

// TestFixWithoutCheck: a stage sets the one Param, a machine the other.
func TestFixWithoutCheck(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.params["image-capture/check"], e.params["image-capture/fix"] = "off", true
	log, code := e.run("image-capture")
	require.Zero(t, code, log)
	require.Contains(t, log, "warning: image-capture/fix needs the boot check: image-capture/check is taken for warn\n")
	require.Contains(t, log, "image-capture: check: 1 failed, ")
}

// TestWrongBinary: nothing is run that is not the pack's own.
func TestWrongBinary(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	mark := filepath.Join(t.TempDir(), "ran")
	require.NoError(t, os.WriteFile(e.binary(), []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o644))
	log, code := e.run("image-capture")
	require.Equal(t, 1, code)
	require.Regexp(t, `image-capture has the SHA-256 [0-9a-f]{64}, and this pack wants [0-9a-f]{64}; it was not run`, log)
	require.NoFileExists(t, mark)

	require.NoError(t, os.Remove(e.binary()))
	log, code = e.run("image-capture")
	require.Equal(t, 1, code)
	require.Contains(t, log, "cannot fetch "+e.files.URL+"/files/image-capture/9.0.0-test.1+gabc/linux-"+runtime.GOARCH+"/image-capture\nhint: drpcli files upload")

	e.pack = readPack(t) // as drpcli contents bundle would make it of the folder
	log, code = e.run("image-capture")
	require.Equal(t, 1, code)
	require.Contains(t, log, "this pack does not know its binaries: it was bundled without make pack")
	images, manifests := e.stored()
	require.Empty(t, append(images, manifests...))
}

// TestNoexec: hardened hosts mount all temporary folders noexec. The agent finds
// another place, and is not in the image then.
func TestNoexec(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.setup = "for d in /run /dev/shm; do mount -t tmpfs -o noexec none $d; done\n"
	log, code := e.run("image-capture")
	require.Zero(t, code, log) // in /tmp

	// All of them, and a root of which the agent's place is a part: the whole of "/" is
	// one folder, so that the test is quick.
	script := newJob(e.pack, map[string]any{"image-capture/root": "/"}).render(t, "image-capture")
	script, _, found := strings.Cut(script, "\n# What is left here when")
	require.True(t, found)
	script = strings.Replace(script, "http://192.168.124.1:8091", e.files.URL, 1)
	dir := t.TempDir()
	setup := "for d in /run /dev/shm; do mount -t tmpfs -o noexec none $d; done; for d in /tmp /var/tmp; do mount --bind $d $d; mount -o remount,bind,noexec $d; done"
	name := filepath.Join("/root", "image-capture-test.sh")
	require.NoError(t, os.WriteFile(name, []byte(script+"\necho \"place $work\"; printf '%s\\n' \"${args[@]}\"; test -x \"$agent\""), 0o600))
	defer os.Remove(name)
	log, code = inJob(t, "exec bash "+name+"\n", setup, "RS_ENDPOINT=x", "RS_TOKEN=y", "RS_TASK_DIR="+dir)
	require.Zero(t, code, log)
	require.Regexp(t, `place /root/image-capture\.\w{6}\n`, log)
	require.Regexp(t, `\n--exclude=\./root/image-capture\.\w{6}\n`, log)
	left, err := filepath.Glob("/root/image-capture.*")
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestResume: of an endpoint that goes away the task itself captures anew, after a while,
// since no runner would run an incomplete job again by itself. What it would refuse again
// is not tried.
func TestResume(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.params["image-capture/attempts"] = 1
	e.params["image-capture/resume"] = 2
	run, bin := t.TempDir(), t.TempDir()
	// In the place of waiting, what happens meanwhile.
	meanwhile := func(command string) {
		require.NoError(t, os.WriteFile(filepath.Join(bin, "sleep"), []byte("#!/bin/sh\necho \"waits $1\"\n"+command+"\n"), 0o755))
	}
	meanwhile("true")
	e.setup = "mount --bind " + run + " /run; export PATH=" + bin + ":$PATH"
	e.api.AddFault(drptest.Fault{Method: "POST", Path: ".tgz", After: 1000, Drop: true})
	log, code := e.run("image-capture")
	require.Equal(t, 7, code, log)
	require.Regexp(t, `(?s)tried again in 60 s \(1 of 2, image-capture/resume\)\nwaits 60\n.*tried again in 120 s \(2 of 2.*waits 120\n`, log)
	require.Equal(t, 2, strings.Count(log, "\nwaits "), log)
	require.Contains(t, log, "the job failed with exit code 7; to run it again, set the machine's Runnable to true\n")
	left, err := filepath.Glob(run + "/*")
	require.NoError(t, err)
	require.Empty(t, left)

	// The endpoint is back at the second attempt; of the first a .part is left.
	e.api.ClearFaults()
	e.api.AddFault(drptest.Fault{Method: "POST", Path: ".tgz", After: 1000, Kill: true, Times: 1})
	log, code = e.run("image-capture")
	require.Zero(t, code, log)
	require.Equal(t, 1, strings.Count(log, "\nwaits "), log)
	images, manifests := e.stored()
	require.Len(t, manifests, 1)
	require.Len(t, images, 2, "one is the .part: %v", images)

	// Never: a refused token, a Param with a wrong value, a certificate that is not trusted.
	for name, change := range map[string]func(e *endpoint){
		"token":       func(e *endpoint) { e.api.Revoke(token) },
		"Param":       func(e *endpoint) { e.params["image-capture/limit-rate"] = "5x" },
		"certificate": func(e *endpoint) { e.params["image-capture/tls-fingerprint"] = strings.Repeat("0", 64) },
	} {
		e := serve(t, nil)
		e.params["image-capture/attempts"] = 2
		e.params["image-capture/resume"] = 2
		e.setup = "mount -t tmpfs none /run; export PATH=" + bin + ":$PATH"
		change(e)
		log, code := e.run("image-capture")
		require.NotZero(t, code)
		require.NotContains(t, log, "waits", name)
		require.NotContains(t, log, "attempt", name)
		require.NotRegexp(t, `hint:.* --[a-z]`, log, "%s: a task has Params, not flags", name)
	}
}

// TestExitCodes: none of the agent's ends, nor that of one which is killed, means
// anything else to the runner.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, c := range []struct{ agent, want int }{{0, 0}, {1, 1}, {3, 3}, {4, 4}, {9, 9}, {15, 15}, {16, 1}, {32, 1}, {64, 1}, {137, 1}, {255, 1}} {
		script := []byte("#!/bin/sh\nexit " + strconv.Itoa(c.agent) + "\n")
		require.NoError(t, os.WriteFile(e.binary(), script, 0o644))
		sum := sha256.Sum256(script)
		e.pack = readPack(t)
		hash := hex.EncodeToString(sum[:])
		require.NoError(t, e.pack.Release("9.0.0-test.1+gabc", map[string]string{"linux-amd64": hash, "linux-arm64": hash}))
		log, code := e.run("image-capture")
		require.Equal(t, c.want, code, log)
		require.Equal(t, c.agent >= 16, bytes.Contains([]byte(log), []byte("the agent ended with ")), log)
	}
}

// TestSaveProfile: the task that may store Profiles does; the one that may not says
// so, and the image is there all the same.
func TestSaveProfile(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.params["image-capture/save-profile"] = "gold-debian"
	log, code := e.run("image-capture")
	require.Equal(t, 5, code, log)
	images, manifests := e.stored()
	require.Len(t, images, 1, log)
	require.Len(t, manifests, 1, log)

	e.api = drptest.New(t, drptest.Options{Dir: e.api.Dir, Tokens: map[string]drptest.Grant{token: {
		Actions: actionsOf(e.pack, "image-capture-profile", "files"), Profiles: actionsOf(e.pack, "image-capture-profile", "profiles"),
	}}})
	e.params["image-capture/tls-fingerprint"] = e.api.Fingerprint
	log, code = e.run("image-capture-profile")
	require.Zero(t, code, log)
	require.Contains(t, log, "created the Profile gold-debian on the endpoint")
	require.Contains(t, log, "image-deploy/image-url")
}

// TestTrace: with every command in the log, the token is still not.
func TestTrace(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.params["rs-debug-enable"] = true
	log, code := e.run("image-capture") // looks for the token itself
	require.Zero(t, code, log)
	require.Contains(t, log, "\n+ find_work\n")
	images, _ := e.stored()
	require.Len(t, images, 1)
}
