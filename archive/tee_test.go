package archive_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// captureError writes a tree to nowhere and returns the error.
func captureError(t testing.TB, dir string, codec archive.Codec) error {
	t.Helper()
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	_, err = archive.Write(t.Context(), io.Discard, edit.NewTree(root, nil, nil), archive.Options{Codec: codec})
	return err
}

// TestTee takes the digests of what is passed on, and holds them against those of
// Reader itself.
func TestTee(t *testing.T) {
	dir := roottest.Hostile(t)
	image, _, want := capture(t, dir, archive.Options{Codec: archive.Zstd})
	for _, digests := range []bool{true, false} {
		r, err := archive.NewReader(&oddReader{r: bytes.NewReader(image)})
		require.NoError(t, err)
		defer r.Close()
		var asked []string
		sum := sha256.New()
		r.Tee(func(m *archive.Member) io.Writer {
			require.Equal(t, entry.File, m.Type)
			require.Nil(t, m.SHA256)
			asked = append(asked, m.Path)
			sum.Reset()
			if len(asked)%5 == 4 || m.Size > 1<<30 {
				return nil
			}
			return sum
		})
		if !digests {
			r.SkipDigests()
		}
		var files []string
		for i := 0; ; i++ {
			m, err := r.Next()
			if err == io.EOF {
				require.Equal(t, len(want), i)
				break
			}
			require.NoError(t, err)
			w := inTar(want[i])
			if m.Type == entry.File {
				files = append(files, m.Path)
				require.Equal(t, files, asked)
				if len(asked)%5 != 4 && w.SHA256 != nil {
					require.Equal(t, w.SHA256, sum.Sum(nil), m.Path)
				}
			}
			if !digests {
				w.SHA256, w.SparseSHA256 = nil, nil
			}
			require.Equal(t, w, inTar(*m))
		}
		require.Greater(t, len(files), 20)
	}
}

// taker takes up to a bound.
type taker struct {
	bytes.Buffer
	left  int
	err   error // what it returns then
	after int   // writes after that
}

func (k *taker) Write(p []byte) (int, error) {
	if k.left == 0 {
		k.after++
	}
	n, _ := k.Buffer.Write(p[:min(len(p), k.left)])
	k.left -= n
	if k.left == 0 {
		return n, k.err
	}
	return n, nil
}

// TestTeeSparse expands sparse files of all formats, up to exabytes of holes, as far
// as the writer takes it.
func TestTeeSparse(t *testing.T) {
	block := strings.Repeat("d", 512)
	zeros := strings.Repeat("\x00", 512)
	for name, tc := range map[string]struct {
		tar  string
		most int
		want string
	}{
		"plain, all":           {file("a", "content"), 100, "content"},
		"plain, less":          {file("a", "content"), 4, "cont"},
		"1.0":                  {sparse10("1536", "2\n512\n512\n1536\n0\n", block), 9999, zeros + block + zeros},
		"1.0, in a hole":       {sparse10("1536", "2\n512\n512\n1536\n0\n", block), 100, zeros[:100]},
		"1.0, in data":         {sparse10("1536", "2\n512\n512\n1536\n0\n", block), 600, zeros + block[:88]},
		"1.0, exabytes, data":  {sparse10("9223372036854775000", "2\n512\n512\n9007199254740992\n512\n", block+block), 1 << 20, zeros + block + strings.Repeat("\x00", 1<<20-1024)},
		"1.0, exabytes behind": {sparse10("9223372036854775000", "1\n0\n512\n", block), 70000, block + strings.Repeat("\x00", 70000-512)},
		"0.1":                  {pax('x', "GNU.sparse.size=1536", "GNU.sparse.numblocks=1", "GNU.sparse.name=a", "GNU.sparse.map=512,512") + file("b", block), 9999, zeros + block + zeros},
		"0.1, much":            {pax('x', "GNU.sparse.size=17179869184", "GNU.sparse.numblocks=1", "GNU.sparse.name=a", "GNU.sparse.map=512,512") + file("b", block), 2048, zeros + block + zeros + zeros},
		"old":                  {header{name: "a", flag: 'S', magic: magicGNU, size: oct(512), more: map[int]string{386: oct(512), 398: oct(512), 483: oct(1536)}}.block() + block, 9999, zeros + block + zeros},
	} {
		t.Run(name, func(t *testing.T) {
			var digests []archive.Member
			for _, tee := range []bool{false, true} {
				k := &taker{left: tc.most, err: archive.ErrEnough}
				r, err := archive.NewReader(strings.NewReader(tc.tar + file("next", "x") + end))
				require.NoError(t, err)
				defer r.Close()
				r.Tee(func(m *archive.Member) io.Writer {
					if m.Path == "./a" && tee {
						return k
					}
					return nil
				})
				m, err := r.Next()
				require.NoError(t, err)
				digests = append(digests, *m)
				if tee {
					require.Equal(t, tc.want, k.String())
					require.Zero(t, k.after)
				}
				m, err = r.Next()
				require.NoError(t, err)
				require.Equal(t, "./next", m.Path)
				_, err = r.Next()
				require.Equal(t, io.EOF, err)
			}
			// Who wants the content does not change the digests.
			require.Equal(t, digests[0], digests[1])
		})
	}
}

// TestTeeFails has an error of the writer end the reading.
func TestTeeFails(t *testing.T) {
	for name, cause := range map[string]error{"disk": errDisk, "an end": io.ErrUnexpectedEOF, "end": io.EOF} {
		r, err := archive.NewReader(strings.NewReader(file("a", "content") + file("b", "") + end))
		require.NoError(t, err)
		defer r.Close()
		r.Tee(func(*archive.Member) io.Writer { return &taker{left: 3, err: cause} })
		_, err = r.Next()
		require.ErrorIs(t, err, cause, name)
		require.ErrorContains(t, err, "read image: ./a, at byte 0 of the tar: pass the content on: ", name)
		_, again := r.Next()
		require.Equal(t, err, again)
	}
	r, err := archive.NewReader(strings.NewReader(file("a", "content") + end))
	require.NoError(t, err)
	defer r.Close()
	r.Tee(func(*archive.Member) io.Writer { return shortWriter{} })
	_, err = r.Next()
	require.True(t, errors.Is(err, io.ErrShortWrite))
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }
