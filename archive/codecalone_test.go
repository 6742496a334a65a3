package archive_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/edit"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// The codec alone makes what is in the image, but for the seek table of zstd.
func TestCodecAlone(t *testing.T) {
	dir := roottest.Hostile(t)
	tar, _, _ := capture(t, dir, archive.Options{Codec: archive.None})
	for codec, rest := range map[archive.Codec][]byte{archive.Gzip: nil, archive.Zstd: []byte("\x5e\x2a\x4d\x18")} {
		for _, level := range []archive.Level{archive.Default, archive.Fast} {
			image, _, _ := capture(t, dir, archive.Options{Codec: codec, Level: level})
			size, err := archive.CodecAlone(tar, codec, level)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(image[size:], rest), "%v %v", codec, level)
			require.Equal(t, rest == nil, int(size) == len(image))
		}
	}
	_, err := archive.CodecAlone(tar, archive.XZ, archive.Default)
	require.ErrorContains(t, err, "not written")
}

// Without digests the image is the same.
func TestSkipImageDigests(t *testing.T) {
	root, err := rootfs.Open(roottest.Hostile(t))
	require.NoError(t, err)
	defer root.Close()
	var with, without bytes.Buffer
	sum, err := archive.Write(t.Context(), &with, edit.NewTree(root, nil, nil), archive.Options{})
	require.NoError(t, err)
	require.Len(t, sum.MD5, 16)
	sum, err = archive.Write(t.Context(), &without, edit.NewTree(root, nil, nil), archive.Options{SkipFileDigests: true, SkipImageDigests: true})
	require.NoError(t, err)
	require.Nil(t, sum.MD5)
	require.Nil(t, sum.SHA256)
	require.Equal(t, with.Bytes(), without.Bytes())
}
