package archive_test

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// write makes files with a content.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(dir+"/"+name), 0o755))
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(content), 0o644))
	}
}

func idOf(t testing.TB, path string) entry.FileID {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(path, &st))
	return entry.FileID{Dev: st.Dev, Ino: st.Ino}
}

func byPath(members []entry.Member) map[string]entry.Member {
	all := map[string]entry.Member{}
	for _, m := range members {
		all[m.Path] = m
	}
	return all
}

// TestOmitted leaves out what is skipped, under all of its names, and sockets.
func TestOmitted(t *testing.T) {
	dir := roottest.Tree{
		"a": roottest.File("a"), "out": roottest.File("the image"), "y-again": roottest.Same("out"), "z": roottest.File("z"),
		"sock": roottest.Device(unix.S_IFSOCK, 0, 0), "dir": roottest.Dir(),
	}.Make(t)
	image, sum, members := capture(t, dir, archive.Options{Codec: compress.None, Skip: map[entry.FileID]string{
		idOf(t, dir+"/out"): "the image of this capture", idOf(t, dir+"/dir"): "directories are not skipped",
	}})
	require.Equal(t, []entry.Note{
		{Path: "./out", Reason: "the image of this capture"}, {Path: "./sock", Reason: "socket"}, {Path: "./y-again", Reason: "the image of this capture"},
	}, sum.Omitted)
	require.Equal(t, map[string]string{"./a": "a", "./z": "z"}, contentsOf(t, image))
	require.Contains(t, byPath(members), "./dir")
	require.EqualValues(t, 4, sum.Entries)
}

// TestHardLinks has names of an inode that are left out, or lie outside: the first
// name that is in the archive carries the data.
func TestHardLinks(t *testing.T) {
	top := t.TempDir()
	dir := top + "/root"
	roottest.Tree{
		"a": roottest.File("data"), "b": roottest.Same("a"), "c": roottest.Same("a"), "../elsewhere": roottest.Same("small-outside"),
		"big": roottest.File(string(randomBytes(3 << 20))), "big-again": roottest.Same("big"), "small-outside": roottest.File("outside"),
	}.MakeIn(t, dir)
	for range 5 {
		plan := &edit.Plan{}
		require.NoError(t, plan.Remove("./a"))
		image, sum, list := captureEdited(t, dir, plan, archive.Options{Codec: compress.None})
		require.Empty(t, sum.Unreadable)
		members := byPath(list)
		require.NotContains(t, members, "./a")
		require.Empty(t, members["./b"].HardLink)
		require.Equal(t, "./b", members["./c"].HardLink)
		require.Equal(t, digest("data"), members["./c"].SHA256)
		require.Equal(t, "./big", members["./big-again"].HardLink)
		require.Equal(t, members["./big"].SHA256, members["./big-again"].SHA256)
		require.Empty(t, members["./small-outside"].HardLink)
		content := contentsOf(t, image)
		require.Equal(t, "data", content["./b"])
		require.NotContains(t, content, "./c")
		require.Equal(t, "outside", content["./small-outside"])
	}
}

// TestFirstNameVanishes removes the name that is to carry the data.
func TestFirstNameVanishes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a-big": string(randomBytes(5 << 20)), "z1": "data"})
	require.NoError(t, os.Link(dir+"/z1", dir+"/z2"))
	for i := range 2000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/b-%04d", dir, i), nil, 0o644))
	}
	content, sum, members := during(t, dir, func() { require.NoError(t, os.Remove(dir+"/z1")) })
	require.Equal(t, []entry.Note{{Path: "./z1", Reason: "vanished before it was read"}}, sum.Changed)
	require.Equal(t, "data", content["./z2"])
	require.Empty(t, members["./z2"].HardLink)
}

// TestChangedBetweenNames writes to an inode after its first name is in the archive: the
// other is stored for itself, as it could be an inode that took the number of the first.
func TestChangedBetweenNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "first", "b-big": string(randomBytes(5 << 20))})
	for i := range 2000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/c-%04d", dir, i), nil, 0o644))
	}
	require.NoError(t, os.Link(dir+"/a", dir+"/z"))
	content, sum, members := during(t, dir, func() { require.NoError(t, os.WriteFile(dir+"/a", []byte("and more"), 0o644)) })
	require.Equal(t, []entry.Note{{Path: "./z", Reason: "is no longer what was read as ./a, and is stored for itself"}}, sum.Changed)
	require.Equal(t, "first", content["./a"])
	require.Equal(t, "and more", content["./z"])
	require.Empty(t, members["./z"].HardLink)
	require.Equal(t, digest("and more"), members["./z"].SHA256)
}

