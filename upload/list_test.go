package upload_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestList(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "images/b.tgz", "x")
	plant(t, s, "images/a.txt", "x")
	plant(t, s, "images/sub/c.tgz", "x")
	c := pinned(t, s)
	names, err := c.List(ctx, "images")
	require.NoError(t, err)
	require.Equal(t, []string{"a.txt", "b.tgz", "sub/"}, names)
	names, err = c.List(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []string{"images/"}, names)
	require.NoError(t, os.Mkdir(s.File("empty"), 0o755))
	names, err = c.List(ctx, "empty")
	require.NoError(t, err)
	require.Empty(t, names)

	_, err = c.List(ctx, "none")
	require.Equal(t, 404, failure(t, err, upload.Failed).Status)
	_, err = c.List(ctx, "../etc")
	require.ErrorContains(t, err, `list: path "../etc"`)
	for _, text := range []string{"", "{}", `["a"`, `["a",]`, `[1]`} {
		s.ClearFaults()
		s.AddFault(drptest.Fault{Status: 200, Raw: text + " "})
		_, err = c.List(ctx, "images")
		require.Error(t, err, text)
	}
	s.ClearFaults()
	s.AddFault(drptest.Fault{Status: 200, Raw: "null"})
	names, err = c.List(ctx, "images")
	require.NoError(t, err)
	require.Empty(t, names)
}

// TestListIsBounded: in bytes, whatever the names are.
func TestListIsBounded(t *testing.T) {
	for name, raw := range map[string]string{
		"one long name":    `["` + strings.Repeat("x", 17<<20) + `"]`,
		"many short names": `["x"` + strings.Repeat(`,""`, 6<<20) + `]`,
	} {
		s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Status: 200, Raw: raw}}})
		_, err := pinned(t, s).List(ctx, "images")
		require.Contains(t, failure(t, err, upload.Failed).Msg, "the list has more than 16 MB", name)
	}
}

func TestListIsRefused(t *testing.T) {
	const token = "bm90LXRoZS1kZWZhdWx0LXRva2VuLWJ1dC1hLW5hcnJvdy1vbmU="
	s := drptest.New(t, drptest.Options{Tokens: map[string]drptest.Grant{token: {Actions: []string{"post", "get"}}}})
	plant(t, s, "images/b.tgz", "x")
	c := pinned(t, s, func(cfg *upload.Config) { cfg.Token = token })
	_, err := c.List(ctx, "images")
	require.Contains(t, failure(t, err, upload.Refused).Msg, "Requires: files list")
	require.Contains(t, failure(t, c.Delete(ctx, "images/b.tgz"), upload.Refused).Msg, "Requires: files delete /images/b.tgz")
	require.Equal(t, []string{"images/b.tgz"}, stored(t, s))
}

func TestDelete(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "images/b.tgz", "x")
	plant(t, s, "images/b.tgz.part", "x")
	c := pinned(t, s)
	require.NoError(t, c.Delete(ctx, "images/b.tgz.part"))
	require.Equal(t, []string{"images/b.tgz"}, stored(t, s))
	require.NoError(t, c.Delete(ctx, "images/b.tgz"))
	require.Empty(t, stored(t, s))
	require.Equal(t, 404, failure(t, c.Delete(ctx, "images/b.tgz"), upload.Failed).Status)
	require.ErrorContains(t, c.Delete(ctx, "/images"), "begins or ends with a slash")
	require.ErrorContains(t, c.Delete(ctx, ""), "empty")
}

func TestFetch(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	plant(t, s, "images/a.txt", strings.Repeat("text ", 1000))
	d, err := pinned(t, s).Fetch(ctx, "images/a.txt")
	require.NoError(t, err)
	require.Equal(t, int64(5000), d.Size)
	b := make([]byte, 9)
	_, err = d.Read(b)
	require.NoError(t, err)
	require.Equal(t, "text text", string(b))
	require.NoError(t, d.Close())
	_, err = pinned(t, s).Fetch(ctx, "images/none")
	require.Equal(t, 404, failure(t, err, upload.Failed).Status)
}
