package upload_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

// TestBehindProxy: plain requests are passed on by a real proxy, TLS goes through a
// tunnel; by either way "100 Continue" comes back, so that a refused body is not
// read, and a body of unknown length arrives.
func TestBehindProxy(t *testing.T) {
	for name, opts := range map[string]drptest.Options{
		"plain":  {TLS: drptest.Plain},
		"tunnel": {TLS: drptest.Chain, Names: []string{"endpoint.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := drptest.New(t, opts)
			scheme, at, _ := strings.Cut(s.URL, "://")
			proxy := drptest.NewProxy(t, drptest.ProxyOptions{User: "u", Password: "proxy-secret", Routes: map[string]string{"endpoint.test:8092": at}})
			through := func(cfg *upload.Config) {
				cfg.Endpoint, cfg.Fingerprint, cfg.CACert = scheme+"://endpoint.test:8092", "", s.CAPEM
				cfg.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
			}
			c := pinned(t, s, through)
			body := strings.Repeat("through a proxy ", 100_000)
			stored, err := c.Store(ctx, "images/x.tgz", io.MultiReader(strings.NewReader(body)), -1)
			require.NoError(t, err)
			require.EqualValues(t, len(body), stored.Size)
			sum := sha256.Sum256([]byte(body))
			verified, err := c.Confirm(ctx, "images/x.tgz", hex.EncodeToString(sum[:]))
			require.NoError(t, err)
			require.True(t, verified)
			require.Equal(t, []string{"endpoint.test:8092", "endpoint.test:8092"}, proxy.Asked())
			require.Len(t, s.Requests(), 2, "a request went around the proxy")

			refused := pinned(t, s, through, func(cfg *upload.Config) { cfg.Token = "of-somebody-else-0123456789" })
			unread := &unwanted{t}
			_, err = refused.Store(ctx, "images/y.tgz", unread, -1)
			failure(t, err, upload.Refused)

			stranger := pinned(t, s, through, func(cfg *upload.Config) {
				cfg.Proxy = func(*http.Request) (*url.URL, error) {
					return url.Parse(strings.Replace(proxy.URL, "proxy-secret", "wrong-secret", 1))
				}
			})
			_, err = stranger.Store(ctx, "images/y.tgz", unread, -1)
			require.ErrorContains(t, err, "Proxy Authentication Required")
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

// unwanted is a body that nobody may read.
type unwanted struct{ t *testing.T }

func (u *unwanted) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}
