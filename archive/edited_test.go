package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

type rewrite = func([]byte) ([]byte, error)

// contents plans another content for some paths. nil empties.
func contents(t testing.TB, edits map[string]rewrite) *edit.Plan {
	t.Helper()
	p := &edit.Plan{}
	for path, f := range edits {
		if f == nil {
			require.NoError(t, p.Empty(path))
			continue
		}
		require.NoError(t, p.Rewrite(path, "", f))
	}
	return p
}

func shout(old []byte) ([]byte, error) { return append([]byte("edited "), old...), nil }

// TestEditedNameOfHardLinks edits each name of an inode in turn, and has tar say
// which names are one file then.
func TestEditedNameOfHardLinks(t *testing.T) {
	sizes := map[string]int{"small": 10, "own buffer": 400 << 10, "most": edit.MaxRewrite}
	for name, size := range sizes {
		for what, f := range map[string]rewrite{"rewritten": shout, "emptied": nil} {
			if what == "rewritten" {
				size = min(size, edit.MaxRewrite-10)
			}
			for _, edited := range [][]string{{"a"}, {"b/m"}, {"z"}, {"a", "b/m"}, {"a", "z"}, {"b/m", "z"}, {"a", "b/m", "z"}} {
				t.Run(fmt.Sprint(name, " ", what, " ", edited), func(t *testing.T) {
					data := string(randomBytes(size))
					dir := roottest.Tree{
						"a": roottest.File(data), "b/m": roottest.Same("a"), "z": roottest.Same("a"), "b/other": roottest.File("other"),
					}.Make(t)
					edits, want := map[string]rewrite{}, map[string]string{"a": data, "b/m": data, "z": data, "b/other": "other"}
					for _, name := range edited {
						edits["./"+name], want[name] = f, ""
						if f != nil {
							want[name] = "edited " + data
						}
					}
					image, sum, list := captureEdited(t, dir, contents(t, edits), archive.Options{Codec: compress.None})
					require.Empty(t, sum.Unreadable)
					members := byPath(list)
					unpacked, first := roottest.Tree{}, ""
					for _, name := range []string{"a", "b/m", "z", "b/other"} {
						unpacked[name] = roottest.File(want[name])
						switch {
						case name == "b/other" || slices.Contains(edited, name):
						case first == "":
							first = name
						default:
							unpacked[name] = roottest.Same(first)
						}
					}
					roottest.Holds(t, extract(t, image), unpacked)
					for name, content := range want {
						m := members["./"+name]
						require.Equal(t, digest(content), m.SHA256, name)
						require.EqualValues(t, len(content), m.Size, name)
						if slices.Contains(edited, name) {
							require.EqualValues(t, 1, m.Nlink, name)
							require.Empty(t, m.HardLink, name)
						}
					}
				})
			}
		}
	}
}

// TestEditKeepsAttributes compares all but the content with the source's, as stat,
// getfattr, getfacl and getcap see it.
func TestEditKeepsAttributes(t *testing.T) {
	roottest.NeedRoot(t)
	make := func(emptied, rewritten string) string {
		file := func(content string) roottest.Node {
			return roottest.File(content).Owner(12, 34567890).Mode(0o6751).Mtime(1234567890, 123456789).
				Xattr("security.capability", roottest.Capability).Xattr("security.selinux", "system_u:object_r:etc_t:s0\x00").
				Xattr("system.posix_acl_access", roottest.ACL).Xattr("user.x", "")
		}
		return roottest.Tree{"emptied": file(emptied), "rewritten": file(rewritten)}.Make(t)
	}
	dir := make("old", "older")
	image, sum, list := captureEdited(t, dir, contents(t, map[string]rewrite{"./emptied": nil, "./rewritten": shout}), archive.Options{Codec: compress.None})
	require.Empty(t, sum.Unreadable)
	require.Equal(t, map[string]string{"./emptied": "", "./rewritten": "edited older"}, contentsOf(t, image))
	// stat tells the size too, and it is the only difference.
	require.Equal(t, attributes(t, make("", "edited older")), attributes(t, extract(t, image)))
	require.NotEqual(t, attributes(t, dir), attributes(t, extract(t, image)))
	require.Len(t, byPath(list)["./emptied"].Xattrs, 4)
}

