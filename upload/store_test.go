package upload_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestStore(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // many chunks
	for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.CASigned, drptest.Plain} {
		for _, known := range []bool{true, false} {
			for _, data := range [][]byte{nil, []byte("x"), big} {
				t.Run(fmt.Sprintf("tls %d, size known %t, %d bytes", mode, known, len(data)), func(t *testing.T) {
					s := drptest.New(t, drptest.Options{TLS: mode, HTTP2: mode != drptest.Plain})
					size := int64(-1)
					if known {
						size = int64(len(data))
					}
					got, err := pinned(t, s).Store(ctx, "images/new/x y%+#ü.tgz", bytes.NewReader(data), size)
					require.NoError(t, err)
					require.Equal(t, upload.Stored{Path: "/images/new/x y%+#ü.tgz", Size: int64(len(data))}, got)
					content, err := s.Content("images/new/x y%+#ü.tgz")
					require.NoError(t, err)
					require.True(t, bytes.Equal(data, content))
					require.Equal(t, []string{"images/new/x y%+#ü.tgz"}, stored(t, s))

					reqs := s.Requests()
					require.Len(t, reqs, 1)
					r := reqs[0]
					require.Equal(t, "POST", r.Method)
					require.Equal(t, "HTTP/1.1", r.Proto, "also where the server has HTTP/2")
					require.Equal(t, "application/octet-stream", r.ContentType)
					require.Equal(t, size, r.ContentLength)
					require.Equal(t, "Bearer", r.Auth)
					require.Equal(t, "image-capture", r.UserAgent)
					if size != 0 {
						require.Equal(t, "100-continue", r.Expect)
					}
				})
			}
		}
	}
}

func TestStoreWithBasicAuth(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	c := pinned(t, s, func(cfg *upload.Config) {
		cfg.Token, cfg.User, cfg.Password = "", drptest.DefaultUser, drptest.DefaultPassword
	})
	_, err := c.Store(ctx, "a", strings.NewReader("b"), 1)
	require.NoError(t, err)
	require.Equal(t, "Basic", s.Requests()[0].Auth)

	c = pinned(t, s, func(cfg *upload.Config) {
		cfg.User, cfg.Password = drptest.DefaultUser, "wrong"
	})
	_, err = c.Store(ctx, "a", strings.NewReader("b"), 1)
	require.NoError(t, err, "the token wins")
	require.Equal(t, "Bearer", s.Requests()[1].Auth)
}

