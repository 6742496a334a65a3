package upload

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"image-capture/pace"
)

// Config says where the endpoint is, who asks, and whom to trust.
//
// A Config holds secrets. Its fmt and JSON forms leave them out.
type Config struct {
	// Endpoint is the root of the DRP API, as in https://192.168.124.1:8092. The
	// scheme is http or https; user information, a query or a fragment are
	// refused. Empty makes a Client that can only Open, and sends no credentials.
	Endpoint string
	// Token is sent as a bearer token. It wins over User and Password.
	Token string
	// User and Password are sent as basic authentication when there is no Token.
	User, Password string

	// CACert is PEM and is trusted in addition to the system's roots: an endpoint
	// with a private authority and an image on a public host may be used by one
	// command.
	CACert []byte
	// Fingerprint is the SHA-256 of the server's own (leaf) certificate in hex,
	// with or without colons, in either case. It replaces all other verification:
	// chain, name and dates, none of which a self-signed certificate has in order.
	Fingerprint string
	// Insecure accepts any certificate. It contradicts a Fingerprint.
	Insecure bool

	// Proxy chooses the proxy for a request, like http.ProxyFromEnvironment. Nil
	// means no proxy.
	Proxy func(*http.Request) (*url.URL, error)

	// Rate bounds what is sent, in bytes per second, for all of a Client's
	// connections together; TLS and HTTP count, too. 0 is no bound, less is refused.
	Rate int64

	// Timeouts bounds the single waits; its zero value has sensible ones.
	Timeouts Timeouts
	// UserAgent is sent with each request. Empty means "image-capture".
	UserAgent string
}

// Timeouts bounds single waits. Zero or less means the default.
type Timeouts struct {
	// Dial bounds name resolution and connecting: 30 s.
	Dial time.Duration
	// Handshake bounds the TLS handshake: 30 s.
	Handshake time.Duration
	// Continue is how long to wait for "100 Continue" before the body is sent
	// without it, since some proxies swallow it: 5 s.
	Continue time.Duration
	// Headers bounds the wait for an answer after a request was sent in full. The
	// server may sync a large file to its disk before it answers: 5 min.
	Headers time.Duration
	// Stall bounds how long the peer may accept no byte of a body, or send none of
	// an answer that it has begun: 2 min. A stall is noticed after one to two
	// times this value.
	Stall time.Duration
	// Digest bounds the wait for an answer to Confirm. The server reads the whole
	// file first, at about 1 s a GB: 30 min.
	Digest time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for _, f := range []struct {
		d   *time.Duration
		def time.Duration
	}{
		{&t.Dial, 30 * time.Second},
		{&t.Handshake, 30 * time.Second},
		{&t.Continue, 5 * time.Second},
		{&t.Headers, 5 * time.Minute},
		{&t.Stall, 2 * time.Minute},
		{&t.Digest, 30 * time.Minute},
	} {
		if *f.d <= 0 {
			*f.d = f.def
		}
	}
	return t
}

// Client talks to one endpoint. Its methods may be called at the same time.
type Client struct {
	endpoint  *url.URL // nil: a client for Open only
	auth      *credentials
	redact    *redactor
	tls       *tls.Config
	proxy     func(*http.Request) (*url.URL, error)
	timeouts  Timeouts
	pace      *pace.Pacer // nil: no bound
	userAgent string
}

// credentials sits behind a pointer, so that even a formatter that ignores
// Client.Format prints an address.
type credentials struct {
	header string // the value of Authorization, or ""
	token  string // the bearer token, or ""
}

// ConfigError says what is wrong with a Config.
type ConfigError struct {
	Field string // Endpoint, Token (User too), Fingerprint or CACert
	err   error
}

func (e *ConfigError) Error() string { return e.err.Error() }

// New checks a Config and makes a Client. It does not touch the network.
func New(cfg Config) (*Client, error) {
	c := &Client{
		auth:      &credentials{},
		timeouts:  cfg.Timeouts.withDefaults(),
		userAgent: cfg.UserAgent,
	}
	if c.userAgent == "" {
		c.userAgent = "image-capture"
	}
	if !headerSafe(c.userAgent) {
		return nil, errors.New("the user agent has a character that no header can carry")
	}
	if cfg.Rate < 0 {
		return nil, errors.New("the rate is negative")
	}
	c.pace = pace.New(cfg.Rate)
	var err error
	if cfg.Endpoint != "" {
		if c.endpoint, err = parseEndpoint(cfg.Endpoint); err != nil {
			return nil, &ConfigError{"Endpoint", err}
		}
	}
	if c.auth, err = newCredentials(cfg); err != nil {
		return nil, &ConfigError{"Token", err}
	}
	if c.tls, err = tlsConfig(cfg); err != nil {
		return nil, err
	}
	c.redact = newRedactor(cfg)
	if cfg.Proxy != nil {
		c.proxy = func(r *http.Request) (*url.URL, error) {
			// The chooser needs the URL only; the headers hold the token.
			u, err := cfg.Proxy(&http.Request{Method: r.Method, URL: r.URL, Host: r.Host})
			if err != nil {
				// Such an error quotes the setting, password and all.
				return nil, errors.New("the proxy setting is not a valid URL")
			}
			return u, nil
		}
	}
	return c, nil
}

// parseEndpoint echoes nothing of a bad endpoint: a password may be in it.
func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("the endpoint is not a valid URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the endpoint does not begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("the endpoint has no host")
	case u.User != nil:
		return nil, errors.New("the endpoint's URL holds a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#"):
		return nil, errors.New("the endpoint has a query or a fragment")
	}
	trimmed := strings.TrimRight(u.Path, "/")
	if trimmed != "" && trimmed != path.Clean(trimmed) {
		return nil, errors.New("the endpoint's path has . or .. or an empty part in it")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: trimmed}, nil
}

// headerSafe reports whether s is printable ASCII, which is what a header value
// can carry untouched.
func headerSafe(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// apiURL is the URL of a file in the files API; path was checked by checkPath.
func (c *Client) apiURL(name string) *url.URL {
	return c.endpoint.JoinPath("api/v3/files", escapePath(name))
}

// listURL is the URL of the list of a folder; "" is the root of all files.
func (c *Client) listURL(folder string) *url.URL {
	u := c.endpoint.JoinPath("api/v3/files")
	if folder != "" {
		u.RawQuery = url.Values{"path": {folder}}.Encode()
	}
	return u
}

var errNoEndpoint = errors.New("no endpoint is set")
