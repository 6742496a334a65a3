package archive

import (
	"crypto/sha256"
	"fmt"

	"image-capture/entry"
)

// ask asks what becomes of the content. What has none but is a file is not of the
// tree.
func (it *item) ask(content func(*entry.Entry) (func([]byte) ([]byte, error), bool)) {
	if it.content == nil && it.m.Type == entry.File {
		return
	}
	it.rewrite, it.edited = content(&it.m.Entry)
	switch {
	case !it.edited || it.content == nil:
		it.rewrite, it.edited = nil, false
	case it.rewrite == nil:
		it.content.Close()
		it.content = nil
		it.hold(nil)
	}
}

// apply makes the new content of what was read.
func (it *item) apply() error {
	m := &it.m
	if !it.read {
		return fmt.Errorf("rewrite %s: it has %d bytes, and at most %d are rewritten", m.Path, m.Size, MaxRewrite)
	}
	b, err := it.rewrite(it.expanded())
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", m.Path, err)
	}
	it.hold(b)
	return nil
}

// expanded is the content that was read, holes as zeros.
func (it *item) expanded() []byte {
	if it.sparse == nil {
		return it.data
	}
	b, used := make([]byte, it.m.Size), int64(0)
	for _, run := range it.sparse.Data {
		copy(b[run.Offset:run.Offset+run.Length], it.data[used:])
		used += run.Length
	}
	return b
}

// added fetches the content of a file that is not of the tree.
func (it *item) added(content func(path string) []byte) error {
	var b []byte
	if content != nil {
		b = content(it.m.Path)
	}
	if int64(len(b)) != it.m.Size {
		return fmt.Errorf("%s: added file of %d bytes with a content of %d", it.m.Path, it.m.Size, len(b))
	}
	it.hold(b)
	return nil
}

// hold makes b all that the file holds.
func (it *item) hold(b []byte) {
	it.data, it.sparse, it.read = b, nil, true
	it.m.Size, it.m.Blocks = int64(len(b)), (int64(len(b))+blockSize-1)/blockSize
	sum := sha256.Sum256(b)
	it.m.SHA256 = sum[:]
}
