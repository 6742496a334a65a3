package remote_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/remote"
)

// sshd is a host with a real sshd, in namespaces of its own; see testdata/host.sh.
type sshd struct {
	dir    string
	port   int
	pid    int    // of the process that is 1 there
	config string // for ssh
	agent  string // the program
}

var (
	once   sync.Once
	shared *sshd
	failed error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		os.RemoveAll(shared.dir) // the host ends with this process
	}
	os.Exit(code)
}

// host is that of all tests of this package. Each leaves it as it was.
func host(t *testing.T) *sshd {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("not run by root")
		}
		t.Skip("a host with users of its own needs root")
	}
	once.Do(func() { shared, failed = start() })
	require.NoError(t, failed)
	return shared
}

func start() (*sshd, error) {
	dir, err := os.MkdirTemp("", "sshd")
	if err != nil {
		return nil, err
	}
	s := &sshd{dir: dir, config: filepath.Join(dir, "ssh_config"), agent: filepath.Join(dir, "image-capture")}
	os.Chmod(dir, 0o755) // users of the host read the keys
	for _, key := range []string{"host_key", "user_key"} {
		if err := quiet("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)); err != nil {
			return nil, err
		}
	}
	if err := os.Rename(filepath.Join(dir, "user_key.pub"), filepath.Join(dir, "authorized")); err != nil {
		return nil, err
	}
	// -buildvcs=false as in a test's binary: the same version.
	if err := quiet("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", s.agent, ".."); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	key, err := os.ReadFile(filepath.Join(dir, "host_key.pub"))
	if err != nil {
		return nil, err
	}
	os.WriteFile(filepath.Join(dir, "known_hosts"), fmt.Appendf(nil, "[127.0.0.1]:%d %s", s.port, key), 0o644)
	// Port and user come from here for "box", and from the argument for the address.
	os.WriteFile(s.config, fmt.Appendf(nil, `Host box far
 HostName 127.0.0.1
 Port %d
 User root
Host far
 ProxyJump box
Host master
 HostName 127.0.0.1
 Port %d
 User root
 ControlMaster auto
 ControlPath %s/master
 ControlPersist 60
Host *
 UserKnownHostsFile %s/known_hosts
 StrictHostKeyChecking yes
 IdentityFile %s/user_key
 IdentitiesOnly yes
 # What must not matter:
 SendEnv RS_*
 RequestTTY force
 RemoteCommand false
`, s.port, s.port, dir, dir, dir), 0o644)
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "testdata/host.sh", dir, strconv.Itoa(s.port))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.SysProcAttr = dieWithUs()
	// The thread that starts it must live on, or it dies with that.
	began := make(chan error)
	go func() {
		runtime.LockOSThread()
		began <- cmd.Start()
		_ = cmd.Wait()
	}()
	if err := <-began; err != nil {
		return nil, err
	}
	for range 600 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port)); err == nil {
			c.Close()
			children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
			if err != nil {
				return nil, err
			}
			s.pid, err = strconv.Atoi(strings.TrimSpace(string(children)))
			return s, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("sshd does not start: %s", errs.String())
}

func quiet(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// there runs a command on the host, as root.
func (s *sshd) there(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(s.pid), "-m", "-p", "sh", "-c", script)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", script, out)
	return string(out)
}

// state is what may be left on the host: files in memory, memory of files without a name,
// and mounts.
func (s *sshd) state(t *testing.T) string {
	return s.there(t, `find /dev/shm /run -path /run/sudo -prune -o -path /run/work -prune -o -path /run/up -prune -o -print | sort
df --output=used /dev/shm
ls -l /proc/[0-9]*/exe /proc/[0-9]*/fd 2>/dev/null | grep -o "/memfd:.*\|/dev/shm/.*" | sort
cat /proc/self/mountinfo`)
}

// processes are those on the host besides the sshd that listens.
func (s *sshd) processes(t *testing.T) []string {
	t.Helper()
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", s.pid))
	require.NoError(t, err)
	dirs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	var list []string
	for _, dir := range dirs {
		if other, err := os.Readlink(dir + "/ns/pid"); err == nil && other == space && dir != fmt.Sprintf("/proc/%d", s.pid) {
			text, _ := os.ReadFile(dir + "/cmdline")
			list = append(list, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return list
}

// settled waits until the host is as it was.
func (s *sshd) settled(t *testing.T, before string) {
	t.Helper()
	for range 300 {
		if len(s.processes(t)) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Empty(t, s.processes(t), "a process is left on the host")
	// Mounts of tests that run beside this one may go: what counts is what came.
	had := strings.Split(before, "\n")
	for line := range strings.Lines(s.state(t)) {
		require.Contains(t, had, strings.TrimSuffix(line, "\n"), "something is left on the host")
	}
}

// url names a root on the host.
func (s *sshd) url(user, root string) string {
	return fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", user, s.port, root)
}

// options are for a user of the host.
func (s *sshd) options(t *testing.T, user string) remote.Options {
	to, err := remote.ParseDestination(s.url(user, "/"))
	require.NoError(t, err)
	return remote.Options{
		To: to, Args: []string{"-F" + s.config}, Version: "devel", Words: []string{"__serve"},
		Program: func(string) (remote.Program, error) {
			f, err := os.Open(s.agent)
			if err != nil {
				return nil, err
			}
			info, err := f.Stat()
			return program{f, info.Size()}, err
		},
		Say: func(line string) { t.Logf("%s: %s", user, line) },
	}
}

type program struct {
	*os.File
	size int64
}

func (p program) Size() int64 { return p.size }

// run runs the program as a user does.
func (s *sshd) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := s.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ended := err.(*exec.ExitError); !ended {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func (s *sshd) command(args ...string) *exec.Cmd {
	return exec.Command(s.agent, append(args, "--ssh-option=-F"+s.config)...)
}