// TestEmptyReadsNothing empties what nobody could read: a file of exabytes, and one
// on a disk with errors.
func TestEmptyReadsNothing(t *testing.T) {
	dir := tmpfs(t)
	require.NoError(t, os.WriteFile(dir+"/exabytes", []byte("start"), 0o644))
	require.NoError(t, os.Truncate(dir+"/exabytes", 7<<60))
	progress := &archive.Progress{}
	image, sum, list := captureEdited(t, dir, contents(t, map[string]rewrite{"./exabytes": nil}), archive.Options{Codec: compress.None, Progress: progress})
	require.Empty(t, sum.Changed)
	require.Zero(t, progress.Bytes.Load())
	m := byPath(list)["./exabytes"]
	require.Zero(t, m.Size+m.Blocks)
	require.Equal(t, digest(""), m.SHA256)
	require.Nil(t, m.SparseSHA256)
	require.Equal(t, map[string]string{"./exabytes": ""}, contentsOf(t, image))

	for name, size := range map[string]int{"small": 100 << 10, "big": 8 << 20} {
		t.Run(name, func(t *testing.T) {
			roottest.NeedRoot(t)
			dir := cutOff(t, 2, randomBytes(size))
			_, sum, _ := capture(t, dir, archive.Options{Codec: compress.None})
			require.Len(t, sum.Unreadable, 1)
			_, sum, list := captureEdited(t, dir, contents(t, map[string]rewrite{"./file": nil}), archive.Options{Codec: compress.None})
			require.Empty(t, sum.Unreadable)
			require.Empty(t, sum.Changed)
			require.Equal(t, digest(""), byPath(list)["./file"].SHA256)
		})
	}
}

// TestRewriteSeesTheContent: what rewrite gets is the file, holes included.
func TestRewriteSeesTheContent(t *testing.T) {
	dir := t.TempDir()
	files := map[string]int64{"empty": 0, "small": 100, "page": 4096, "middle": 300000, "most": edit.MaxRewrite}
	edits, want := map[string]rewrite{}, map[string]string{}
	add := func(name, content string) {
		edits["./"+name] = func(old []byte) ([]byte, error) {
			if content != string(old) {
				return nil, errors.New("another content")
			}
			slices.Reverse(old) // which it may do
			return old, nil
		}
		b := []byte(content)
		slices.Reverse(b)
		want["./"+name] = string(b)
	}
	for name, size := range files {
		content := string(randomBytes(int(size)))
		write(t, dir, map[string]string{name: content})
		add(name, content)
	}
	for _, at := range []int64{0, 8192, 300001, 600000, 999999} {
		name := fmt.Sprint("sparse-", at)
		write(t, dir, map[string]string{name: ""})
		require.NoError(t, os.Truncate(dir+"/"+name, 1000000))
		require.NoError(t, writeAt(dir+"/"+name, at, "x"))
		require.NoError(t, writeAt(dir+"/"+name, 500000, "middle"))
		b, err := os.ReadFile(dir + "/" + name)
		require.NoError(t, err)
		add(name, string(b))
	}
	for _, jobs := range []int{1, 4} {
		image, sum, list := captureEdited(t, dir, contents(t, edits), archive.Options{Codec: compress.None, Jobs: jobs})
		require.Empty(t, sum.Changed)
		require.Equal(t, want, contentsOf(t, image))
		for path, content := range want {
			require.Equal(t, digest(content), byPath(list)[path].SHA256, path)
		}
	}
}