// TestRefusedBeforeTheBody is every answer that comes before the server asks for
// the body: none of it may be read, and a full upload afterwards must not either.
func TestRefusedBeforeTheBody(t *testing.T) {
	const token = "bm90LXRoZS1kZWZhdWx0LXRva2VuLWJ1dC1hLW5hcnJvdy1vbmU="
	grant := func(actions ...string) map[string]drptest.Grant {
		return map[string]drptest.Grant{token: {Actions: actions}}
	}
	long := strings.Repeat("n", 240)
	for _, tc := range []struct {
		name   string
		opts   drptest.Options
		plant  map[string]string
		path   string
		status int
		kind   upload.Kind
		msg    string
		part   bool
		left   []string
		retry  bool
	}{
		{name: "no claim", opts: drptest.Options{Tokens: grant("get")}, status: 403, kind: upload.Refused,
			msg: "Cannot access files; Requires: files post /images/x.tgz"},
		{name: "no claim, hidden", opts: drptest.Options{Tokens: grant("get"), PostDenied: 404}, status: 404, kind: upload.Refused, msg: "Not Found"},
		{name: "claim for another path", opts: drptest.Options{Tokens: map[string]drptest.Grant{token: {Actions: []string{"post"}, Specifics: []string{"/images/x"}}}},
			status: 403, kind: upload.Refused, msg: "Cannot access files; Requires: files post /images/x.tgz"},
		{name: "foreign token", opts: drptest.Options{Tokens: map[string]drptest.Grant{}}, status: 403, kind: upload.Refused,
			msg: "Unable to authenticate: invalid token [redacted]; Token: [redacted]"},
		{name: "expired token", opts: drptest.Options{Tokens: map[string]drptest.Grant{token: {Actions: []string{"*"}, Expires: time.Unix(1, 0)}}}, status: 403, kind: upload.Refused,
			msg: "Unable to authenticate: invalid token [redacted]; Token: [redacted]"},
		{name: "unauthorised", opts: drptest.Options{Tokens: grant("*"), Faults: []drptest.Fault{{Status: 401, Raw: " "}}}, status: 401, kind: upload.Refused},
		{name: "stale part", opts: drptest.Options{Tokens: grant("post")}, plant: map[string]string{"images/x.tgz.part": "half"}, status: 409, kind: upload.Taken,
			msg: "File already uploading", part: true, left: []string{"images/x.tgz.part"}},
		{name: "stale part and an older file", opts: drptest.Options{Tokens: grant("post")}, plant: map[string]string{"images/x.tgz.part": "half", "images/x.tgz": "old"},
			status: 409, kind: upload.Taken, msg: "File already uploading", part: true, left: []string{"images/x.tgz.part"}},
		{name: "parent is a file", opts: drptest.Options{Tokens: grant("post")}, plant: map[string]string{"images": "file"}, status: 409, kind: upload.Taken,
			msg: "Cannot create directory /images", left: []string{"images"}},
		{name: "name too long for the server", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 409, Messages: []string{"Unable to upload"}}}},
			path: long, status: 409, kind: upload.Taken, msg: "Unable to upload"},
		{name: "proxy limit", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 413, Raw: "<html>too\x1b[31m big</html>"}}}, status: 413, kind: upload.TooLarge,
			msg: `<html>too\x1b[31m big</html>`},
		{name: "page of a proxy", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 413, Raw: "<!DOCTYPE HTML>\n<head><style>x{}</style><TITLE>Too big\n for A&amp;B\x1b</TITLE></head><body>x"}}}, status: 413, kind: upload.TooLarge,
			msg: `Too big for A&B\x1b`},
		{name: "page that says no more", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 413, Raw: "<html><head><title>413 Request Entity Too Large</title></head>"}}}, status: 413, kind: upload.TooLarge},
		{name: "busy", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 503}}}, status: 503, kind: upload.Failed, msg: "Service Unavailable", retry: true},
		{name: "wrong content type", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 400, Messages: []string{"Want content-type application/octet-stream"}}}},
			status: 400, kind: upload.Failed, msg: "Want content-type application/octet-stream"},
		{name: "redirect", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 307, Header: map[string]string{"Location": "https://other.example/x"}}}},
			status: 307, kind: upload.Failed, msg: "the server redirects to https://other.example/x"},
		{name: "disk full at once", opts: drptest.Options{Tokens: grant("post"), Faults: []drptest.Fault{{Status: 507}}}, status: 507, kind: upload.NoSpace, msg: "Insufficient Storage", retry: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := drptest.New(t, tc.opts)
			for p, content := range tc.plant {
				plant(t, s, p, content)
			}
			c := pinned(t, s, func(cfg *upload.Config) { cfg.Token = token })
			path := tc.path
			if path == "" {
				path = "images/x.tgz"
			}
			body := endless()
			_, err := c.Store(ctx, path, body, -1)
			e := failure(t, err, tc.kind)
			require.Equal(t, tc.status, e.Status)
			require.Equal(t, tc.msg, e.Msg)
			require.Equal(t, tc.part, e.PartInTheWay())
			require.Equal(t, tc.retry, e.Retryable())
			require.Zero(t, body.reads.Load(), "the body was read")
			require.Zero(t, s.Requests()[0].BodyRead)
			require.Equal(t, tc.left, stored(t, s))
			require.NotContains(t, err.Error(), token)
		})
	}
}

// TestBrokenInTheMiddle is each thing that can happen after some of the body: the
// server's part and an older file of the name are gone.
func TestBrokenInTheMiddle(t *testing.T) {
	const after = 300_000
	for _, tc := range []struct {
		name   string
		fault  drptest.Fault
		kind   upload.Kind
		status int
		retry  bool
		left   []string
	}{
		{"disk full", drptest.Fault{Status: 507, Messages: []string{"write: no space left on device"}}, upload.NoSpace, 507, true, nil},
		{"server error", drptest.Fault{Status: 500}, upload.Failed, 500, true, nil},
		{"gateway", drptest.Fault{Status: 502, Raw: "bad gateway"}, upload.Failed, 502, true, nil},
		{"dropped", drptest.Fault{Drop: true}, upload.Broken, 0, true, nil},
		{"killed", drptest.Fault{Kill: true}, upload.Broken, 0, true, []string{"m/b.part"}},
	} {
		for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.Plain} {
			t.Run(fmt.Sprintf("%s, tls %d", tc.name, mode), func(t *testing.T) {
				tc.fault.After = after
				s := drptest.New(t, drptest.Options{TLS: mode, Faults: []drptest.Fault{tc.fault}})
				plant(t, s, "m/b", "the older one")
				if tc.left != nil {
					require.NoError(t, os.Remove(s.File("m/b")))
				}
				body := endless()
				_, err := pinned(t, s).Store(ctx, "m/b", body, -1)
				e := failure(t, err, tc.kind)
				require.Equal(t, tc.status, e.Status)
				require.Equal(t, tc.retry, e.Retryable())
				require.GreaterOrEqual(t, s.Requests()[0].BodyRead, int64(after))
				require.Equal(t, tc.left, stored(t, s))
				reads := body.reads.Load()
				time.Sleep(20 * time.Millisecond)
				require.Equal(t, reads, body.reads.Load(), "the body is read after Store has returned")
			})
		}
	}
}

