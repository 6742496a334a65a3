package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"image-capture/entry"
)

// errSilent is the cause of a request that was cancelled because the server
// stopped in the middle of its answer.
var errSilent = errors.New("the server stopped in the middle of its answer")

// maxAnswer bounds what is read of an answer that is not a file, in bytes.
const maxAnswer = 64 << 10

// exchange is one request and its answer, on a connection and a transport of
// their own: the transport's dialer thus knows which body and which timeouts it
// serves, and nothing outlives close.
type exchange struct {
	client *Client
	op     string
	path   string
	asked  string          // the endpoint, for errors
	parent context.Context // the caller's, for its cause
	cancel context.CancelCauseFunc
	body   *view // nil without a body
	resp   *http.Response

	mu     sync.Mutex
	conn   *conn
	closed bool
}

// request is what an exchange sends.
type request struct {
	op, path string // for errors
	method   string
	url      *url.URL
	header   map[string]string
	anyone   bool          // without credentials
	headers  time.Duration // the wait for an answer
	body     *view
	size     int64 // of body; -1: unknown
}

// exchange sends a request and waits for the head of the answer. Without an error
// the caller must close the exchange.
func (c *Client) exchange(ctx context.Context, r request) (*exchange, error) {
	x := &exchange{client: c, op: r.op, path: c.redact.clean(r.path), parent: ctx, body: r.body}
	ctx, x.cancel = context.WithCancelCause(ctx)
	if c.endpoint != nil && !r.anyone {
		x.asked = c.redact.clean(c.endpoint.String())
	}
	if err := x.send(ctx, r); err != nil {
		err = x.failure(err)
		x.close()
		return nil, err
	}
	if x.body != nil {
		// Whatever the answer is, it is the last word: no more of the body is wanted.
		x.body.hold()
	}
	return x, nil
}

func (x *exchange) send(ctx context.Context, r request) error {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), nil)
	if err != nil {
		return err
	}
	if r.body != nil {
		req.Body, req.ContentLength = r.body, r.size
	}
	// Not only for the connection's end: with a connection that could be kept,
	// net/http sends the body also after a final answer to Expect.
	req.Close = true
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	req.Header.Set("User-Agent", x.client.userAgent)
	if auth := x.client.auth.header; auth != "" && !r.anyone {
		req.Header.Set("Authorization", auth)
	}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	t := &http.Transport{
		Proxy:                  x.client.proxy,
		DialContext:            x.dial,
		TLSClientConfig:        x.client.tls,
		TLSHandshakeTimeout:    x.client.timeouts.Handshake,
		ExpectContinueTimeout:  x.client.timeouts.Continue,
		ResponseHeaderTimeout:  r.headers,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a file is wanted as it is stored
		MaxResponseHeaderBytes: maxAnswer,
		WriteBufferSize:        feedChunk,
		ReadBufferSize:         feedChunk,
		// HTTP/2 would hide from conn what the server takes, and gains nothing here.
		Protocols: &http1,
	}
	x.resp, err = t.RoundTrip(req) // its body is closed by exchange.close
	return err
}

func (x *exchange) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: x.client.timeouts.Dial}
	raw, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := newConn(raw, x.client.timeouts.Stall, func() {
		if x.body != nil {
			x.body.release()
		}
	})
	c.pace = x.client.pace
	x.mu.Lock()
	x.conn = c
	closed := x.closed
	x.mu.Unlock()
	if closed {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// close ends the exchange and all that it started. It may be called twice.
func (x *exchange) close() {
	x.mu.Lock()
	x.closed = true
	c := x.conn
	x.mu.Unlock()
	x.cancel(net.ErrClosed)
	if c != nil {
		_ = c.Close() // all that was wanted has been read
	}
	if x.body != nil {
		x.body.release()
	}
	if x.resp != nil {
		_ = x.resp.Body.Close()
	}
}

// answer reads the rest of an answer, up to maxAnswer bytes, in Timeouts.Stall
// for the whole.
func (x *exchange) answer() ([]byte, error) {
	timer := time.AfterFunc(x.client.timeouts.Stall, func() { x.cancel(errSilent) })
	defer timer.Stop()
	return io.ReadAll(io.LimitReader(x.resp.Body, maxAnswer))
}

// failure sorts an error of the connection.
func (x *exchange) failure(err error) error {
	c := x.client
	if x.body != nil {
		if own := x.body.feed.failure(); own != nil {
			return c.redact.scrub(own)
		}
	}
	if x.parent.Err() != nil {
		return fmt.Errorf("%s %s: %w", x.op, entry.Printable(x.path), c.redact.scrub(context.Cause(x.parent)))
	}
	e := &Error{Kind: Broken, Op: x.op, Path: x.path, Endpoint: x.asked, Err: c.redact.scrub(err)}
	if x.resp != nil {
		e.Status = x.resp.StatusCode
	}
	x.mu.Lock()
	stalled := x.conn != nil && x.conn.stalled.Load()
	x.mu.Unlock()
	text := err.Error()
	msg, seen, isTLS := tlsFailure(err)
	switch {
	case stalled:
		text = fmt.Sprintf("the server accepted no data for %s", c.timeouts.Stall)
	case errors.Is(err, errSilent):
		text = fmt.Sprintf("%s for %s", errSilent, c.timeouts.Stall)
	case isTLS:
		e.Kind, e.Fingerprint, text = TLS, seen, msg
	case malformed(text):
		e.Kind = Failed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the server closed the connection before the end of its answer"
	}
	text = strings.TrimPrefix(text, "net/http: ")
	text = strings.TrimPrefix(text, "HTTP/1.x transport connection broken: ")
	e.Msg = c.redact.message(text)
	return e
}

// malformed tells an answer that is not HTTP; net/http has only words for that.
func malformed(text string) bool {
	for _, words := range []string{"malformed ", "response headers exceeded", "bad Content-Length", "invalid Content-Length", "unsupported transfer encoding", "invalid byte in chunk"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
