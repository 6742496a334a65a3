package upload_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

// TestRanges reads parts of a file, from a server like DRP's and from that of the standard
// library, over one connection.
func TestRanges(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "images/x.tgz", content)
	var connections atomic.Int32
	std := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "x", time.Unix(1, 0), strings.NewReader(content))
	}))
	std.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	std.Start()
	defer std.Close()
	for _, url := range []string{s.URL + "/files/images/x.tgz", std.URL} {
		r, err := pinned(t, s).OpenRanges(ctx, url)
		require.NoError(t, err)
		require.EqualValues(t, len(content), r.Size())
		p := make([]byte, 7)
		for _, off := range []int64{0, 9993, 5, 3333} {
			n, err := r.ReadAt(p, off)
			require.NoError(t, err)
			require.Equal(t, content[off:off+7], string(p[:n]))
		}
		require.EqualValues(t, 28, r.Received())
		n, err := r.ReadAt(p, 9997)
		require.Equal(t, io.EOF, err)
		require.Equal(t, "789", string(p[:n]))
		_, err = r.ReadAt(p, 10000)
		require.Equal(t, io.EOF, err)
		require.NoError(t, r.Close())
	}
	require.EqualValues(t, 1, connections.Load())
	for _, r := range s.Requests() {
		require.Equal(t, "Bearer", r.Auth)
		require.Empty(t, r.AcceptEncoding)
	}
	_, err := pinned(t, s).OpenRanges(ctx, s.URL+"/files/none")
	require.Equal(t, 404, failure(t, err, upload.Failed).Status)
	_, err = pinned(t, s).OpenRanges(ctx, "ftp://h/x")
	require.ErrorContains(t, err, "not a http or https URL")
}

// TestNoRanges: servers that do not do as they are asked.
func TestNoRanges(t *testing.T) {
	answer := map[string]func(w http.ResponseWriter, r *http.Request, n int){
		"whole": func(w http.ResponseWriter, _ *http.Request, _ int) { io.WriteString(w, "all of it") },
		"empty": func(w http.ResponseWriter, r *http.Request, _ int) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(""))
		},
		"other":    func(w http.ResponseWriter, _ *http.Request, _ int) { part(w, "bytes 1-1/9", "a") },
		"nonsense": func(w http.ResponseWriter, _ *http.Request, _ int) { part(w, "bytes */9", "a") },
		"changes": func(w http.ResponseWriter, r *http.Request, n int) {
			http.ServeContent(w, r, "", time.Unix(int64(100+n), 0), strings.NewReader("some text"))
		},
		"grows": func(w http.ResponseWriter, r *http.Request, n int) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Repeat("x", 9+n)))
		},
		"stops": func(w http.ResponseWriter, r *http.Request, n int) {
			if n > 1 {
				io.WriteString(w, "all of it")
				return
			}
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("some text"))
		},
		"short": func(w http.ResponseWriter, r *http.Request, n int) {
			if n > 1 {
				w.Header().Set("Content-Length", "4")
				part(w, "bytes 2-5/9", "a")
				return
			}
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("some text"))
		},
	}
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		answer[r.URL.Path[1:]](w, r, n)
	}))
	defer s.Close()
	c, err := upload.New(upload.Config{})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"whole": "the server sends no parts of files", "other": "another part of the file than the one asked for", "nonsense": "another part of the file than the one asked for",
		"changes": "the file has changed on the server since it was opened", "grows": "the file has changed on the server", "stops": "the server sends no parts any more",
		"short": "the server closed the connection before the end of its answer", "empty": "the server sends no parts of files",
	} {
		n = 0
		r, err := c.OpenRanges(ctx, s.URL+"/"+name)
		if err == nil {
			_, err = r.ReadAt(make([]byte, 4), 2)
			require.NoError(t, r.Close())
		}
		require.ErrorContains(t, err, want, name)
	}
	for name, want := range map[string]int64{"whole": 9, "grows": 10} {
		n = 0
		size, err := c.SizeOf(ctx, s.URL+"/"+name)
		require.NoError(t, err)
		require.Equal(t, want, size, name)
	}
}

func part(w http.ResponseWriter, part, content string) {
	w.Header().Set("Content-Range", part)
	w.WriteHeader(http.StatusPartialContent)
	fmt.Fprint(w, content)
}
