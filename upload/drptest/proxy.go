package drptest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"
)

// Proxy is an HTTP proxy: it makes tunnels (CONNECT), and passes on plain requests
// (whose target is a whole URL).
type Proxy struct {
	// URL has its user and password, if there are any.
	URL string

	user, password string
	routes         map[string]string
	listener       net.Listener
	served         chan struct{}
	wait           sync.WaitGroup
	mu             sync.Mutex
	closed         bool
	conns          []net.Conn
	asked          []string
}

// ProxyOptions of a Proxy.
type ProxyOptions struct {
	// Routes is where HOST:PORT is in truth, so that a name needs no
	// DNS. What is not in there is refused.
	Routes map[string]string
	// User and Password that it wants, unless both are empty.
	User, Password string
}

// NewProxy starts a proxy for a test, and closes it at the test's end.
func NewProxy(t T, opts ProxyOptions) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start the proxy: %v", err)
	}
	p := &Proxy{user: opts.User, password: opts.Password, routes: opts.Routes, listener: l, served: make(chan struct{})}
	p.URL = "http://" + l.Addr().String()
	if opts.User != "" {
		p.URL = fmt.Sprintf("http://%s:%s@%s", opts.User, opts.Password, l.Addr())
	}
	srv := &http.Server{Handler: p}
	go func() {
		defer close(p.served)
		_ = srv.Serve(l) // http.ErrServerClosed, after Close
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-p.served
		p.mu.Lock()
		p.closed = true
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wait.Wait()
	})
	return p
}

// Asked lists the targets, HOST:PORT, of what it let through so far.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// ServeHTTP makes a tunnel, or passes a request on.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.user != "" {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password))
		if r.Header.Get("Proxy-Authorization") != want {
			http.Error(w, "who are you?", http.StatusProxyAuthRequired)
			return
		}
	}
	host := r.Host
	if r.Method != http.MethodConnect {
		if r.URL.Scheme != "http" {
			http.Error(w, "this is a proxy", http.StatusBadRequest)
			return
		}
		if host = r.URL.Host; r.URL.Port() == "" {
			host = net.JoinHostPort(r.URL.Hostname(), "80")
		}
	}
	target, ok := p.routes[strings.ToLower(host)]
	if !ok {
		http.Error(w, "no way to "+host, http.StatusBadGateway)
		return
	}
	if r.Method != http.MethodConnect {
		if !p.keep(host) {
			return
		}
		forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, target)
			},
			DisableKeepAlives: true, DisableCompression: true, ExpectContinueTimeout: time.Minute,
		}}
		forward.ServeHTTP(w, r)
		return
	}
	up, err := net.Dial("tcp", target)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	down, buffered, err := hijack(w)
	if err == nil && buffered.Reader.Buffered() > 0 {
		err = errors.New("data before the tunnel")
	}
	if err != nil || !p.keep(r.Host, up, down) {
		_ = up.Close()
		return
	}
	_, _ = io.WriteString(down, "HTTP/1.1 200 Connection established\r\n\r\n")
	for _, way := range [][2]net.Conn{{up, down}, {down, up}} {
		p.wait.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
}

// keep notes a tunnel, unless the proxy has closed.
func (p *Proxy) keep(host string, conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, host)
	p.conns = append(p.conns, conns...)
	return !p.closed
}
