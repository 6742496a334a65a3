package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"image-capture/upload"
)

// endpoint is the DRP endpoint of this run.
type endpoint struct {
	app    *app
	client *upload.Client
	most   int // attempts at anything, as --attempts says
}

// tlsConfig reads the TLS flags.
func tlsConfig(ctx context.Context, fl *flags) (upload.Config, error) {
	cfg := upload.Config{
		Fingerprint: fl.fingerprint, Insecure: fl.insecure,
		Proxy: http.ProxyFromEnvironment, UserAgent: "image-capture/" + versionText(),
	}
	if fl.caCert != "" {
		pem, err := readFile(ctx, "ca-cert", fl.caCert, maxCredential, "")
		if err != nil {
			return cfg, err
		}
		cfg.CACert = pem
	}
	return cfg, nil
}

// endpointURL is --endpoint, RS_ENDPOINT, or the first of RS_ENDPOINTS.
func (a *app) endpointURL(fl *flags) string {
	if fl.endpoint != "" {
		return fl.endpoint
	}
	if e := a.env("RS_ENDPOINT"); e != "" {
		return e
	}
	if all := strings.Fields(a.env("RS_ENDPOINTS")); len(all) > 0 {
		return all[0]
	}
	return ""
}

// connect makes the client. The token comes from a file or the environment, never
// from an argument, which anyone on the machine can read.
func (a *app) connect(ctx context.Context, fl *flags) (*endpoint, error) {
	cfg, err := tlsConfig(ctx, fl)
	if err != nil {
		return nil, err
	}
	if cfg.Endpoint = a.endpointURL(fl); cfg.Endpoint == "" {
		return nil, usagef("set RS_ENDPOINT, or use --endpoint https://HOST:8092", "no endpoint is given")
	}
	cfg.Token = a.env("RS_TOKEN")
	if fl.tokenFile != "" {
		b, err := readFile(ctx, "token-file", fl.tokenFile, maxCredential, "")
		if err != nil {
			return nil, err
		}
		if cfg.Token = strings.TrimSpace(string(b)); cfg.Token == "" {
			return nil, usagef("", "--token-file: %s is empty", fl.tokenFile)
		}
	}
	if cfg.Token == "" {
		if key := a.env("RS_KEY"); key != "" {
			user, password, ok := strings.Cut(key, ":")
			if !ok {
				return nil, usagef("write it as user:password", "RS_KEY has no colon")
			}
			cfg.User, cfg.Password = user, password
		}
	}
	if cfg.Token == "" && cfg.User == "" {
		return nil, usagef("set RS_TOKEN, use --token-file FILE, or set RS_KEY to user:password", "no token is given")
	}
	if fl.limitRate != "" {
		if cfg.Rate, err = parseRate(fl.limitRate); err != nil {
			return nil, usagef("such as 50M: bytes per second; K, M and G are powers of 1024, as curl has them", "--limit-rate: %w", err)
		}
	}
	if fl.requireFree != "" {
		if _, err := parseBytes(fl.requireFree); err != nil {
			return nil, usagef("such as 20G; K, M, G and T are powers of 1024", "--require-free: %w", err)
		}
		a.term.warn("look at the endpoint's disk, or leave --require-free out", "--require-free %s is not checked: "+roomUnknown, fl.requireFree)
	}
	client, err := upload.New(cfg)
	if err != nil {
		return nil, usagef("", "%w", err)
	}
	if u, err := url.Parse(cfg.Endpoint); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		a.term.warn("use the endpoint's https URL", "the token goes to %s unencrypted", u.Host)
	}
	e := &endpoint{a, client, fl.attempts}
	e.warnProfile(fl.saveProfile)
	return e, nil
}

// parseRate reads a number of bytes per second as curl's --limit-rate does. At less
// than 1K not even a TLS handshake would end in time.
func parseRate(s string) (int64, error) {
	n, err := parseBytes(s)
	if err == nil && n < 1024 {
		return 0, fmt.Errorf("%q is less than 1K", s)
	}
	return n, err
}

// parseBytes reads a number of bytes, such as 50M. It is not empty.
func parseBytes(s string) (int64, error) {
	digits, shift := s, 0
	if i := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); i >= 0 {
		digits, shift = s[:len(s)-1], 10*(i+1)
	}
	n, err := strconv.ParseUint(digits, 10, 63-shift)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of bytes", s)
	}
	return int64(n << shift), nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ready finds out, before anything is read, whether the files can be stored: what
// a readable token grants, and whether the names are free.
func (e *endpoint) ready(ctx context.Context, overwrite bool, paths ...string) error {
	for _, path := range paths {
		if err := e.granted("post", path, `give the task ExtraClaims: scope files, action "post, get", specific "*"`); err != nil {
			return err
		}
		if err := e.attempts(ctx, e.most, func(int) error { return e.free(ctx, overwrite, path) }); err != nil {
			return err
		}
	}
	return nil
}