func TestFaultsPass(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{
		{Method: "POST", After: 10, Drop: true, Times: 1},
		{Method: "POST", Status: 503, Times: 1},
	}})
	c := pinned(t, s)
	for _, kind := range []upload.Kind{upload.Broken, upload.Failed} {
		_, err := c.Store(ctx, "a/b", strings.NewReader(strings.Repeat("x", 1000)), 1000)
		require.True(t, failure(t, err, kind).Retryable())
	}
	_, err := c.Store(ctx, "a/b", strings.NewReader(strings.Repeat("x", 1000)), 1000)
	require.NoError(t, err)
	require.Equal(t, []string{"a/b"}, stored(t, s))
}

func TestSecondUploadAtOnce(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "m/b", "older")
	c := pinned(t, s)
	pr, pw := io.Pipe()
	first := make(chan error, 1)
	go func() {
		_, err := c.Store(ctx, "m/b", pr, -1)
		first <- err
	}()
	_, err := pw.Write([]byte("first")) // so the server has said 100
	require.NoError(t, err)

	body := endless()
	_, err = c.Store(ctx, "m/b", body, -1)
	require.True(t, failure(t, err, upload.Taken).PartInTheWay())
	require.Zero(t, body.reads.Load())
	require.NoFileExists(t, s.File("m/b"), "the older file, as on a real server")

	require.NoError(t, pw.Close())
	require.NoError(t, <-first)
	require.Equal(t, []string{"m/b"}, stored(t, s))
}

func TestNonEmptyFolderInTheWay(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "m/b/c", "in the way")
	c := pinned(t, s)
	_, err := c.Store(ctx, "m/b", strings.NewReader("data"), 4)
	require.NoError(t, err, "the server lies")
	require.Equal(t, []string{"m/b/c"}, stored(t, s))
	verified, err := c.Confirm(ctx, "m/b", sum([]byte("data")))
	require.NoError(t, err)
	require.False(t, verified)
	there, err := c.Exists(ctx, "m/b")
	require.NoError(t, err)
	require.Equal(t, upload.Present, there)
}

func TestTokenExpiresBetweenRequests(t *testing.T) {
	s := drptest.New(t, drptest.Options{Tokens: map[string]drptest.Grant{
		drptest.DefaultToken: {Actions: []string{"post", "get"}, Requests: 2},
	}})
	c := pinned(t, s)
	_, err := c.Store(ctx, "x.tgz", strings.NewReader("image"), 5)
	require.NoError(t, err)
	verified, err := c.Confirm(ctx, "x.tgz", sum([]byte("image")))
	require.NoError(t, err)
	require.True(t, verified)
	_, err = c.Store(ctx, "x.txt", strings.NewReader("manifest"), 8)
	e := failure(t, err, upload.Refused)
	require.NotContains(t, e.Error(), drptest.DefaultToken)
	require.Equal(t, []string{"x.tgz"}, stored(t, s))
}

func TestAnswersThatAreNotBelieved(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault drptest.Fault
		msg   string
	}{
		{"one byte less", drptest.Fault{WrongSize: -1}, "the server stored 3 bytes, but 4 were sent"},
		{"one byte more", drptest.Fault{WrongSize: 1}, "the server stored 5 bytes, but 4 were sent"},
		{"no size", drptest.Fault{Answer: `{"Path":"/a"}`}, `the answer does not say what was stored: {"Path":"/a"}`},
		{"not JSON", drptest.Fault{Answer: "<p>ok"}, "the answer does not say what was stored: <p>ok"},
		{"nothing", drptest.Fault{Answer: " "}, "the answer does not say what was stored:"},
		{"success of another kind", drptest.Fault{Status: 200, Raw: `{"Size":4}`, After: 4}, `{"Size":4}`},
		{"success at once", drptest.Fault{Status: 201, Raw: `{"Size":4}`}, "the server reports 4 bytes before it received all of them"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{tc.fault}})
			for _, size := range []int64{4, -1} {
				_, err := pinned(t, s).Store(ctx, "a", strings.NewReader("data"), size)
				e := failure(t, err, upload.Failed)
				require.Equal(t, tc.msg, e.Msg)
				require.False(t, e.Retryable())
			}
		})
	}
}

