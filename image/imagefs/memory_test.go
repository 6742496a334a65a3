package imagefs_test

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/image/imagefs"
)

// generate makes a tar on the fly.
func generate(members func(w *tar.Writer) error) io.ReadCloser {
	pr, pw := io.Pipe()
	go func() {
		b := bufio.NewWriterSize(pw, 1<<20)
		w := tar.NewWriter(b)
		err := members(w)
		if err == nil {
			err = w.Close()
		}
		if ferr := b.Flush(); err == nil {
			err = ferr
		}
		pw.CloseWithError(err)
	}()
	return pr
}

// heap is the memory in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const mib = 1 << 20

// many is an image of as many entries as a big root has, with their SELinux labels.
func many(n int, labels int) func(w *tar.Writer) error {
	return func(w *tar.Writer) error {
		for i := range n {
			h := &tar.Header{Name: fmt.Sprintf("./usr/share/package-%d/some-name-%07d", i/50, i), Mode: 0o644, Typeflag: tar.TypeReg, Size: 3}
			switch {
			case i%50 == 0:
				h = &tar.Header{Name: fmt.Sprintf("./usr/share/package-%d/", i/50), Mode: 0o755, Typeflag: tar.TypeDir}
			case i%10 == 0:
				h.Typeflag, h.Size, h.Linkname = tar.TypeSymlink, 0, fmt.Sprintf("../some-name-%07d", i)
			case i%1000 == 1:
				h.Name = fmt.Sprintf("./etc/conf-%d", i)
			}
			if labels > 0 {
				h.PAXRecords = map[string]string{"SCHILY.xattr.security.selinux": fmt.Sprintf("system_u:object_r:type_%d_t:s0\x00", i%labels)}
			}
			if err := w.WriteHeader(h); err != nil {
				return err
			}
			if h.Size > 0 {
				if _, err := io.WriteString(w, "abc"); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// config asks for what is in etc.
func config(name string, _ *entry.Member) imagefs.Interest {
	if strings.HasPrefix(name, "etc/") {
		return imagefs.Interest{Content: 100}
	}
	return imagefs.Interest{}
}

// TestMemory reads an image of 500,000 entries with the default room, and one that has
// more of them than there is room for.
func TestMemory(t *testing.T) {
	for _, tc := range []struct {
		members     int
		names, most int64
		forgets     bool
	}{
		{500000, 0, 45 * mib, false},
		{150000, 4 * mib, 5 * mib, true},
	} {
		before := heap()
		got, err := read(t, generate(many(tc.members, 300)), imagefs.Options{Names: tc.names, Interest: config, Xattrs: []string{"security.selinux"}})
		require.NoError(t, err)
		grown := heap() - before
		t.Logf("%d entries, %d forgotten: %.1f MiB, %d bytes an entry", got.Entries(), got.Forgotten(), float64(grown)/mib, grown/got.Entries())
		require.Less(t, grown, tc.most)
		require.Equal(t, tc.forgets, got.Forgotten() > 0)
		if !tc.forgets {
			require.EqualValues(t, 500000+4, got.Entries())
		}

		// What somebody asked for is there, wherever it came.
		list, err := got.ReadDir("etc")
		require.NoError(t, err)
		require.Len(t, list, tc.members/1000)
		for _, e := range list {
			b, err := got.ReadFile("etc/" + e.Name())
			require.NoError(t, err)
			require.Equal(t, "abc", string(b))
		}
		label, err := got.Xattr("etc/conf-138001", "security.selinux")
		require.NoError(t, err)
		require.Equal(t, "system_u:object_r:type_1_t:s0\x00", string(label))

		// Asked about the rest, it does not say that it is not there.
		for _, name := range []string{"usr/share/package-2999/some-name-0149999", "usr/share/package-2999"} {
			if _, err = got.Lstat(name); tc.forgets {
				require.ErrorIs(t, err, imagefs.ErrForgotten)
				require.NotErrorIs(t, err, fs.ErrNotExist)
			} else {
				require.NoError(t, err)
			}
		}
		wrong := 0
		for i := range 1000 {
			if _, err := got.Lstat(fmt.Sprintf("usr/share/never-%d", i)); !tc.forgets || !strings.Contains(err.Error(), "not remembered") {
				require.ErrorIs(t, err, fs.ErrNotExist)
			} else {
				wrong++
			}
		}
		require.Less(t, wrong, 100)
		runtime.KeepAlive(got)
	}
}

// TestBombs reads images that would take much memory.
func TestBombs(t *testing.T) {
	all := func(string, *entry.Member) imagefs.Interest { return imagefs.Interest{Content: 1 << 40} }
	for name, tc := range map[string]struct {
		members func(w *tar.Writer) error
		opt     imagefs.Options
		most    int64
		want    string
	}{
		"labels that differ": {many(60000, 60000), imagefs.Options{Names: 4 * mib, Xattrs: []string{"security.selinux"}}, 5 * mib, ""},
		"names of interest":  {many(200000, 0), imagefs.Options{Names: 2 * mib, Interest: all}, 6 * mib, "more names of interest than there is memory for"},
		"contents": {func(w *tar.Writer) error {
			for i := range 100 {
				if err := w.WriteHeader(&tar.Header{Name: fmt.Sprint(i), Size: mib, Mode: 0o600}); err != nil {
					return err
				}
				if _, err := w.Write(make([]byte, mib)); err != nil {
					return err
				}
			}
			return nil
		}, imagefs.Options{Contents: 5 * mib, Interest: all}, 6 * mib, ""},
		"sizes that lie": {func(w *tar.Writer) error {
			if err := w.WriteHeader(&tar.Header{Name: "a", Size: 1 << 30, Mode: 0o600}); err != nil {
				return err
			}
			if _, err := w.Write(make([]byte, 3000)); err != nil {
				return err
			}
			return io.ErrUnexpectedEOF
		}, imagefs.Options{Contents: 1 << 40, Interest: all}, 1 * mib, "unexpected EOF"},
		"deep": {func(w *tar.Writer) error {
			for i := range 3 {
				if err := w.WriteHeader(&tar.Header{Name: strings.Repeat(fmt.Sprint(i, "/"), 500000) + "x", Mode: 0o600, Format: tar.FormatPAX}); err != nil {
					return err
				}
			}
			return nil
		}, imagefs.Options{Names: 4 * mib}, 5 * mib, ""},
		"long and short names": {func(w *tar.Writer) error {
			for i := range 3000 {
				name := fmt.Sprint(i)
				if i%2 == 0 {
					name += strings.Repeat("n", 4095)
				}
				if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Format: tar.FormatPAX}); err != nil {
					return err
				}
			}
			return nil
		}, imagefs.Options{}, 8 * mib, ""},
		"one name again and again": {func(w *tar.Writer) error {
			for range 50000 {
				for _, h := range []*tar.Header{{Name: "a", Size: 1, Mode: 0o600}, {Name: "b", Linkname: "a", Typeflag: tar.TypeLink}} {
					if err := w.WriteHeader(h); err != nil {
						return err
					}
					if h.Size > 0 {
						if _, err := w.Write([]byte{'x'}); err != nil {
							return err
						}
					}
				}
			}
			return nil
		}, imagefs.Options{Names: mib, Contents: mib, Interest: all}, 4 * mib, "more names of interest than there is memory for"},
	} {
		t.Run(name, func(t *testing.T) {
			var start, end runtime.MemStats
			before := heap()
			runtime.ReadMemStats(&start)
			src := generate(tc.members)
			defer src.Close()
			got, err := read(t, src, tc.opt)
			if name == "sizes that lie" {
				runtime.ReadMemStats(&end)
				require.Less(t, end.TotalAlloc-start.TotalAlloc, uint64(32*mib))
			}
			grown := heap() - before
			t.Logf("%d entries, %d forgotten: %.1f MiB, %v", got.Entries(), got.Forgotten(), float64(grown)/mib, err)
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.want)
			}
			require.Less(t, grown, tc.most)
			runtime.KeepAlive(got)
		})
	}
}
