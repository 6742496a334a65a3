package drptest_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload/drptest"
)

// TestChance: as likely as it says, and with the same seed the same requests.
func TestChance(t *testing.T) {
	struck := func(seed uint64) string {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Seed: seed, Faults: []drptest.Fault{{Method: "GET", Chance: 0.3, Status: 503}}})
		c := newClient(t, s)
		var b strings.Builder
		for range 200 {
			status, _, _ := c.do("GET", "/api/v3/files", "")
			fmt.Fprint(&b, status/100)
		}
		return b.String()
	}
	one := struck(1)
	n := strings.Count(one, "5")
	require.True(t, n > 30 && n < 90, "%d of 200", n)
	require.Equal(t, one, struck(1))
	require.NotEqual(t, one, struck(2))
}

// TestLost: stored, deleted, created, and no answer.
func TestLost(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Lost: true}}})
	send := func(method, path, body, kind string) {
		req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+s.Token)
		req.Header.Set("Content-Type", kind)
		req.Close = true
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		require.Error(t, err)
	}
	send("POST", "/api/v3/files/a", "text", "application/octet-stream")
	b, err := s.Content("a")
	require.NoError(t, err)
	require.Equal(t, "text", string(b))
	send("DELETE", "/api/v3/files/a", "", "application/octet-stream")
	files, err := s.Files()
	require.NoError(t, err)
	require.Empty(t, files)
	send("POST", "/api/v3/profiles", `{"Name":"p"}`, "application/json")
	_, ok := s.Profile("p")
	require.True(t, ok)
}

func TestSlow(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Slow: 100_000}}})
	start := time.Now()
	status, _, _ := newClient(t, s).do("POST", "/api/v3/files/a", strings.Repeat("x", 20_000))
	require.Equal(t, 201, status)
	require.GreaterOrEqual(t, time.Since(start), 190*time.Millisecond)
}

// TestProfiles goes through what is known of the real server's profiles.
func TestProfiles(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	c := newClient(t, s)
	const api = "/api/v3/profiles"
	asJSON := []string{"Content-Type", "application/json"}
	for _, row := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", api, `{`, 400, "unexpected EOF"},
		{"POST", api, `{"Name":"p","Params":{"a/b":1}}`, 201, `"Params":{"a/b":1}`},
		{"POST", api, `{"Name":"p"}`, 409, "already exists"},
		{"PATCH", api + "/none", `[]`, 404, "Not Found"},
		{"PATCH", api + "/p", `[{"op":"add","path":"/Params/a~1b","value":2},{"op":"add","path":"/Params/c~0d","value":"x"}]`, 200, `"Params":{"a/b":2,"c~d":"x"}`},
		{"PATCH", api + "/p", `[{"op":"remove","path":"/Params/none"}]`, 409, "Patch error at line 0"},
		{"PATCH", api + "/p", `[{"op":"remove","path":"/Params/c~0d"}]`, 200, `"Params":{"a/b":2}`},
		{"PATCH", api + "/p", `[{"op":"add","path":"/Params/image-deploy~1additional-tarballs","value":[{"index":"07","uri":"a","format":"tgz","drpserved":true}]}]`, 422, "index is an integer"},
		{"POST", api, `{"Name":"q","Params":{"image-deploy/additional-tarballs":{}}}`, 422, "Expected: array"},
		{"PUT", api + "/p", `{}`, 405, "Method not allowed"},
	} {
		status, text, _ := c.do(row.method, row.path, row.body, asJSON...)
		require.Equal(t, row.status, status, "%s %s", row.method, row.body)
		require.Contains(t, text, row.text)
	}
	status, text, _ := c.do("POST", api, `{}`)
	require.Equal(t, 400, status)
	require.Contains(t, text, "Invalid content type")
	p, ok := s.Profile("p")
	require.True(t, ok)
	require.Equal(t, map[string]any{"a/b": 2.0}, p.Params)
}

// TestChain: the server shows leaf and intermediate, and only the root vouches.
func TestChain(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Chain, Names: []string{"endpoint.test"}})
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), &tls.Config{RootCAs: s.CertPool(), ServerName: "endpoint.test"})
	require.NoError(t, err)
	defer conn.Close()
	state := conn.ConnectionState()
	require.Len(t, state.PeerCertificates, 2)
	require.Len(t, state.VerifiedChains[0], 3)
	_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: s.CertPool()})
	require.Error(t, err, "the intermediate is not needed")
}

// TestProxyTunnels: only to where there is a route, and to whoever may.
func TestProxyTunnels(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	at := strings.TrimPrefix(s.URL, "http://")
	p := drptest.NewProxy(t, drptest.ProxyOptions{User: "u", Password: "secret", Routes: map[string]string{"name.test:80": at, "dead.test:80": "127.0.0.1:1"}})
	ask := func(method, target, auth string) (int, net.Conn) {
		conn, err := net.Dial("tcp", p.URL[strings.LastIndex(p.URL, "@")+1:])
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", method, target, target, base64.StdEncoding.EncodeToString([]byte(auth)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		require.NoError(t, err)
		return resp.StatusCode, conn
	}
	for _, row := range []struct {
		method, target, auth string
		want                 int
	}{
		{"CONNECT", "name.test:80", "u:wrong", 407},
		{"CONNECT", "other.test:80", "u:secret", 502},
		{"CONNECT", "dead.test:80", "u:secret", 502},
	} {
		status, _ := ask(row.method, row.target, row.auth)
		require.Equal(t, row.want, status, row.target)
	}
	require.Empty(t, p.Asked())
	status, conn := ask("CONNECT", "name.test:80", "u:secret")
	require.Equal(t, 200, status)
	fmt.Fprint(conn, "GET /api/v3/files HTTP/1.0\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 401, resp.StatusCode)
	require.Equal(t, []string{"name.test:80"}, p.Asked())
}
