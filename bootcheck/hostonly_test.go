package bootcheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs"
)

// TestSnippetsLikeMkinitramfs has the shell run what mkinitramfs of this machine, or of
// the root that IMAGE_CAPTURE_ROOT names, has for its snippets.
func TestSnippetsLikeMkinitramfs(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(os.Getenv("IMAGE_CAPTURE_ROOT"), "/usr/sbin/mkinitramfs"))
	if err != nil {
		t.Skip("there is no mkinitramfs here")
	}
	_, part, found := strings.Cut(string(script), "\nEXTRA_CONF=''\n")
	require.True(t, found)
	part, _, found = strings.Cut(part, "\n# source package confs")
	require.True(t, found)

	dir := t.TempDir()
	for name, text := range map[string]string{
		"usr/share/initramfs-tools/conf.d/plain": "a", "usr/share/initramfs-tools/conf.d/masked": "a", "etc/initramfs-tools/conf.d/masked": "",
		"etc/initramfs-tools/conf.d/x~": "a", "etc/initramfs-tools/conf.d/.x": "a", "etc/initramfs-tools/conf.d/x+y": "a",
		"etc/initramfs-tools/conf.d/x.dpkg-old": "a", "etc/initramfs-tools/conf.d/x.dpkg-": "a", "etc/initramfs-tools/conf.d/x.bak": "a", "etc/initramfs-tools/conf.d/_x": "a",
		"etc/initramfs-tools/conf.d/0-9_a.B": "a", "usr/share/initramfs-tools/conf.d/y.dpkg-new": "a", "usr/share/initramfs-tools/conf.d/z": "a",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		if text != "" {
			text = "read_it=yes\n"
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	// A link that leads nowhere hides nothing.
	require.NoError(t, os.Symlink("gone", filepath.Join(dir, "etc/initramfs-tools/conf.d/z")))
	sh := exec.Command("sh", "-c", strings.ReplaceAll("EXTRA_CONF=''\n"+part+"\necho $EXTRA_CONF", "/usr/share/", dir+"/usr/share/"))
	sh.Env = append(os.Environ(), "CONFDIR="+dir+"/etc/initramfs-tools", "LC_ALL=C")
	out, err := sh.Output()
	require.NoError(t, err)
	want := strings.Fields(strings.ReplaceAll(string(out), dir+"/", ""))

	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	s, err := newSurvey(rootfs.Follow(root.FS()), Options{})
	require.NoError(t, err)
	var got []string
	for _, name := range s.initramfsToolsSnippets() {
		if s.isFile(name) {
			got = append(got, name)
		}
	}
	require.Equal(t, want, got)
}
