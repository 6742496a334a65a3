package upload_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

// awkward is a token with each kind of character that something would escape.
const awkward = "eyJhbGciOi+JIUzI1/NiIsInR5cCI6_IkpXVCJ9-aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789=&%<>\"'=="

// pieces are the parts of a secret that must not be found in any text.
func pieces(secret string) []string {
	const n = 10
	var all []string
	for i := 0; i+n <= len(secret); i++ {
		all = append(all, secret[i:i+n])
	}
	return all
}

// chain is every text that can be had from an error.
func chain(err error) []string {
	if err == nil {
		return nil
	}
	texts := []string{err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%q", err)}
	var e *upload.Error
	if errors.As(err, &e) {
		texts = append(texts, fmt.Sprintf("%+v", *e), fmt.Sprintf("%#v", *e), e.Msg, e.Path)
		b, _ := json.Marshal(e)
		texts = append(texts, string(b))
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		texts = append(texts, chain(u.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			texts = append(texts, chain(inner)...)
		}
	}
	return texts
}

func requireNoLeak(t *testing.T, err error, secrets ...string) {
	t.Helper()
	require.Error(t, err)
	for _, text := range chain(err) {
		for _, secret := range secrets {
			for _, p := range pieces(secret) {
				require.NotContains(t, text, p)
			}
		}
		require.NotContains(t, text, "\x1b")
	}
}

func TestNothingLeaksByErrors(t *testing.T) {
	js := func(msgs ...string) string {
		b, err := json.Marshal(map[string]any{"Messages": msgs, "Type": "AUTH"})
		require.NoError(t, err)
		return string(b)
	}
	half := len(awkward) / 2
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + awkward))
	var wrapped strings.Builder
	for i := 0; i < len(awkward); i += 6 {
		wrapped.WriteString(awkward[i:min(i+6, len(awkward))] + "\n  ")
	}
	for name, text := range map[string]string{
		"whole":               js("bad token " + awkward),
		"twice":               js(awkward, awkward),
		"cut":                 js("bad token " + awkward[:half] + "..."),
		"end of it":           js("bad token ..." + awkward[half:]),
		"split":               js("bad token "+awkward[:half], awkward[half:]),
		"split small":         js(strings.Fields(wrapped.String())...),
		"wrapped":             js(wrapped.String()),
		"query escaped":       js(url.QueryEscape(awkward)),
		"path escaped":        js(url.PathEscape(awkward)),
		"quoted":              js(fmt.Sprintf("%q", awkward)),
		"JSON in JSON":        js(js(awkward)),
		"no JSON":             "token " + awkward + "\x1b[2J",
		"basic":               js("Authorization: Basic " + basic),
		"cut JSON":            js(awkward)[:half],
		"between long words":  js(strings.Repeat("x", 5000) + awkward),
		"over the cut":        js(strings.Repeat("x", 990) + awkward),
		"over the read limit": strings.Repeat(" ", 64<<10-40) + awkward,
	} {
		for _, status := range []int{403, 500, 201} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Status: status, Raw: text}}})
				c := pinned(t, s, func(cfg *upload.Config) {
					cfg.Token, cfg.User, cfg.Password = awkward, "user", awkward
				})
				_, err := c.Store(ctx, "a", strings.NewReader("x"), 1)
				requireNoLeak(t, err, awkward, basic)
				require.LessOrEqual(t, len(err.Error()), 1100)
				_, err = c.Open(ctx, s.URL+"/files/a?"+url.QueryEscape(awkward))
				if status != 201 {
					requireNoLeak(t, err, awkward, basic)
				}
			})
		}
	}
}

func TestShortPasswordIsRedacted(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Status: 401, Raw: `wrong password "tiny!"`}}})
	c := pinned(t, s, func(cfg *upload.Config) { cfg.Token, cfg.User, cfg.Password = "", "u", "tiny!" })
	_, err := c.Store(ctx, "a", endless(), -1)
	require.EqualError(t, err, `store a: 401 Unauthorized: wrong password "[redacted]"`)
}

// TestNothingLeaksByTheWay has the token turn up where net/http quotes it.
func TestNothingLeaksByTheWay(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	token := strings.Repeat("Zm9vYmFy", 8)
	tokened := func(cfg *upload.Config) { cfg.Token = token }
	for _, f := range []drptest.Fault{
		{Status: 302, Header: map[string]string{"Location": "https://u:" + token + "@other.example/"}},
		{Status: 302, Header: map[string]string{"Location": "https://other.example/" + token}},
		{Status: 302, Header: map[string]string{"Location": "ftp://other.example/" + token}},
		{Status: 302, Header: map[string]string{"Location": "http://other.example/" + token}},
		{Status: 302, Header: map[string]string{"Location": "https://127.0.0.1:1/" + token}},
		{Status: 302, Header: map[string]string{"Location": "https://" + token + ".invalid/"}},
		{Status: 302, Header: map[string]string{"Location": "https://127.0.0.1:" + token + "/"}},
		{Status: 302, Header: map[string]string{"Location": "https://u%zz" + token}},
		{Status: 403, KeepOpen: true, Header: map[string]string{token: token, "Bad Header " + token: "x"}},
		{Status: 403, KeepOpen: true, Header: map[string]string{"Transfer-Encoding": token}},
	} {
		s.ClearFaults()
		s.AddFault(f)
		_, err := pinned(t, s, tokened).Store(ctx, "a", endless(), -1)
		requireNoLeak(t, err, token)
		_, err = pinned(t, s, tokened).Open(ctx, s.URL+"/files/a")
		requireNoLeak(t, err, token)
		_, err = pinned(t, s, tokened).Exists(ctx, "a")
		if err != nil {
			requireNoLeak(t, err, token)
		}
	}
	// A body's error is returned as it is, unless it tells the token.
	s.ClearFaults()
	inner := fmt.Errorf("read %s: %w", token, errDisk)
	c := pinned(t, s)
	_, err := c.Store(ctx, "a", &source{left: 10, after: fmt.Errorf("x %s: %w", drptest.DefaultToken, errDisk)}, -1)
	requireNoLeak(t, err, drptest.DefaultToken)
	require.ErrorIs(t, err, errDisk)
	_, err = c.Store(ctx, "b", &source{left: 10, after: inner}, -1) // the server may not have dropped its part of a yet
	require.Same(t, inner, err)
	// So is a URL for Open.
	for _, u := range []string{"https://u:" + token + "@host/", "https://host\x7f/" + token, "ftp://host/" + token, "https://127.0.0.1:1/" + token, "http:///" + token} {
		_, err = pinned(t, s, tokened).Open(ctx, u)
		requireNoLeak(t, err, token)
	}
}

func TestServerHeadersDoNotHang(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Status: 403, Header: map[string]string{"X-Long": strings.Repeat("x", 100<<10)}}}})
	within(t, 5*time.Second, func() {
		_, err := pinned(t, s).Store(ctx, "a", io.Reader(endless()), -1)
		require.Contains(t, failure(t, err, upload.Failed).Msg, "server response headers exceeded")
	})
}
