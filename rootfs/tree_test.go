package rootfs

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// open opens a directory as a root for the length of the test.
func open(t testing.TB, dir string) *Root {
	t.Helper()
	r, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// seen is what one node of a walk gave.
type seen struct {
	entry   entry.Entry
	content string
	node    Node // released
	entered bool
	lost    error
	err     error
}

// walk walks the tree and reads every node and file as it comes.
func walk(t testing.TB, r *Root, opt WalkOptions) (order []string, all map[string]seen) {
	t.Helper()
	all = map[string]seen{}
	err := r.Walk(context.Background(), opt, func(n Node) error {
		s := seen{node: n, entered: n.Entered()}
		var c *Content
		c, s.lost, s.err = n.Read(&s.entry)
		if c != nil {
			if s.entry.Size <= 1<<20 {
				b := make([]byte, s.entry.Size)
				if _, err := c.ReadAt(b, 0); err != nil {
					s.err = err
				}
				s.content = string(b)
			}
			require.NoError(t, c.Close())
		}
		n.Release()
		order = append(order, n.Path)
		_, twice := all[n.Path]
		require.False(t, twice, "visited twice: %q", n.Path)
		all[n.Path] = s
		return nil
	})
	require.NoError(t, err)
	return order, all
}

// names walks the tree without a look at what the names are.
func names(t testing.TB, r *Root, opt WalkOptions) []string {
	t.Helper()
	var order []string
	require.NoError(t, r.Walk(context.Background(), opt, func(n Node) error {
		order = append(order, n.Path)
		n.Release()
		return nil
	}))
	return order
}

// made makes files (with their name as content) and directories (names that end
// in a slash) in a new directory.
func made(t testing.TB, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(dir, 0o755))
	fill(t, dir, names...)
	return dir
}

func fill(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		p := dir + "/" + name
		if name[len(name)-1] == '/' {
			require.NoError(t, os.MkdirAll(p, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte(name), 0o644))
	}
}

// openDescriptors counts those of the process.
func openDescriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

// ownThread ties the test to a thread that ends with it, so that what it changes
// of the thread (mounts, credentials) is gone then.
func ownThread() { runtime.LockOSThread() }

// privateMounts gives the test mounts of its own.
func privateMounts(t testing.TB) {
	t.Helper()
	roottest.NeedRoot(t)
	ownThread()
	err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
	if err == nil {
		err = unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	roottest.Need(t, err == nil, "the privilege to make a mount namespace")
}

// mount mounts for the length of the test.
func mount(t testing.TB, source, target, fstype string, flags uintptr, data string) {
	t.Helper()
	require.NoError(t, unix.Mount(source, target, fstype, flags, data), "mount %s", target)
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}

// asNobody has the rest of the test look at files as a user without rights.
func asNobody(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	ownThread()
	// The system call is about the thread only, and takes the capabilities that
	// have to do with files with it; see setfsuid(2).
	_, err := unix.SetfsuidRetUid(65534)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Setfsuid(0) })
}
