package durable_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/durable"
	"image-capture/rootfs/roottest"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// TestOneName: of two that write one name at once, one gets it, and the other learns
// that.
func TestOneName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	first, err := durable.Create(t.Context(), path, true)
	require.NoError(t, err)
	for _, overwrite := range []bool{false, true} {
		_, err = durable.Create(t.Context(), path, overwrite)
		var busy *durable.BusyError
		require.ErrorAs(t, err, &busy)
	}
	other, err := durable.Create(t.Context(), filepath.Join(dir, "x.y"), false) // another name
	require.NoError(t, err)
	other.Discard()
	require.NoError(t, first.Fill(text("first")))
	require.Equal(t, []string{"x"}, names(t, dir))

	// A name that appears on the way is not replaced unasked.
	path = filepath.Join(dir, "late")
	f, err := durable.Create(t.Context(), path, false)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("another's"), 0o600))
	var exists *durable.ExistsError
	require.ErrorAs(t, f.Fill(text("ours")), &exists)
	require.Equal(t, "another's", content(t, path))
	require.Equal(t, []string{"late", "x"}, names(t, dir))
}

// TestRace: many writers of one name leave one whole file, of the one that succeeded.
func TestRace(t *testing.T) {
	for round := range 20 {
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		var wait sync.WaitGroup
		won := make([]bool, 8)
		for i := range won {
			wait.Go(func() { won[i] = durable.Write(path, false, text(fmt.Sprint(i))) == nil })
		}
		wait.Wait()
		winners := []string{}
		for i, ok := range won {
			if ok {
				winners = append(winners, fmt.Sprint(i))
			}
		}
		require.Len(t, winners, 1, "round %d", round)
		require.Equal(t, winners[0], content(t, path))
		require.Equal(t, []string{"x"}, names(t, dir))
	}
}

// TestSweep: what a killed writer left is removed by the next that writes there; what
// a living one has, another program's or another name's files are not.
func TestSweep(t *testing.T) {
	if dir := os.Getenv("DURABLE_TEST_LEAVE"); dir != "" {
		_, err := durable.Create(t.Context(), filepath.Join(dir, "dead"), false)
		require.NoError(t, err)
		return // as if killed: the process ends without Discard
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestSweep$")
	cmd.Env = append(os.Environ(), "DURABLE_TEST_LEAVE="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	left := names(t, dir)
	require.Len(t, left, 1)
	matched, err := filepath.Match(durable.TempPattern, left[0])
	require.NoError(t, err)
	require.True(t, matched, left[0])

	alive, err := durable.Create(t.Context(), filepath.Join(dir, "alive"), false)
	require.NoError(t, err)
	require.Len(t, names(t, dir), 1, "the dead one is gone")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".other.123.tmp"), nil, 0o600))
	require.NoError(t, durable.Write(filepath.Join(dir, "next"), false, text("")))
	list := names(t, dir)
	require.Len(t, list, 3)
	require.True(t, strings.HasPrefix(list[0], ".alive."), list)
	require.NoError(t, alive.Fill(text("")))
	require.Equal(t, []string{".other.123.tmp", "alive", "next"}, names(t, dir))
}

// TestPair: no MANIFEST is ever beside an image that it is not about.
func TestPair(t *testing.T) {
	for _, row := range []struct {
		name        string
		whole       bool
		breakImage  bool
		breakAbout  bool
		image, text string // what is there afterwards; "" for nothing
		lost        bool
	}{
		{name: "both", whole: true, image: "new", text: "new"},
		{name: "no MANIFEST", whole: false, image: "new", lost: true},
		{name: "image fails", whole: true, breakImage: true, image: "old", text: "old", lost: true},
		{name: "MANIFEST fails", whole: true, breakAbout: true, image: "new", lost: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			image, about := filepath.Join(dir, "image"), filepath.Join(dir, "about")
			files := map[string]*durable.File{}
			for _, path := range []string{image, about} {
				require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
				f, err := durable.Create(t.Context(), path, true)
				require.NoError(t, err)
				require.NoError(t, f.Contain(text("new")))
				files[path] = f
			}
			if row.breakImage {
				require.NoError(t, os.Remove(files[image].Name()))
			}
			if row.breakAbout {
				require.NoError(t, os.Remove(files[about].Name()))
			}
			lost, err := durable.CommitPair(files[image], files[about], row.whole)
			require.Equal(t, row.breakImage || row.breakAbout, err != nil, "%v", err)
			require.Equal(t, row.lost, lost)
			for _, f := range files {
				f.Discard()
			}
			want := []string{}
			if row.text != "" {
				want = append(want, "about")
				require.Equal(t, row.text, content(t, about))
			}
			require.Equal(t, append(want, "image"), names(t, dir))
			require.Equal(t, row.image, content(t, image))
		})
	}
}

// TestPairNamedButNotDurable: when an image has its name and the folder cannot be made
// durable, the old MANIFEST, which is about another, does not come back.
func TestPairNamedButNotDurable(t *testing.T) {
	roottest.NeedRoot(t)
	dir := filepath.Join(t.TempDir(), "box")
	const nobody = 65534
	for _, above := range []string{filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))} {
		require.NoError(t, os.Chmod(above, 0o711))
	}
	require.NoError(t, os.Mkdir(dir, 0o700))
	image, about := filepath.Join(dir, "a.tgz"), filepath.Join(dir, "a.txt")
	for _, name := range []string{image, about} {
		require.NoError(t, os.WriteFile(name, []byte("old"), 0o600))
		require.NoError(t, os.Chown(name, nobody, nobody))
	}
	require.NoError(t, os.Chown(dir, nobody, nobody))
	// Names can be made there, and it cannot be opened.
	require.NoError(t, os.Chmod(dir, 0o300))

	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()    // no unlock: the thread ends with the goroutine
		_ = unix.Setfsuid(nobody) // see setfsuid(2): of this thread only
		var files [2]*durable.File
		for i, name := range []string{image, about} {
			f, err := durable.Create(t.Context(), name, true)
			if err == nil {
				err = f.Contain(text("new"))
			}
			if err != nil {
				t.Error(err)
				return
			}
			files[i] = f
		}
		if lost, err := durable.CommitPair(files[0], files[1], true); !lost || !os.IsPermission(err) {
			t.Error(lost, err)
		}
		files[1].Discard()
	}()
	<-done
	require.Equal(t, "new", content(t, image))
	require.Equal(t, []string{"a.tgz"}, names(t, dir))
}