// TestManyEdited takes more files than there are buffers to read them ahead, and
// gets the same bytes whoever read them.
func TestManyEdited(t *testing.T) {
	dir := t.TempDir()
	edits := map[string]rewrite{}
	for i := range 60 {
		name := fmt.Sprintf("f%02d", i)
		write(t, dir, map[string]string{name: strings.Repeat(name, 200000)})
		require.NoError(t, os.Link(dir+"/"+name, dir+"/g"+name))
		require.NoError(t, os.Link(dir+"/"+name, dir+"/h"+name))
		edits["./g"+name] = func(old []byte) ([]byte, error) {
			if string(old) != strings.Repeat(name, 200000) {
				return nil, errors.New("another content")
			}
			return []byte(name), nil
		}
	}
	first, sum, list := captureEdited(t, dir, contents(t, edits), archive.Options{Codec: compress.None, Jobs: 1})
	require.Empty(t, sum.Unreadable)
	for jobs := range 4 {
		image, _, _ := captureEdited(t, dir, contents(t, edits), archive.Options{Codec: compress.None, Jobs: jobs})
		require.True(t, bytes.Equal(first, image), "%d jobs", jobs)
	}
	members := byPath(list)
	for i := range 60 {
		name := fmt.Sprintf("f%02d", i)
		require.Equal(t, "./"+name, members["./h"+name].HardLink)
		require.Equal(t, digest(name), members["./g"+name].SHA256)
	}
}

// TestEditOf leaves what is not a regular file as it is, and applies the rules of what
// is edited and something else too.
func TestEditOf(t *testing.T) {
	roottest.NeedRoot(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"dir/in": "in", "file": "file", "boot/efi/loader": "loader", "skipped": "skipped", "unreadable": ""})
	require.NoError(t, os.Symlink("file", dir+"/link"))
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o644))
	require.NoError(t, unix.Mknod(dir+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	require.NoError(t, unix.Mknod(dir+"/sock", unix.S_IFSOCK|0o600, 0))
	require.NoError(t, unix.Setxattr(dir+"/boot/efi/loader", "user.x", []byte("y"), 0))
	plain, _, _ := capture(t, dir, archive.Options{Codec: compress.None})

	for _, f := range []rewrite{nil, shout} {
		edits := map[string]rewrite{}
		for _, path := range []string{"./dir", "./link", "./fifo", "./null", "./sock"} {
			edits[path] = f
		}
		plan := contents(t, edits)
		image, sum, _ := captureEdited(t, dir, plan, archive.Options{Codec: compress.None})
		require.Empty(t, sum.Unreadable)
		require.True(t, bytes.Equal(plain, image))
		require.Empty(t, plan.Edits())
		require.Len(t, plan.Unapplied(), len(edits))
	}

	plan := contents(t, map[string]rewrite{"./boot/efi/loader": shout, "./skipped": shout, "./new": shout})
	require.NoError(t, plan.AddFile("./new", 0o600, []byte("fresh")))
	require.NoError(t, plan.AddFile("./new-empty", 0, nil))
	image, sum, list := captureEdited(t, dir, plan, archive.Options{
		Codec: compress.None, Skip: map[entry.FileID]string{idOf(t, dir+"/skipped"): "on purpose"},
	})
	var unapplied []string
	for _, u := range plan.Unapplied() {
		unapplied = append(unapplied, u.Subject+": "+u.Reason)
	}
	slices.Sort(unapplied)
	require.Equal(t, []string{"./new: it is not there", "./skipped: it was not captured"}, unapplied, "what is added is what it is")
	require.Len(t, sum.Omitted, 2)
	content, members := contentsOf(t, image), byPath(list)
	require.Equal(t, "fresh", content["./new"])
	require.Equal(t, digest("fresh"), members["./new"].SHA256)
	require.Contains(t, content, "./new-empty")
	require.Equal(t, "edited loader", content["./boot/efi/loader"])
	require.Empty(t, members["./boot/efi/loader"].Xattrs)
}

// TestEditFails ends the capture, whoever read the file: nothing is left behind, and
// nothing that looks like an image.
func TestEditFails(t *testing.T) {
	bad := errors.New("no such thing")
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "a", "long": string(make([]byte, edit.MaxRewrite+1)), "z": "z"})
	require.NoError(t, os.WriteFile(dir+"/sparse", nil, 0o644))
	require.NoError(t, os.Truncate(dir+"/sparse", 1<<40))
	fail := func([]byte) ([]byte, error) { return nil, bad }
	for name, c := range map[string]struct {
		edits map[string]rewrite
		err   string
	}{
		"of rewrite": {map[string]rewrite{"./z": fail}, "rewrite ./z: no such thing"},
		"long":       {map[string]rewrite{"./long": shout}, "rewrite ./long: it has 1048577 bytes, and at most 1048576 are rewritten"},
		"sparse":     {map[string]rewrite{"./sparse": shout}, "rewrite ./sparse: it has 1099511627776 bytes, and at most 1048576 are rewritten"},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := rootfs.Open(dir)
			require.NoError(t, err)
			defer root.Close()
			settled(t, func() {
				sum, err := archive.Write(context.Background(), io.Discard, edit.NewTree(root, nil, contents(t, c.edits)), archive.Options{})
				require.EqualError(t, err, c.err)
				require.Nil(t, sum)
			})
		})
	}
}

