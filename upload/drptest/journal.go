package drptest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Request is what the server saw of one request. The value of Authorization is not
// kept, so that a failed assertion does not print a token.
type Request struct {
	Method, Path, Query string
	Proto               string
	// Header has the names, sorted.
	Header []string
	// Auth is the scheme of Authorization: "Bearer", "Basic" or "".
	Auth                string
	ContentType, Expect string
	Range, UserAgent    string
	ContentLength       int64 // -1: chunked
	BodyRead            int64 // bytes of the body that the server read
	Status              int   // 0: it broke the connection
	AcceptEncoding      string
}

func newRequest(r *http.Request) Request {
	q := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Proto: r.Proto,
		ContentType: r.Header.Get("Content-Type"), Expect: r.Header.Get("Expect"),
		Range: r.Header.Get("Range"), UserAgent: r.UserAgent(),
		ContentLength: r.ContentLength, AcceptEncoding: r.Header.Get("Accept-Encoding"),
	}
	for name := range r.Header {
		q.Header = append(q.Header, name)
	}
	slices.Sort(q.Header)
	for _, scheme := range []string{"Bearer", "Basic"} {
		if auth := r.Header.Get("Authorization"); len(auth) > len(scheme) && auth[:len(scheme)+1] == scheme+" " {
			q.Auth = scheme
		}
	}
	return q
}

// journal keeps the requests in the order in which they began.
type journal struct {
	mu      sync.Mutex
	records []*record
	running int
	idle    chan struct{} // closed when running falls to zero; nil then
}

func (j *journal) begin(r *record) (end func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, r)
	if j.running++; j.idle == nil {
		j.idle = make(chan struct{})
	}
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.running--; j.running == 0 {
			close(j.idle)
			j.idle = nil
		}
	}
}

// wait waits until no request is being served, or for the limit unless that is 0.
func (j *journal) wait(limit time.Duration) {
	j.mu.Lock()
	idle := j.idle
	j.mu.Unlock()
	if idle == nil {
		return
	}
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-idle:
	case <-late:
	}
}

// Requests returns the requests so far, in the order in which they began. It gives
// those that are being served two seconds to end, which is enough to see that a
// client has gone; a stalled one is returned as it is.
func (s *Server) Requests() []Request {
	s.journal.wait(2 * time.Second)
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	list := make([]Request, 0, len(s.journal.records))
	for _, r := range s.journal.records {
		q := r.entry
		q.BodyRead, q.Status = r.read.Load(), int(r.status.Load())
		list = append(list, q)
	}
	return list
}

// record is a ResponseWriter that notes the status.
type record struct {
	http.ResponseWriter
	entry  Request
	status atomic.Int32
	read   atomic.Int64
}

func (r *record) WriteHeader(status int) {
	r.status.CompareAndSwap(0, int32(status))
	r.ResponseWriter.WriteHeader(status)
}

func (r *record) Write(p []byte) (int, error) {
	r.status.CompareAndSwap(0, http.StatusOK)
	return r.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (r *record) Unwrap() http.ResponseWriter { return r.ResponseWriter }

type countingBody struct {
	io.ReadCloser
	read *atomic.Int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	return n, err
}

// swallowing takes the interim answer out of what its connections write.
type swallowing struct{ net.Listener }

func (l swallowing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &swallower{Conn: c}, nil
}

type swallower struct{ net.Conn }

func (c *swallower) Write(p []byte) (int, error) {
	// net/http writes and flushes it by itself.
	if bytes.Equal(p, []byte("HTTP/1.1 100 Continue\r\n\r\n")) {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// hijack takes the connection from net/http.
func hijack(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w).Hijack()
}