// TestShortContent captures files that give fewer bytes than their size, as those of
// sysfs do: what is zeros in the archive is told.
func TestShortContent(t *testing.T) {
	dir := "/sys/kernel/mm"
	_, err := os.Stat(dir)
	roottest.Need(t, err == nil, fmt.Sprint("a mounted sysfs: ", err))
	_, sum, members := capture(t, dir, archive.Options{})
	short := map[string]string{}
	for _, n := range sum.Changed {
		short[n.Path] = n.Reason
	}
	seen := 0
	for _, m := range members {
		if text, err := os.ReadFile(filepath.Join(dir, m.Path)); err == nil && m.Type == entry.File && int64(len(text)) < m.Size {
			seen++
			require.Regexp(t, `^ended at byte \d+ of 4096: zeros are in place of the rest$`, short[m.Path], m.Path)
		}
	}
	require.NotZero(t, seen)
}

// TestAdded puts names into the archive that are not in the tree.
func TestAdded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"b": "b"})
	plan := &edit.Plan{}
	require.NoError(t, plan.AddFile("./.autorelabel", 0o644, nil))
	require.NoError(t, plan.AddDir("./curtin", 0o755))
	require.NoError(t, plan.AddFile("./c", 0o600, []byte("new")))
	image, sum, list := captureEdited(t, dir, plan, archive.Options{Codec: compress.None})
	require.Empty(t, sum.Unreadable)
	members := byPath(list)
	require.Equal(t, digest(""), members["./.autorelabel"].SHA256)
	require.Equal(t, digest("new"), members["./c"].SHA256)
	require.Equal(t, map[string]string{"./.autorelabel": "", "./b": "b", "./c": "new"}, contentsOf(t, image))
	var names []string
	for _, h := range headersOf(t, image) {
		names = append(names, h.Name)
		if h.Name != "./b" {
			require.True(t, h.ModTime.Equal(headersOf(t, image)[0].ModTime), h.Name)
		}
	}
	require.Equal(t, []string{"./", "./.autorelabel", "./b", "./c", "./curtin/"}, names)
}

// TestESP ships what a vfat filesystem can hold of the EFI system partition.
func TestESP(t *testing.T) {
	roottest.NeedRoot(t)
	names := []string{"boot/efi/EFI/BOOT/BOOTX64.EFI", "boot/efi/big", "boot/efi/edge", "boot/efifoo", "boot/ef", "srv/boot/efi/x"}
	foreign := func(n roottest.Node) roottest.Node { return n.Owner(12, 34).Xattr("user.x", "y") }
	tree := roottest.Tree{
		"boot/efi": foreign(roottest.Dir()), "boot/efi/EFI": foreign(roottest.Dir()),
		"boot/efi/zz-again": roottest.Same("boot/efi/big"), "boot/efi/link-from-outside": roottest.Same("boot/ef"),
	}
	for _, n := range names {
		tree[n] = foreign(roottest.File(n))
	}
	tree["boot/efi/big"] = foreign(roottest.File(string(randomBytes(3 << 20))))
	dir := tree.Make(t)
	image, sum, list := capture(t, dir, archive.Options{Codec: compress.None})
	require.Empty(t, sum.Unreadable)
	members := byPath(list)
	headers := map[string]*tar.Header{}
	for _, h := range headersOf(t, image) {
		headers[strings.TrimSuffix(h.Name, "/")] = h
	}
	for _, n := range append(names, "boot/efi", "boot/efi/EFI") {
		h, m := headers["./"+n], members["./"+n]
		if n == "boot/efi" || strings.HasPrefix(n, "boot/efi/") {
			require.Zero(t, h.Uid+h.Gid, n)
			require.NotContains(t, h.PAXRecords, "SCHILY.xattr.user.x", n)
			require.Zero(t, m.UID+m.GID, n)
			require.Empty(t, m.Xattrs)
		} else {
			require.Equal(t, []int{12, 34}, []int{h.Uid, h.Gid}, n)
			require.Equal(t, "y", h.PAXRecords["SCHILY.xattr.user.x"], n)
		}
	}
	// There are no hard links on vfat either.
	for _, n := range []string{"./boot/efi/zz-again", "./boot/efi/link-from-outside"} {
		require.EqualValues(t, tar.TypeReg, headers[n].Typeflag, n)
		require.Empty(t, members[n].HardLink)
		require.EqualValues(t, 1, members[n].Nlink)
	}
	require.Equal(t, contentsOf(t, image)["./boot/efi/big"], contentsOf(t, image)["./boot/efi/zz-again"])
	require.Equal(t, "boot/ef", contentsOf(t, image)["./boot/efi/link-from-outside"])
}

