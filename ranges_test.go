package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
	"image-capture/upload/drptest"
)

// TestPartsOfAnImage: of an image on a server that gives parts, cat reads little, over one
// connection, and list its size; of other servers they read all, and say so.
func TestPartsOfAnImage(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.MkdirAll("root/dir", 0o755))
	random := make([]byte, 12<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	require.NoError(t, os.WriteFile("root/dir/random", random, 0o600))
	require.NoError(t, os.WriteFile("root/dir/small", []byte("small\n"), 0o600))
	require.NoError(t, os.Symlink("dir/small", "root/link"))
	require.NoError(t, os.WriteFile("root/dir/Small", []byte("small\n"), 0o600))
	require.NoError(t, os.Link("root/dir/Small", "root/dir/again"))
	require.Zero(t, runHere(t.Context(), nil, "capture", "root", "--output", "a.tgz", "--check", "off").code)
	require.Zero(t, runHere(t.Context(), nil, "capture", "root", "--output", "b.tar.zst", "--format", "tar-zst", "--check", "off").code)
	info, err := os.Stat("a.tgz")
	require.NoError(t, err)

	var connections, sent atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".txt") {
			w = &counting{w, &sent}
		}
		http.ServeFile(w, r, filepath.Join(dir, filepath.Base(r.URL.Path)))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for _, image := range []string{"a.tgz", "b.tar.zst"} {
		connections.Store(0)
		sent.Store(0)
		r := runHere(t.Context(), nil, "cat", s.URL+"/"+image, "link")
		require.Equal(t, ran{0, "small\n", ""}, r)
		require.EqualValues(t, 2, connections.Load(), "one for the MANIFEST, one for the image")
		require.Less(t, sent.Load(), info.Size()/2)
		sent.Store(0)
		into := "into-" + image
		r = runHere(t.Context(), nil, "extract", s.URL+"/"+image, "link", "dir/again", "-C", into)
		require.Equal(t, 0, r.code, r.stderr)
		require.Empty(t, r.stderr)
		if image == "a.tgz" { // the other has two frames
			require.Less(t, sent.Load(), info.Size()/2)
		}
		text, err := os.ReadFile(into + "/dir/again") // its first name is not extracted
		require.NoError(t, err)
		require.Equal(t, "small\n", string(text))
		_, err = os.Lstat(into + "/dir/Small")
		require.ErrorIs(t, err, os.ErrNotExist)
		sent.Store(0)
		r = runHere(t.Context(), nil, "list", s.URL+"/"+image)
		require.Equal(t, ran{0, "./\n./dir/\n./dir/Small\n./dir/again\n./dir/random\n./dir/small\n./link\n", ""}, r)
		require.EqualValues(t, 1, sent.Load(), "the size is asked for")
		r = runHere(t.Context(), nil, "cat", s.URL+"/"+image, "dir/random")
		require.True(t, r.stdout == string(random))
	}

	// DRP's file port.
	drp := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	for _, name := range []string{"a.tgz", "a.MANIFEST.txt"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(drp.File("images/"+name)), 0o755))
		require.NoError(t, os.Link(name, drp.File("images/"+name)))
	}
	require.Equal(t, ran{0, "small\n", ""}, runHere(t.Context(), nil, "cat", drp.URL+"/files/images/a.tgz", "link"))
	for _, r := range drp.Requests() {
		require.Empty(t, r.Auth)
	}

	// Without its MANIFEST, and a server that sends no parts: python's.
	require.NoError(t, os.Rename("b.MANIFEST.txt", "elsewhere.txt"))
	r := runHere(t.Context(), nil, "cat", s.URL+"/b.tar.zst", "link")
	require.Equal(t, ran{0, "small\n", "image-capture: all of " + s.URL + "/b.tar.zst is read: it has no MANIFEST beside it\n"}, r)
	r = runHere(t.Context(), nil, "cat", s.URL+"/b.tar.zst", "link", "--manifest", s.URL+"/elsewhere.txt")
	require.Equal(t, ran{0, "small\n", ""}, r)
	_, err = exec.LookPath("python3")
	roottest.Need(t, err == nil, "python3")
	python := exec.CommandContext(t.Context(), "python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0")
	out, err := python.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, python.Start())
	defer func() {
		_ = python.Process.Kill()
		_ = python.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var port int
	_, err = fmt.Sscanf(line, "Serving HTTP on 127.0.0.1 port %d", &port)
	require.NoError(t, err)
	url := fmt.Sprintf("http://127.0.0.1:%d/a.tgz", port)
	r = runHere(t.Context(), nil, "cat", url, "link", "dir/small")
	require.Equal(t, ran{0, "small\nsmall\n", "image-capture: all of " + url + " is read: the server sends no parts of it\n"}, r)
	r = runHere(t.Context(), nil, "extract", url, "link", "-C", "whole")
	require.Equal(t, 0, r.code)
	require.Equal(t, "image-capture: all of "+url+" is read: the server sends no parts of it\n", r.stderr)
	r = runHere(t.Context(), nil, "list", url, "dir/small")
	require.Equal(t, ran{0, "./dir/small\n", ""}, r)
	require.Equal(t, 7, runHere(t.Context(), nil, "cat", s.URL+"/none.tgz", "link").code)

	// The MANIFEST of another image, by its size.
	require.NoError(t, os.Truncate("a.tgz", 1000))
	for _, of := range []string{s.URL + "/a.tgz", url} {
		for _, command := range []string{"list", "cat", "extract"} {
			r = runHere(t.Context(), nil, command, of, "link", "-q")
			require.Equal(t, 8, r.code, command)
			require.Empty(t, r.stdout)
			if command == "list" {
				require.Contains(t, r.stderr, of+" has 1000 bytes, and "+strings.TrimSuffix(of, ".tgz")+".MANIFEST.txt is the MANIFEST of an image of ")
			}
		}
	}
}

// counting counts what is sent.
type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}
