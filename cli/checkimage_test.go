package cli

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/archive/imagefs"
	"image-capture/bootcheck"
	"image-capture/bootcheck/initramfs"
	"image-capture/cli/clitest"
)

// TestTooMuchKept: an initramfs of which too much would have to be kept is one that
// was not read. It is not taken for one that the kernel cannot unpack, as a broken
// one is.
func TestTooMuchKept(t *testing.T) {
	root, image := t.TempDir(), filepath.Join(t.TempDir(), "a.tar")
	require.NoError(t, os.Mkdir(filepath.Join(root, "boot"), 0o755))
	whole := clitest.Initramfs(map[string][]byte{"usr/lib/modules/6.1/kernel/ahci.ko": nil})
	for name, data := range map[string][]byte{"initrd.img-1": whole, "initrd.img-2": whole[:150]} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "boot", name), data, 0o644))
	}
	// A later name of one, whose content came with the first.
	require.NoError(t, os.Link(filepath.Join(root, "boot/initrd.img-1"), filepath.Join(root, "boot/initrd.img-3")))
	app := New(nil, io.Discard, io.Discard, func(string) string { return "" })
	require.Zero(t, app.Run(t.Context(), []string{root, "--check", "off", "--format", "tar", "--output", image}))
	data, err := os.ReadFile(image)
	require.NoError(t, err)

	for _, kept := range []int{0, 64 << 20} {
		r, err := archive.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		w := &watcher{kept: kept, linked: map[string]bootcheck.Wanted{}}
		image, err := imagefs.Read(t.Context(), r, imagefs.Options{Interest: w.interest})
		require.NoError(t, err)
		r.Close()
		require.Equal(t, 2, w.initramfs)
		view := digestedFS{image}
		for _, name := range []string{"boot/initrd.img-1", "boot/initrd.img-3"} {
			info, err := fs.Stat(view, name)
			require.NoError(t, err)
			made, ok := info.Sys().(bootcheck.Digested)
			require.Equal(t, kept == 0, ok, name)
			if ok {
				require.True(t, made.Digest().(*initramfs.Content).Has("ahci"))
				continue
			}
			_, err = view.Open(name)
			require.ErrorIs(t, err, imagefs.ErrNotKept)
		}
		info, err := fs.Stat(view, "boot/initrd.img-2")
		require.NoError(t, err)
		require.Error(t, info.Sys().(bootcheck.Digested).Digest().(error))
	}
}