// TestRewriteOfChangingFile rewrites a file that somebody writes to all the time: the
// edit is of what was read at last, and what did not hold still is told.
func TestRewriteOfChangingFile(t *testing.T) {
	const size = 300000
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/busy", bytes.Repeat([]byte{'a'}, size), 0o644))
	f, err := os.OpenFile(dir+"/busy", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			b := bytes.Repeat([]byte{'a' + byte(i%26)}, 5000)
			for at := 0; at < size; at += len(b) {
				if _, err := f.WriteAt(b, int64(at)); err != nil {
					t.Error(err)
					return
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(i%60) * time.Millisecond):
			}
		}
	})
	defer writer.Wait()
	defer close(stop)
	for range 10 {
		var old []byte
		calls := 0
		image, sum, list := captureEdited(t, dir, contents(t, map[string]rewrite{"./busy": func(b []byte) ([]byte, error) {
			old = bytes.Clone(b)
			calls++
			return shout(b)
		}}), archive.Options{Codec: compress.None})
		require.Equal(t, 1, calls)
		content := contentsOf(t, image)["./busy"]
		require.True(t, content == "edited "+string(old))
		require.Equal(t, digest(content), byPath(list)["./busy"].SHA256)
		if strings.Count(string(old), string(old[:1])) != size {
			require.Len(t, sum.Changed, 1, "it is torn and nobody says so")
		}
	}
}

// TestRemovedFirstName leaves out the name that would carry the data, whatever else
// is edited.
func TestRemovedFirstName(t *testing.T) {
	for _, size := range []int{10, 3 << 20} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"a": string(randomBytes(size))})
		for _, name := range []string{"b", "c", "d"} {
			require.NoError(t, os.Link(dir+"/a", dir+"/"+name))
		}
		plan := contents(t, map[string]rewrite{"./b": nil})
		require.NoError(t, plan.Remove("./a"))
		image, _, list := captureEdited(t, dir, plan, archive.Options{Codec: compress.None})
		out := extract(t, image)
		require.NoFileExists(t, out+"/a")
		require.Equal(t, idOf(t, out+"/c"), idOf(t, out+"/d"))
		require.NotEqual(t, idOf(t, out+"/b"), idOf(t, out+"/c"))
		run(t, nil, "cmp", dir+"/d", out+"/d")
		require.Equal(t, "./c", byPath(list)["./d"].HardLink)
		info, err := os.Stat(out + "/b")
		require.NoError(t, err)
		require.Zero(t, info.Size())
	}
}
