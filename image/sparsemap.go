package image

import (
	"errors"
	"fmt"
	"math"

	"image-capture/entry"
)

// sparseFormat is how a member reports where its holes are.
type sparseFormat uint8

const (
	notSparse    sparseFormat = iota
	sparseInData              // GNU.sparse 1.0: text before the data
	sparseInPax               // GNU.sparse 0.0 and 0.1: records
	sparseInTar               // old GNU tar: in the header and blocks after it
)

// runs checks a sparse map as it comes. Runs that touch are put together, and when
// there are more holes than are hashed as zeros, the runs are not kept unless keep
// says so, and then there is a most of them: so a map of any length takes bounded
// memory.
type runs struct {
	real   int64 // apparent size of the file
	keep   bool  // the content is wanted with its holes
	kept   []entry.Extent
	end    int64 // of the last run
	stored int64 // bytes of data
	holes  int64
}

// add takes the next run.
func (r *runs) add(off, length int64) error {
	switch {
	case off < 0 || length < 0:
		return errors.New("sparse map with a negative number")
	case off < r.end:
		return fmt.Errorf("sparse map with runs that overlap or are out of order at byte %d", off)
	case off > r.real || length > r.real-off:
		return fmt.Errorf("sparse map with a run past the end of the file at byte %d", off)
	case length > 0 && r.stored%blockSize != 0:
		// GNU tar reads each run from a new block, libarchive and Go put them together.
		return fmt.Errorf("sparse map with a run of no whole blocks before byte %d, of which tars make different files", off)
	}
	r.holes += off - r.end
	touches := off == r.end
	r.end = off + length
	r.stored += length
	switch n := len(r.kept); {
	case r.payload() && !r.keep:
		r.kept = nil
	case length == 0:
	case touches && n > 0:
		r.kept[n-1].Length += length
	case n == maxRuns:
		return fmt.Errorf("sparse map of more than %d runs", maxRuns)
	default:
		r.kept = append(r.kept, entry.Extent{Offset: off, Length: length})
	}
	return nil
}

// finish takes what follows the last run as a hole.
func (r *runs) finish() {
	r.holes += r.real - r.end
	r.end = r.real
}

// payload reports whether the digest is over map and data.
func (r *runs) payload() bool { return r.holes > entry.MaxHashedHoles }

// mapText reads the numbers of a map of format 1.0: a count, then offset and length
// of so many runs, a line each.
type mapText struct {
	runs   *runs
	number int64
	digits int
	count  int64 // of runs, -1 until it is known
	off    int64 // of the run whose length comes next, else -1
}

func newMapText(r *runs) *mapText { return &mapText{runs: r, count: -1, off: -1} }

// write takes a part of the map, and reports whether its end was in it.
func (t *mapText) write(b []byte) (done bool, err error) {
	for _, c := range b {
		if c != '\n' {
			if c < '0' || c > '9' || t.number > (math.MaxInt64-9)/10 {
				return false, errors.New("sparse map with something else than a number")
			}
			t.number = t.number*10 + int64(c-'0')
			t.digits++
			continue
		}
		if t.digits == 0 {
			return false, errors.New("sparse map with an empty line")
		}
		if err := t.line(t.number); err != nil {
			return false, err
		}
		t.number, t.digits = 0, 0
		if t.count == 0 {
			return true, nil
		}
	}
	return false, nil
}

func (t *mapText) line(n int64) error {
	switch {
	case t.count < 0:
		t.count = n
	case t.off < 0:
		t.off = n
	default:
		if err := t.runs.add(t.off, n); err != nil {
			return err
		}
		t.off = -1
		t.count--
	}
	return nil
}

// oldRuns reads entries of an old GNU sparse map: offset and length in 12 bytes each.
// It ends at the first that is empty.
func oldRuns(dst []entry.Extent, b []byte) ([]entry.Extent, error) {
	const number12 = 12
	for ; len(b) >= 2*number12 && b[0] != 0; b = b[2*number12:] {
		off, err := number(b[:number12])
		if err != nil {
			return nil, fmt.Errorf("sparse map: %w", err)
		}
		length, err := number(b[number12 : 2*number12])
		if err != nil {
			return nil, fmt.Errorf("sparse map: %w", err)
		}
		if len(dst) == maxRuns {
			return nil, fmt.Errorf("sparse map of more than %d runs", maxRuns)
		}
		dst = append(dst, entry.Extent{Offset: off, Length: length})
	}
	return dst, nil
}
