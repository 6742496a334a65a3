package drptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Fault makes the server misbehave in one way. The first group of fields says
// when, the second how. Faults strike before authorisation when After is zero, and
// Status or Drop is set, except that a Fault with Late waits for it.
type Fault struct {
	// Method to match; empty means any.
	Method string
	// Path is a suffix to match, such as ".txt"; empty means any.
	Path string
	// Times is how many matching requests are struck; 0 means all.
	Times int
	// Skip lets so many matching requests pass first.
	Skip int
	// Chance is how likely it strikes, from 0 to 1; 0 is always. The draws are those
	// of Options.Seed, in the order of the requests.
	Chance float64
	// After is how many bytes of the body the server reads and keeps in the .part
	// file first. With After, or Late, the request is authorised before.
	After int64
	// Late lets the fault strike after authorisation with no byte read.
	Late bool

	// Status is answered, with Messages, or with Raw as the body. The partial and
	// the older file go, as on a full disk.
	Status   int
	Messages []string
	Raw      string
	Header   map[string]string
	// Reset closes the connection right after the answer, by a TCP reset, with
	// unread data or without.
	Reset bool
	// KeepOpen leaves the connection open after the answer and reads no more until
	// the client closes it or the server ends.
	KeepOpen bool
	// Drop closes the connection without an answer.
	Drop bool
	// Stall reads no more and answers nothing until the client has gone or the
	// server ends.
	Stall bool
	// Kill ends the upload as if the server were killed: the connection is dropped,
	// and the .part stays.
	Kill bool
	// Lost breaks the connection in place of the answer to a POST or DELETE that
	// succeeded.
	Lost bool
	// Slow is how many bytes of a POST's body the server reads in a second.
	Slow int64
	// Delay waits before the answer.
	Delay time.Duration
	// WrongSize is added to the size in the answer to a POST.
	WrongSize int64
	// Answer replaces the body of the answer to a POST that succeeded.
	Answer string
	// Corrupt stores other bytes than were sent, of the same number.
	Corrupt bool
	// CutAfter ends the answer to a GET after so many bytes, by a drop.
	CutAfter int64
	// StallAfter goes silent after so many bytes of the answer to a GET.
	StallAfter int64
}

// AddFault adds a fault to those of the options.
func (s *Server) AddFault(f Fault) {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	s.faults = append(s.faults, f)
}

// ClearFaults makes the server behave.
func (s *Server) ClearFaults() {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	s.faults = nil
}

// FaultsLeft says how many faults have not struck as often as they shall.
func (s *Server) FaultsLeft() int {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	n := 0
	for _, f := range s.faults {
		if f.Times >= 0 {
			n++
		}
	}
	return n
}

// fault finds the fault for a request and counts it down.
func (s *Server) fault(r *http.Request) Fault {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.Times < 0 || (f.Method != "" && f.Method != r.Method) || !strings.HasSuffix(r.URL.Path, f.Path) {
			continue
		}
		if f.Chance > 0 && s.draws.Float64() >= f.Chance {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		hit := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				f.Times = -1
			}
		}
		return hit
	}
	return Fault{}
}

// strikes reports whether the fault ends the request by itself.
func (f Fault) strikes() bool { return f.Status != 0 || f.Drop || f.Stall || f.Kill }

func (f Fault) early() bool { return f.strikes() && f.After == 0 && !f.Late }

// errStruck ends a copy at the point of the fault.
var errStruck = errors.New("struck")

// strike does what the fault says, as the last thing of a request.
func (s *Server) strike(w http.ResponseWriter, r *http.Request, f Fault) {
	s.pause(r, f)
	if f.Status == 0 {
		if f.Stall {
			s.hang(r)
		}
		drop(w)
		return
	}
	text := f.Raw
	if text == "" {
		text = errorText(r, f.Status, "API_ERROR", f.Messages...)
	}
	if !f.Reset && !f.KeepOpen {
		for k, v := range f.Header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, text) // the client may have gone
		return
	}
	if rec, ok := w.(*record); ok {
		rec.status.Store(int32(f.Status))
	}
	conn, _, err := hijack(w)
	if err != nil {
		panic(fmt.Sprintf("drptest: %v", err))
	}
	defer conn.Close()
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n",
		f.Status, http.StatusText(f.Status), len(text))
	for k, v := range f.Header {
		fmt.Fprintf(&head, "%s: %s\r\n", k, v)
	}
	head.WriteString("\r\n" + text)
	_, _ = io.WriteString(conn, head.String())
	if f.KeepOpen {
		s.hang(r)
	}
	linger(conn)
}

// linger makes Close send a reset.
func linger(conn net.Conn) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

// drop breaks the connection without a word.
func drop(w http.ResponseWriter) {
	conn, _, err := hijack(w)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	linger(conn)
	_ = conn.Close()
}

// hang waits for the server's end. It does not watch the client: watching means
// reading, and reading is what a stalled server does not do.
func (s *Server) hang(r *http.Request) {
	select {
	case <-s.closing:
	case <-r.Context().Done():
	}
}

func (s *Server) pause(r *http.Request, f Fault) {
	if f.Delay <= 0 {
		return
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
	case <-r.Context().Done():
	}
}

// errorText is the API's form of an error.
func errorText(r *http.Request, status int, kind string, msgs ...string) string {
	if msgs == nil {
		msgs = []string{http.StatusText(status)}
	}
	text, err := json.Marshal(struct {
		Model, Key, Type string
		Messages         []string
		Code             int
	}{"files", strings.TrimPrefix(r.URL.Path, "/api/v3/files"), kind, msgs, status})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func fail(w http.ResponseWriter, r *http.Request, status int, kind string, msgs ...string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, errorText(r, status, kind, msgs...))
	}
}

// flip changes one byte of a file.
func flip(name string) error {
	data, err := os.ReadFile(name)
	if err != nil || len(data) == 0 {
		return err
	}
	data[len(data)/2] ^= 0xff
	return os.WriteFile(name, data, 0o644)
}

// slowReader reads so many bytes in a second.
type slowReader struct {
	r         io.Reader
	perSecond int64
}

func (s *slowReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(int64(len(p)), max(1, s.perSecond/50))])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.perSecond))
	return n, err
}
