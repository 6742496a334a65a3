package nice

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

// TestMain: what is lowered stays so; the tests are in processes of their own.
func TestMain(m *testing.M) {
	switch os.Getenv("NICE_TEST") {
	case "":
		os.Exit(m.Run())
	case "lower":
		lowered()
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
	must(run("sh", "-c", "ps -L -o ni= -p "+pid+" | sort | uniq -c; for t in /proc/"+pid+"/task/*; do ionice -p ${t##*/}; done | sort | uniq -c; cat /proc/"+pid+"/autogroup || true")())
	must(b.Start(run("sh", "-c", "echo started: $(nice) $(ionice)")))
	must(run("sh", "-c", "echo after: $(nice) $(ionice)")())
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
	require.Regexp(t, `^\d+ 19 \d+ idle`+session[0]+` started: 3 best-effort: prio 6 after: 19 idle`+session[1]+`$`, got)
	// The session of others is left alone.
	require.NotContains(t, out("sh", "-c", self+"; true"), "nice 19")
}
