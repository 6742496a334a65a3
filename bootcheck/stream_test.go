package bootcheck

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/initramfs"
	"image-capture/image"
	"image-capture/image/imagefs"
)

// TestTooMuchKept: an initramfs of which too much would have to be kept is one that
// was not read. It is not taken for one that the kernel cannot unpack, as a broken
// one is.
func TestTooMuchKept(t *testing.T) {
	whole := cpio(t, "6.1", "")
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		name string
		data []byte
	}{{"initrd.img-1", whole}, {"initrd.img-2", whole[:150]}} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "./boot/" + f.name, Mode: 0o644, Size: int64(len(f.data))}))
		_, err := w.Write(f.data)
		require.NoError(t, err)
	}
	// A later name of one, whose content came with the first.
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "./boot/initrd.img-3", Typeflag: tar.TypeLink, Linkname: "./boot/initrd.img-1"}))
	require.NoError(t, w.Close())

	for _, kept := range []int{0, mostKept} {
		r, err := image.NewReader(bytes.NewReader(out.Bytes()))
		require.NoError(t, err)
		w := &watcher{kept: kept, linked: map[string]Wanted{}}
		view, err := imagefs.Read(t.Context(), r, imagefs.Options{Interest: w.interest})
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, 2, w.initramfs)
		for _, name := range []string{"boot/initrd.img-1", "boot/initrd.img-3"} {
			info, err := fs.Stat(view, name)
			require.NoError(t, err)
			made, ok := info.Sys().(Digested)
			require.Equal(t, kept == 0, ok, name)
			if ok {
				require.NotEmpty(t, made.Digest().(*initramfs.Content).Versions)
				continue
			}
			_, err = view.Open(name)
			require.ErrorIs(t, err, imagefs.ErrNotKept)
		}
		info, err := fs.Stat(view, "boot/initrd.img-2")
		require.NoError(t, err)
		require.Error(t, info.Sys().(Digested).Digest().(error))
	}
}

// TestReadImage judges an image in one pass as the tree that was packed.
func TestReadImage(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, text := range map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=12\n", "etc/fstab": "UUID=1 / ext4 defaults 0 1\n"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o644, Size: int64(len(text))}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	read := func(data []byte) (*Image, error) {
		r, err := image.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		defer r.Close()
		return ReadImage(t.Context(), r, Options{})
	}
	img, err := read(out.Bytes())
	require.NoError(t, err)
	require.Zero(t, img.Forgotten())
	got, err := img.Check(t.Context())
	require.NoError(t, err)
	tree := memTree{"etc": {mode: fs.ModeDir | 0o755}, "etc/os-release": {mode: 0o644, data: []byte("ID=debian\nVERSION_ID=12\n")}, "etc/fstab": {mode: 0o644, data: []byte("UUID=1 / ext4 defaults 0 1\n")}}
	want, err := Check(t.Context(), tree, Options{Image: true, Entries: &Entries{}})
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = read(out.Bytes()[:700])
	require.ErrorContains(t, err, "image ends ")
}
