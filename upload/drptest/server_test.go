package drptest_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload/drptest"
)

// client speaks to a double as it likes, without the client under test.
type client struct {
	t *testing.T
	s *drptest.Server
	h *http.Client
}

func newClient(t *testing.T, s *drptest.Server) client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CertPool()}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return client{t, s, &http.Client{Transport: tr}}
}

func (c client) do(method, path, body string, header ...string) (int, string, http.Header) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.s.URL+path, strings.NewReader(body))
	require.NoError(c.t, err)
	req.Header.Set("Authorization", "Bearer "+drptest.DefaultToken)
	req.Header.Set("Content-Type", "application/octet-stream")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.h.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp.StatusCode, string(text), resp.Header
}

// TestTable goes through what is known of the real server, row by row.
func TestTable(t *testing.T) {
	const api = "/api/v3/files"
	for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.CASigned, drptest.Plain} {
		s := drptest.New(t, drptest.Options{TLS: mode, HTTP2: mode == drptest.CASigned})
		c := newClient(t, s)
		for _, row := range []struct {
			method, path, body string
			header             []string
			status             int
			text               string
		}{
			{"POST", api + "/m/b", "data", nil, 201, `{"Path":"/m/b","Size":4}`},
			{"PUT", api + "/m/b", "data", nil, 404, ""},
			{"POST", api + "/m/b", "", []string{"Content-Type", "application/x-preflight"}, 400, "Want content-type"},
			{"POST", api + "/m/b", "", []string{"Content-Type", "application/octet-stream; x=y"}, 400, "Want content-type"},
			{"POST", api + "/m/", "data", nil, 403, "Cannot upload a directory"},
			{"POST", api + "/m/../x", "data", nil, 403, ""},
			{"POST", api + "/m/b/c", "data", nil, 409, "Cannot create directory /m/b"},
			{"POST", api + "/" + strings.Repeat("n", 250), "data", nil, 201, ""},
			{"POST", api + "/" + strings.Repeat("n", 251), "data", nil, 409, "Unable to upload"},
			{"POST", api + "/m", "data", nil, 201, `{"Path":"/m","Size":4}`}, // a lie
			{"GET", api + "/m/b", "", nil, 200, "data"},
			{"GET", api + "/m/b", "", []string{"Range", "bytes=1-2"}, 206, "at"},
			{"GET", api + "?path=m", "", nil, 200, `["b"]`},
			{"GET", api, "", nil, 200, `"m/",`},
			{"GET", api + "?path=none", "", nil, 404, ""},
			{"GET", api + "/none", "", nil, 404, ""},
			{"GET", "/files/m/b", "", []string{"Authorization", ""}, 200, "data"},
			{"GET", "/files/m/b", "", []string{"Authorization", "", "Range", "bytes=0-0"}, 206, "d"},
			{"GET", api + "/m/b", "", []string{"Authorization", ""}, 401, ""},
			{"GET", api + "/m/b", "", []string{"Authorization", "Basic cm9ja2V0c2thdGVzOnIwY2tldHNrOHRz"}, 200, "data"},
			{"GET", api + "/m/b", "", []string{"Authorization", "Bearer foreign"}, 403, "foreign"},
			{"DELETE", api + "/m/b", "", nil, 204, ""},
			{"DELETE", api + "/m/b", "", nil, 404, ""},
		} {
			status, text, _ := c.do(row.method, row.path, row.body, row.header...)
			require.Equal(t, row.status, status, "%s %s: %s", row.method, row.path, text)
			require.Contains(t, text, row.text, "%s %s", row.method, row.path)
			if status == 401 {
				require.Empty(t, text)
			}
		}
		_, _, h := c.do("HEAD", api+"/"+strings.Repeat("n", 250), "")
		require.Equal(t, "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7", h.Get("X-DRP-SHA256SUM"))
		require.Empty(t, h.Get("ETag"))
		if mode == drptest.CASigned {
			require.Equal(t, "HTTP/2.0", s.Requests()[0].Proto)
		}
	}
}

func TestStalePart(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Method: "POST", After: 3, Kill: true, Times: 1}}})
	c := newClient(t, s)
	req, err := http.NewRequest("POST", s.URL+"/api/v3/files/a", strings.NewReader("data"))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.Token)
	req.Header.Set("Content-Type", "application/octet-stream")
	_, err = c.h.Do(req)
	require.Error(t, err)
	for range 2 {
		status, text, _ := c.do("POST", "/api/v3/files/a", "data")
		require.Equal(t, 409, status)
		require.Contains(t, text, "File already uploading")
	}
	status, _, _ := c.do("DELETE", "/api/v3/files/a.part", "")
	require.Equal(t, 204, status)
	status, _, _ = c.do("POST", "/api/v3/files/a", "data")
	require.Equal(t, 201, status)
}

// TestShortBody leaves in the middle: the part goes, and the older file with it.
func TestShortBody(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
		require.NoError(t, os.WriteFile(s.File("a"), []byte("older"), 0o644))
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST /api/v3/files/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/octet-stream\r\n%s\r\n\r\n5\r\nhello\r\n", s.Token, framing)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		_, _ = bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, conn.Close())
		s.Requests()
		files, err := s.Files()
		require.NoError(t, err)
		require.Empty(t, files)
	}
}

func TestStartAlone(t *testing.T) {
	s, err := drptest.Start(drptest.Options{ETag: true, User: "u", Password: "p"})
	require.NoError(t, err)
	c := newClient(t, s)
	status, _, _ := c.do("POST", "/api/v3/files/a", "data")
	require.Equal(t, 201, status)
	_, _, h := c.do("HEAD", "/api/v3/files/a", "")
	require.Equal(t, `"SHA256:3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"`, h.Get("ETag"))
	s.Revoke(s.Token)
	status, text, _ := c.do("POST", "/api/v3/files/a", "data")
	require.Equal(t, 403, status)
	require.Contains(t, text, drptest.DefaultToken)
	start := time.Now()
	require.NoError(t, s.Close())
	require.Less(t, time.Since(start), 5*time.Second)
	require.NoDirExists(t, s.Dir)
}
