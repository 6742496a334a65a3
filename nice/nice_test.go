package nice

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"golang.org/x/sys/unix"

	"image-capture/rootfs/roottest"
)

// TestMain: what is lowered stays so; the tests are in processes of their own.
func TestMain(m *testing.M) {
	switch os.Getenv("NICE_TEST") {
	case "":
		os.Exit(m.Run())
	case "lower":
		lowered()
	case "group":
		grouped()
	}
}

// lowered prints what ps and ionice say of all threads, old ones and new ones, and what a
// program has that is started as before.
func lowered() {
	// Threads that are there, and such that come while the others are done.
	hold, made := make(chan struct{}), sync.WaitGroup{}
	thread := func() {
		made.Add(1)
		go func() {
			runtime.LockOSThread()
			made.Done()
			<-hold
		}()
	}
	for range 8 {
		thread()
	}
	made.Wait()
	stop := make(chan struct{})
	go func() {
		for range 20 {
			thread()
		}
		close(stop)
	}()
	b, err := Lower()
	if err != nil {
		panic(err)
	}
	<-stop
	made.Wait()
	run := func(name string, args ...string) func() error {
		return func() error {
			out, err := exec.Command(name, args...).Output()
			os.Stdout.Write(out)
			return err
		}
	}
	pid := strings.TrimSpace(string(first(os.ReadFile("/proc/self/stat"))))
	pid, _, _ = strings.Cut(pid, " ")
	must(run("sh", "-c", "ps -L -o cls= -p "+pid+" | sort | uniq -c; for t in /proc/"+pid+"/task/*; do ionice -p ${t##*/}; done | sort | uniq -c; cat /proc/"+pid+"/autogroup || true")())
	must(b.Start(run("sh", "-c", "echo started: $(nice) $(ps -o cls= -p $$) $(ionice)")))
	must(run("sh", "-c", "echo after: $(nice) $(ps -o cls= -p $$) $(ionice)")())
	must(b.Restore())
	must(run("sh", "-c", "cat /proc/"+pid+"/autogroup || true")())
	close(hold)
}

func first(b []byte, err error) []byte { must(err); return b }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestLower(t *testing.T) {
	for _, tool := range []string{"ps", "ionice", "setsid"} {
		_, err := exec.LookPath(tool)
		roottest.Need(t, err == nil, tool)
	}
	roottest.NeedRoot(t)
	self, err := os.Executable()
	require.NoError(t, err)
	out := func(args ...string) string {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "NICE_TEST=lower")
		b, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", b)
		return strings.Join(strings.Fields(string(b)), " ")
	}
	got := out("setsid", "-w", "nice", "-n", "3", "ionice", "-c", "2", "-n", "6", self)
	session := [2]string{"", ""}
	if _, err := os.Stat(autogroup); err == nil { // the kernel has it
		session = [2]string{` /autogroup-\d+ nice 19`, ` /autogroup-\d+ nice 0`}
	}
	require.Regexp(t, `^\d+ IDL \d+ idle`+session[0]+` started: 3 TS best-effort: prio 6 after: 19 IDL idle`+session[1]+`$`, got)
	// The session of others is left alone.
	require.NotContains(t, out("sh", "-c", self+"; true"), "nice 19")
}

// grouped prints whether this process is in its own group, and what others are in that it
// starts.
func grouped() {
	sleep := func() *exec.Cmd {
		cmd := exec.Command("sleep", "60")
		must(cmd.Start())
		return cmd
	}
	own := groupPrefix + strconv.Itoa(os.Getpid())
	in := func(pid string) string {
		text := string(first(os.ReadFile("/proc/" + pid + "/cgroup")))
		return strconv.FormatBool(strings.Contains(text, own))
	}
	b, err := Lower()
	must(err)
	said := []string{in("self")}
	var before *exec.Cmd
	must(b.Start(func() error { before = sleep(); return nil }))
	inside := sleep()
	said = append(said, in(strconv.Itoa(before.Process.Pid)), in("self"), in(strconv.Itoa(inside.Process.Pid)))
	must(b.Restore())
	said = append(said, in("self"), in(strconv.Itoa(inside.Process.Pid)))
	for _, cmd := range []*exec.Cmd{before, inside} {
		must(cmd.Process.Kill())
		_ = cmd.Wait()
	}
	os.Stdout.WriteString(strings.Join(said, " "))
}

func TestGroup(t *testing.T) {
	roottest.NeedRoot(t)
	self, err := os.Executable()
	require.NoError(t, err)
	run := func(group string) string {
		script := "exec " + self
		if group != "" {
			script = "echo $$ > " + filepath.Join(group, procs) + " && " + script
		}
		cmd := exec.Command("sh", "-c", script)
		cmd.Env = append(os.Environ(), "NICE_TEST=group")
		b, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", b)
		return string(b)
	}
	const stays = "false false false false false false"
	top, own, err := hierarchy()
	if err != nil { // as where the kernel does not share the processors among control groups
		require.Equal(t, stays, run(""))
		return
	}
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	left := filepath.Join(top, groupPrefix+strconv.Itoa(dead.ProcessState.Pid()))
	require.NoError(t, os.Mkdir(left, 0o755))
	require.Equal(t, "true false true true false false", run(""))
	groups, err := filepath.Glob(filepath.Join(top, groupPrefix+"*"))
	require.NoError(t, err)
	require.NotContains(t, groups, left, "of a capture that was killed")

	// Who is held to some of a processor does not get out of that.
	held := filepath.Join(top, own, "nice-test-"+strconv.Itoa(os.Getpid()))
	require.NoError(t, os.Mkdir(held, 0o755))
	defer func() { require.NoError(t, unix.Rmdir(held)) }()
	if write(filepath.Join(held, "cpu.max"), "50000 100000") != nil && write(filepath.Join(held, "cpu.cfs_quota_us"), "50000") != nil {
		return // below a group of cgroup2 that has processes
	}
	require.Equal(t, stays, run(held))
}
