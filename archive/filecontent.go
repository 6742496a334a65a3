package archive

import (
	"errors"
	"fmt"
	"math"

	"image-capture/rootfs"
)

// file reads the content of a regular file, of which size bytes are stored, and
// takes its digest.
func (r *Reader) file(m *Member, ext *paxHeader, size uint64) error {
	if size > math.MaxInt64-blockSize {
		return fmt.Errorf("absurd size of %d bytes", size)
	}
	stored := int64(size)
	format, err := r.sparseFormat(ext)
	if err != nil {
		return err
	}
	if format != notSparse {
		return r.sparse(m, ext, format, stored)
	}
	m.Size = stored
	r.hash.Reset()
	if err := r.in.each(stored, r.hashed); err != nil {
		return err
	}
	m.SHA256 = r.hash.Sum(nil)
	return r.in.each(padding(stored), nil)
}

func (r *Reader) hashed(b []byte) { r.hash.Write(b) }

// sparseFormat tells how the holes of a file are told, if it has any.
func (r *Reader) sparseFormat(ext *paxHeader) (sparseFormat, error) {
	old := r.raw.flag() == 'S'
	switch {
	case ext.sparseMajor != nil || ext.sparseMinor != nil:
		if ext.sparseMajor == nil || ext.sparseMinor == nil || *ext.sparseMajor != 1 || *ext.sparseMinor != 0 {
			return 0, errors.New("sparse file of an unknown version")
		}
		if ext.sparseOld || old {
			return 0, errors.New("sparse file in two formats at once")
		}
		return sparseInData, nil
	case ext.sparseOld:
		if old {
			return 0, errors.New("sparse file in two formats at once")
		}
		return sparseInPax, nil
	case old:
		if r.raw.dialect() != gnu {
			return 0, errors.New("sparse file, but not in a format of GNU tar")
		}
		return sparseInTar, nil
	case ext.sparseReal != nil || ext.sparseName != "":
		return 0, errors.New("sparse file without a map")
	}
	return notSparse, nil
}

// sparse reads a sparse file. When it has too many holes the digest is over map and
// data, else the holes are hashed as what they read as.
func (r *Reader) sparse(m *Member, ext *paxHeader, format sparseFormat, stored int64) error {
	list := ext.sparseRuns // before format 1.0
	if format == sparseInTar {
		real, err := r.raw.count(fieldReal)
		if err != nil {
			return err
		}
		ext.sparseReal = &real
		if list, err = r.oldMap(); err != nil {
			return err
		}
	}
	if ext.sparseReal == nil {
		return errors.New("sparse file without its real size")
	}
	m.Size = int64(*ext.sparseReal)
	if m.Size > math.MaxInt64-blockSize {
		return fmt.Errorf("absurd size of %d bytes", m.Size)
	}

	runs := &runs{real: m.Size}
	r.hash.Reset()
	data := stored
	if format == sparseInData {
		var err error
		if data, err = r.mapBlocks(runs, stored); err != nil {
			return err
		}
	} else {
		if n := ext.sparseBlocks; n != nil && *n != uint64(len(list)) {
			return fmt.Errorf("sparse map of %d runs that should have %d", len(list), *n)
		}
		for _, x := range list {
			if err := runs.add(x.Offset, x.Length); err != nil {
				return err
			}
		}
	}
	runs.finish()
	if runs.stored != data {
		return fmt.Errorf("sparse file of %d bytes of data with a map for %d", data, runs.stored)
	}
	if runs.payload() {
		if format != sparseInData {
			if s := newSparseMap(list, m.Size); s != nil { // else whole blocks leave no holes
				r.hash.Write(s.text)
			}
		}
		if err := r.in.each(data, r.hashed); err != nil {
			return err
		}
		m.SparseSHA256 = r.hash.Sum(nil)
	} else {
		r.hash.Reset()
		at := int64(0)
		for _, x := range runs.kept {
			r.hashZeros(x.Offset - at)
			if err := r.in.each(x.Length, r.hashed); err != nil {
				return err
			}
			at = x.Offset + x.Length
		}
		r.hashZeros(m.Size - at)
		m.SHA256 = r.hash.Sum(nil)
	}
	return r.in.each(padding(stored), nil)
}

func (r *Reader) hashZeros(n int64) {
	for ; n > 0; n -= int64(len(zeroPage)) {
		r.hash.Write(zeroPage[:min(n, int64(len(zeroPage)))])
	}
}

// mapBlocks reads and hashes the map of format 1.0, and returns how many bytes of
// the stored ones are left.
func (r *Reader) mapBlocks(runs *runs, stored int64) (int64, error) {
	text := newMapText(runs)
	for {
		if stored < blockSize {
			return 0, errors.New("sparse map that goes past its file")
		}
		b, err := r.in.block()
		if err != nil {
			return 0, noEOF(err)
		}
		stored -= blockSize
		r.hash.Write(b)
		done, err := text.write(b)
		if err != nil || done {
			return stored, err
		}
	}
}

// oldMap reads the map of an old GNU sparse file: four runs in the header, and 21
// in each block that follows.
func (r *Reader) oldMap() ([]rootfs.Extent, error) {
	list, err := oldRuns(nil, r.raw[386:482])
	if err != nil {
		return nil, err
	}
	for more := r.raw[482] != 0; more; {
		b, err := r.in.block()
		if err != nil {
			return nil, noEOF(err)
		}
		more = b[504] != 0
		if list, err = oldRuns(list, b[:504]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
