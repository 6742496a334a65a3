package upload_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestNewRefuses(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, tc := range []struct {
		cfg upload.Config
		msg string
	}{
		{upload.Config{Endpoint: "https://u:" + secret + "@host"}, "the endpoint's URL holds a user name or password"},
		{upload.Config{Endpoint: "https://u:" + secret + "%zz@host"}, "the endpoint is not a valid URL"},
		{upload.Config{Endpoint: "ftp://" + secret}, "the endpoint does not begin with https:// or http://"},
		{upload.Config{Endpoint: "host:8092"}, "the endpoint does not begin with https:// or http://"},
		{upload.Config{Endpoint: "https://"}, "the endpoint has no host"},
		{upload.Config{Endpoint: "https://:8092"}, "the endpoint has no host"},
		{upload.Config{Endpoint: "https://host?t=" + secret}, "the endpoint has a query or a fragment"},
		{upload.Config{Endpoint: "https://host?"}, "the endpoint has a query or a fragment"},
		{upload.Config{Endpoint: "https://host#" + secret}, "the endpoint has a query or a fragment"},
		{upload.Config{Endpoint: "https://host/#"}, "the endpoint has a query or a fragment"},
		{upload.Config{Endpoint: "https://host/a/../b"}, "the endpoint's path has . or .. or an empty part in it"},
		{upload.Config{Token: secret + "\n"}, "the token has a space, a line end or another character that an HTTP header cannot hold"},
		{upload.Config{Token: secret + " x"}, "the token has a space, a line end or another character that an HTTP header cannot hold"},
		{upload.Config{User: "a:b", Password: secret}, "the user name has a colon in it, which basic authentication cannot carry"},
		{upload.Config{CACert: []byte(secret)}, "the CA file holds no PEM certificate"},
		{upload.Config{Fingerprint: "ab:cd"}, `fingerprint "ab:cd": not a SHA-256, which is 64 hex digits`},
		{upload.Config{Fingerprint: strings.Repeat("ab", 32), Insecure: true}, "a fingerprint to verify and no verification at all exclude each other"},
		{upload.Config{UserAgent: "a\r\nb"}, "the user agent has a character that no header can carry"},
	} {
		_, err := upload.New(tc.cfg)
		require.EqualError(t, err, tc.msg)
		require.NotContains(t, err.Error(), secret)
	}
}

// TestTrust is each way to trust a server, and what is said where it does not do.
func TestTrust(t *testing.T) {
	for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.CASigned} {
		s := drptest.New(t, drptest.Options{TLS: mode})
		colons := func(sum string) string {
			var parts []string
			for i := 0; i < len(sum); i += 2 {
				parts = append(parts, sum[i:i+2])
			}
			return strings.ToUpper(strings.Join(parts, ":"))
		}
		store := func(cfg upload.Config) error {
			cfg.Endpoint, cfg.Token = s.URL+"//", s.Token
			c, err := upload.New(cfg)
			require.NoError(t, err)
			_, err = c.Store(ctx, "a", strings.NewReader("x"), 1)
			return err
		}
		require.NoError(t, store(upload.Config{CACert: s.CAPEM}))
		require.NoError(t, store(upload.Config{Fingerprint: s.Fingerprint}))
		require.NoError(t, store(upload.Config{Fingerprint: colons(s.Fingerprint)}))
		require.NoError(t, store(upload.Config{Insecure: true}))
		before := len(s.Requests())

		other := drptest.New(t, drptest.Options{TLS: mode})
		for _, cfg := range []upload.Config{{}, {CACert: other.CAPEM}, {Fingerprint: other.Fingerprint}} {
			e := failure(t, store(cfg), upload.TLS)
			require.Equal(t, colons(s.Fingerprint), e.Fingerprint)
			require.False(t, e.Retryable())
			require.NoError(t, store(upload.Config{Fingerprint: e.Fingerprint}), "what is shown can be pinned")
			before++
		}
		require.Len(t, s.Requests(), before, "nothing was asked of a server that is not trusted")

		openssl(t, s, colons(s.Fingerprint))
	}

	plain := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	c, err := upload.New(upload.Config{Endpoint: strings.Replace(plain.URL, "http:", "https:", 1), Token: drptest.DefaultToken})
	require.NoError(t, err)
	_, err = c.Store(ctx, "a", endless(), -1)
	require.Equal(t, "the server speaks plain HTTP on this port, not TLS", failure(t, err, upload.TLS).Msg)

	secure := drptest.New(t, drptest.Options{})
	c, err = upload.New(upload.Config{Endpoint: strings.Replace(secure.URL, "https:", "http:", 1), Token: drptest.DefaultToken})
	require.NoError(t, err)
	_, err = c.Store(ctx, "a", endless(), -1)
	require.Equal(t, "Client sent an HTTP request to an HTTPS server.", failure(t, err, upload.Failed).Msg)
}