// TestExabytes captures files that nobody could read, had they not holes.
func TestExabytes(t *testing.T) {
	dir := tmpfs(t)
	const size = 7 << 60
	f, err := os.Create(dir + "/exabytes")
	require.NoError(t, err)
	require.NoError(t, f.Truncate(size))
	_, err = f.WriteAt([]byte("island"), 3<<60)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(dir+"/hole", nil, 0o600))
	require.NoError(t, os.Truncate(dir+"/hole", size))

	progress := &archive.Progress{}
	image, sum, list := capture(t, dir, archive.Options{Codec: compress.None, Progress: progress})
	require.Empty(t, sum.Unreadable)
	require.Empty(t, sum.Changed)
	require.Less(t, len(image), 64<<10)
	require.LessOrEqual(t, progress.Bytes.Load(), int64(os.Getpagesize()))
	require.EqualValues(t, 3, progress.Entries.Load())
	m := byPath(list)["./exabytes"]
	require.EqualValues(t, size, m.Size)
	require.Nil(t, m.SHA256)
	require.Len(t, m.SparseSHA256, 32)
	headers := headersOf(t, image)
	require.EqualValues(t, size, headers[1].Size)
	require.Equal(t, m.SparseSHA256, byPath(members(t, image))["./exabytes"].SparseSHA256)

	out := tmpfs(t)
	run(t, image, "tar", "-Sxpf", "-", "--numeric-owner", "-C", out)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(out+"/exabytes", &st))
	require.EqualValues(t, size, st.Size)
	require.LessOrEqual(t, st.Blocks, int64(16))
	f, err = os.Open(out + "/exabytes")
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 6)
	_, err = f.ReadAt(b, 3<<60)
	require.NoError(t, err)
	require.Equal(t, "island", string(b))
}

// tmpfs is a directory of a filesystem whose files may be of nearly 8 EiB.
func tmpfs(t testing.TB) string {
	t.Helper()
	const magic = 0x01021994
	var st unix.Statfs_t
	err := unix.Statfs("/dev/shm", &st)
	if err == nil && st.Type == magic {
		dir, err := os.MkdirTemp("/dev/shm", "archive-test-")
		if err == nil {
			t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
			return dir
		}
	}
	roottest.Need(t, false, "a tmpfs at /dev/shm")
	return ""
}

// TestHashedHoles looks at which digest a sparse file gets, and takes it by another
// tool.
func TestHashedHoles(t *testing.T) {
	dir := t.TempDir()
	const page = 4096
	for name, holes := range map[string]int64{"below": entry.MaxHashedHoles - page, "at": entry.MaxHashedHoles, "above": entry.MaxHashedHoles + page} {
		write(t, dir, map[string]string{name: strings.Repeat("x", page)})
		require.NoError(t, os.Truncate(dir+"/"+name, page+holes))
	}
	_, _, list := capture(t, dir, archive.Options{Codec: compress.None})
	for _, m := range list[1:] {
		if m.Path == "./above" {
			require.Nil(t, m.SHA256)
			text := fmt.Sprintf("2\n0\n%d\n%d\n0\n", page, page+entry.MaxHashedHoles+page)
			text += strings.Repeat("\x00", 512-len(text))
			require.Equal(t, digest(text+strings.Repeat("x", page)), m.SparseSHA256)
			continue
		}
		require.Nil(t, m.SparseSHA256)
		require.Equal(t, fmt.Sprintf("%x", m.SHA256), strings.Fields(run(t, nil, "sha256sum", dir+"/"+m.Path))[0], m.Path)
	}
}
