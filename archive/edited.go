package archive

import (
	"crypto/sha256"
	"fmt"

	"image-capture/edit"
	"image-capture/entry"
)

// A file that is rewritten must be one that is read whole.
const _ uint = maxSettled - edit.MaxRewrite

// ask asks where the content comes from, and holds what is not that of the tree.
func (it *item) ask() {
	it.from = it.node.Source(&it.m.Entry)
	if it.m.Type == entry.File && (it.from == edit.Emptied || it.from == edit.Added) {
		it.hold(it.node.Content())
	}
}

// apply makes the new content of what was read.
func (it *item) apply() error {
	m := &it.m
	if !it.read {
		return fmt.Errorf("rewrite %s: it has %d bytes, and at most %d are rewritten", entry.Escape(m.Path), m.Size, edit.MaxRewrite)
	}
	b, err := it.node.Rewrite(it.expanded())
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", entry.Escape(m.Path), err)
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

// hold makes b all that the file holds.
func (it *item) hold(b []byte) {
	it.data, it.sparse, it.read = b, nil, true
	it.m.Size, it.m.Blocks = int64(len(b)), (int64(len(b))+blockSize-1)/blockSize
	sum := sha256.Sum256(b)
	it.m.SHA256 = sum[:]
}