// openssl checks that a fingerprint is the one that a person can compare with.
func openssl(t *testing.T, s *drptest.Server, want string) {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		return
	}
	block, _ := pem.Decode(s.CAPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	if cert.IsCA {
		return // not the server's own certificate
	}
	cmd := exec.Command(tool, "x509", "-noout", "-fingerprint", "-sha256")
	cmd.Stdin = strings.NewReader(string(s.CAPEM))
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Contains(t, strings.TrimSpace(string(out)), "="+want)
}

func TestProxy(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	proxied := 0
	c := pinned(t, s, func(cfg *upload.Config) {
		cfg.Endpoint = "http://endpoint.invalid"
		cfg.Proxy = func(r *http.Request) (*url.URL, error) {
			proxied++
			require.Equal(t, "endpoint.invalid", r.URL.Host)
			require.Empty(t, r.Header)
			return url.Parse(s.URL)
		}
	})
	_, err := c.Store(ctx, "a", strings.NewReader("x"), 1)
	require.NoError(t, err)
	require.Equal(t, 1, proxied)

	c = pinned(t, s, func(cfg *upload.Config) {
		cfg.Proxy = func(*http.Request) (*url.URL, error) {
			return nil, errors.New(`parse "http://u:proxypassword@ho st"`)
		}
	})
	_, err = c.Store(ctx, "a", endless(), -1)
	require.Regexp(t, `^store a: http://127.0.0.1:[0-9]+: the proxy setting is not a valid URL$`, err.Error())
}

func TestNothingLeaksByFormatting(t *testing.T) {
	cfg := upload.Config{
		Endpoint: "https://user:endpointsecret@host:8092", Token: "tokensecret-0123456789",
		User: "somebody", Password: "pw", CACert: []byte("pem"),
	}
	c, err := upload.New(upload.Config{Endpoint: "https://host:8092/", Token: cfg.Token, Password: cfg.Password, User: cfg.User})
	require.NoError(t, err)
	var nilClient *upload.Client
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%T", "%t"} {
		for _, v := range []any{
			cfg, &cfg, c, nilClient, []any{cfg, c}, []upload.Config{cfg}, map[string]upload.Config{"k": cfg},
			struct{ C upload.Config }{cfg}, struct{ c *upload.Client }{c}, struct{ C *upload.Client }{c},
		} {
			s := fmt.Sprintf(verb, v)
			for _, secret := range []string{"endpointsecret", "tokensecret", `"pw"`, "c29tZWJvZHk6cHc", "746f6b656e", "746F6B656E"} {
				require.NotContains(t, s, secret, "%s of %T", verb, v)
			}
		}
	}
	require.Equal(t, "upload.Client{https://host:8092}", c.String())
	require.Equal(t, `{Endpoint:"https://[redacted]@host:8092" Token:[redacted] User:"somebody" Password:[redacted] CACert:3 bytes Fingerprint:"" Insecure:false UserAgent:""}`, fmt.Sprint(cfg))
	for _, v := range []any{cfg, &cfg, c, map[string]any{"a": cfg, "b": c}} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(b), "secret")
		require.NotContains(t, string(b), `"pw"`)
	}
}
