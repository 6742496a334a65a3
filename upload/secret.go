package upload

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// newCredentials makes the Authorization header. Its errors never quote.
func newCredentials(cfg Config) (*credentials, error) {
	switch {
	case cfg.Token != "":
		if !headerSafe(cfg.Token) || strings.Contains(cfg.Token, " ") {
			return nil, errors.New("the token has a space, a line end or another character that an HTTP header cannot hold")
		}
		return &credentials{header: "Bearer " + cfg.Token, token: cfg.Token}, nil
	case cfg.User != "" || cfg.Password != "":
		if strings.Contains(cfg.User, ":") {
			return nil, errors.New("the user name has a colon in it, which basic authentication cannot carry")
		}
		return &credentials{header: "Basic " + basicAuth(cfg)}, nil
	}
	return &credentials{}, nil
}

func basicAuth(cfg Config) string {
	return base64.StdEncoding.EncodeToString([]byte(cfg.User + ":" + cfg.Password))
}

// Format prints a Config for every verb, %#v included, without its secrets.
// Format is used and not String, since fmt calls String for some verbs only.
func (cfg Config) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, cfg.String())
}

// String shows a Config without its secrets.
func (cfg Config) String() string {
	p := cfg.public()
	return fmt.Sprintf("{Endpoint:%q Token:%s User:%q Password:%s CACert:%d bytes Fingerprint:%q Insecure:%t UserAgent:%q}",
		p.Endpoint, p.Token, p.User, p.Password, len(cfg.CACert), p.Fingerprint, p.Insecure, p.UserAgent)
}

// MarshalJSON shows a Config without its secrets.
func (cfg Config) MarshalJSON() ([]byte, error) {
	return json.Marshal(cfg.public())
}

// publicConfig is what may be shown of a Config.
type publicConfig struct {
	Endpoint, Token, User, Password string
	Fingerprint                     string
	Insecure                        bool
	UserAgent                       string
}

func (cfg Config) public() publicConfig {
	shown := func(secret string) string {
		if secret == "" {
			return ""
		}
		return redacted
	}
	r := newRedactor(cfg)
	return publicConfig{
		// An endpoint that New has not seen yet may hold anything.
		Endpoint: r.clean(cfg.Endpoint),
		Token:    shown(cfg.Token), User: r.clean(cfg.User), Password: shown(cfg.Password),
		Fingerprint: cfg.Fingerprint, Insecure: cfg.Insecure, UserAgent: r.clean(cfg.UserAgent),
	}
}

// Format prints the endpoint for every verb, and nothing else of a Client.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.String())
}

// String names the endpoint.
func (c *Client) String() string {
	if c == nil || c.endpoint == nil {
		return "upload.Client{}"
	}
	return fmt.Sprintf("upload.Client{%s}", c.endpoint)
}
