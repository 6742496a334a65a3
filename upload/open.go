package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxRedirects is as many as browsers follow, roughly, and halved.
const maxRedirects = 10

// Download is a file that is being read. Its Read fails with an *Error of kind
// Broken if the connection breaks or stalls or the file is cut short.
type Download struct {
	// Size is in bytes, or -1 if the server did not tell.
	Size int64
	x    *exchange
	r    patientReader
}

func download(x *exchange) *Download {
	return &Download{Size: x.resp.ContentLength, x: x, r: patientReader{x: x}}
}

// Read reads from the file.
func (d *Download) Read(p []byte) (int, error) { return d.r.Read(p) }

// Close ends the transfer.
func (d *Download) Close() error {
	d.x.close()
	return nil
}

// Open reads a http or https URL; ctx holds for all of the download. The TLS rules
// are those of the endpoint.
//
// Credentials are sent only where scheme, host and port are the endpoint's.
// Redirects are followed, but never from https to http, and once one has led away
// from the endpoint no credentials are sent any more, even if another leads back.
func (c *Client) Open(ctx context.Context, rawURL string) (*Download, error) {
	x, err := c.follow(rawURL, func(u *url.URL, anyone bool) (*exchange, error) {
		return c.exchange(ctx, request{op: "open", path: shown(u), method: http.MethodGet, url: u, anyone: anyone, headers: c.timeouts.Headers})
	}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	return download(x), nil
}

// follow gets a URL, and what it redirects to, by the rules of Open, until the answer has
// one of the good statuses.
func (c *Client) follow(rawURL string, get func(u *url.URL, anyone bool) (*exchange, error), good ...int) (*exchange, error) {
	const op = "open"
	u, err := url.Parse(rawURL)
	if err != nil {
		// The parser's own words quote what may be a password.
		return nil, &URLError{op, "", errors.New("not a valid URL")}
	}
	if err := checkRemote(u); err != nil {
		return nil, &URLError{op, c.redact.message(shown(u)), err}
	}
	trusted := true
	for range maxRedirects + 1 {
		trusted = trusted && c.owns(u)
		x, err := get(u, !trusted)
		if err != nil {
			return nil, err
		}
		switch status := x.resp.StatusCode; {
		case slices.Contains(good, status):
			return x, nil
		case slices.Contains(redirects, status):
			next, err := redirect(u, x.resp.Header.Get("Location"))
			if err != nil {
				err = x.nonsense(err.Error())
				x.close()
				return nil, err
			}
			x.close()
			u = next
		default:
			err := x.refusal()
			x.close()
			return nil, err
		}
	}
	return nil, &Error{Kind: Failed, Op: op, Path: c.redact.clean(shown(u)), Msg: fmt.Sprintf("more than %d redirects", maxRedirects)}
}

var redirects = []int{
	http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
}

// Fetch reads a stored file through the files API, which takes the get claim.
// Without it the answer is an Error with the status 404, as for a file that is not
// there.
func (c *Client) Fetch(ctx context.Context, path string) (*Download, error) {
	x, err := c.ask(ctx, request{op: "fetch", path: path, method: http.MethodGet, headers: c.timeouts.Headers})
	if err != nil {
		return nil, err
	}
	if x.resp.StatusCode != http.StatusOK {
		err := x.refusal()
		x.close()
		return nil, err
	}
	return download(x), nil
}

// Fetch reads a stored file, as Client.Fetch does.
func (e *Endpoint) Fetch(ctx context.Context, path string) (*Download, error) {
	return e.client.Fetch(ctx, path)
}

// shown is a URL for messages: a query may hold a signature, and user information
// a password.
func shown(u *url.URL) string {
	v := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return v.String()
}

// URLError is that a URL is not one that can be opened, before anybody is asked.
type URLError struct {
	op, url string // the URL is as messages show it, and empty where it may hold anything
	err     error
}

func (e *URLError) Error() string {
	if e.url == "" {
		return fmt.Sprintf("%s: %v", e.op, e.err)
	}
	return fmt.Sprintf("%s %s: %v", e.op, e.url, e.err)
}

func (e *URLError) Unwrap() error { return e.err }

func checkRemote(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("not a http or https URL")
	case u.Hostname() == "":
		return errors.New("the URL has no host")
	case u.User != nil:
		return errors.New("the URL holds a user name or password")
	}
	return nil
}

func redirect(from *url.URL, location string) (*url.URL, error) {
	if location == "" {
		return nil, errors.New("a redirect without a target")
	}
	to, err := from.Parse(location)
	if err != nil {
		return nil, errors.New("a redirect to an invalid URL")
	}
	if err := checkRemote(to); err != nil {
		return nil, fmt.Errorf("a redirect that is not followed: %w", err)
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return nil, fmt.Errorf("a redirect from https to http is not followed: %s", shown(to))
	}
	return to, nil
}

// owns reports whether u has the scheme, host and port of the endpoint.
func (c *Client) owns(u *url.URL) bool {
	return c.endpoint != nil && u.Scheme == c.endpoint.Scheme &&
		strings.EqualFold(u.Hostname(), c.endpoint.Hostname()) && port(u) == port(c.endpoint)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// patientReader reads an answer of any length, and gives up when no byte came for
// Timeouts.Stall. Only the time within Read counts, so a slow caller is no stall.
type patientReader struct {
	x     *exchange
	timer *time.Timer
}

func (r *patientReader) Read(p []byte) (int, error) {
	stall := r.x.client.timeouts.Stall
	if r.timer == nil {
		r.timer = time.AfterFunc(stall, func() { r.x.cancel(errSilent) })
	} else {
		r.timer.Reset(stall)
	}
	n, err := r.x.resp.Body.Read(p)
	r.timer.Stop()
	if err != nil && err != io.EOF {
		err = r.x.failure(err)
	}
	return n, err
}
