package image_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/image"
)

// readWhole reads an image to its end.
func readWhole(data []byte) (*image.Reader, error) {
	r, err := image.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		if _, err := r.Next(); err != nil {
			if err == io.EOF {
				return r, nil
			}
			return r, err
		}
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestDisks has filesystems, as their own programs make them, told as what they are, plain
// and through gzip.
func TestDisks(t *testing.T) {
	for what, args := range map[string][]string{
		"an ext2, ext3 or ext4 filesystem": {"mkfs.ext4", "-q", "-F"},
		"an XFS filesystem":                {"mkfs.xfs", "-q", "-f"},
		"a btrfs filesystem":               {"mkfs.btrfs", "-q", "-f"},
		"a FAT filesystem":                 {"mkfs.vfat"},
	} {
		program, err := exec.LookPath(args[0])
		if err != nil {
			t.Logf("there is no %s here", args[0])
			continue
		}
		file := filepath.Join(t.TempDir(), "disk")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.NoError(t, os.Truncate(file, 320<<20))
		b, err := exec.Command(program, append(args[1:], file)...).CombinedOutput()
		require.NoError(t, err, "%s", b)
		f, err := os.Open(file)
		require.NoError(t, err)
		head := make([]byte, 1<<20)
		_, err = io.ReadFull(f, head)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		for _, data := range [][]byte{head, gzipped(t, head)} {
			_, err := readWhole(data)
			disk, ok := errors.AsType[*image.DiskError](err)
			require.True(t, ok, "%s: %v", what, err)
			require.Equal(t, what, disk.What)
			require.ErrorContains(t, err, "not an image: it is "+what+"; an image is a tar")
		}
	}
	gpt := make([]byte, 8<<10)
	copy(gpt[512:], "EFI PART")
	copy(gpt[510:], "\x55\xaa")
	_, err := readWhole(gpt)
	require.ErrorContains(t, err, "it is the image of a disk with partitions (GPT)")
}

// TestPadding passes over zeros behind gzip data, and over nothing else.
func TestPadding(t *testing.T) {
	data := gzipped(t, make([]byte, 1024)) // an empty tar
	for _, n := range []int64{0, 1, 1000, 3 << 20} {
		r, err := readWhole(append(bytes.Clone(data), make([]byte, n)...))
		require.NoError(t, err)
		require.Equal(t, n, r.Padding())
		_, err = readWhole(append(append(bytes.Clone(data), make([]byte, n)...), 'x'))
		if n == 0 {
			require.Error(t, err)
			continue
		}
		require.ErrorContains(t, err, "zeros follow a member, and then something else")
	}
}
