package snapshot

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestMain lets the test's own binary be the watcher, and a capture that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "watch" {
		err := Watch(context.Background(), os.Stdin, os.Stdout, Host{Output: os.Stderr}, func(s string) { os.Stderr.WriteString(s + "\n") })
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if f := victims[os.Getenv("SNAPSHOT_VICTIM")]; f != nil {
		f()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victims are what a process does that then kills itself.
var victims = map[string]func(){
	"hooks": func() {
		g, err := NewGuard([]string{"/proc/self/exe", "watch"}, os.Stderr, Host{})
		if err == nil {
			_, err = g.Pre(context.Background(), Hooks{"touch pre", "touch post"})
		}
		if err != nil {
			panic(err)
		}
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	},
	"in-hook": func() {
		g, err := NewGuard([]string{"/proc/self/exe", "watch"}, os.Stderr, Host{})
		if err != nil {
			panic(err)
		}
		go func() {
			for {
				if _, err := os.Stat("begun"); err == nil {
					_ = unix.Kill(os.Getpid(), unix.SIGKILL)
				}
				time.Sleep(time.Millisecond)
			}
		}()
		_, _ = g.Pre(context.Background(), Hooks{"touch begun; sleep 100; touch ended", "test ! -e ended && touch post"})
	},
}

// output is a file that several processes write to.
type output struct{ *os.File }

func newOutput(t *testing.T) output {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return output{f}
}

func (o output) text(t *testing.T) string {
	b, err := os.ReadFile(o.Name())
	require.NoError(t, err)
	return string(b)
}

func guard(t *testing.T) (*Guard, output) {
	out := newOutput(t)
	g, err := NewGuard([]string{"/proc/self/exe", "watch"}, out.File, Host{Output: out.File})
	require.NoError(t, err)
	return g, out
}

// kill runs a victim until it is dead and its watcher has ended too.
func kill(t *testing.T, name, dir string) string {
	var out bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "SNAPSHOT_VICTIM="+name)
	cmd.Dir, cmd.Stderr = dir, &out // which the watcher holds on to
	err := cmd.Run()
	require.ErrorContains(t, err, "killed", out.String())
	return out.String()
}

func TestHooks(t *testing.T) {
	dir := t.TempDir()
	g, out := guard(t)
	log := filepath.Join(dir, "log")
	done, err := g.Pre(t.Context(), Hooks{"echo pre >>" + log + "; echo said", "echo post >>" + log})
	require.NoError(t, err)
	require.NoError(t, done(t.Context()))
	require.NoError(t, done(t.Context())) // once
	require.NoError(t, g.Close(t.Context(), nil))
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "pre\npost\n", string(text))
	require.Equal(t, "said\n", out.text(t), "the watcher has nothing to say")
}

// TestHookFails: the other one runs all the same.
func TestHookFails(t *testing.T) {
	dir := t.TempDir()
	g, _ := guard(t)
	_, err := g.Pre(t.Context(), Hooks{"exit 3", "touch " + dir + "/post; exit 4"})
	var hook *HookError
	require.ErrorAs(t, err, &hook)
	require.EqualError(t, err, `pre-hook "exit 3": exit status 3`)
	require.ErrorContains(t, g.Close(t.Context(), nil), "exit status 4")
	require.FileExists(t, dir+"/post")
}

// TestHookInterrupted: a hook ends with the capture, and what it started too.
func TestHookInterrupted(t *testing.T) {
	dir := t.TempDir()
	g, _ := guard(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	time.AfterFunc(100*time.Millisecond, func() { cancel(stop) })
	begin := time.Now()
	_, err := g.Pre(ctx, Hooks{"sleep 100", "touch " + dir + "/post"})
	require.ErrorIs(t, err, stop)
	require.Less(t, time.Since(begin), 8*time.Second)
	require.NoError(t, g.Close(ctx, nil))
	require.FileExists(t, dir+"/post")
}

// TestHookDaemon: what a hook leaves running is not waited for.
func TestHookDaemon(t *testing.T) {
	g, _ := guard(t)
	pid := filepath.Join(t.TempDir(), "pid")
	_, err := g.Pre(t.Context(), Hooks{Pre: "sleep 100 >/dev/null 2>&1 & echo $! >" + pid})
	require.NoError(t, err)
	require.NoError(t, g.Close(t.Context(), nil))
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	require.NoError(t, exec.Command("kill", strings.TrimSpace(string(text))).Run(), "it lives on")
}

func TestKilled(t *testing.T) {
	dir := t.TempDir()
	out := kill(t, "hooks", dir)
	require.FileExists(t, dir+"/pre")
	require.FileExists(t, dir+"/post")
	require.Contains(t, out, "ran the post-hook")
}

// TestKilledInHook: the hook that runs is ended before the other one is run.
func TestKilledInHook(t *testing.T) {
	dir := t.TempDir()
	kill(t, "in-hook", dir)
	require.FileExists(t, dir+"/post")
	require.NoFileExists(t, dir+"/ended")
}

// TestSecrets: no program gets the variables that hold tokens.
func TestSecrets(t *testing.T) {
	t.Setenv("RS_TOKEN", "secret")
	t.Setenv("OTHER", "known")
	out := newOutput(t)
	g, err := NewGuard([]string{"/bin/sh", "-c", "echo ready; cat >/dev/null; echo ${RS_TOKEN-none} $OTHER >&2"}, out.File, Host{Output: out.File, Drop: []string{"RS_TOKEN"}})
	require.NoError(t, err)
	_, err = g.Pre(t.Context(), Hooks{Pre: "echo ${RS_TOKEN-none} $OTHER"})
	require.NoError(t, err)
	require.NoError(t, g.Close(t.Context(), nil))
	require.Equal(t, "none known\nnone known\n", out.text(t))
}

func TestNoWatcher(t *testing.T) {
	_, err := NewGuard([]string{"/nowhere"}, nil, Host{})
	require.ErrorContains(t, err, "start the watcher: ")
	_, err = NewGuard([]string{"/bin/false"}, nil, Host{})
	require.ErrorContains(t, err, "the watcher did not start: ")
	g, err := NewGuard([]string{"/bin/sh", "-c", "echo ready"}, nil, Host{})
	require.NoError(t, err)
	require.NoError(t, g.cmd.Wait())
	_, err = g.Pre(t.Context(), Hooks{Post: "true"})
	require.ErrorContains(t, err, "the watcher is gone")
}
