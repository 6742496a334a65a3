package bootcheck

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/identity"
)

// TestSourceRoot: the source's disk goes from the command lines that hooks write anew, and
// stays where nobody else would name one.
func TestSourceRoot(t *testing.T) {
	ops, err := identity.Select("source-root")
	require.NoError(t, err)
	img, _, _ := fixture(t, "rhel9")
	img.add(t, txtar.Parse([]byte("-- boot/loader/entries [gone] --\n-- boot/loader/entries/x.conf --\ntitle x\nlinux /vmlinuz root=x\noptions root=UUID=1 ro quiet\n-- etc/kernel/cmdline --\nroot=/dev/sda2 ro quiet\n")))
	require.Empty(t, generalized(t, img, ops), "without hooks")
	addHooks(img)
	require.Equal(t, []string{"source-root: rewrite /etc/kernel/cmdline", "source-root: rewrite /boot/loader/entries/x.conf"}, generalized(t, img, ops))
	require.Equal(t, "title x\nlinux /vmlinuz root=x\noptions ro quiet\n", string(img["boot/loader/entries/x.conf"].data))
	require.Equal(t, "ro quiet\n", string(img["etc/kernel/cmdline"].data))
}
