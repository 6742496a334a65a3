package roottest_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	. "image-capture/rootfs/roottest"
)

// failed notes that a comparison fails, in place of failing.
type failed struct {
	testing.TB
	text string
}

func (f *failed) Helper()                   {}
func (f *failed) Errorf(s string, a ...any) { f.text = fmt.Sprintf(s, a...) }
func (f *failed) FailNow()                  { runtime.Goexit() }

// holds says whether a directory holds a tree.
func holds(t *testing.T, dir string, tree Tree) bool {
	f, done := &failed{TB: t}, make(chan bool)
	go func() {
		defer close(done)
		Holds(f, dir, tree)
	}()
	<-done
	return f.text == ""
}

// TestHolds: what was made is there, and every single change of it is seen.
func TestHolds(t *testing.T) {
	NeedRoot(t)
	all := func() Tree {
		return Tree{
			"a/file": File("text").Mode(0o4750).Owner(12, 34).Mtime(5, 6).Xattr("user.x", "y"), "a/again": Same("a/file"),
			"dir": Dir().Mode(0o700).Mtime(7, 8), "dir/in": File(""), "link": Link("nowhere"), "hole": File("data").Hole(1 << 20),
			"null": Device(unix.S_IFCHR, 1, 3), "fifo": Device(unix.S_IFIFO, 0, 0),
		}
	}
	require.True(t, holds(t, all().Make(t), all()))
	for what, change := range map[string]func(p string) error{
		"content":    func(p string) error { return os.WriteFile(p+"/dir/in", []byte("x"), 0o644) },
		"one more":   func(p string) error { return os.WriteFile(p+"/dir/more", nil, 0o644) },
		"one less":   func(p string) error { return os.Remove(p + "/link") },
		"mode":       func(p string) error { return os.Chmod(p+"/dir/in", 0o600) },
		"parent":     func(p string) error { return os.Chmod(p+"/a", 0o700) },
		"owner":      func(p string) error { return os.Lchown(p+"/a/file", 0, 34) },
		"xattr":      func(p string) error { return unix.Lsetxattr(p+"/a/file", "user.x", nil, 0) },
		"xattr more": func(p string) error { return unix.Lsetxattr(p+"/dir/in", "user.x", nil, 0) },
		"target":     func(p string) error { _ = os.Remove(p + "/link"); return os.Symlink("else", p+"/link") },
		"device":     func(p string) error { _ = os.Remove(p + "/null"); return unix.Mknod(p+"/null", unix.S_IFCHR|0o644, 5) },
		"not linked": func(p string) error {
			_ = os.Remove(p + "/a/again")
			return os.WriteFile(p+"/a/again", []byte("text"), 0o644)
		},
		"linked": func(p string) error { _ = os.Remove(p + "/dir/in"); return os.Link(p+"/a/file", p+"/dir/in") },
		"no hole": func(p string) error {
			return os.WriteFile(p+"/hole", append([]byte("data"), make([]byte, 1<<20-4)...), 0o644)
		},
		"time of dir": func(p string) error { return os.Chtimes(p+"/dir", time.Unix(1, 0), time.Unix(1, 0)) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := all().Make(t)
			require.NoError(t, change(dir))
			require.False(t, holds(t, dir, all()))
		})
	}
}
