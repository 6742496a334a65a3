package entry

import "strconv"

// Extent is a run of bytes in a file.
type Extent struct {
	Offset, Length int64
}

// SparseMap is the map of a file in GNU sparse format 1.0, see "Storing Sparse
// Files" in the GNU tar manual: decimal numbers, a line each, in whole blocks
// before the data. It stands here because the digest of a very sparse file is over
// it, whoever takes that digest.
type SparseMap struct {
	Data []Extent // aligned to blocks, but for the end of the file
	Text []byte   // padded to whole blocks
	size int64    // bytes of data
	real int64    // apparent size of the file
}

const block = 512 // of a tar, in bytes

// NewSparseMap makes the map of a file of real bytes, or nil when it has no holes.
// GNU tar reads each run of data from a new block, Go's reader puts them together: so
// runs are widened to whole blocks, where both agree.
func NewSparseMap(data []Extent, real int64) *SparseMap {
	s := &SparseMap{real: real}
	for _, x := range data {
		start := x.Offset &^ (block - 1)
		end := x.Offset + x.Length
		end += min(-end&(block-1), real-end) // a file may end less than a block below 8 EiB
		if n := len(s.Data); n > 0 && start <= s.Data[n-1].Offset+s.Data[n-1].Length {
			start = s.Data[n-1].Offset
			s.Data[n-1].Length = end - start
			continue
		}
		s.Data = append(s.Data, Extent{Offset: start, Length: end - start})
	}
	for _, x := range s.Data {
		s.size += x.Length
	}
	if s.size == real {
		return nil
	}
	// A hole at the end needs an entry of no bytes at the end.
	ends := s.Data
	if n := len(ends); n == 0 || ends[n-1].Offset+ends[n-1].Length < real {
		ends = append(ends[:n:n], Extent{Offset: real})
	}
	s.Text = strconv.AppendInt(s.Text, int64(len(ends)), 10)
	s.Text = append(s.Text, '\n')
	for _, x := range ends {
		s.Text = strconv.AppendInt(s.Text, x.Offset, 10)
		s.Text = append(s.Text, '\n')
		s.Text = strconv.AppendInt(s.Text, x.Length, 10)
		s.Text = append(s.Text, '\n')
	}
	s.Text = append(s.Text, make([]byte, -len(s.Text)&(block-1))...)
	return s
}

// Stored is the size of map and data in the archive.
func (s *SparseMap) Stored() int64 { return int64(len(s.Text)) + s.size }

// Holes is the number of bytes that are not stored.
func (s *SparseMap) Holes() int64 { return s.real - s.size }
