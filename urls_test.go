package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestURLs: what follows "?" in a URL may be what opens it. It goes to the server, for the
// MANIFEST beside the image too, and to nowhere else.
func TestURLs(t *testing.T) {
	const secret = "hunter2-of-the-store"
	root, dir := smallRoot(t), t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.Mkdir("store", 0o755))
	require.Zero(t, runHere(t.Context(), nil, root, "--check", "off", "--output", "store/a.tgz").code)
	require.Zero(t, runHere(t.Context(), nil, root, "--check", "off", "--format", "tar", "--output", "store/b.tar").code)
	require.NoError(t, os.Remove("store/b.MANIFEST.txt"))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sig") != secret {
			http.Error(w, "no signature", http.StatusForbidden)
			return
		}
		http.ServeFile(w, r, filepath.Join(dir, "store", r.URL.Path))
	}))
	defer s.Close()
	a, b := s.URL+"/a.tgz?sig="+secret, s.URL+"/b.tar?sig="+secret
	for _, row := range []struct {
		code int
		args []string
	}{
		{0, []string{"verify", a}},
		{0, []string{"verify", a, s.URL + "/a.MANIFEST.txt?sig=" + secret, "--json"}},
		{2, []string{"verify", b}},
		{0, []string{"list", a, "--json"}},
		{0, []string{"cat", a, "etc/hostname"}},
		{1, []string{"cat", a, "etc/none"}},
		{0, []string{"extract", a, "-C", "whole", "--json"}},
		{0, []string{"extract", b, "etc/hostname", "-C", "part"}},
		{3, []string{"check", a}},
		{3, []string{"check", b, "--json"}},
		{0, []string{"report", a, "-o", "page.html"}},
		{0, []string{"diff", a, root, "--json"}},
		{0, []string{root, "--check", "off", "--base", a, "-o", "layer.tgz"}},
		{7, []string{"list", s.URL + "/none.tgz?sig=" + secret}},
		{5, []string{"verify", s.URL + "/a.tgz?sig=other-" + secret}},
		{2, []string{"check", "http://user:" + secret + "@127.0.0.1:1/a.tgz"}},
		{2, []string{"check", "http://user:" + secret + "%zz@127.0.0.1:1/a.tgz"}},
	} {
		got := runHere(t.Context(), nil, row.args...)
		require.Equal(t, row.code, got.code, "%s\n%s", row.args, got.stderr)
		require.NotContains(t, got.stdout+got.stderr, secret, row.args)
	}
	for _, name := range []string{"page.html", "layer.MANIFEST.txt"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.False(t, strings.Contains(string(text), secret), name)
	}
}
