package rootfs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// getfattr reads the attributes of everything in a directory by getfattr(1).
func getfattr(t *testing.T, dir string) map[string][]entry.Xattr {
	t.Helper()
	_, err := exec.LookPath("getfattr")
	roottest.Need(t, err == nil, "getfattr")
	cmd := exec.Command("getfattr", "-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", ".")
	cmd.Dir = dir
	out, err := cmd.Output()
	require.NoError(t, err)
	all := map[string][]entry.Xattr{}
	var path string
	// getfattr writes what is odd in a name as \ooo.
	unquote := func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' {
				n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
				require.NoError(t, err)
				b.WriteByte(byte(n))
				i += 3
				continue
			}
			b.WriteByte(s[i])
		}
		return b.String()
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		if name, ok := strings.CutPrefix(line, "# file: "); ok {
			path = unquote(name)
			if path != "." {
				path = "./" + path
			}
			continue
		}
		if line == "" {
			continue
		}
		i := strings.LastIndex(line, "=0x")
		name, value := line, ""
		if i >= 0 {
			name, value = line[:i], line[i+3:]
		}
		raw, err := hex.DecodeString(value)
		require.NoError(t, err, line)
		all[path] = append(all[path], entry.Xattr{Name: strings.TrimSuffix(unquote(name), `=""`), Value: string(raw)})
	}
	for _, list := range all {
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	}
	return all
}

func TestXattrs(t *testing.T) {
	dir := roottest.Hostile(t)
	want := getfattr(t, dir)
	require.Contains(t, want, "./xattrs/link")
	require.Contains(t, want, "./xattrs")
	_, all := walk(t, open(t, dir), WalkOptions{})
	for path, s := range all {
		require.NoError(t, s.lost)
		require.Equal(t, want[path], s.entry.Xattrs, "%q", path)
		delete(want, path)
	}
	require.Empty(t, want)
}

