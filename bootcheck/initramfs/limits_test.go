package initramfs

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// newc is an entry of an archive.
func newc(name string, mode, size uint32) string {
	s := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", 0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name)
	return s + strings.Repeat("\x00", -len(s)&3+int(size+3)&^3)
}

// endless gives one text after another, of which a first one comes once.
type endless struct {
	first, text string
	at          int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if e.at == 0 && e.first != "" {
			k := copy(p[n:], e.first)
			e.first = e.first[k:]
			n += k
			continue
		}
		k := copy(p[n:], e.text[e.at:])
		n += k
		e.at = (e.at + k) % len(e.text)
	}
	return n, nil
}

// numbered makes entries whose names differ.
func numbered(n int, format string) string {
	var s strings.Builder
	for i := range n {
		s.WriteString(newc(fmt.Sprintf(format, i), 0o100644, 0))
	}
	return s.String()
}

// TestLimits: whatever never ends is ended. The bounds are smaller here; which they
// are has nothing to do with how they work.
func TestLimits(t *testing.T) {
	small := limits{read: 8 << 20, unpacked: 16 << 20, segments: 8, entries: 5000, names: 20_000, versions: 8, file: 1000, files: 2000}
	const trailer = "TRAILER!!!"
	gz := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(s))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	var bomb bytes.Buffer
	z, err := zstd.NewWriter(&bomb)
	require.NoError(t, err)
	_, err = io.CopyN(z, &endless{text: newc("x", 0o100644, 1<<20)}, 64<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for _, c := range []struct {
		name string
		in   io.Reader
		want string
	}{
		{"zeros", &endless{text: strings.Repeat("\x00", 1000)}, "it is more than 8388608 bytes"},
		{"big files", &endless{text: newc("x", 0o100644, 1<<20)}, "it is more than 8388608 bytes"},
		{"one big file", &endless{first: newc("x", 0o100644, 0)[:54] + "ffffffff" + newc("x", 0o100644, 0)[62:], text: "data"}, "it is more than 8388608 bytes"},
		{"entries", &endless{text: newc("x", 0o040755, 0)}, "more than 5000 entries"},
		{"archives", &endless{text: newc("x", 0o040755, 0) + newc(trailer, 0, 0)}, "more than 8 archives"},
		{"compressed archives", &endless{text: gz(newc("x", 0o040755, 0))}, "more than 8 archives"},
		{"empty blocks of gzip", &endless{first: "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", text: "\x00\x00\x00\xff\xff"}, "it is more than 8388608 bytes"},
		{"empty blocks of zstd", &endless{first: "\x28\xb5\x2f\xfd\x00\x00", text: "\x00\x00\x00"}, "it is more than 8388608 bytes"},
		{"empty blocks of lz4", &endless{first: "\x02\x21\x4c\x18", text: "\x01\x00\x00\x00\x00"}, "it is more than 8388608 bytes"},
		{"a bomb", &bomb, "it unpacks to more than 16777216 bytes"},
		{"several bombs", strings.NewReader(strings.Repeat(gz(strings.Repeat(newc("x", 0o100644, 1<<20), 6)), 5)), "it unpacks to more than 16777216 bytes"},
		{"firmware", strings.NewReader(numbered(1000, "lib/firmware/%d")), "more than 20000 bytes of names to keep"},
		{"modules", strings.NewReader(numbered(1000, "lib/modules/1/%d.ko")), "more than 20000 bytes of names to keep"},
		{"versions", strings.NewReader(numbered(1000, "lib/modules/%d/a.ko")), "modules of more than 8 kernels"},
		{"small files", strings.NewReader(numbered(1000, "conf/conf.d/%d")), "more than 20000 bytes of names to keep"},
		{"devices", strings.NewReader(numbered(1000, "var/lib/dracut/hooks/initqueue/finished/devexists-%d.sh")), "more than 20000 bytes of names to keep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got, err := read(c.in, small)
			runtime.GC()
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "read initramfs: ")
			require.NotNil(t, got)
			require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(2<<20))
			runtime.KeepAlive(got)
		})
	}
}
