package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

func capture(t testing.TB, dir string, opt archive.Options) ([]byte, *archive.Summary, []entry.Member) {
	t.Helper()
	return captureEdited(t, dir, nil, opt)
}

// captureEdited captures with a plan; nil for none.
func captureEdited(t testing.TB, dir string, plan *edit.Plan, opt archive.Options) ([]byte, *archive.Summary, []entry.Member) {
	t.Helper()
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var members []entry.Member
	opt.Member = func(m *entry.Member) error { members = append(members, *m); return nil }
	var out bytes.Buffer
	sum, err := archive.Write(context.Background(), &out, edit.NewTree(root, nil, plan), opt)
	require.NoError(t, err)
	return out.Bytes(), sum, members
}

// run runs a tool that we did not write and returns what it prints.
func run(t testing.TB, stdin []byte, name string, args ...string) string {
	t.Helper()
	_, err := exec.LookPath(name)
	roottest.Need(t, err == nil, name)
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	require.NoError(t, cmd.Run(), "%s %s\n%s%s", name, strings.Join(args, " "), stdout.String(), stderr.String())
	return stdout.String() + stderr.String()
}

// extract unpacks an image as deployers do and returns the directory.
func extract(t testing.TB, tar []byte) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.Mkdir(out, 0o700))
	run(t, tar, "tar", "--xattrs", "--xattrs-include=*", "-Sxpf", "-", "--numeric-owner", "-C", out)
	return out
}

// TestHostileTree unpacks as deployers do and compares with rsync, which sees
// everything but holes.
func TestHostileTree(t *testing.T) {
	dir := roottest.Hostile(t)
	for name, codec := range map[string]compress.Codec{"tgz": compress.Gzip, "tar-zst": compress.Zstd, "tar": compress.None} {
		t.Run(name, func(t *testing.T) {
			image, sum, _ := capture(t, dir, archive.Options{Codec: codec})
			require.Empty(t, sum.Omitted)
			require.Empty(t, sum.Unreadable)
			require.Empty(t, sum.Changed)
			require.EqualValues(t, len(image), sum.Size)
			tar := image
			switch codec {
			case compress.Gzip:
				run(t, image, "gzip", "-t")
				tar = []byte(run(t, image, "gzip", "-dc"))
			case compress.Zstd:
				run(t, image, "zstd", "-tq")
				tar = []byte(run(t, image, "zstd", "-dcq"))
			}
			require.EqualValues(t, len(tar), sum.Unpacked)

			out := extract(t, tar)
			require.Empty(t, run(t, nil, "rsync", "-naHAXSi", "-@-1", "-c", "--delete", "--numeric-ids", "--exclude=/sparse/nine-gib", dir+"/", out+"/"))
			if codec == compress.None {
				require.Equal(t, attributes(t, dir), attributes(t, out))
				require.Equal(t, headAndTail(t, dir+"/sparse/nine-gib"), headAndTail(t, out+"/sparse/nine-gib"))
				sameHoles(t, dir, out)
			}
		})
	}
}

// attributes are what tools other than rsync see of a tree.
func attributes(t *testing.T, dir string) map[string]string {
	in := func(args ...string) string {
		return run(t, nil, "sh", append([]string{"-c", "cd \"$0\" && " + args[0], dir}, args[1:]...)...)
	}
	return map[string]string{
		"capabilities": in("getcap -r . 2>&1 | sort"),
		"ACLs":         in("find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0 getfacl -n -p"),
		"xattrs":       in("find . -print0 | LC_ALL=C sort -z | xargs -0 getfattr -d -m - -h -e hex"),
		"inodes":       in("find . -print0 | LC_ALL=C sort -z | xargs -0 stat -c '%n|%N|%A|%u|%g|%s|%.9Y|%h|%t|%T' | sed '/^[.]|/s/.*//' "),
		"links":        in("find . ! -type d -links +1 -printf '%n %p\\n' | LC_ALL=C sort"),
	}
}