func TestXattrsOfDevices(t *testing.T) {
	roottest.NeedRoot(t)
	dir := made(t)
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o600))
	require.NoError(t, unix.Mknod(dir+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	require.NoError(t, unix.Mknod(dir+"/socket", unix.S_IFSOCK|0o666, 0))
	for _, name := range []string{"fifo", "null", "socket"} {
		require.NoError(t, unix.Lsetxattr(dir+"/"+name, "trusted.kind", []byte(name), 0))
	}
	_, all := walk(t, open(t, dir), WalkOptions{})
	for _, name := range []string{"fifo", "null", "socket"} {
		require.Equal(t, []entry.Xattr{{Name: "trusted.kind", Value: name}}, all["./"+name].entry.Xattrs)
	}
}

// More names, and longer values, than the buffer takes that is tried first.
func TestXattrsManyAndLarge(t *testing.T) {
	privateMounts(t)
	dir := made(t)
	// A filesystem whose attributes may be as large as the kernel allows.
	mount(t, "tmpfs", dir, "tmpfs", 0, "")
	if unix.Lsetxattr(dir, "trusted.probe", nil, 0) != nil {
		roottest.Need(t, false, "xattrs on tmpfs")
	}
	fill(t, dir, "many", "large", "empty")
	var want []entry.Xattr
	for i := range 500 {
		x := entry.Xattr{Name: fmt.Sprintf("trusted.%03d.%s", i, strings.Repeat("n", 40)), Value: strconv.Itoa(i)}
		want = append(want, x)
		require.NoError(t, unix.Lsetxattr(dir+"/many", x.Name, []byte(x.Value), 0))
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 64<<10/16)
	require.NoError(t, unix.Lsetxattr(dir+"/large", "trusted.large", large, 0))
	require.NoError(t, unix.Lsetxattr(dir+"/large", "trusted.after", []byte("x"), 0))
	require.NoError(t, unix.Lsetxattr(dir+"/empty", "trusted.empty", nil, 0))
	_, all := walk(t, open(t, dir), WalkOptions{})
	require.Equal(t, want, all["./many"].entry.Xattrs)
	require.Equal(t, []entry.Xattr{{Name: "trusted.after", Value: "x"}, {Name: "trusted.large", Value: string(large)}}, all["./large"].entry.Xattrs)
	require.Equal(t, []entry.Xattr{{Name: "trusted.empty", Value: ""}}, all["./empty"].entry.Xattrs)
}

// fakeXattrs answers as the kernel does.
type fakeXattrs struct {
	names  string
	values map[string]string
	fail   map[string]error // by name; "" is the listing
	grow   func()           // called when a size was told
}

func (f *fakeXattrs) answer(text string, b []byte) (int, error) {
	if b == nil {
		n := len(text)
		if f.grow != nil {
			f.grow()
		}
		return n, nil
	}
	if len(text) > len(b) {
		return 0, unix.ERANGE
	}
	return copy(b, text), nil
}

func (f *fakeXattrs) calls() xattrCalls {
	return xattrCalls{
		list: func(b []byte) (int, error) {
			if err := f.fail[""]; err != nil {
				return 0, err
			}
			return f.answer(f.names, b)
		},
		get: func(name string, b []byte) (int, error) {
			if err := f.fail[name]; err != nil {
				return 0, err
			}
			return f.answer(f.values[name], b)
		},
	}
}

func TestXattrAnswers(t *testing.T) {
	t.Run("grows between the calls", func(t *testing.T) {
		f := &fakeXattrs{names: "user.a\x00", values: map[string]string{"user.a": strings.Repeat("x", 5000)}}
		times := 0
		f.grow = func() {
			if times++; times < 4 {
				f.values["user.a"] += strings.Repeat("y", 5000)
			}
		}
		var e entry.Entry
		require.NoError(t, (&Root{}).readXattrs(f.calls(), &e))
		require.Equal(t, []entry.Xattr{{Name: "user.a", Value: f.values["user.a"]}}, e.Xattrs)
		require.Equal(t, 4, times)
	})
	t.Run("interrupted", func(t *testing.T) {
		tries := 0
		b, err := growing(make([]byte, 9), func(b []byte) (int, error) {
			if tries++; tries == 1 {
				return 0, unix.EINTR
			}
			return copy(b, "ok"), nil
		})
		require.NoError(t, err)
		require.Equal(t, "ok", string(b))
	})
	t.Run("lost", func(t *testing.T) {
		f := &fakeXattrs{
			names:  "user.c\x00user.gone\x00user.a\x00security.secret\x00user.b\x00",
			values: map[string]string{"user.a": "1", "user.b": "2", "user.c": "3"},
			fail:   map[string]error{"user.gone": unix.ENODATA, "security.secret": unix.EPERM, "user.b": unix.EIO},
		}
		e := entry.Entry{Path: "./x", Type: entry.File}
		err := (&Root{}).readXattrs(f.calls(), &e)
		require.ErrorIs(t, err, unix.EPERM)
		require.ErrorIs(t, err, unix.EIO)
		require.NotErrorIs(t, err, unix.ENODATA)
		require.ErrorContains(t, err, "read xattr security.secret of ./x: ")
		require.Equal(t, []entry.Xattr{{Name: "user.a", Value: "1"}, {Name: "user.c", Value: "3"}}, e.Xattrs)
	})
	t.Run("cannot be listed", func(t *testing.T) {
		f := &fakeXattrs{fail: map[string]error{"": unix.E2BIG}}
		err := (&Root{}).readXattrs(f.calls(), &entry.Entry{Path: "./x"})
		require.EqualError(t, err, "list xattrs of ./x: argument list too long")
	})
	t.Run("not supported", func(t *testing.T) {
		r := &Root{}
		none := &fakeXattrs{fail: map[string]error{"": unix.ENOTSUP}}
		some := &fakeXattrs{names: "user.a\x00", values: map[string]string{"user.a": "1"}}
		e := entry.Entry{Type: entry.Symlink, ID: entry.FileID{Dev: 7}}
		require.NoError(t, r.readXattrs(none.calls(), &e))
		e.Type = entry.File
		require.NoError(t, r.readXattrs(some.calls(), &e))
		require.Len(t, e.Xattrs, 1, "a link says nothing about files")
		require.NoError(t, r.readXattrs(none.calls(), &e))
		require.Empty(t, e.Xattrs)
		broken := &fakeXattrs{fail: map[string]error{"": errors.New("asked again")}}
		require.NoError(t, r.readXattrs(broken.calls(), &e), "it is remembered of the device")
		e.ID.Dev = 8
		require.Error(t, r.readXattrs(broken.calls(), &e))
	})
}

// A filesystem without attributes, by nature or by mount option.
func TestXattrsNotSupported(t *testing.T) {
	privateMounts(t)
	dir := made(t)
	mount(t, "ramfs", dir, "ramfs", 0, "")
	fill(t, dir, "file", "d/x")
	require.NoError(t, os.Symlink("x", dir+"/link"))
	_, all := walk(t, open(t, dir), WalkOptions{})
	require.Len(t, all, 5)
	for _, s := range all {
		require.NoError(t, s.err)
		require.NoError(t, s.lost)
		require.Empty(t, s.entry.Xattrs)
	}
}
