package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Whole reads an image from when it is wanted, and closes it at the end or an error: Other in
// place of io.EOF where its SHA-256 is not SHA256, in hexadecimal.
type Whole struct {
	Open   func() (io.ReadCloser, error)
	SHA256 string
	Other  error
	in     io.ReadCloser
	hash   hash.Hash
}

func (w *Whole) Read(p []byte) (int, error) {
	if w.in == nil {
		in, err := w.Open()
		if err != nil {
			return 0, err
		}
		w.in, w.hash = in, sha256.New()
	}
	n, err := w.in.Read(p)
	w.hash.Write(p[:n])
	if err != nil {
		w.in.Close()
	}
	if err == io.EOF && hex.EncodeToString(w.hash.Sum(nil)) != w.SHA256 {
		err = w.Other
	}
	return n, err
}

// Close closes what was not read to its end; a second time is no harm.
func (w *Whole) Close() error {
	if w.in == nil {
		return nil
	}
	return w.in.Close()
}
