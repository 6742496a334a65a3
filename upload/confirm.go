package upload

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	pathpkg "path"
	"strconv"
	"strings"
)

// Confirm asks the server for the SHA-256 of a stored file and compares it with
// sha256hex. It reports false, and no error, when that cannot be known: the server
// answers 403 or 404, which is what a token without the get claim sees, whether
// the file is there or not, or it gives no digest. Another digest is an Error of
// kind Failed.
//
// The server reads the whole file before it answers, at about 1 s a GB; see
// Timeouts.Digest.
func (c *Client) Confirm(ctx context.Context, path, sha256hex string) (verified bool, err error) {
	const op = "confirm"
	want := strings.ToLower(sha256hex)
	if !isSHA256(want) {
		return false, fmt.Errorf("%s: %q is not a SHA-256 in hex", op, bounded(sha256hex, 200))
	}
	x, err := c.ask(ctx, request{op: op, path: path, method: http.MethodHead, headers: c.timeouts.Digest})
	if err != nil {
		return false, err
	}
	defer x.close()
	switch status := x.resp.StatusCode; {
	case refusedToShow(status):
		return false, nil
	case status != http.StatusOK:
		return false, x.refusal()
	}
	got := digestOf(x.resp.Header)
	switch got {
	case "":
		return false, nil
	case want:
		return true, nil
	}
	return false, x.nonsense(fmt.Sprintf("the stored file has SHA-256 %s, but %s was sent", got, want))
}

// ask is an exchange with the files API about a path, without a body.
func (c *Client) ask(ctx context.Context, r request) (*exchange, error) {
	if c.endpoint == nil {
		return nil, fmt.Errorf("%s: %w", r.op, errNoEndpoint)
	}
	if err := checkPath(r.path); err != nil {
		return nil, fmt.Errorf("%s: %w", r.op, err)
	}
	if r.url == nil {
		r.url = c.apiURL(r.path)
	}
	return c.exchange(ctx, r)
}

// digestOf finds the SHA-256 in an answer, in lower case: older servers have a
// header for it, newer ones an entity tag, which a proxy may have made weak.
func digestOf(h http.Header) string {
	if d := strings.ToLower(strings.TrimSpace(h.Get("X-DRP-SHA256SUM"))); isSHA256(d) {
		return d
	}
	tag := strings.TrimSpace(h.Get("ETag"))
	tag = strings.TrimPrefix(tag, "W/")
	tag = strings.ToLower(strings.Trim(tag, `"`))
	if d, ok := strings.CutPrefix(tag, "sha256:"); ok && isSHA256(d) {
		return d
	}
	return ""
}

// isSHA256 reports whether s is 64 hex digits.
func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}

// Existence is what can be known about a name.
type Existence uint8

// The answers of Exists.
const (
	// Unknown: this token may not see. The server says 404 to a token without the
	// get claim as it does for a file that is not there, so a 404 alone says nothing.
	Unknown Existence = iota
	// Absent: the folder's list, which the token may read, does not have the name.
	Absent
	// Present: a file or a folder of that name is there.
	Present
)

// String names the answer.
func (e Existence) String() string {
	switch e {
	case Absent:
		return "absent"
	case Present:
		return "present"
	}
	return "unknown"
}

// Exists looks whether path is in use. A token with the get claim can see that it
// is, and only one with the list claim that it is not.
func (c *Client) Exists(ctx context.Context, path string) (Existence, error) {
	const op = "look for"
	x, err := c.firstByte(ctx, op, path)
	if err != nil {
		return Unknown, err
	}
	x.close()
	switch status := x.resp.StatusCode; {
	case status == http.StatusOK, status == http.StatusPartialContent, status == http.StatusRequestedRangeNotSatisfiable:
		return Present, nil // 416: there, and empty
	case status == http.StatusUnauthorized, status >= 500:
		return Unknown, x.refusal()
	}

	folder, name := pathpkg.Split(path)
	x, err = c.ask(ctx, request{
		op: op, path: path, method: http.MethodGet, headers: c.timeouts.Headers,
		url: c.listURL(strings.TrimSuffix(folder, "/")),
	})
	if err != nil {
		return Unknown, err
	}
	defer x.close()
	switch status := x.resp.StatusCode; {
	case status == http.StatusUnauthorized, status >= 500:
		return Unknown, x.refusal()
	case status != http.StatusOK:
		return Unknown, nil // no list claim, or no such folder: it does not tell
	}
	found := Absent
	err = eachName(x, func(entry string) bool {
		if strings.TrimSuffix(entry, "/") == name {
			found = Present
		}
		return found == Absent
	})
	if err != nil {
		return Unknown, err
	}
	return found, nil
}

// firstByte asks for one byte of a stored file. A HEAD would make the server read the
// whole file for its digest; where Range is not understood, the answer is cut off after
// its head by closing the exchange.
func (c *Client) firstByte(ctx context.Context, op, path string) (*exchange, error) {
	return c.ask(ctx, request{
		op: op, path: path, method: http.MethodGet, headers: c.timeouts.Headers,
		header: map[string]string{"Range": "bytes=0-0"},
	})
}

// Size returns the size of a stored file in bytes, or -1 where this token may not
// see it or the server does not tell.
func (c *Client) Size(ctx context.Context, path string) (int64, error) {
	x, err := c.firstByte(ctx, "look at", path)
	if err != nil {
		return -1, err
	}
	defer x.close()
	switch status := x.resp.StatusCode; {
	case status == http.StatusOK:
		return x.resp.ContentLength, nil
	case status == http.StatusPartialContent, status == http.StatusRequestedRangeNotSatisfiable:
		_, total, _ := strings.Cut(x.resp.Header.Get("Content-Range"), "/")
		if size, err := strconv.ParseInt(total, 10, 64); err == nil && size >= 0 {
			return size, nil
		}
		return -1, nil
	case refusedToShow(status):
		return -1, nil
	}
	return -1, x.refusal()
}