// headAndTail are the ends of a file too big to read.
func headAndTail(t *testing.T, path string) string {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	st, err := f.Stat()
	require.NoError(t, err)
	b := make([]byte, 8192)
	_, err = f.ReadAt(b[:4096], 0)
	require.NoError(t, err)
	_, err = f.ReadAt(b[4096:], st.Size()-4096)
	require.NoError(t, err)
	return fmt.Sprint(st.Size(), string(b))
}

// sameHoles wants every file of out to take no more blocks than in dir, but for one
// page at each end of a run.
func sameHoles(t *testing.T, dir, out string) {
	files := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "sparse"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		var a, b unix.Stat_t
		require.NoError(t, unix.Lstat(path, &a))
		require.NoError(t, unix.Lstat(filepath.Join(out, rel), &b))
		require.LessOrEqual(t, b.Blocks, a.Blocks+8*8, rel)
		require.Less(t, b.Blocks*512, b.Size, "%s has no holes", rel)
		files++
		return nil
	}))
	require.Equal(t, 9, files)
}

// TestHostileTreeByBsdtar has bsdtar restore what it can, and complain of nothing.
func TestHostileTreeByBsdtar(t *testing.T) {
	dir := roottest.Hostile(t)
	image, _, _ := capture(t, dir, archive.Options{Codec: compress.Zstd})
	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.Mkdir(out, 0o700))
	require.Empty(t, run(t, image, "bsdtar", "-xpf", "-", "--numeric-owner", "-C", out))

	// Known of bsdtar 3.6: it does not decode "%25" in the name of an xattr, takes a
	// fraction of a second before the epoch for one after it, and leaves the time of
	// the directory that it unpacks into.
	name := "user.eq=ual%name"
	require.NoError(t, unix.Lsetxattr(out+"/xattrs/user", name, []byte("x"), 0))
	_ = unix.Lremovexattr(out+"/xattrs/user", "user.eq%3Dual%25name")
	ts := []unix.Timespec{{Sec: -2, Nsec: 5e8}, {Sec: -2, Nsec: 5e8}}
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, out+"/times/before-epoch", ts, 0))
	top, err := os.Stat(dir)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(out, top.ModTime(), top.ModTime()))

	require.Empty(t, run(t, nil, "rsync", "-naHAXSi", "-@-1", "-c", "--delete", "--numeric-ids", "--exclude=/sparse/nine-gib", dir+"/", out+"/"))
	require.Equal(t, attributes(t, dir)["ACLs"], attributes(t, out)["ACLs"])
	sameHoles(t, dir, out)
}

// TestInodeFlags finds what chattr(1) sets in the archive, and bsdtar restores it.
func TestInodeFlags(t *testing.T) {
	roottest.NeedRoot(t)
	_, err := exec.LookPath("chattr")
	roottest.Need(t, err == nil, "chattr")
	dir := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(dir, 0o755))
	want := map[string]string{}
	for flag, word := range map[string]string{"i": "schg", "a": "sappnd", "d": "nodump", "ia": "schg,sappnd"} {
		name := dir + "/" + flag
		require.NoError(t, os.WriteFile(name, []byte(flag), 0o600))
		if exec.Command("chattr", "+"+flag, name).Run() != nil {
			roottest.Need(t, false, "a filesystem with chattr flags below TMPDIR")
		}
		t.Cleanup(func() { _ = exec.Command("chattr", "-ia", name).Run() })
		want["./"+flag] = word
	}
	image, sum, _ := capture(t, dir, archive.Options{Codec: compress.None})
	require.Empty(t, sum.Unreadable)
	got := map[string]string{}
	for _, h := range headersOf(t, image) {
		if v := h.PAXRecords["SCHILY.fflags"]; v != "" {
			got[h.Name] = v
		}
	}
	require.Equal(t, want, got)

	out := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.Mkdir(out, 0o700))
	t.Cleanup(func() { _ = exec.Command("chattr", "-R", "-ia", out).Run() })
	require.Empty(t, run(t, image, "bsdtar", "-xpf", "-", "--numeric-owner", "-C", out))
	flags := func(dir string) string { return run(t, nil, "sh", "-c", "cd \"$0\" && lsattr -a . | sort -k2", dir) }
	require.Equal(t, flags(dir), flags(out))
}
