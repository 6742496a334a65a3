// Package drptest is a double of a Digital Rebar Provision endpoint, for tests
// only: the files API as the open dr-provision of 2019 serves it, with its flaws,
// and faults on demand, and of its profiles what makes and changes one. It listens
// on the loopback interface.
//
// What it keeps is in a folder, Server.Dir, as the real server does, with a .part
// beside each file that is being written. Every request is recorded. The package
// does not import testing, so a program under test may be given one by a script.
package drptest

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// DefaultToken may do everything on a server with no Tokens of its own. Like a
// real v3 token it is opaque and URL-base64.
const DefaultToken = "T2Zma2V5LW9wYXF1ZS10b2tlbi1mb3ItdGVzdHM_z7Yx-4QmVb0aKp9sWnRr2LuXe6HdJ8iGf1oCtEw5NqA="

// Default credentials for basic authentication.
const (
	DefaultUser     = "rocketskates"
	DefaultPassword = "r0cketsk8ts"
)

// TLSMode says how the server shows itself.
type TLSMode uint8

// The modes; real endpoints are self-signed as a rule.
const (
	SelfSigned TLSMode = iota
	CASigned
	Plain // http
	Chain // root, intermediate, leaf; the server shows the last two
)

// Options of a server; the zero value is a well-behaved self-signed endpoint that
// accepts DefaultToken.
type Options struct {
	// Dir keeps the files. Empty means a temporary folder that Close removes.
	Dir string
	TLS TLSMode
	// Names are in the certificate, besides localhost, 127.0.0.1 and ::1.
	Names []string
	// Listen is the address to listen on. Empty means 127.0.0.1:0.
	Listen string
	// Seed makes the draws of Fault.Chance what they are.
	Seed uint64
	// Tokens maps each token to what it may do.
	Tokens map[string]Grant
	// User and Password for basic authentication, with all rights.
	User, Password string

	// GetDenied is the status of HEAD and GET without the get claim: 404, or 403
	// as newer servers may have it.
	GetDenied int
	// PostDenied is the status of POST without the post claim: 403, or 404.
	PostDenied int
	// ETag puts the digest in an entity tag instead of X-DRP-SHA256SUM.
	ETag bool
	// FilePort is what the endpoint says of the port of its files; 0: it has no such key.
	FilePort int
	// NoDigest puts it nowhere.
	NoDigest bool
	// SwallowContinue keeps "100 Continue" from the client, as some proxies do.
	SwallowContinue bool
	// RefuseExpect answers a request with Expect by 417.
	RefuseExpect bool
	// HTTP2 offers HTTP/2 over TLS, as the real server does. It excludes
	// SwallowContinue.
	HTTP2 bool
	// Faults are tried in order; the first that matches a request strikes.
	Faults []Fault
}

// Server is a running double.
type Server struct {
	// URL is the endpoint, without a trailing slash.
	URL string
	// Dir holds the files; API path images/x.tgz is Dir/images/x.tgz.
	Dir string
	// Token is one that is accepted: DefaultToken, unless Options.Tokens is set.
	Token string
	// CAPEM is the certificate to trust, and Fingerprint the SHA-256 of the server's
	// own in lower case hex. Both are empty for Plain.
	CAPEM       []byte
	Fingerprint string

	opts     Options
	keepDir  bool
	http     *http.Server
	served   chan struct{}
	closing  chan struct{}
	tokens   *tokens
	journal  *journal
	faultsMu sync.Mutex
	faults   []Fault
	draws    *rand.Rand
	profiles profiles
	filesMu  sync.Mutex // around the steps of files.go that look and then act
}

// Start starts a server. Whoever calls it must Close it.
func Start(opts Options) (*Server, error) {
	s := &Server{
		opts: opts, Dir: opts.Dir, keepDir: opts.Dir != "",
		served: make(chan struct{}), closing: make(chan struct{}),
		journal: &journal{}, faults: append([]Fault(nil), opts.Faults...),
		draws: rand.New(rand.NewPCG(opts.Seed, 0)),
	}
	if opts.HTTP2 && opts.SwallowContinue {
		return nil, errors.New("drptest: HTTP2 and SwallowContinue exclude each other")
	}
	s.tokens = newTokens(opts)
	if opts.Tokens == nil {
		s.Token = DefaultToken
	}
	if s.Dir == "" {
		dir, err := os.MkdirTemp("", "drptest-")
		if err != nil {
			return nil, err
		}
		s.Dir = dir
	}
	l, err := net.Listen("tcp", cmp.Or(opts.Listen, "127.0.0.1:0"))
	if err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	scheme := "http"
	if opts.TLS != Plain {
		scheme = "https"
		id, err := newIdentity(opts.TLS, opts.Names)
		if err != nil {
			return nil, errors.Join(err, l.Close(), s.removeDir())
		}
		s.CAPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.root})
		s.Fingerprint = id.fingerprint()
		cfg := &tls.Config{Certificates: []tls.Certificate{id.leaf}, NextProtos: []string{"http/1.1"}}
		if opts.HTTP2 {
			cfg.NextProtos = []string{"h2", "http/1.1"}
		}
		l = tls.NewListener(l, cfg)
	}
	s.URL = fmt.Sprintf("%s://%s", scheme, l.Addr())
	if opts.SwallowContinue {
		l = swallowing{l}
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve),
		// A client that distrusts the certificate is a subject of tests, not news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(l) // http.ErrServerClosed, after Close
	}()
	return s, nil
}

// T is what New needs of a testing.TB.
type T interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Fatalf(format string, args ...any)
}

// New starts a server for a test and closes it at the test's end.
func New(t T, opts Options) *Server {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	s, err := Start(opts)
	if err != nil {
		t.Fatalf("start the endpoint's double: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Fatalf("close the endpoint's double: %v", err)
		}
	})
	return s
}

// Close cuts all connections and stops the server, and waits until each handler
// has returned.
func (s *Server) Close() error {
	close(s.closing)
	err := s.http.Close()
	<-s.served
	s.journal.wait(0)
	return errors.Join(err, s.removeDir())
}

func (s *Server) removeDir() error {
	if s.keepDir {
		return nil
	}
	return os.RemoveAll(s.Dir)
}

// CertPool trusts the server.
func (s *Server) CertPool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(s.CAPEM)
	return p
}

// File is where an API path is kept.
func (s *Server) File(path string) string {
	return filepath.Join(s.Dir, filepath.FromSlash(path))
}

// Content reads what is stored under an API path.
func (s *Server) Content(path string) ([]byte, error) { return os.ReadFile(s.File(path)) }

// Files lists the API paths of all that is stored, .part files included, sorted.
func (s *Server) Files() ([]string, error) {
	var names []string
	err := filepath.WalkDir(s.Dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.Dir, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	return names, err
}

// serve dispatches by hand: http.ServeMux would clean paths.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	rec := &record{ResponseWriter: w, entry: newRequest(r)}
	defer s.journal.begin(rec)()
	r.Body = &countingBody{ReadCloser: r.Body, read: &rec.read}

	switch {
	case strings.HasPrefix(r.URL.Path, "/files/"):
		s.static(rec, r)
	case r.URL.Path == "/api/v3/files", strings.HasPrefix(r.URL.Path, "/api/v3/files/"):
		s.api(rec, r)
	case r.URL.Path == profilesPath, strings.HasPrefix(r.URL.Path, profilesPath+"/"):
		s.serveProfiles(rec, r)
	case r.URL.Path == "/api/v3/info":
		s.info(rec, r)
	default:
		http.NotFound(rec, r)
	}
}
