package rootfs

import (
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

func TestView(t *testing.T) {
	dir := made(t, "a/b/c", "a/d", "e", "empty/")
	require.NoError(t, fstest.TestFS(open(t, dir).FS(), "a/b/c", "a/d", "e", "empty"))
}

func TestViewFollowsNothing(t *testing.T) {
	outside := made(t, "secret")
	dir := made(t, "dir/file", "plain")
	symlinks(t, dir, "link -> plain", "way -> dir", "out -> "+outside, "dir/up -> ../..")
	v := open(t, dir).FS()
	for _, name := range []string{"link", "way/file", "way", "out/secret", "dir/up/x"} {
		_, err := v.Open(name)
		require.ErrorIs(t, err, ErrLink, name)
	}
	_, err := v.Lstat("way/file")
	require.ErrorIs(t, err, ErrLink)
	_, err = v.ReadLink("way/file")
	require.ErrorIs(t, err, ErrLink)
	for _, stat := range []func(string) (fs.FileInfo, error){v.Stat, v.Lstat} {
		info, err := stat("link")
		require.NoError(t, err)
		require.Equal(t, fs.ModeSymlink, info.Mode().Type())
		require.Equal(t, "link", info.Name())
	}
	target, err := v.ReadLink("dir/up")
	require.NoError(t, err)
	require.Equal(t, "../..", target)
	_, err = v.ReadLink("absent")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = v.Open("plain/x")
	require.ErrorIs(t, err, unix.ENOTDIR)
	require.NotErrorIs(t, err, ErrLink)
	_, err = v.ReadDir("plain")
	require.ErrorIs(t, err, unix.ENOTDIR)
	_, err = v.Open("absent")
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, name := range []string{"", "/", "/plain", "plain/", "dir/../plain", "dir//file", "./plain", "..", "x\x00"} {
		for _, err := range []error{second(v.Open(name)), second(v.Stat(name)), second(v.ReadDir(name)), second(v.ReadLink(name))} {
			require.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestViewOpensFilesAndDirectoriesOnly(t *testing.T) {
	roottest.NeedRoot(t)
	dir := made(t, "la\xfftin", "new\nline")
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
	require.NoError(t, unix.Mknod(dir+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	require.NoError(t, unix.Mknod(dir+"/disk", unix.S_IFBLK|0o660, int(unix.Mkdev(8, 1))))
	require.NoError(t, unix.Mknod(dir+"/socket", unix.S_IFSOCK|0o6755, 0))
	require.NoError(t, os.Mkdir(dir+"/sticky", 0o755))
	require.NoError(t, unix.Chmod(dir+"/sticky", 0o1777))
	for _, view := range []NoFollowFS{open(t, dir).FS(), Follow(open(t, dir).FS())} {
		for name, mode := range map[string]fs.FileMode{
			"fifo": fs.ModeNamedPipe | 0o600, "null": fs.ModeDevice | fs.ModeCharDevice | 0o666, "disk": fs.ModeDevice | 0o660, "socket": fs.ModeSocket | fs.ModeSetuid | fs.ModeSetgid | 0o755,
		} {
			require.NoError(t, unix.Chmod(dir+"/"+name, uint32(mode.Perm())|map[bool]uint32{true: 0o6000}[name == "socket"]))
			_, err := view.Open(name)
			require.ErrorIs(t, err, fs.ErrInvalid, name)
			info, err := view.Lstat(name)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode(), name)
		}
		info, err := view.Lstat("sticky")
		require.NoError(t, err)
		require.Equal(t, fs.ModeDir|fs.ModeSticky|0o777, info.Mode())
		for _, name := range []string{"la\xfftin", "new\nline"} {
			got, err := fs.ReadFile(view, name)
			require.NoError(t, err)
			require.Equal(t, name, string(got))
		}
		list, err := view.ReadDir(".")
		require.NoError(t, err)
		require.Len(t, list, 7)
		require.Equal(t, "la\xfftin", list[2].Name())
	}
	require.Equal(t, fs.ModeIrregular, modeOf(0))
	require.Equal(t, "unknown", entry.Type(0).String())
}

func TestViewFiles(t *testing.T) {
	dir := made(t, "file", "d/1", "d/2", "d/3")
	before := openDescriptors(t)
	r, err := Open(dir)
	require.NoError(t, err)
	v := r.FS()

	f, err := v.Open("file")
	require.NoError(t, err)
	b := make([]byte, 2)
	_, err = f.(io.ReaderAt).ReadAt(b, 1)
	require.NoError(t, err)
	require.Equal(t, "il", string(b))
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Close(), fs.ErrClosed)

	f, err = v.Open("d")
	require.NoError(t, err)
	_, err = f.Read(b)
	require.ErrorIs(t, err, unix.EISDIR)
	d := f.(fs.ReadDirFile)
	list, err := d.ReadDir(2)
	require.NoError(t, err)
	require.Len(t, list, 2)
	// A file of another has the number of the closed one: closing twice spares it.
	require.NoError(t, f.Close())
	other, err := os.Open(dir + "/file")
	require.NoError(t, err)
	require.ErrorIs(t, f.Close(), fs.ErrClosed)
	_, err = other.Read(b)
	require.NoError(t, err)
	require.NoError(t, other.Close())

	// The name is opened part by part: none is too long.
	deep := strings.TrimSuffix(strings.Repeat(strings.Repeat("n", 200)+"/", 30), "/")
	fd, err := unix.Openat(r.dir.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	for part := range strings.SplitSeq(deep, "/") {
		require.NoError(t, unix.Mkdirat(fd, part, 0o755))
		next, err := unix.Openat(fd, part, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	info, err := v.Stat(deep)
	require.NoError(t, err)
	require.True(t, info.IsDir())
	require.NoError(t, r.Close())
	require.Equal(t, before, openDescriptors(t), "descriptors leaked")
}

func TestViewXattr(t *testing.T) {
	dir := roottest.Hostile(t)
	want := getfattr(t, dir)
	require.Contains(t, want, "./xattrs/link")
	r := open(t, dir)
	before := openDescriptors(t)
	for path, list := range want {
		name := strings.TrimPrefix(path, "./")
		for _, x := range list {
			got, err := r.FS().Xattr(name, x.Name)
			require.NoError(t, err)
			require.Equal(t, x.Value, string(got), "%q %q", name, x.Name)
		}
		_, err := r.FS().Xattr(name, "user.absent")
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	_, err := r.FS().Xattr("absent", "user.x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = r.FS().Xattr("xattrs/link/x", "user.x")
	require.ErrorIs(t, err, ErrLink)
	_, err = r.FS().Xattr("../x", "user.x")
	require.ErrorIs(t, err, fs.ErrInvalid)
	require.Equal(t, before, openDescriptors(t), "descriptors leaked")
}

// A filesystem without attributes has none: proc(5) is one everywhere.
func TestViewXattrWithoutSupport(t *testing.T) {
	_, err := open(t, "/proc/self").FS().Xattr("status", "security.selinux")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
