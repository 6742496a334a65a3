package imagefs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/image/imagefs"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// run runs a tool that we did not write. Its exit status counts when strict.
func run(t testing.TB, strict bool, dir string, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	_, err := exec.LookPath(name)
	roottest.Need(t, err == nil, name)
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if strict || !errors.As(err, &exit) {
		require.NoError(t, err, "%s %s\n%s", name, args, stderr.String())
	}
	return stdout.Bytes()
}

// write writes a tree as our own images are.
func write(t testing.TB, dir string, codec compress.Codec) []byte {
	t.Helper()
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var out bytes.Buffer
	_, err = archive.Write(t.Context(), &out, edit.NewTree(root, nil, nil), archive.Options{Codec: codec})
	require.NoError(t, err)
	return out.Bytes()
}

func read(t testing.TB, img io.Reader, opt imagefs.Options) (*imagefs.FS, error) {
	t.Helper()
	r, err := image.NewReader(img)
	require.NoError(t, err)
	defer r.Close()
	return imagefs.Read(t.Context(), r, opt)
}

// digest hashes up to a bound.
func digest(most int64) func(io.Reader) any {
	return func(content io.Reader) any {
		b, err := io.ReadAll(io.LimitReader(content, most))
		if err != nil {
			return err
		}
		return sha256.Sum256(b)
	}
}

// made is what was made of the content of a file.
func made(t testing.TB, img *imagefs.FS, name string) any {
	t.Helper()
	info, err := img.Lstat(name)
	require.NoError(t, err)
	d, ok := info.Sys().(interface{ Digest() any })
	if !ok {
		require.Nil(t, info.Sys())
		return nil
	}
	return d.Digest()
}

const (
	keep  = 50000   // bytes of each file that the tests keep
	drunk = 1 << 20 // bytes that a digest takes
)

var attrs = []string{"security.selinux", "security.capability", "user.big", "trusted.on-a-dir"}

// everything asks for the start and a digest of each file.
func everything(name string, m *entry.Member) imagefs.Interest {
	return imagefs.Interest{Content: keep, Make: digest(drunk)}
}

// same holds a file system against one that was extracted.
func same(t testing.TB, want *rootfs.View, got *imagefs.FS, dir string) {
	t.Helper()
	names := 0
	var walk func(name string)
	walk = func(name string) {
		names++
		a, err := want.Lstat(name)
		require.NoError(t, err, "%q", name)
		b, err := got.Lstat(name)
		require.NoError(t, err, "%q", name)
		require.Equal(t, a.Name(), b.Name())
		require.Equal(t, a.Mode(), b.Mode(), "%q", name)
		require.Equal(t, a.Size(), b.Size(), "%q", name)
		for _, attr := range attrs {
			v := make([]byte, 4096)
			n, err := unix.Lgetxattr(filepath.Join(dir, name), attr, v)
			have, herr := got.Xattr(name, attr)
			if err != nil {
				require.ErrorIs(t, herr, fs.ErrNotExist, "%q %s", name, attr)
				continue
			}
			require.NoError(t, herr)
			require.Equal(t, v[:n], have, "%q %s", name, attr)
		}
		switch {
		case a.IsDir():
			la, err := want.ReadDir(name)
			require.NoError(t, err)
			lb, err := got.ReadDir(name)
			require.NoError(t, err)
			require.Equal(t, len(la), len(lb), "%q", name)
			for i := range la {
				require.Equal(t, la[i].Name(), lb[i].Name())
				walk(path.Join(name, la[i].Name()))
			}
		case a.Mode()&fs.ModeSymlink != 0:
			la, err := want.ReadLink(name)
			require.NoError(t, err)
			lb, err := got.ReadLink(name)
			require.NoError(t, err)
			require.Equal(t, la, lb)
		case a.Mode().IsRegular():
			f, err := want.Open(name)
			require.NoError(t, err)
			content, err := io.ReadAll(io.LimitReader(f, drunk))
			require.NoError(t, err)
			require.NoError(t, f.Close())
			kept, err := fs.ReadFile(got, name)
			if len(content) > keep {
				require.ErrorIs(t, err, imagefs.ErrNotKept)
				require.ErrorContains(t, err, "only the first 50000 bytes")
				content, kept = append([]byte{}, content...), append(kept, content[keep:]...)
			} else {
				require.NoError(t, err)
			}
			require.True(t, bytes.Equal(content, kept), "%q", name)
			require.Equal(t, sha256.Sum256(content), made(t, got, name), "%q", name)
		default:
			_, err := got.Open(name)
			require.ErrorIs(t, err, fs.ErrInvalid)
		}
	}
	walk(".")
	require.EqualValues(t, names, got.Entries())
	require.Zero(t, got.Forgotten())
}

