package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

// ErrNoRanges is that a server sends a file whole, whatever part of it is asked for.
var ErrNoRanges = errors.New("the server sends no parts of files")

// noRanges is ErrNoRanges from a server that says how large the file is, or -1.
type noRanges struct{ size int64 }

func (*noRanges) Error() string        { return ErrNoRanges.Error() }
func (*noRanges) Is(target error) bool { return target == ErrNoRanges }

// SizeOf asks the server how large the file at a URL is, in bytes, by the rules of Open: -1
// where it does not say. Little of the file is sent.
func (c *Client) SizeOf(ctx context.Context, rawURL string) (int64, error) {
	r, err := c.OpenRanges(ctx, rawURL)
	if whole := (*noRanges)(nil); errors.As(err, &whole) {
		return whole.size, nil
	}
	if err != nil {
		return -1, err
	}
	return r.size, r.Close()
}

// Ranges is a file on a server that is read in parts, by range requests (RFC 9110,
// section 14) over one connection that is kept. It is for one goroutine.
type Ranges struct {
	client    *Client
	ctx       context.Context
	url       *url.URL
	anyone    bool
	transport *http.Transport
	size      int64
	version   string // how the server tells this content of the file from another
	received  atomic.Int64
}

// OpenRanges opens a http or https URL as Open does, with the same rules; ctx holds for
// all that is read. The error is ErrNoRanges where the server answers with the whole file.
func (c *Client) OpenRanges(ctx context.Context, rawURL string) (*Ranges, error) {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	r := &Ranges{client: c, ctx: ctx, transport: &http.Transport{
		Proxy: c.proxy,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d := net.Dialer{Timeout: c.timeouts.Dial}
			raw, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newConn(raw, c.timeouts.Stall, func() {}), nil
		},
		TLSClientConfig:        c.tls,
		TLSHandshakeTimeout:    c.timeouts.Handshake,
		ResponseHeaderTimeout:  c.timeouts.Headers,
		MaxConnsPerHost:        1,
		DisableCompression:     true, // a file is wanted as it is stored
		MaxResponseHeaderBytes: maxAnswer,
		Protocols:              &http1,
	}}
	x, err := c.follow(rawURL, func(u *url.URL, anyone bool) (*exchange, error) {
		r.url, r.anyone = u, anyone
		return r.request("open", 0, 1)
	}, http.StatusPartialContent, http.StatusOK, http.StatusRequestedRangeNotSatisfiable)
	if err != nil {
		r.Close()
		return nil, err
	}
	defer x.close()
	switch x.resp.StatusCode {
	case http.StatusOK:
		r.Close()
		return nil, &noRanges{x.resp.ContentLength}
	case http.StatusRequestedRangeNotSatisfiable:
		return r, nil // it is empty
	}
	if r.size, err = rangeSize(x, 0, 1); err == nil {
		r.version = version(x.resp)
		_, err = io.Copy(io.Discard, &patientReader{x: x})
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Size is that of the file, in bytes.
func (r *Ranges) Size() int64 { return r.size }

// Received is how many bytes of the file came so far. It may be asked at any time.
func (r *Ranges) Received() int64 { return r.received.Load() }

// ReadAt reads a part of the file, as io.ReaderAt. A file that is another one than at the
// beginning is an error.
func (r *Ranges) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), r.size-off)]
	if len(want) == 0 {
		return 0, nil
	}
	x, err := r.request("read", off, int64(len(want)))
	if err != nil {
		return 0, err
	}
	defer x.close()
	if x.resp.StatusCode != http.StatusPartialContent {
		if x.resp.StatusCode == http.StatusOK {
			return 0, x.nonsense("the server sends no parts any more")
		}
		return 0, x.refusal()
	}
	size, err := rangeSize(x, off, int64(len(want)))
	if err != nil {
		return 0, err
	}
	if size != r.size || version(x.resp) != r.version {
		return 0, x.nonsense("the file has changed on the server since it was opened")
	}
	n, err := io.ReadFull(&patientReader{x: x}, want)
	r.received.Add(int64(n))
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = x.failure(err)
		}
		return n, err
	}
	// Only an answer that was read to its end leaves the connection to the next.
	_, _ = x.resp.Body.Read(make([]byte, 1))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close ends the connection.
func (r *Ranges) Close() error {
	r.transport.CloseIdleConnections()
	return nil
}

// request asks for n bytes from an offset on.
func (r *Ranges) request(op string, off, n int64) (*exchange, error) {
	x := &exchange{client: r.client, op: op, path: r.client.redact.clean(shown(r.url)), parent: r.ctx}
	ctx, cancel := context.WithCancelCause(r.ctx)
	x.cancel = cancel
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err == nil {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
		req.Header.Set("User-Agent", r.client.userAgent)
		if auth := r.client.auth.header; auth != "" && !r.anyone {
			req.Header.Set("Authorization", auth)
		}
		x.resp, err = r.transport.RoundTrip(req) // its body is closed by exchange.close
	}
	if err != nil {
		err = x.failure(err)
		x.close()
		return nil, err
	}
	return x, nil
}

// rangeSize is the size of the whole file, by an answer that has the part asked for.
func rangeSize(x *exchange, off, n int64) (int64, error) {
	part, total, ok := strings.Cut(strings.TrimPrefix(x.resp.Header.Get("Content-Range"), "bytes "), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if !ok || err != nil || size < 1 || part != fmt.Sprintf("%d-%d", off, min(off+n, size)-1) {
		return 0, x.nonsense("the server sends another part of the file than the one asked for")
	}
	return size, nil
}

// version is what changes with the content of a file.
func version(resp *http.Response) string {
	return resp.Header.Get("ETag") + " " + resp.Header.Get("Last-Modified")
}
