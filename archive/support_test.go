package archive_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image"
	"image-capture/rootfs/roottest"
)

var codecs = map[string]compress.Codec{"tgz": compress.Gzip, "tar-zst": compress.Zstd, "tar": compress.None}

// inTar leaves what a tar holds of a member.
func inTar(m entry.Member) entry.Member {
	m.Ctime, m.Blocks, m.ID, m.Nlink = entry.Time{}, 0, entry.FileID{}, 0
	if len(m.Xattrs) == 0 {
		m.Xattrs = nil
	}
	if m.HardLink != "" {
		m.Type, m.Size, m.Link, m.Major, m.Minor = 0, 0, "", 0, 0
		m.Xattrs, m.Flags, m.SHA256, m.SparseSHA256 = nil, 0, nil, nil
	}
	return m
}

func allInTar(members []entry.Member) []entry.Member {
	out := make([]entry.Member, len(members))
	for i, m := range members {
		out[i] = inTar(m)
	}
	return out
}

// smallTree is a tree of few kilobytes with most kinds of members.
func smallTree(t testing.TB) string {
	dir := roottest.Tree{
		"etc/passwd":                           roottest.File(strings.Repeat("root:x:0:0::/root:/bin/sh\n", 60)),
		"etc/deep/" + strings.Repeat("n", 150): roottest.File("long"),
		"etc/ünïcödé":                          roottest.File("name"),
		"empty":                                roottest.File(""),
		"link":                                 roottest.Link("etc/passwd"),
		"zz-again":                             roottest.Same("etc/passwd"),
	}.Make(t)
	f, err := os.Create(filepath.Join(dir, "holes"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<20))
	_, err = f.WriteAt([]byte("data"), 512<<10)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return dir
}

// members reads an image back, with the digests of files.
func members(t testing.TB, in []byte) []entry.Member {
	r, err := image.NewReader(bytes.NewReader(in))
	require.NoError(t, err)
	defer r.Close()
	r.TakeDigests()
	var list []entry.Member
	for {
		m, err := r.Next()
		if err == io.EOF {
			return list
		}
		require.NoError(t, err)
		require.NoError(t, r.Skip())
		list = append(list, *m)
	}
}
