package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/manifest"
	"image-capture/upload"
)

const endpointTitle = "Endpoint (RS_ENDPOINT, RS_ENDPOINTS, RS_TOKEN, RS_KEY and the proxy variables are read from the environment)"

// endpointOptions say where the endpoint is, who asks, and how it is spoken to.
type endpointOptions struct {
	tls       tlsOptions
	endpoint  string
	tokenFile string
	attempts  int
}

func (o *endpointOptions) add(g *groups) {
	s := g.group(endpointTitle)
	s.StringVar(&o.endpoint, "endpoint", "", "`URL` of the DRP endpoint, like https://192.168.124.1:8092")
	s.StringVar(&o.tokenFile, "token-file", "", "read the token from `FILE` (if not given: RS_TOKEN, then user:password in RS_KEY)")
	o.tls.add(s)
	addAttempts(g, s, &o.attempts)
}

// storeOptions are endpointOptions for commands that store something.
type storeOptions struct {
	endpointOptions
	saveProfile, filesURL string
	rates                 rateOption
	made                  upload.Config // that of connect
}

func (o *storeOptions) add(g *groups) {
	o.endpointOptions.add(g)
	s := g.group(endpointTitle)
	g.gone(s, "require-free", "no endpoint reports its free space; look at the endpoint's disk")
	s.StringVar(&o.saveProfile, "save-profile", "", "store the Profile that deploys the image on the endpoint as `NAME`; update it if it exists")
	s.StringVar(&o.filesURL, "files-url", "", "the `URL` by which deployers read the endpoint's files, such as http://192.168.124.1:8091, for the Profile (if not given: the endpoint is asked)")
	g.check(o.validProfile)
}

// validProfile checks --save-profile before anything is captured.
func (o *storeOptions) validProfile() error {
	if _, err := manifest.NewProfile(manifest.ProfileParams{Files: o.filesURL, Format: manifest.TGZ, Path: "x"}); err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the image, of which nothing is wrong
		}
		return usagef("give scheme, host and port, as in http://192.168.124.1:8091", "--files-url: %w", err)
	}
	if o.saveProfile == "" {
		return nil
	}
	if _, err := manifest.NewProfile(manifest.ProfileParams{Name: o.saveProfile, Format: manifest.TGZ, Path: "x"}); err != nil {
		return usagef("begin with a letter; letters, digits, spaces and - _ . follow, at least one", "--save-profile: %q is not a valid name for a Profile", o.saveProfile)
	}
	return nil
}

// folderHint is for --upload-path.
const folderHint = "such as --upload-path images/gold; no slash at the beginning, no . or .. between slashes, no backslash, nothing invisible"

const tokenHint = "name a file that has the token alone, or leave it out and set RS_TOKEN"

const tlsTitle = "Images at https URLs"

// tlsFlags are those of tlsOptions.
var tlsFlags = []string{"ca-cert", "fingerprint", "insecure"}

// tlsOptions say whom to trust.
type tlsOptions struct {
	caCert, fingerprint string
	insecure            bool
}

func (o *tlsOptions) add(s *pflag.FlagSet) {
	s.StringVar(&o.caCert, "ca-cert", "", "also trust the PEM certificates in `FILE`")
	s.StringVar(&o.fingerprint, "fingerprint", "", "trust only the server certificate with this `SHA256`")
	s.BoolVar(&o.insecure, "insecure", false, "do not verify the server's certificate")
}

func (o *tlsOptions) config(ctx context.Context) (upload.Config, error) {
	cfg := upload.Config{
		Fingerprint: o.fingerprint, Insecure: o.insecure,
		Proxy: http.ProxyFromEnvironment, UserAgent: "image-capture/" + versionText(),
	}
	if o.insecure && o.fingerprint != "" {
		return cfg, usagef("remove one of them", "--fingerprint and --insecure exclude each other")
	}
	if o.caCert != "" {
		pem, err := readFile(ctx, "ca-cert", o.caCert, maxCredential, "name a file with certificates in PEM, such as the endpoint's server.crt")
		if err != nil {
			return cfg, err
		}
		cfg.CACert = pem
	}
	return cfg, nil
}

// client makes a client that only opens URLs: other people's servers get no token.
func (o *tlsOptions) client(ctx context.Context) (*upload.Client, error) {
	cfg, err := o.config(ctx)
	if err != nil {
		return nil, err
	}
	return o.newClient(cfg, "")
}

