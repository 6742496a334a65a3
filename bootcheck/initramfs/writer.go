package initramfs

import (
	"io"
	"runtime"
)

// Writer is Read for bytes that are handed over as they come.
type Writer struct {
	pipe   *io.PipeWriter
	result chan result // gets one
	got    *result
}

type result struct {
	content *Content
	err     error
}

// NewWriter starts to read what will be written. Close it to free what it takes,
// whether all was written or not.
func NewWriter() *Writer {
	pr, pw := io.Pipe()
	w := &Writer{pipe: pw, result: make(chan result, 1)}
	done := w.result
	go func() { // Close waits for it
		content, err := Read(pr)
		// What comes behind an error is not waited for.
		_ = pr.Close()
		done <- result{content, err}
	}()
	// One that was dropped without Close ends too.
	runtime.AddCleanup(w, func(pw *io.PipeWriter) { _ = pw.CloseWithError(io.ErrUnexpectedEOF) }, pw)
	return w
}

// Write never fails before Close: an initramfs that cannot be read is no reason to
// stop the pass that writes it. Close tells the error.
func (w *Writer) Write(p []byte) (int, error) {
	if w.got != nil {
		return 0, io.ErrClosedPipe
	}
	_, _ = w.pipe.Write(p)
	return len(p), nil
}

// Close ends the initramfs, and is to be called once all is written. What was read
// is in Result then.
func (w *Writer) Close() error { return w.CloseWithError(nil) }

// CloseWithError ends it where not all was written because of err; Result will tell
// it.
func (w *Writer) CloseWithError(err error) error {
	if w.got == nil {
		_ = w.pipe.CloseWithError(err)
		got := <-w.result
		w.got = &got
	}
	return nil
}

// Result is what Read returned; nil and nil before Close.
func (w *Writer) Result() (*Content, error) {
	if w.got == nil {
		return nil, nil
	}
	return w.got.content, w.got.err
}
