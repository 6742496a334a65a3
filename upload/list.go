package upload

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxList bounds the list of a folder, in bytes as it is sent: 200,000 long names are far
// more than any endpoint has, and fit in memory, as the five million shortest do.
const maxList = 16 << 20

// List returns the names in a folder such as images, in the server's order;
// folders among them end in a slash. Empty means the root of all files. It takes
// the list claim. The names are the server's: bytes that anybody may have chosen.
func (c *Client) List(ctx context.Context, folder string) ([]string, error) {
	const op = "list"
	if c.endpoint == nil {
		return nil, fmt.Errorf("%s: %w", op, errNoEndpoint)
	}
	if folder != "" {
		if err := checkPath(folder); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	x, err := c.exchange(ctx, request{op: op, path: cmp.Or(folder, "/"), method: http.MethodGet, url: c.listURL(folder), headers: c.timeouts.Headers})
	if err != nil {
		return nil, err
	}
	defer x.close()
	if x.resp.StatusCode != http.StatusOK {
		return nil, x.refusal()
	}
	var names []string
	err = eachName(x, func(name string) bool {
		names = append(names, name)
		return true
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// eachName calls f with the names of a folder's list until it returns false, entry
// by entry: a folder may hold more than would be read of any other answer.
func eachName(x *exchange, f func(name string) bool) error {
	bounded := &io.LimitedReader{R: &patientReader{x: x}, N: maxList}
	d := json.NewDecoder(bounded)
	fail := func(err error) error {
		if bounded.N == 0 {
			return x.nonsense(fmt.Sprintf("the list has more than %d MB", maxList>>20))
		}
		return listFailure(x, err)
	}
	switch t, err := d.Token(); {
	case err == nil && t == nil:
		return nil // null is how Go writes an empty list
	case err != nil || t != json.Delim('['):
		return fail(err)
	}
	for d.More() {
		var name string
		if err := d.Decode(&name); err != nil {
			return fail(err)
		}
		if !f(name) {
			return nil
		}
	}
	if _, err := d.Token(); err != nil { // the list may have been cut off
		return fail(err)
	}
	return nil
}

// listFailure makes an Error of a list that could not be read to its end.
func listFailure(x *exchange, err error) error {
	var e *Error
	if errors.As(err, &e) || x.parent.Err() != nil {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return x.failure(err)
	}
	return x.nonsense("the answer is not a list of names")
}

// Delete deletes a file. It takes the delete claim. The server answers 404, an
// Error of kind Failed, when it cannot, also when the file is not there.
//
// The server deletes an empty folder of that name, too, and the .part of an upload
// that is under way: that upload then succeeds, and nothing is stored.
func (c *Client) Delete(ctx context.Context, path string) error {
	x, err := c.ask(ctx, request{op: "delete", path: path, method: http.MethodDelete, headers: c.timeouts.Headers})
	if err != nil {
		return err
	}
	defer x.close()
	if s := x.resp.StatusCode; s != http.StatusNoContent && s != http.StatusOK {
		return x.refusal()
	}
	return nil
}
