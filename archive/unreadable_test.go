package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

// childEnv names the tree that a test captures in a process of its own; see child.
const childEnv = "ARCHIVE_TEST_TREE"

// child runs the named test again, in a process of its own that finds dir in
// childEnv, and decodes the one line of JSON that it prints after a mark.
func child(t testing.TB, test, dir string, cred *syscall.Credential, result any) {
	t.Helper()
	// Not by its path: that leads through directories of this user only.
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+test+"$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, line, ok := strings.Cut(string(out), childMark)
	require.True(t, ok, "%s", out)
	line, _, _ = strings.Cut(line, "\n")
	require.NoError(t, json.Unmarshal([]byte(line), result), line)
}

const childMark = "\x02result "

func answer(t testing.TB, result any) {
	b, err := json.Marshal(result)
	require.NoError(t, err)
	fmt.Printf("%s%s\n", childMark, b)
}

type outcome struct {
	Err     string
	Sum     *archive.Summary
	Content map[string]string
	Names   []string
}

// TestUnreadable captures as a user who may not read everything.
func TestUnreadable(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		root, err := rootfs.Open(dir)
		require.NoError(t, err)
		defer root.Close()
		var out bytes.Buffer
		o := outcome{}
		o.Sum, err = archive.Write(context.Background(), &out, edit.NewTree(root, nil, nil), archive.Options{Codec: compress.None, Member: func(m *entry.Member) error {
			o.Names = append(o.Names, m.Path)
			return nil
		}})
		if err != nil {
			o.Err = err.Error()
		} else {
			o.Content = contentsOf(t, out.Bytes())
		}
		answer(t, o)
		return
	}
	roottest.NeedRoot(t)
	dir := tmpfs(t)
	require.NoError(t, os.Chmod(dir, 0o755))
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	write(t, dir, map[string]string{
		"a": "a", "b-secret": "s", "c-linked": "linked", "dir/secret": "s", "listed/x": "x", "z": "z", "zz-big": string(randomBytes(2 << 20)),
	})
	require.NoError(t, os.Link(dir+"/c-linked", dir+"/d-linked"))
	require.NoError(t, os.Chmod(dir+"/b-secret", 0o600))
	require.NoError(t, os.Chmod(dir+"/c-linked", 0))
	require.NoError(t, os.Chmod(dir+"/zz-big", 0o600))
	require.NoError(t, os.Chmod(dir+"/dir", 0o700))
	require.NoError(t, os.Chmod(dir+"/listed", 0o744)) // its names can be listed, what they name cannot be reached

	var o outcome
	child(t, "TestUnreadable", dir, nobody, &o)
	require.Empty(t, o.Err)
	require.Equal(t, []entry.Note{
		{Path: "./b-secret", Reason: "open: permission denied"},
		{Path: "./c-linked", Reason: "open: permission denied"},
		{Path: "./d-linked", Reason: "open: permission denied"},
		{Path: "./dir", Reason: "open: permission denied"},
		{Path: "./listed/x", Reason: "open: permission denied"},
		{Path: "./zz-big", Reason: "open: permission denied"},
	}, o.Sum.Unreadable)
	require.Empty(t, o.Sum.Changed)
	require.Equal(t, []string{".", "./a", "./dir", "./listed", "./z"}, o.Names)
	require.Equal(t, map[string]string{"./a": "a", "./z": "z"}, o.Content)

	// The root itself.
	require.NoError(t, os.Chmod(dir, 0o711))
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnreadable$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "permission denied")
}

// cutOff mounts a filesystem with one file, of parts with holes of a MiB between
// them, on a disk that ends where block number block of the file is: from there on,
// reading fails with EIO.
func cutOff(t *testing.T, block int, parts ...[]byte) string {
	t.Helper()
	top := t.TempDir()
	disk, dir := filepath.Join(top, "disk"), filepath.Join(top, "mounted")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(disk, nil, 0o600))
	require.NoError(t, os.Truncate(disk, 64<<20))
	mount := func() error {
		out, err := exec.Command("mount", "-o", "loop", disk, dir).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	}
	err := exec.Command("mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "^has_journal", "-E", "lazy_itable_init=0", disk).Run()
	if err == nil {
		err = mount()
	}
	roottest.Need(t, err == nil, fmt.Sprint("mkfs.ext4 and loop devices: ", err))
	err = os.WriteFile(dir+"/file", nil, 0o644)
	at := int64(0)
	for _, p := range parts {
		err = errors.Join(err, writeAt(dir+"/file", at, string(p)))
		at += int64(len(p)) + 1<<20
	}
	f, oerr := os.Open(dir)
	require.NoError(t, errors.Join(err, oerr))
	err = errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
	require.NoError(t, unix.Unmount(dir, 0))
	require.NoError(t, err)
	// While another mount namespace has the mount too, unmounting writes nothing out, and
	// what is in the page cache stays there: a copy of the disk is another disk.
	data, err := os.ReadFile(disk)
	require.NoError(t, err)
	disk += "-copy"
	require.NoError(t, os.WriteFile(disk, data, 0o600))

	out, err := exec.Command("debugfs", "-R", fmt.Sprintf("bmap file %d", block), disk).Output()
	roottest.Need(t, err == nil, "debugfs")
	at, err = strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	require.NoError(t, err)
	require.NoError(t, mount())
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	require.NoError(t, os.WriteFile(dir+"/other", nil, 0o644))
	require.NoError(t, os.RemoveAll(dir+"/lost+found"))
	require.NoError(t, os.Truncate(disk, at*4096))
	return dir
}

// TestReadError reads from a disk with errors: a small file is left out, a big one,
// whose header is out, goes on with zeros.
func TestReadError(t *testing.T) {
	roottest.NeedRoot(t)
	t.Run("small", func(t *testing.T) {
		dir := cutOff(t, 2, randomBytes(100<<10))
		image, sum, members := capture(t, dir, archive.Options{Codec: compress.None})
		require.Equal(t, []entry.Note{{Path: "./file", Reason: "read: input/output error"}}, sum.Unreadable)
		require.NotContains(t, byPath(members), "./file")
		require.Equal(t, map[string]string{"./other": ""}, contentsOf(t, image))
	})
	t.Run("big", func(t *testing.T) {
		const size, good = 8 << 20, 1000 * 4096
		dir := cutOff(t, good/4096, randomBytes(size))
		image, sum, members := capture(t, dir, archive.Options{Codec: compress.None})
		require.Len(t, sum.Unreadable, 1)
		note := sum.Unreadable[0]
		require.Equal(t, "./file", note.Path)
		var at int
		_, err := fmt.Sscanf(note.Reason, "zeros are in place of what follows byte %d: read: input/output error", &at)
		require.NoError(t, err, note.Reason)
		require.LessOrEqual(t, at, good)
		require.Positive(t, at, "nothing at all was read")
		content := contentsOf(t, image)
		want := randomBytes(size)
		clear(want[at:])
		require.True(t, string(want) == content["./file"])
		require.Equal(t, digest(content["./file"]), byPath(members)["./file"].SHA256)
		require.Contains(t, content, "./other")
	})
	t.Run("big, with holes", func(t *testing.T) {
		const part = 4 << 20
		dir := cutOff(t, 500, randomBytes(part), randomBytes(part), randomBytes(part))
		image, sum, _ := capture(t, dir, archive.Options{Codec: compress.None})
		require.Len(t, sum.Unreadable, 1, "told once for each run of data")
		content := contentsOf(t, image)["./file"]
		require.Len(t, content, 3*part+2<<20)
		require.Equal(t, strings.Repeat("\x00", len(content)-500*4096), content[500*4096:])
	})
}
