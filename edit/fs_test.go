package edit_test

import (
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/edit"
	"image-capture/entry"
)

var (
	_ fs.ReadLinkFS = (*edit.View)(nil)
	_ fs.StatFS     = (*edit.View)(nil)
	_ fs.ReadDirFS  = (*edit.View)(nil)
)

// memFS is a tree in memory that follows no link. A name that ends with "/" is
// a directory, one with "@" a link to "target", any other a file that holds its name.
type memFS []string

func (m memFS) info(op, name string) (fs.FileInfo, error) {
	if name == "." {
		return memInfo{name: ".", mode: fs.ModeDir | 0o755}, nil
	}
	for i := range len(name) {
		if name[i] == '/' && !slices.Contains(m, name[:i]+"/") {
			err := syscall.ENOENT
			if slices.Contains(m, name[:i]) || slices.Contains(m, name[:i]+"@") {
				err = syscall.ENOTDIR
			}
			return nil, &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case slices.Contains(m, name+"/"):
		return memInfo{base, fs.ModeDir | 0o755}, nil
	case slices.Contains(m, name+"@"):
		return memInfo{base, fs.ModeSymlink | 0o777}, nil
	case slices.Contains(m, name):
		return memInfo{base, 0o644}, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT}
}

func (m memFS) Lstat(name string) (fs.FileInfo, error) { return m.info("lstat", name) }

func (m memFS) ReadLink(name string) (string, error) {
	info, err := m.info("readlink", name)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return "target", nil
}

func (m memFS) Open(name string) (fs.File, error) {
	info, err := m.info("open", name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
	}
	return &memFile{strings.NewReader(name), m, name, info}, nil
}

func (m memFS) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := m.info("readdir", name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	var list []fs.DirEntry
	for _, entry := range m {
		entry = strings.TrimRight(entry, "/@")
		rest, ok := strings.CutPrefix(entry, prefix)
		if !ok || strings.Contains(rest, "/") {
			continue
		}
		info, err := m.Lstat(entry)
		if err != nil {
			return nil, err
		}
		list = append(list, fs.FileInfoToDirEntry(info))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

type memFile struct {
	*strings.Reader
	fs   memFS
	name string
	info fs.FileInfo
}

func (f *memFile) Stat() (fs.FileInfo, error)         { return f.info, nil }
func (f *memFile) Close() error                       { return nil }
func (f *memFile) ReadDir(int) ([]fs.DirEntry, error) { return f.fs.ReadDir(f.name) }
func (i memInfo) Name() string                        { return i.name }
func (i memInfo) Size() int64                         { return 0 }
func (i memInfo) Mode() fs.FileMode                   { return i.mode }
func (i memInfo) ModTime() time.Time                  { return time.Unix(1700000000, 5) }
func (i memInfo) IsDir() bool                         { return i.mode.IsDir() }
func (i memInfo) Sys() any                            { return nil }

type memInfo struct {
	name string
	mode fs.FileMode
}

func newView(t *testing.T) *edit.View {
	t.Helper()
	var p edit.Plan
	for _, pattern := range []string{"./proc/*", "*.log", "./gone", "./swap", "./file/hidden", "./bad\xff*"} {
		require.NoError(t, p.Exclude(pattern))
	}
	require.NoError(t, p.KeepOnly("./mnt"))
	for _, path := range []string{"./curtin", "./swap", "./etc/new", "./link/new", "./file/new", "./file/hidden", "./gone/new", "./mnt/in", "./zz\xff"} {
		require.NoError(t, p.AddDir(path, 0o1755))
	}
	require.NoError(t, p.AddDir("./file2", 0o755))
	return p.FS(memFS{
		"etc/", "etc/fstab", "etc/x.log", "file", "file2", "gone/", "gone/a", "link@", "mnt/", "mnt/a/", "mnt/a/b",
		"proc/", "proc/1/", "proc/1/fd", "swap/", "swap/old", "bad\xff\xfe", "raw\xff/", "raw\xff/f", "last@",
	})
}

func TestViewLists(t *testing.T) {
	v := newView(t)
	for dir, want := range map[string][]string{
		".":       {"curtin", "etc", "file", "file2", "last", "link", "mnt", "proc", "raw\xff", "swap", "zz\xff"},
		"etc":     {"fstab", "new"},
		"proc":    {},
		"mnt":     {"in"},
		"curtin":  {},
		"swap":    {},
		"raw\xff": {"f"},
	} {
		t.Run(dir, func(t *testing.T) {
			list, err := v.ReadDir(dir)
			require.NoError(t, err)
			require.Equal(t, want, names(list))

			f, err := v.Open(dir)
			require.NoError(t, err)
			defer f.Close()
			list = nil
			for len(list) <= len(want) {
				part, err := f.(fs.ReadDirFile).ReadDir(2)
				list = append(list, part...)
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
			}
			require.Equal(t, want, names(list), "by an open directory")
			part, err := f.(fs.ReadDirFile).ReadDir(-1)
			require.NoError(t, err)
			require.Empty(t, part)

			for _, d := range list {
				name := d.Name()
				if dir != "." {
					name = dir + "/" + name
				}
				info, err := v.Lstat(name)
				require.NoError(t, err)
				require.Equal(t, d.Type(), info.Mode().Type())
			}
		})
	}
	for _, dir := range []string{"gone", "proc/1", "mnt/a", "file", "link", "none", "curtin/x", "swap/old"} {
		_, err := v.ReadDir(dir)
		require.Error(t, err, dir)
	}
}

func names(list []fs.DirEntry) []string {
	out := []string{}
	for _, d := range list {
		out = append(out, d.Name())
	}
	return out
}

func TestViewHides(t *testing.T) {
	v := newView(t)
	for _, name := range []string{
		"etc/x.log", "gone", "gone/a", "gone/new", "mnt/a", "mnt/a/b", "proc/1", "proc/1/fd", "swap/old", "bad\xff\xfe", "none", "curtin/x",
	} {
		_, err := v.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = v.Lstat(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = v.Stat(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = v.ReadLink(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		var perr *fs.PathError
		require.ErrorAs(t, err, &perr, name)
	}
	for _, name := range []string{"", "/", "/etc", "etc/", "etc//fstab", "./etc", "etc/.", "..", "../etc", "etc/../etc", "etc\x00"} {
		_, err := v.Open(name)
		require.ErrorIs(t, err, fs.ErrInvalid, name)
		_, err = v.Lstat(name)
		require.ErrorIs(t, err, fs.ErrInvalid, name)
		_, err = v.ReadDir(name)
		require.ErrorIs(t, err, fs.ErrInvalid, name)
		_, err = v.ReadLink(name)
		require.ErrorIs(t, err, fs.ErrInvalid, name)
	}
}

func TestViewShowsWhatIsAdded(t *testing.T) {
	v := newView(t)
	for _, name := range []string{"curtin", "swap", "etc/new", "mnt/in", "zz\xff"} {
		info, err := v.Stat(name)
		require.NoError(t, err)
		require.Equal(t, name[strings.LastIndexByte(name, '/')+1:], info.Name())
		require.Equal(t, fs.ModeDir|fs.ModeSticky|0o755, info.Mode(), name)
		require.True(t, info.IsDir())
		require.Equal(t, int64(1700000000), info.ModTime().Unix(), "the time of the directory above")
		require.Equal(t, &entry.Entry{Path: "./" + name, Type: entry.Dir, Perm: 0o1755}, info.Sys())
		_, err = v.ReadLink(name)
		require.ErrorIs(t, err, fs.ErrInvalid)
		f, err := v.Open(name)
		require.NoError(t, err)
		_, err = f.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.EISDIR)
		require.NoError(t, f.Close())
	}
	info, err := v.Stat("file2")
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular(), "what the tree has stays")
	for _, name := range []string{"link/new", "file/new", "file/hidden"} {
		_, err = v.Stat(name)
		require.ErrorIs(t, err, syscall.ENOTDIR, name)
	}
}

func TestViewFollowsNoLink(t *testing.T) {
	v := newView(t)
	target, err := v.ReadLink("link")
	require.NoError(t, err)
	require.Equal(t, "target", target)
	info, err := v.Stat("link")
	require.NoError(t, err)
	require.Equal(t, fs.ModeSymlink, info.Mode().Type())
	_, err = v.Open("link")
	require.ErrorIs(t, err, syscall.ELOOP)
	_, err = v.Open("link/a")
	require.ErrorIs(t, err, syscall.ENOTDIR)
}

// TestViewCountsNothing also lets the race detector see a view beside a walk.
func TestViewCountsNothing(t *testing.T) {
	var p edit.Plan
	p.Defaults()
	require.NoError(t, p.Exclude("fd"))
	require.NoError(t, p.KeepOnly("./mnt/nas"))
	require.NoError(t, p.AddDir("./curtin", 0o755))
	v := p.FS(memFS{"proc/", "proc/1/", "fd", "mnt/", "mnt/nas/", "mnt/nas/x"})
	look := func() {
		for range 50 {
			_, err := v.ReadDir(".")
			require.NoError(t, err)
			_, err = v.Lstat("curtin")
			require.NoError(t, err)
			require.True(t, p.Hidden("./mnt/nas/x"))
		}
	}
	look()
	require.Empty(t, p.Edits())
	require.Equal(t, []string{"fd"}, p.Unmatched())

	var wait sync.WaitGroup
	wait.Go(look)
	wait.Go(look)
	walk(t, &p)
	wait.Wait()
	require.Equal(t, []edit.Edit{
		{entry.Exclude, "./proc/*", "", 1}, {entry.Exclude, "./dev/*", "", 1}, {entry.Exclude, "./tmp/*", "", 1}, {entry.KeepOnly, "./mnt/nas", "", 2}, {entry.AddDir, "./curtin", "", 1},
	}, p.Edits())
}

// TestViewIsAFileSystem runs the standard library's checks. They know no view that
// follows no link, so there is none here.
func TestViewIsAFileSystem(t *testing.T) {
	var p edit.Plan
	p.Defaults()
	require.NoError(t, p.Exclude("*.log"))
	require.NoError(t, p.AddDir("./curtin", 0o755))
	require.NoError(t, p.AddDir("./etc/new", 0o700))
	v := p.FS(fstest.MapFS{
		"etc/fstab":   {Data: []byte("none"), Mode: 0o644},
		"etc/a.log":   {Mode: 0o644},
		"proc/1/stat": {Mode: 0o444},
		"tmp":         {Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	})
	require.NoError(t, fstest.TestFS(v, "curtin", "etc", "etc/fstab", "etc/new", "proc", "tmp"))
}
