package image

import (
	"errors"
	"fmt"
	"math"

	"image-capture/entry"
)

// sparseFormat reports how the holes of a file are told, if it has any.
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

// sparse takes what the headers of a sparse file say, and reads those that follow.
func (r *Reader) sparse(c *content, ext *paxHeader) error {
	c.list, c.listed = ext.sparseRuns, ext.sparseBlocks
	if c.format == sparseInTar {
		real, err := r.raw.count(fieldReal)
		if err != nil {
			return err
		}
		ext.sparseReal = &real
		if c.list, err = r.oldMap(); err != nil {
			return err
		}
	}
	if ext.sparseReal == nil {
		return errors.New("sparse file without its real size")
	}
	c.m.Size = int64(*ext.sparseReal)
	if c.m.Size > math.MaxInt64-blockSize {
		return fmt.Errorf("absurd size of %d bytes", c.m.Size)
	}
	return nil
}

// startSparse reads and checks the map of a sparse file. When it has too many holes
// the digest is over map and data, else the holes are hashed as what they read as.
func (r *Reader) startSparse(keep bool) error {
	c := &r.content
	runs := &runs{real: c.m.Size, keep: keep}
	if c.format == sparseInData {
		var err error
		if c.stored, err = r.mapBlocks(runs, c.stored); err != nil {
			return err
		}
	} else {
		if c.listed != nil && *c.listed != uint64(len(c.list)) {
			return fmt.Errorf("sparse map of %d runs that should have %d", len(c.list), *c.listed)
		}
		for _, x := range c.list {
			if err := runs.add(x.Offset, x.Length); err != nil {
				return err
			}
		}
	}
	runs.finish()
	if runs.stored != c.stored {
		return fmt.Errorf("sparse file of %d bytes of data with a map for %d", c.stored, runs.stored)
	}
	c.data, c.overMap = runs.kept, runs.payload()
	if r.hash == nil {
		return nil
	}
	if !c.overMap {
		r.hash.Reset() // of the map
	} else if c.format != sparseInData {
		if s := entry.NewSparseMap(c.list, c.m.Size); s != nil { // else whole blocks leave no holes
			r.hash.Write(s.Text)
		}
	}
	return nil
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