// TestSeesWhatIsExtracted holds images of all compressions, made by several tars,
// against what GNU tar extracts from them.
func TestSeesWhatIsExtracted(t *testing.T) {
	dir := roottest.Hostile(t)
	for _, name := range []string{"1.048575ms", "1.048576ms", "1.048577ms", "8.388615ms"} { // these sizes make it slow
		require.NoError(t, os.Remove(filepath.Join(dir, "sizes", name)))
	}
	gnu := []string{"--xattrs", "--xattrs-include=*", "--sparse", "--numeric-owner", "-cf", "-"}
	for name, make := range map[string]func() []byte{
		"ours": func() []byte { return write(t, dir, compress.None) },
		"gnu tar posix": func() []byte {
			return run(t, true, dir, nil, "tar", append(gnu, "--format=posix", ".")...)
		},
		"gnu tar gnu": func() []byte {
			return run(t, true, dir, nil, "tar", "--sparse", "--numeric-owner", "--format=gnu", "-cf", "-", ".")
		},
		"gnu tar ustar": func() []byte {
			return run(t, false, dir, nil, "tar", "--exclude=nine-gib", "--numeric-owner", "--format=ustar", "-cf", "-", ".")
		},
		"gnu tar without directories": func() []byte {
			list := run(t, true, dir, nil, "find", ".", "-mindepth", "2", "!", "-type", "d", "-print0")
			return run(t, true, dir, list, "tar", append(gnu, "--format=posix", "--no-recursion", "--null", "-T", "-")...)
		},
		"bsdtar pax": func() []byte {
			return run(t, true, dir, nil, "bsdtar", "--format=pax", "--numeric-owner", "-cf", "-", ".")
		},
		"bsdtar ustar": func() []byte {
			return run(t, false, dir, nil, "bsdtar", "--exclude=nine-gib", "--format=ustar", "--numeric-owner", "-cf", "-", ".")
		},
		"busybox tar": func() []byte {
			return run(t, true, filepath.Join(dir, "links"), nil, "busybox", "tar", "-cf", "-", ".", "../modes", "../names/plain", "../dev")
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := make()
			if name == "busybox tar" {
				plain = run(t, true, dir, nil, "busybox", "tar", "-cf", "-", "links", "modes", "names", "dev", "xattrs", "times", "fit")
			}
			out := t.TempDir()
			require.NoError(t, os.Chmod(out, 0o755))
			run(t, true, "/", plain, "tar", "--xattrs", "--xattrs-include=*", "-Sxpf", "-", "--numeric-owner", "-C", out)
			root, err := rootfs.Open(out)
			require.NoError(t, err)
			defer root.Close()
			for codec, img := range map[string][]byte{
				"none": plain, "gzip": run(t, true, "/", plain, "gzip", "-1c"), "zstd": run(t, true, "/", plain, "zstd", "-qc"),
				"xz": run(t, true, "/", plain, "xz", "-0c"), "bzip2": run(t, true, "/", plain, "bzip2", "-1c"),
			} {
				got, err := read(t, bytes.NewReader(img), imagefs.Options{Interest: everything, Xattrs: attrs})
				require.NoError(t, err, codec)
				same(t, root.FS(), got, out)
			}
		})
	}
}

// TestUnderOthers lays the resolver of links and a plan of edits over an image.
func TestUnderOthers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "usr/lib"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "usr/lib/os-release"), []byte("ID=debian\n"), 0o644))
	require.NoError(t, os.Symlink("usr/lib", filepath.Join(dir, "lib")))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "etc"), 0o755))
	require.NoError(t, os.Symlink("/lib/os-release", filepath.Join(dir, "etc/os-release")))
	img, err := read(t, bytes.NewReader(write(t, dir, compress.Zstd)), imagefs.Options{Interest: everything})
	require.NoError(t, err)

	followed := rootfs.Follow(img)
	b, err := fs.ReadFile(followed, "etc/os-release")
	require.NoError(t, err)
	require.Equal(t, "ID=debian\n", string(b))
	_, err = img.Open("etc/os-release")
	require.ErrorIs(t, err, rootfs.ErrLink)
	_, err = img.Open("lib/os-release")
	require.ErrorIs(t, err, rootfs.ErrLink)
	_, err = img.ReadDir("lib")
	require.ErrorIs(t, err, rootfs.ErrLink)

	var plan edit.Plan
	require.NoError(t, plan.AddDir("./curtin", 0o755))
	require.NoError(t, plan.Remove("./usr/lib/os-release"))
	edited := rootfs.Follow(plan.FS(img))
	info, err := edited.Stat("curtin")
	require.NoError(t, err)
	require.True(t, info.IsDir())
	_, err = edited.Stat("etc/os-release")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestErrors asks for what is not there, or is something else.
