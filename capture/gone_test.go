package capture_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/capture"
	"image-capture/manifest"
	"image-capture/rootfs"
	"image-capture/upload/drptest"
)

// vanishing deletes the root when its first entry is in the image.
type vanishing struct {
	*seen
	root string
}

func (v vanishing) Captured(string) { _ = os.RemoveAll(v.root) }

// TestRootGone: what was read of a root that is not there at the end is no image: no
// MANIFEST, here or on the endpoint.
func TestRootGone(t *testing.T) {
	for _, name := range []string{"here", "endpoint", "stdout"} {
		t.Run(name, func(t *testing.T) {
			dir, root := t.TempDir(), tree(t)
			opt := capture.Options{Tree: root, Check: capture.Off, Names: manifest.Template{RootFS: "img", Manifest: "man"}}
			s, ev := drptest.New(t, drptest.Options{TLS: drptest.Plain}), vanishing{newSeen(), root.Root}
			switch name {
			case "here":
				opt.Image = filepath.Join(dir, "x.tgz")
			case "stdout":
				opt.Stdout, opt.Manifest = &bytes.Buffer{}, filepath.Join(dir, "x.txt")
			default:
				opt.Endpoint = endpoint(t, s, ev, 3)
			}
			res, err := capture.Run(t.Context(), opt, ev)
			var gone *rootfs.GoneError
			require.ErrorAs(t, err, &gone)
			require.Equal(t, root.Root, gone.Path)
			require.False(t, res.Delivered)
			require.Equal(t, 1, ev.walks, "nor is it tried again")
			require.Empty(t, files(t, dir))
			// The server drops its part when it notices that the request broke.
			require.Eventually(t, func() bool {
				list, err := s.Files()
				return err == nil && len(list) == 0
			}, 20*time.Second, 10*time.Millisecond)
		})
	}
}
