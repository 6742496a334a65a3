package archive

import (
	"errors"
	"fmt"
	"math"

	"image-capture/entry"
)

// file reads the content of a regular file, of which size bytes are stored, takes
// its digest and passes it to whom Tee gave.
func (r *Reader) file(m *entry.Member, ext *paxHeader, size uint64) error {
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
	r.begin(m)
	if err := r.content(stored); err != nil {
		return err
	}
	m.SHA256 = r.sum()
	return r.in.each(padding(stored), nil)
}

// begin prepares for the content of a file whose attributes are known.
func (r *Reader) begin(m *entry.Member) {
	if r.hash != nil {
		r.hash.Reset()
	}
	r.to = nil
	if r.want != nil {
		r.to = r.want(m)
	}
}

// content reads content that is stored.
func (r *Reader) content(n int64) error {
	if r.hash == nil && r.to == nil {
		return r.in.each(n, nil)
	}
	return r.in.each(n, r.part)
}

// sum returns the digest of the content, nil where none are taken.
func (r *Reader) sum() []byte {
	if r.hash == nil {
		return nil
	}
	return r.hash.Sum(nil)
}

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
func (r *Reader) sparse(m *entry.Member, ext *paxHeader, format sparseFormat, stored int64) error {
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

	r.begin(m)
	runs := &runs{real: m.Size, keep: r.to != nil}
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
	var err error
	if runs.payload() {
		if format != sparseInData && r.hash != nil {
			if s := entry.NewSparseMap(list, m.Size); s != nil { // else whole blocks leave no holes
				r.hash.Write(s.Text)
			}
		}
		if r.to == nil {
			err = r.content(data)
		} else {
			err = r.expand(runs, false)
		}
		m.SparseSHA256 = r.sum()
	} else {
		if r.hash != nil {
			r.hash.Reset()
		}
		err = r.expand(runs, true)
		m.SHA256 = r.sum()
	}
	if err != nil {
		return err
	}
	return r.in.each(padding(stored), nil)
}

// expand reads the data of a sparse file with its holes as zeros; hashed is whether
// those count for the digest.
func (r *Reader) expand(runs *runs, hashed bool) error {
	at := int64(0)
	for _, x := range runs.kept {
		if err := r.hole(x.Offset-at, hashed); err != nil {
			return err
		}
		if err := r.content(x.Length); err != nil {
			return err
		}
		at = x.Offset + x.Length
	}
	return r.hole(runs.real-at, hashed)
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
		if r.hash != nil {
			r.hash.Write(b)
		}
		done, err := text.write(b)
		if err != nil || done {
			return stored, err
		}
	}
}

// oldMap reads the map of an old GNU sparse file: four runs in the header, and 21
// in each block that follows.
func (r *Reader) oldMap() ([]entry.Extent, error) {
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