func TestErrors(t *testing.T) {
	dir := roottest.Hostile(t)
	img, err := read(t, bytes.NewReader(write(t, dir, compress.None)), imagefs.Options{})
	require.NoError(t, err)
	for _, name := range []string{"", "/", "/etc", "a//b", "a/../b", "./a", "names/", "a\x00b"} {
		_, err := img.Lstat(name)
		require.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
	}
	for _, name := range []string{"no", "no/more", "names/no"} {
		_, err := img.Stat(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.EqualError(t, err, "lstat "+name+": file does not exist")
	}
	_, err = img.Lstat("names/plain/below")
	require.ErrorIs(t, err, unix.ENOTDIR)
	_, err = img.ReadDir("names/plain")
	require.ErrorIs(t, err, unix.ENOTDIR)
	_, err = img.ReadLink("names/plain")
	require.ErrorIs(t, err, fs.ErrInvalid)
	_, err = img.Open("names/with space")
	require.ErrorIs(t, err, imagefs.ErrNotKept)
	require.EqualError(t, err, "open names/with space: content not kept: it was not asked for")
	_, err = img.Open("names/a-third")
	require.ErrorIs(t, err, imagefs.ErrNotKept)
	require.EqualError(t, err, "open names/a-third: hard link to ./links/first: content not kept: it was not asked for")
	_, err = img.Open("links/first")
	require.EqualError(t, err, "open links/first: content not kept: it was not asked for")
	_, err = img.Xattr("names/plain", "user.x")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Nil(t, made(t, img, "names/plain"))
	// What is empty needs not to be asked for.
	b, err := fs.ReadFile(img, "times/ns")
	require.NoError(t, err)
	require.Empty(t, b)

	f, err := img.Open("dev")
	require.NoError(t, err)
	_, err = f.Read(nil)
	require.ErrorIs(t, err, unix.EISDIR)
	d := f.(fs.ReadDirFile)
	_, err = img.ReadFile("dev")
	require.ErrorIs(t, err, unix.EISDIR)
	var names []string
	for {
		list, err := d.ReadDir(2)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		for _, e := range list {
			names = append(names, e.Name())
		}
	}
	require.Equal(t, []string{"big", "disk", "fifo", "fifo-again", "null", "null-again", "whiteout"}, names)
	list, err := d.ReadDir(-1)
	require.NoError(t, err)
	require.Empty(t, list)
	require.NoError(t, f.Close())
}

// TestBroken reads what is no whole image, and keeps what came before.
func TestBroken(t *testing.T) {
	dir := t.TempDir()
	for i := range 9 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), noise(byte(i), 5000), 0o644))
	}
	plain := write(t, dir, compress.None)
	for name, img := range map[string][]byte{
		"none": plain, "gzip": run(t, true, "/", plain, "gzip", "-1c"), "zstd": run(t, true, "/", plain, "zstd", "-qc"),
		"xz": run(t, true, "/", plain, "xz", "-0c"), "bzip2": run(t, true, "/", plain, "bzip2", "-1c"),
	} {
		for n := 600; n < len(img); n += 511 {
			var last any
			got, err := read(t, bytes.NewReader(img[:n]), imagefs.Options{Interest: func(string, *entry.Member) imagefs.Interest {
				return imagefs.Interest{Content: keep, Make: func(content io.Reader) any {
					last = digest(drunk)(content)
					return last
				}}
			}})
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			if last == nil {
				continue // not one file came
			}
			if err, ok := last.(error); ok {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			}
			if n > 40000 {
				b, err := fs.ReadFile(got, "3")
				require.NoError(t, err)
				require.Len(t, b, 5000)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := image.NewReader(bytes.NewReader(plain))
	require.NoError(t, err)
	defer r.Close()
	_, err = imagefs.Read(ctx, r, imagefs.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

// noise is content that does not get smaller.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// TestListing holds the names and types against those that bsdtar lists.
func TestListing(t *testing.T) {
	dir := roottest.Hostile(t)
	img := write(t, dir, compress.Gzip)
	got, err := read(t, bytes.NewReader(img), imagefs.Options{})
	require.NoError(t, err)
	lines := 0
	for line := range strings.Lines(string(run(t, true, "/", img, "bsdtar", "-tvf", "-"))) {
		lines++
		_, name, ok := strings.Cut(line, "./")
		if !ok || strings.ContainsAny(name, "\\") || strings.Contains(name, " -> ") || strings.Contains(name, " link to ") || line[0] == 'h' {
			continue
		}
		info, err := got.Lstat(path.Clean(strings.TrimSuffix(name, "\n")))
		require.NoError(t, err, line)
		letter := map[fs.FileMode]byte{0: '-', fs.ModeDir: 'd', fs.ModeDevice: 'b', fs.ModeDevice | fs.ModeCharDevice: 'c', fs.ModeNamedPipe: 'p'}
		require.Equal(t, letter[info.Mode().Type()], line[0], line)
	}
	require.EqualValues(t, lines, got.Entries())
}
