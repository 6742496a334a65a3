package archive

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"image-capture/entry"
	"image-capture/rootfs"
)

// tries is how often a file is read that does not hold still.
const tries = 3

// look reads the metadata of the name, and opens a file.
func (it *item) look() {
	if it.content != nil {
		it.content.Close()
	}
	it.at, it.cloned = time.Now(), false
	it.content, it.lost, it.err = it.node.Read(&it.m.Entry)
}

// clone has a clone read in place of the file, where that can be.
func (it *item) clone() { it.cloned = it.cloner.Clone(it.content, &it.m.Entry) }

// fresh says that another change than the last before the look could go unseen.
func (it *item) fresh() bool { return !it.cloned && it.m.Fresh(it.at) }

// settle reads a file of at most maxSettled bytes into buf until it held still
// while it was read, and takes its digest if that is wanted. The file stays unread, with err or without, when it cannot be
// read or has outgrown buf.
func (it *item) settle(buf []byte, digest bool) {
	e := &it.m.Entry
	for try := 1; e.Size < int64(len(buf)); try++ {
		it.data, it.err = it.readStored(buf)
		if it.err != nil {
			return
		}
		what, err := it.changedSince()
		if err != nil {
			it.err = err
			return
		}
		if what == "" && it.fresh() {
			what = "was written to just before it was read, and maybe meanwhile"
		}
		if what == "" || try == tries {
			// That the content is short of its size does not get better by reading again.
			it.changed = cmp.Or(what, it.cut())
			it.read = true
			if it.sparse == nil && digest {
				sum := sha256.Sum256(it.data)
				it.m.SHA256 = sum[:]
			}
			return
		}
		if it.cloner == nil {
			time.Sleep(entry.Tick)
		}
		// All of it again: the attributes belong to the content.
		if it.look(); it.content == nil {
			return
		}
		if it.cloner != nil {
			it.clone()
		}
	}
	it.data, it.sparse, it.short = nil, nil, false
}

// changedSince reports how the file changed since the look, or "". What is written to a
// file does not change its clone.
func (it *item) changedSince() (string, error) {
	if it.cloned {
		return "", nil
	}
	now, err := it.content.Stat()
	if err != nil {
		return "", err
	}
	return difference(&it.m.Entry, &now), nil
}

// readStored reads what is to be stored of a file: all of it, or its data without
// the holes. What the file lacks by now is zeros.
func (it *item) readStored(buf []byte) ([]byte, error) {
	e := &it.m.Entry
	var err error
	if it.sparse, err = mapOf(it.content, e); err != nil {
		return nil, err
	}
	runs := []entry.Extent{{Offset: 0, Length: e.Size}}
	if it.sparse != nil {
		runs = it.sparse.Data
	}
	it.short = false
	n := 0
	for _, run := range runs {
		part := buf[n : n+int(run.Length)]
		k, err := it.readAt(part, run.Offset)
		if err == io.EOF {
			it.endedAt(run.Offset + int64(k))
		} else if err != nil {
			return nil, err
		}
		clear(part[k:])
		n += len(part)
	}
	return buf[:n:n], nil
}

// readAt reads the content, when it may be read.
func (it *item) readAt(p []byte, off int64) (int, error) {
	if it.pace != nil {
		it.pace.Wait(len(p), it.over)
	}
	return it.content.ReadAt(p, off)
}

// endedAt notes that the content ended before its size.
func (it *item) endedAt(at int64) {
	if !it.short {
		it.short, it.end = true, at
	}
}

// cut says that zeros stand in place of what a file should have and did not give,
// though it looks as it did before; "" when it gave all. Some filesystems tell a size
// that is not that of the content.
func (it *item) cut() string {
	if !it.short {
		return ""
	}
	return fmt.Sprintf("ended at byte %d of %d: zeros are in place of the rest", it.end, it.m.Size)
}

// mapOf returns the sparse map of a file, nil when it has no holes. Only a file
// with fewer blocks than its size needs is asked for them.
func mapOf(c *rootfs.Content, e *entry.Entry) (*entry.SparseMap, error) {
	if e.Blocks*blockSize >= e.Size {
		return nil, nil
	}
	data, err := c.Data(e.Size)
	if err != nil {
		return nil, err
	}
	return entry.NewSparseMap(data, e.Size), nil
}

// difference reports how a file changed between two looks at it, or "". ctime is
// what nobody can set back; size and mtime are compared for filesystems that keep
// none.
func difference(before, after *entry.Entry) string {
	switch {
	case after.Size > before.Size:
		return fmt.Sprintf("grew from %d to %d bytes while it was read", before.Size, after.Size)
	case after.Size < before.Size:
		return fmt.Sprintf("shrank from %d to %d bytes while it was read", before.Size, after.Size)
	case after.Mtime != before.Mtime:
		return "changed while it was read"
	case after.Ctime != before.Ctime:
		return "its attributes changed while it was read"
	}
	return ""
}
