package cli

import (
	"context"
	"fmt"
	"io"
	"os"
)

// maxCredential is how many bytes a file with a token or certificates may hold.
const maxCredential = 1 << 20

// readFile reads a file that a flag names, of at most so many bytes. It can be a pipe, as
// in --exclude-from <(COMMAND), which may keep one waiting until ctx ends. The hint says
// how to come by such a file.
func readFile(ctx context.Context, flag, path string, most int64, hint string) ([]byte, error) {
	b, err := whenDone(ctx, func() ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, most+1))
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is larger than %d MiB", path, most>>20)
	}
	if err != nil {
		return nil, usagef(hint, "--%s: %w", flag, err)
	}
	return b, nil
}

// whenDone returns what f returns, or when ctx ends: f may block for ever, such as on
// a pipe that nobody reads or writes. The program is about to end then.
func whenDone[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// interruptibleReader reads from what may block for ever, until ctx ends. A read that
// is left behind has a buffer of its own.
type interruptibleReader struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptibleReader) Read(p []byte) (int, error) {
	b, err := whenDone(i.ctx, func() ([]byte, error) {
		b := make([]byte, len(p))
		n, err := i.r.Read(b)
		return b[:n], err
	})
	return copy(p, b), err
}
