package entry

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSparseMap(t *testing.T) {
	const last = math.MaxInt64
	type x [2]int64 // offset, length
	for _, c := range []struct {
		what string
		in   []x
		real int64
		data []x // nil: not sparse
		text string
	}{
		{"only a hole", nil, 4096, []x{}, "1\n4096\n0\n"},
		{"only a hole, not of whole blocks", nil, 4097, []x{}, "1\n4097\n0\n"},
		{"no hole", []x{{0, 4096}}, 4096, nil, ""},
		{"no hole, told in pieces", []x{{0, 512}, {512, 88}}, 600, nil, ""},
		{"empty", nil, 0, nil, ""},
		{"data first", []x{{0, 512}}, 4096, []x{{0, 512}}, "2\n0\n512\n4096\n0\n"},
		{"data last", []x{{3584, 512}}, 4096, []x{{3584, 512}}, "1\n3584\n512\n"},
		{"data last, not of whole blocks", []x{{4096, 1}}, 4097, []x{{4096, 1}}, "1\n4096\n1\n"},
		{"widened to blocks", []x{{1000, 10}}, 4096, []x{{512, 512}}, "2\n512\n512\n4096\n0\n"},
		{"widened over a border", []x{{1000, 100}}, 4096, []x{{512, 1024}}, "2\n512\n1024\n4096\n0\n"},
		{"widened to the end of the file", []x{{4090, 5}}, 4097, []x{{3584, 512}}, "2\n3584\n512\n4097\n0\n"},
		{"widened to an end without a block", []x{{4097, 1}}, 4099, []x{{4096, 3}}, "1\n4096\n3\n"},
		{"in one block", []x{{1, 2}, {10, 2}, {500, 1}}, 4096, []x{{0, 512}}, "2\n0\n512\n4096\n0\n"},
		{"in neighbouring blocks", []x{{1, 2}, {513, 1}}, 4096, []x{{0, 1024}}, "2\n0\n1024\n4096\n0\n"},
		{"holes of less than blocks vanish", []x{{0, 600}, {700, 300}}, 1000, nil, ""},
		{"a block apart", []x{{0, 512}, {1024, 512}}, 4096, []x{{0, 512}, {1024, 512}}, "3\n0\n512\n1024\n512\n4096\n0\n"},
		{"the biggest file there is", []x{{0, 1}, {last - 10, 10}}, last, []x{{0, 512}, {last - 511, 511}}, "2\n0\n512\n9223372036854775296\n511\n"},
		{"a hole up to the last byte", []x{{0, 1}}, last, []x{{0, 512}}, "2\n0\n512\n9223372036854775807\n0\n"},
	} {
		var in []Extent
		for _, x := range c.in {
			in = append(in, Extent{Offset: x[0], Length: x[1]})
		}
		s := NewSparseMap(in, c.real)
		if c.data == nil {
			require.Nil(t, s, c.what)
			continue
		}
		require.NotNil(t, s, c.what)
		require.Len(t, s.Data, len(c.data), c.what)
		for i, x := range c.data {
			require.Equal(t, Extent{Offset: x[0], Length: x[1]}, s.Data[i], c.what)
		}
		require.Equal(t, c.text, strings.TrimRight(string(s.Text), "\x00"), c.what)
		require.Zero(t, len(s.Text)%block, c.what)
		require.NotEmpty(t, s.Text, c.what)
		size := int64(0)
		for _, x := range c.data {
			size += x[1]
		}
		require.Equal(t, size, s.size, c.what)
		require.Equal(t, c.real-size, s.Holes(), c.what)
	}
}

// A map that fills its last block to the byte gets no other.
func TestSparseMapPadding(t *testing.T) {
	for runs := 1; runs < 200; runs++ {
		var in []Extent
		for i := range runs {
			in = append(in, Extent{Offset: int64(i) * 1024, Length: 512})
		}
		s := NewSparseMap(in, int64(runs)*1024)
		text := strings.TrimRight(string(s.Text), "\x00")
		require.Equal(t, (len(text)+511)/512*512, len(s.Text))
		require.Equal(t, 2*(runs+1)+1, strings.Count(text, "\n"))
	}
}