// newClient says which flag is wrong. from is where the endpoint is named.
func (o *tlsOptions) newClient(cfg upload.Config, from string) (*upload.Client, error) {
	client, err := upload.New(cfg)
	if wrong := (*upload.ConfigError)(nil); errors.As(err, &wrong) {
		switch wrong.Field {
		case "Endpoint": // it is not shown: it may hold a password
			err = usagef("write it as https://HOST:8092", "%s: %w", from, err)
		case "CACert":
			err = usagef("it takes PEM, which begins with -----BEGIN CERTIFICATE-----; openssl x509 -inform der -in FILE makes that of DER", "--ca-cert: %s holds no PEM certificate", o.caCert)
		case "Fingerprint":
			err = usagef("openssl x509 -noout -fingerprint -sha256 -in CERTIFICATE prints one", "--fingerprint: %w", err)
		case "Token":
			err = usagef("set RS_TOKEN to the token alone, or RS_KEY to user:password", "%w", err)
		}
	}
	return client, err
}

// url is --endpoint, RS_ENDPOINT, or the first of RS_ENDPOINTS.
func (o *endpointOptions) url(a *App) string {
	if o.endpoint != "" {
		return o.endpoint
	}
	if e := a.env("RS_ENDPOINT"); e != "" {
		return e
	}
	if all := strings.Fields(a.env("RS_ENDPOINTS")); len(all) > 0 {
		return all[0]
	}
	return ""
}

// warnLoopback says that a Profile cannot name the endpoint by the address that it has.
func (o *storeOptions) warnLoopback(a *App, wanted bool) {
	if wanted && o.filesURL == "" && (manifest.ProfileParams{Endpoint: o.url(a)}).IsLoopback() {
		a.term.warn("give --endpoint by the address that machines reach it by", "the endpoint has a loopback address: the Profile's URL begins with {{ .ProvisionerURL }}")
	}
}

// connect makes the endpoint's client, for a command that stores something.
func (o *storeOptions) connect(ctx context.Context, a *App, events upload.Events) (*upload.Endpoint, error) {
	return o.endpointOptions.connectWith(ctx, a, events, func(cfg *upload.Config) (err error) {
		_, cfg.Rate, err = o.rates.of()
		o.made = *cfg
		return err
	})
}

// connect makes the endpoint's client.
func (o *endpointOptions) connect(ctx context.Context, a *App, events upload.Events) (*upload.Endpoint, error) {
	return o.connectWith(ctx, a, events, func(*upload.Config) error { return nil })
}

// connectWith makes the client. The token comes from a file or the environment, never
// from an argument, which anyone on the machine can read.
func (o *endpointOptions) connectWith(ctx context.Context, a *App, events upload.Events, more func(*upload.Config) error) (*upload.Endpoint, error) {
	cfg, err := o.tls.config(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Endpoint = o.url(a); cfg.Endpoint == "" {
		return nil, usagef("set RS_ENDPOINT, or use --endpoint https://HOST:8092", "no endpoint is given")
	}
	if err := o.credentials(ctx, a, &cfg); err != nil {
		return nil, err
	}
	if err := more(&cfg); err != nil {
		return nil, err
	}
	from := "--endpoint"
	if o.endpoint == "" {
		from = "RS_ENDPOINT"
	}
	client, err := o.tls.newClient(cfg, from)
	if wrong := (*upload.ConfigError)(nil); o.tokenFile != "" && errors.As(err, &wrong) && wrong.Field == "Token" {
		return nil, usagef(tokenHint, "--token-file %s: %w", o.tokenFile, wrong)
	}
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(cfg.Endpoint); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		a.term.warn("use the endpoint's https URL", "the token goes to %s unencrypted", u.Host)
	}
	return upload.NewEndpoint(client, upload.Attempts{Most: o.attempts, Events: events, After: a.After, Jitter: a.Jitter}), nil
}

func (o *endpointOptions) credentials(ctx context.Context, a *App, cfg *upload.Config) error {
	cfg.Token = a.env("RS_TOKEN")
	if o.tokenFile != "" {
		b, err := readFile(ctx, "token-file", o.tokenFile, maxCredential, tokenHint)
		if err != nil {
			return err
		}
		if cfg.Token = strings.TrimSpace(string(b)); cfg.Token == "" {
			return usagef(tokenHint, "--token-file: %s is empty", o.tokenFile)
		}
	}
	if cfg.Token == "" {
		if key := a.env("RS_KEY"); key != "" {
			user, password, ok := strings.Cut(key, ":")
			if !ok {
				return usagef("write it as user:password", "RS_KEY has no colon")
			}
			cfg.User, cfg.Password = user, password
		}
	}
	if cfg.Token == "" && cfg.User == "" {
		return usagef("set RS_TOKEN, use --token-file FILE, or set RS_KEY to user:password", "no token is given")
	}
	return nil
}

// parseBytes reads a number of bytes, such as 50M. It is not empty.
func parseBytes(s string) (int64, error) {
	digits, shift := s, 0
	if i := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); i >= 0 {
		digits, shift = s[:len(s)-1], 10*(i+1)
	}
	n, err := strconv.ParseUint(digits, 10, 63-shift)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of bytes", s)
	}
	return int64(n << shift), nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
