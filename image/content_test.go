package image_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/rootfs/roottest"
)

// TestContent reads contents in pieces of odd sizes: all of them, a part, or nothing,
// and holds their digests against those that the capture took.
func TestContent(t *testing.T) {
	dir := roottest.Hostile(t)
	img, _, want := capture(t, dir, archive.Options{Codec: compress.Zstd})
	for _, digests := range []bool{true, false} {
		r, err := image.NewReader(&oddReader{r: bytes.NewReader(img)})
		require.NoError(t, err)
		defer r.Close()
		if digests {
			r.TakeDigests()
		}
		whole := 0
		var before io.Reader
		var last *entry.Member
		for i := 0; ; i++ {
			m, err := r.Next()
			if last != nil { // by now all of it is read or passed over
				w := inTar(want[i-1])
				if !digests {
					w.SHA256, w.SparseSHA256 = nil, nil
				}
				require.Equal(t, w, inTar(*last))
			}
			if err == io.EOF {
				require.Equal(t, len(want), i)
				break
			}
			require.NoError(t, err)
			require.Nil(t, m.SHA256)
			w := inTar(want[i])
			content := r.Content()
			switch {
			case m.Type != entry.File:
				n, err := content.Read(make([]byte, 1))
				require.Zero(t, n)
				require.Equal(t, io.EOF, err, m.Path)
			case i%5 == 1:
				_, err := io.CopyN(io.Discard, content, min(m.Size, 1234))
				require.NoError(t, err)
			case i%5 != 2 && m.Size < 1<<30:
				whole++
				sum := sha256.New()
				n, err := io.CopyBuffer(struct{ io.Writer }{sum}, &oddReader{r: content}, make([]byte, 9973))
				require.NoError(t, err)
				require.Equal(t, m.Size, n, m.Path)
				if w.SHA256 != nil {
					require.Equal(t, w.SHA256, sum.Sum(nil), m.Path)
				}
			}
			if i%3 == 0 {
				require.NoError(t, r.Skip())
				require.NoError(t, r.Skip(), "again")
				_, err = content.Read(make([]byte, 1))
				require.Equal(t, io.EOF, err)
				if digests {
					require.Equal(t, w, inTar(*m))
				}
			}
			if before != nil {
				_, err := before.Read(make([]byte, 1))
				require.Equal(t, io.EOF, err, "what is gone is not another's")
			}
			before, last = content, m
		}
		require.Greater(t, whole, 10)
		require.NoError(t, r.Skip(), "at the end")
	}
}

// TestSparseContent expands sparse files of all formats, up to exabytes of holes, as
// far as somebody reads.
func TestSparseContent(t *testing.T) {
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
			var digests []entry.Member
			for _, read := range []bool{false, true} {
				r, err := image.NewReader(strings.NewReader(tc.tar + file("next", "x") + end))
				require.NoError(t, err)
				defer r.Close()
				r.TakeDigests()
				m, err := r.Next()
				require.NoError(t, err)
				if read {
					b, err := io.ReadAll(io.LimitReader(r.Content(), int64(tc.most)))
					require.NoError(t, err)
					require.Equal(t, tc.want, string(b))
				}
				next, err := r.Next()
				require.NoError(t, err)
				require.Equal(t, "./next", next.Path)
				digests = append(digests, *m)
				_, err = r.Next()
				require.Equal(t, io.EOF, err)
			}
			// Who reads the content does not change the digests.
			require.Equal(t, digests[0], digests[1])
			require.Equal(t, 32, len(digests[0].SHA256)+len(digests[0].SparseSHA256))
		})
	}
}

// TestContentCut has the image end within a content: whoever reads it is told, and so is
// the next call.
func TestContentCut(t *testing.T) {
	img := file("a", strings.Repeat("content", 1000))
	for _, n := range []int{512, 600, 7000} {
		r, err := image.NewReader(strings.NewReader(img[:n]))
		require.NoError(t, err)
		defer r.Close()
		_, err = r.Next()
		require.NoError(t, err)
		b, err := io.ReadAll(r.Content())
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.ErrorContains(t, err, "image ends in the middle of ./a, at byte ")
		require.Equal(t, img[512:n], string(b))
		_, again := r.Next()
		require.Equal(t, err, again)
		require.Equal(t, err, r.Skip())
	}
	r, err := image.NewReader(strings.NewReader(sparse10("4096", "2\n0\n1024\n512\n512\n", strings.Repeat("d", 1536)) + end))
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next()
	require.NoError(t, err)
	_, err = r.Content().Read(make([]byte, 9))
	require.ErrorContains(t, err, "read image: ./a, at byte 0 of the tar: sparse map with runs that overlap")
}
