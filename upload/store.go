package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Stored is what the server says it has.
type Stored struct {
	// Path is the server's name for the file, as in /images/x.tgz.
	Path string
	// Size is in bytes, and equals what was sent.
	Size int64
}

// Store sends body to path, such as images/x.tgz. The size is in bytes; -1 means
// that it is not known. A body that turns out shorter or longer than its size
// breaks the request.
//
// The body is read only after the server has said yes, or kept silent for
// Timeouts.Continue, and no more once the server has answered. When Store
// returns, it has closed a body that is an io.Closer, whatever the outcome, and an
// io.PipeReader with the error that it returns; so a producer at the other end
// of a pipe ends. A Read that is under way then and does not return within a second
// is left to itself. Store does not wait for a producer.
//
// An error from reading the body is returned as it is, and if ctx ends, its cause
// is wrapped; in both cases the connection is broken, so that the server drops
// its part. Everything else is an *Error.
//
// The server may have stored nothing in spite of a success, if path is a folder
// that is not empty; only Confirm notices that.
func (c *Client) Store(ctx context.Context, path string, body io.Reader, size int64) (Stored, error) {
	f := newFeed(body, size)
	stored, err := c.store(ctx, path, f)
	f.finish(err)
	return stored, err
}

func (c *Client) store(ctx context.Context, path string, f *feed) (Stored, error) {
	const op = "store"
	if c.endpoint == nil {
		return Stored{}, fmt.Errorf("%s: %w", op, errNoEndpoint)
	}
	if err := checkPath(path); err != nil {
		return Stored{}, fmt.Errorf("%s: %w", op, err)
	}
	r := request{
		op: op, path: path, method: http.MethodPost, url: c.apiURL(path),
		headers: c.timeouts.Headers,
		header: map[string]string{
			// Any other value, even with a parameter, is answered by 400.
			"Content-Type": "application/octet-stream",
			"Expect":       "100-continue",
		},
	}
	if f.size == 0 {
		// net/http has no way to announce zero bytes and then look at the body.
		if err := f.expectEnd(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, errAbandoned) {
				err = fmt.Errorf("%s %s: %w", op, c.redact.clean(path), context.Cause(ctx))
			}
			return Stored{}, c.redact.scrub(err)
		}
		delete(r.header, "Expect")
		return c.post(ctx, r, f)
	}
	r.body, r.size = newView(f), f.size
	stored, err := c.post(ctx, r, f)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusExpectationFailed && !f.touched() {
		// RFC 9110, 10.1.1: whoever does not know Expect says so, and may be asked
		// again without it.
		delete(r.header, "Expect")
		r.body = newView(f)
		stored, err = c.post(ctx, r, f)
	}
	return stored, err
}

// post sends one request and judges the answer.
func (c *Client) post(ctx context.Context, r request, f *feed) (Stored, error) {
	x, err := c.exchange(ctx, r)
	if err != nil {
		return Stored{}, err
	}
	defer x.close()
	if x.resp.StatusCode != http.StatusCreated {
		return Stored{}, x.refusal()
	}
	text, err := x.answer()
	if err != nil {
		return Stored{}, x.failure(err)
	}
	var answer struct {
		Path string
		Size *int64
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Size == nil {
		return Stored{}, x.nonsense("the answer does not say what was stored: " + bounded(string(text), 200))
	}
	sent, whole := f.progress()
	switch {
	case !whole:
		return Stored{}, x.nonsense(fmt.Sprintf("the server reports %d bytes before it received all of them", *answer.Size))
	case *answer.Size != sent:
		return Stored{}, x.nonsense(fmt.Sprintf("the server stored %d bytes, but %d were sent", *answer.Size, sent))
	}
	return Stored{Path: c.redact.message(answer.Path), Size: sent}, nil
}

// expectEnd reads a body that should be empty.
func (f *feed) expectEnd(ctx context.Context) error {
	if _, err := f.next(make([]byte, 1), ctx.Done()); err != io.EOF {
		return err
	}
	return nil
}
