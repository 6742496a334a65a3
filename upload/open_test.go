package upload_test

import (
	"context"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestOpen(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "images/x.tgz", "\x1f\x8b data")
	withToken := pinned(t, s)
	without, err := upload.New(upload.Config{Fingerprint: s.Fingerprint, Token: "never-sent-never-sent"})
	require.NoError(t, err)
	other, err := upload.New(upload.Config{Endpoint: "https://127.0.0.2:1", Fingerprint: s.Fingerprint, Token: "never-sent-never-sent"})
	require.NoError(t, err)
	for _, tc := range []struct {
		c    *upload.Client
		path string
		auth string
	}{
		{withToken, "/api/v3/files/images/x.tgz", "Bearer"},
		{withToken, "/files/images/x.tgz?q=1", "Bearer"},
		{without, "/files/images/x.tgz", ""},
		{other, "/files/images/x.tgz", ""},
	} {
		d, err := tc.c.Open(ctx, s.URL+tc.path)
		require.NoError(t, err)
		require.EqualValues(t, 7, d.Size)
		data, err := io.ReadAll(d)
		require.NoError(t, err)
		require.Equal(t, "\x1f\x8b data", string(data))
		require.NoError(t, d.Close())
		reqs := s.Requests()
		r := reqs[len(reqs)-1]
		require.Equal(t, tc.auth, r.Auth)
		require.Empty(t, r.AcceptEncoding, "the file is wanted as it is stored")
		require.Equal(t, "HTTP/1.1", r.Proto)
	}

	_, err = without.Open(ctx, s.URL+"/files/none?sig=secret")
	e := failure(t, err, upload.Failed)
	require.Equal(t, 404, e.Status)
	require.Equal(t, s.URL+"/files/none", e.Path)
	require.False(t, e.Retryable())
	_, err = without.Open(ctx, s.URL+"/api/v3/files/images/x.tgz")
	require.Equal(t, 401, failure(t, err, upload.Refused).Status)

	for _, u := range []string{"", "x", "/x", "ftp://h/x", "https://u@h/", "https:///x", "%zz"} {
		_, err := without.Open(ctx, u)
		require.Error(t, err, u)
	}
}

// TestOwnHost lists what is the endpoint and what is not.
func TestOwnHost(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "a", "x")
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	c := pinned(t, s)
	d, err := c.Open(ctx, "https://localhost:"+u.Port()+"/files/a")
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Empty(t, s.Requests()[0].Auth, "another name, even of the same server")
}

func TestRedirects(t *testing.T) {
	secure := drptest.New(t, drptest.Options{})
	plain := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	far := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	plant(t, far, "x", "far")
	plant(t, plain, "x", "near")
	jump := func(from *drptest.Server, path, to string, status int) {
		from.AddFault(drptest.Fault{Path: path, Status: status, Header: map[string]string{"Location": to}})
	}
	jump(plain, "/home", "/files/x", 302)
	jump(plain, "/away", far.URL+"/files/x", 307)
	jump(plain, "/loop", "/files/loop", 301)
	jump(plain, "/nowhere", "", 302)
	jump(plain, "/odd", "ftp://h/x", 302)
	jump(plain, "/user", strings.Replace(far.URL, "://", "://u:p@", 1), 302)
	jump(plain, "/boomerang", far.URL+"/files/back", 308)
	jump(far, "/back", plain.URL+"/files/x", 303)
	jump(secure, "/down", plain.URL+"/files/x", 302)

	c := pinned(t, plain)
	read := func(path string) string {
		d, err := c.Open(ctx, plain.URL+path)
		require.NoError(t, err)
		defer d.Close()
		data, err := io.ReadAll(d)
		require.NoError(t, err)
		return string(data)
	}
	require.Equal(t, "near", read("/files/home"))
	require.Equal(t, "far", read("/files/away"))
	require.Equal(t, "near", read("/files/boomerang"))
	for _, r := range far.Requests() {
		require.Empty(t, r.Auth, "the token went to another host")
	}
	var auth []string
	for _, r := range plain.Requests() {
		auth = append(auth, r.Auth)
	}
	require.Equal(t, []string{"Bearer", "Bearer", "Bearer", "Bearer", ""}, auth, "and none after it came back")

	for path, msg := range map[string]string{
		"/files/loop":    "more than 10 redirects",
		"/files/nowhere": "a redirect without a target",
		"/files/odd":     "a redirect that is not followed: not a http or https URL",
		"/files/user":    "a redirect that is not followed: the URL holds a user name or password",
	} {
		_, err := c.Open(ctx, plain.URL+path)
		require.Equal(t, msg, failure(t, err, upload.Failed).Msg)
	}
	_, err := pinned(t, secure).Open(ctx, secure.URL+"/files/down")
	require.Contains(t, failure(t, err, upload.Failed).Msg, "a redirect from https to http is not followed")
}

func TestDownloadBreaks(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{
		{Path: "/cut", CutAfter: 1000}, {Path: "/silent", StallAfter: 1000},
	}})
	plant(t, s, "cut", strings.Repeat("x", 5000))
	plant(t, s, "silent", strings.Repeat("x", 5000))
	c := pinned(t, s, func(cfg *upload.Config) { cfg.Timeouts.Stall = 200 * time.Millisecond })
	for path, msg := range map[string]string{
		"/files/cut":    "the server closed the connection before the end of its answer",
		"/files/silent": "the server stopped in the middle of its answer for 200ms",
	} {
		d, err := c.Open(ctx, s.URL+path)
		require.NoError(t, err)
		data, err := io.ReadAll(d)
		require.Len(t, data, 1000)
		require.Equal(t, msg, failure(t, err, upload.Broken).Msg)
		require.NoError(t, d.Close())
		require.NoError(t, d.Close())
	}

	// A caller that takes its time between reads is no stall.
	s.ClearFaults()
	d, err := c.Open(ctx, s.URL+"/files/cut")
	require.NoError(t, err)
	_, err = d.Read(make([]byte, 10))
	require.NoError(t, err)
	time.Sleep(400 * time.Millisecond)
	rest, err := io.ReadAll(d)
	require.NoError(t, err)
	require.Len(t, rest, 4990)
	require.NoError(t, d.Close())

	stopped, cancel := context.WithCancelCause(ctx)
	s.AddFault(drptest.Fault{StallAfter: 1000})
	d, err = c.Open(stopped, s.URL+"/files/cut")
	require.NoError(t, err)
	cancel(errDisk)
	_, err = io.ReadAll(d)
	require.ErrorIs(t, err, errDisk)
	require.NoError(t, d.Close())
}
