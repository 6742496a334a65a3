package archive

import (
	"strconv"
	"strings"

	"image-capture/rootfs"
)

// sparseMap is the map of a file in GNU sparse format 1.0, see "Storing Sparse
// Files" in the GNU tar manual: decimal numbers, a line each, in whole blocks
// before the data.
type sparseMap struct {
	data []rootfs.Extent // aligned to blocks, but for the end of the file
	text []byte          // padded to whole blocks
	size int64           // bytes of data
	real int64           // apparent size of the file
}

// newSparseMap makes the map of a file, or nil when it has no holes. GNU tar reads
// each run of data from a new block, Go's reader puts them together: so runs are
// widened to whole blocks, where both agree.
func newSparseMap(data []rootfs.Extent, real int64) *sparseMap {
	s := &sparseMap{real: real}
	for _, x := range data {
		start := x.Offset &^ (blockSize - 1)
		end := x.Offset + x.Length
		end += min(padding(end), real-end) // a file may end less than a block below 8 EiB
		if n := len(s.data); n > 0 && start <= s.data[n-1].Offset+s.data[n-1].Length {
			start = s.data[n-1].Offset
			s.data[n-1].Length = end - start
			continue
		}
		s.data = append(s.data, rootfs.Extent{Offset: start, Length: end - start})
	}
	for _, x := range s.data {
		s.size += x.Length
	}
	if s.size == real {
		return nil
	}
	// A hole at the end needs an entry of no bytes at the end.
	ends := s.data
	if n := len(ends); n == 0 || ends[n-1].Offset+ends[n-1].Length < real {
		ends = append(ends[:n:n], rootfs.Extent{Offset: real})
	}
	s.text = strconv.AppendInt(s.text, int64(len(ends)), 10)
	s.text = append(s.text, '\n')
	for _, x := range ends {
		s.text = strconv.AppendInt(s.text, x.Offset, 10)
		s.text = append(s.text, '\n')
		s.text = strconv.AppendInt(s.text, x.Length, 10)
		s.text = append(s.text, '\n')
	}
	s.text = append(s.text, zeroBlock[:padding(int64(len(s.text)))]...)
	return s
}

// stored is the size of map and data in the archive.
func (s *sparseMap) stored() int64 { return int64(len(s.text)) + s.size }

// holes is the number of bytes that are not stored.
func (s *sparseMap) holes() int64 { return s.real - s.size }

// sparseName is the name that a reader sees which knows nothing of the format; it
// fits the header.
func sparseName(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]
	base = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, base)
	const dir = "./GNUSparseFile.0/"
	return dir + base[:min(len(base), 100-len(dir))]
}
