package compress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

// inPieces makes one gzip member as an image is one, with marks of our own and, in what
// is stored, marks that are none.
func inPieces(t testing.TB, pieces ...[]byte) []byte {
	enc, err := NewEncoder(Gzip, Fast)
	require.NoError(t, err)
	e := NewEnvelope(Gzip)
	out := e.Head()
	for _, p := range pieces {
		b, err := enc.Encode(nil, p)
		require.NoError(t, err)
		out = append(out, b...)
		e.Add(len(b), len(p), Checksum(Gzip, p))
	}
	return append(out, e.Tail()...)
}

func noise(n int, seed uint64) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// all is what a Reader makes of b, up to its end or an error.
func all(b []byte) ([]byte, error) {
	u, err := NewReader(bufio.NewReaderSize(bytes.NewReader(b), 4096), Gzip, nil)
	if err != nil {
		return nil, err
	}
	defer u.Close()
	var out []byte
	for {
		p, err := u.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, p...)
	}
}

// one is what Go's own package makes of b with a single decoder.
func one(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(z)
	return out, err
}

// syncFlushed is of a tool that flushes and keeps its window, as pigz does.
func syncFlushed(t testing.TB, text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for len(text) > 0 {
		n := min(len(text), 10_000)
		_, err := z.Write(text[:n])
		require.NoError(t, err)
		require.NoError(t, z.Flush())
		text = text[n:]
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// samples are gzip files of every kind that is told apart.
func samples(t testing.TB) map[string][]byte {
	text := bytes.Repeat([]byte("how far has this server drifted from its gold image\n"), 3000)
	marked := noise(60_000, 1) // is stored as it is
	for at := 500; at < len(marked); at += 1700 {
		copy(marked[at:], flushMark)
	}
	many := bytes.Repeat(append(noise(80, 2), flushMark...), 800)
	copy(many, noise(50_000, 4)) // more marks that are none than are tried
	var plain bytes.Buffer
	z := gzip.NewWriter(&plain)
	_, err := z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	ours := inPieces(t, text, noise(3000, 3), text[:1], text)
	return map[string][]byte{
		"ours":         ours,
		"false marks":  inPieces(t, text, marked, text[1000:], marked[:5000], text),
		"many":         inPieces(t, text, many, many, text),
		"members":      append(append(bytes.Clone(ours), inPieces(t, text)...), ours...),
		"no pieces":    plain.Bytes(),
		"old":          append(bytes.Clone(plain.Bytes()), plain.Bytes()...),
		"mixed":        append(append(bytes.Clone(ours), plain.Bytes()...), ours...),
		"sync flushed": syncFlushed(t, text),
		"empty":        inPieces(t),
		"big pieces":   inPieces(t, make([]byte, gzipPiece), make([]byte, gzipPiece+1), make([]byte, 5), noise(gzipPiece, 5)),
	}
}

func TestPiecesAreWhatOneDecoderReads(t *testing.T) {
	for name, b := range samples(t) {
		want, err := one(b)
		require.NoError(t, err, name)
		got, err := all(b)
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(want, got), name)
	}
}

// Whatever is done to an image, decoding side by side accepts what a single decoder
// accepts, with the same bytes, and nothing else.
func TestChangedPiecesAreRefusedAsByOneDecoder(t *testing.T) {
	changes := 30
	if testing.Short() {
		changes = 6
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, whole := range samples(t) {
		if name == "big pieces" {
			continue // takes long
		}
		for range changes {
			b := bytes.Clone(whole)
			at := rnd.IntN(len(b))
			switch rnd.IntN(6) {
			case 0:
				b = b[:at]
			case 1:
				b[at] ^= 1 << rnd.IntN(8)
			case 2:
				b = append(b[:at:at], b[min(len(b), at+1+rnd.IntN(9)):]...)
			case 3:
				b = append(append(b[:at:at], flushMark...), whole[at:]...)
			case 4:
				b[len(b)-1-rnd.IntN(min(10, len(b)))]++ // checksum, size, last block
			case 5:
				b = append(b, noise(rnd.IntN(20), 9)...)
			}
			want, werr := one(b)
			got, err := all(b)
			require.Equal(t, werr == nil, err == nil, "%s: %v, %v", name, werr, err)
			if err == nil {
				require.True(t, bytes.Equal(want, got), name)
			}
		}
	}
}

// A piece that looks back over the mark before it would be another file without its
// window.
func TestPieceThatLooksBack(t *testing.T) {
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, 6, []byte("a gold image of the fleet"))
	require.NoError(t, err)
	_, err = w.Write([]byte("a gold image of the fleet"))
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	u := &Reader{work: make(chan *piece, 1)}
	p := &piece{in: b.Bytes(), done: make(chan struct{}, 1)}
	u.work <- p
	close(u.work)
	u.inflate()
	require.ErrorIs(t, p.err, errNoPiece)
}