// granted looks at what a readable token says of itself. The hint is for one that
// lacks the claim.
func (e *endpoint) granted(action, path, hint string) error {
	switch check := e.client.CheckToken(time.Now(), action, path); check.State {
	case upload.Expired:
		return &failure{exitRefused, fmt.Errorf("the token expired at %s", check.Expires.UTC().Format(time.RFC3339)), "it ends with its job: run this within the job, or get a new token"}
	case upload.Lacking:
		return &failure{exitRefused, fmt.Errorf("the token lacks the claim %q", check.Need), hint}
	}
	return nil
}

// free looks whether a name can be stored to.
func (e *endpoint) free(ctx context.Context, overwrite bool, path string) error {
	if !overwrite {
		found, err := e.client.Exists(ctx, path)
		if err == nil && found == upload.Present {
			err = &failure{exitTaken, fmt.Errorf("%s exists on the endpoint", path), "use another name (--rootfs-name, --manifest-name, --upload-path), or --overwrite to replace it"}
		}
		return err
	}
	// A file may be replaced. A folder is not: the endpoint would say yes and store
	// nothing. What it can list the content of is one.
	in, err := e.client.Exists(ctx, path+"/.image-capture")
	if err != nil {
		return err
	}
	if in != upload.Unknown {
		return &failure{exitTaken, fmt.Errorf("%s is a folder on the endpoint", path), "use another name (--rootfs-name, --manifest-name, --upload-path)"}
	}
	if old, err := e.client.Exists(ctx, path); err == nil && old == upload.Present {
		e.app.term.warn("", "%s exists on the endpoint and is replaced; if that breaks, the endpoint deletes the older file too", path)
	}
	return nil
}

// storedOther means that what the endpoint has is not what was sent.
type storedOther struct{ error }

func (e storedOther) Unwrap() error { return e.error }

// confirm compares what the endpoint has with what was sent.
func (e *endpoint) confirm(ctx context.Context, path, sum string) (bool, error) {
	ok, err := e.client.Confirm(ctx, path, sum)
	var remote *upload.Error
	if errors.As(err, &remote) && remote.Kind == upload.Failed && remote.Status == http.StatusOK {
		return false, &failure{exitEndpoint, storedOther{err}, "delete it there, and look at the endpoint's disk and log"}
	}
	if err == nil && !ok {
		// It may not be there at all: the endpoint says yes to a name at which a folder
		// stands, and stores nothing.
		var found upload.Existence
		found, err = e.client.Exists(ctx, path)
		if found == upload.Unknown && e.client.CheckToken(time.Now(), "get", path).State == upload.Granted {
			found = upload.Absent // this token would see it
		}
		if err == nil && found == upload.Absent {
			return false, &failure{exitEndpoint, storedOther{fmt.Errorf("the endpoint said yes to %s, and does not have it", path)}, "look whether a folder of that name is there, and at the endpoint's log"}
		}
	}
	switch {
	case err != nil:
		return false, err
	case ok:
		e.app.term.say("stored %s, the endpoint has the same SHA-256", path)
	default:
		e.app.term.say("stored %s; its SHA-256 is not verifiable with this token, which has no claim to get it", path)
	}
	return ok, nil
}

// store sends a body of which the digest is known only when it was read, and
// confirms it.
func (e *endpoint) store(ctx context.Context, path string, body io.Reader, size int64) (bool, error) {
	sum := sha256.New()
	whole := &atomic.Bool{} // a read may still be under way when Store has returned
	_, err := e.client.Store(ctx, path, &atEnd{io.TeeReader(body, sum), whole}, size)
	if err != nil && !(whole.Load() && e.arrived(ctx, err, path, hex.EncodeToString(sum.Sum(nil)))) {
		return false, err
	}
	return e.confirm(ctx, path, hex.EncodeToString(sum.Sum(nil)))
}

// atEnd notes that a reader came to its end.
type atEnd struct {
	io.Reader
	whole *atomic.Bool
}

func (r *atEnd) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		r.whole.Store(true)
	}
	return n, err
}

// arrived tells whether the endpoint has what was sent in spite of a connection
// that broke: all that was lost may be its answer. Sent again, the image would be
// there twice, once without a MANIFEST.
func (e *endpoint) arrived(ctx context.Context, failed error, path, sum string) bool {
	var remote *upload.Error
	if !errors.As(failed, &remote) || remote.Kind != upload.Broken {
		return false
	}
	ok, err := e.client.Confirm(ctx, path, sum)
	if ok = ok && err == nil; ok {
		e.app.term.say("the answer to %s was lost, the endpoint has it all the same", path)
	}
	return ok
}