// TestWrongAnnouncement checks that a body of another size than announced leaves
// nothing, even though the server believes Content-Length.
func TestWrongAnnouncement(t *testing.T) {
	for _, tc := range []struct {
		announced int64
		actual    int64
		msg       string
	}{
		{100_000, 99_999, "the body ended after 99999 of 100000 bytes: unexpected EOF"},
		{100_000, 100_001, "the body is longer than the 100000 bytes announced"},
		{100_000, 1 << 20, "the body is longer than the 100000 bytes announced"},
		{64 << 10, 64<<10 + 1, "the body is longer than the 65536 bytes announced"},
		{64 << 10, 1 << 20, "the body is longer than the 65536 bytes announced"},
		{1, 0, "the body ended after 0 of 1 bytes: unexpected EOF"},
		{0, 1, "the body is longer than the 0 bytes announced"},
	} {
		s := drptest.New(t, drptest.Options{})
		_, err := pinned(t, s).Store(ctx, "a", &source{left: tc.actual}, tc.announced)
		require.EqualError(t, err, tc.msg)
		for _, r := range s.Requests() {
			require.NotEqual(t, 201, r.Status)
		}
		require.Empty(t, stored(t, s))
	}
}

// TestBodyFails checks that the failure of a body is returned as it is and never
// looks like its end.
func TestBodyFails(t *testing.T) {
	for _, size := range []int64{-1, 1 << 20} {
		for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.Plain} {
			s := drptest.New(t, drptest.Options{TLS: mode})
			plant(t, s, "a", "older")
			_, err := pinned(t, s).Store(ctx, "a", &source{left: 200_000, after: errDisk}, size)
			require.Equal(t, errDisk, err)
			require.NotEqual(t, 201, s.Requests()[0].Status)
			require.Empty(t, stored(t, s))
		}
	}
}

func TestExpectIsNotUnderstood(t *testing.T) {
	s := drptest.New(t, drptest.Options{RefuseExpect: true})
	_, err := pinned(t, s).Store(ctx, "a", strings.NewReader("data"), 4)
	require.NoError(t, err)
	reqs := s.Requests()
	require.Len(t, reqs, 2)
	require.Equal(t, http.StatusExpectationFailed, reqs[0].Status)
	require.Zero(t, reqs[0].BodyRead)
	require.Empty(t, reqs[1].Expect)

	s.AddFault(drptest.Fault{Status: 417})
	_, err = pinned(t, s).Store(ctx, "a", strings.NewReader("data"), 4)
	require.Equal(t, 417, failure(t, err, upload.Failed).Status, "once is enough")
	require.Len(t, s.Requests(), 4)
}

func TestContinueIsSwallowed(t *testing.T) {
	for _, mode := range []drptest.TLSMode{drptest.SelfSigned, drptest.Plain} {
		s := drptest.New(t, drptest.Options{TLS: mode, SwallowContinue: true})
		c := pinned(t, s, func(cfg *upload.Config) { cfg.Timeouts.Continue = 50 * time.Millisecond })
		_, err := c.Store(ctx, "a", strings.NewReader("data"), -1)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, stored(t, s))
	}
}

func TestStoreCancelled(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	ctx, cancel := context.WithCancelCause(ctx)
	pr, pw := io.Pipe()
	go func() {
		_, _ = pw.Write([]byte("some"))
		cancel(errDisk)
	}()
	within(t, 5*time.Second, func() {
		_, err := pinned(t, s).Store(ctx, "a", pr, -1) // the pipe stays silent
		require.ErrorIs(t, err, errDisk)
		require.EqualError(t, err, "store a: input/output error")
	})
	_, err := pw.Write([]byte("more"))
	require.ErrorIs(t, err, errDisk, "the producer learns why")
	s.Requests()
	require.Empty(t, stored(t, s))

	for _, size := range []int64{-1, 0, 5} {
		body := endless()
		_, err = pinned(t, s).Store(ctx, "a", body, size)
		require.ErrorIs(t, err, errDisk)
	}
}

func TestPathsAndEndpoints(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	c := pinned(t, s)
	long := strings.Repeat("n", 250)
	for _, p := range []string{"", "/a", "a/", "/", "a//b", "a/../b", "..", ".", "a/./b", "a\nb", "a\x7f", "a\u0085b", "a\xff", "a/" + long + "n", strings.Repeat("n", 256) + "/a"} {
		_, err := c.Store(ctx, p, endless(), -1)
		require.ErrorContains(t, err, "path", "%q", p)
		_, err = c.Confirm(ctx, p, sum(nil))
		require.ErrorContains(t, err, "path", "%q", p)
		_, err = c.Exists(ctx, p)
		require.ErrorContains(t, err, "path", "%q", p)
	}
	require.Empty(t, s.Requests())
	_, err := c.Store(ctx, long+"n/"+long, strings.NewReader("x"), 1)
	require.NoError(t, err)

	none, err := upload.New(upload.Config{Token: "secretsecret"})
	require.NoError(t, err)
	_, err = none.Store(ctx, "a", endless(), -1)
	require.EqualError(t, err, "store: no endpoint is set")
	_, err = none.Exists(ctx, "a")
	require.EqualError(t, err, "look for: no endpoint is set")
}
