package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLayers has the hooks unpack a layer before they look at the image: what they install
// is what the layer made of it. A dry run leaves it where it is.
func TestLayers(t *testing.T) {
	needRoot(t)
	m := newMachine(t, "bios")
	layouts["simple"](m)
	m.unpack("debian12")
	m.write("state/network", network)
	layer := filepath.Join(m.dir, "layer")
	for name, text := range map[string]string{
		"etc/os-release": "ID=debian\nPRETTY_NAME='Debian with a layer'\n", "boot/vmlinuz-6.1.0-99-amd64": "new\n", "boot/initrd.img-6.1.0-99-amd64": "new\n",
		"usr/lib/modules/6.1.0-99-amd64/modules.dep": "new\n", "etc/opt": "was a directory\n",
	} {
		m.write("layer/"+name, text)
	}
	m.write("root/etc/opt/sub/file", "old\n")
	m.write("root/etc/gone", "old\n")
	tarball, err := exec.Command("tar", "-C", layer, "-czf", "-", ".").Output()
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, Tarball(&out, Layer{Deleted: []string{"./etc/opt", "./etc/gone"}, Tar: bytes.NewReader(tarball), Size: int64(len(tarball))}))
	cmd := exec.Command("tar", "-C", filepath.Join(m.dir, "root"), "-xpzf", "-")
	cmd.Stdin = &out
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)

	for _, d := range []string{"dry", "real"} {
		shell, args := "exec", []string(nil)
		if d == "dry" {
			shell, args = "sh", []string{filepath.Join(m.dir, "target/curtin/curtin-hooks"), "--dry-run", "--target", filepath.Join(m.dir, "target")}
		}
		status, said := m.run(shell, args...)
		require.Equal(t, "0", status, said)
		if d == "dry" {
			require.Contains(t, said, "curtin-hooks: layers to be unpacked first: 1; what follows is of the image without them\n")
			require.FileExists(t, filepath.Join(m.dir, "after", layersPath, "0001.tar"))
			for _, dir := range []string{"after", "dev", "target", "disks"} {
				require.NoError(t, os.RemoveAll(filepath.Join(m.dir, dir)))
			}
			continue
		}
		require.Contains(t, said, "curtin-hooks: layer 0001: deleting 2 names\n")
		require.Contains(t, said, "curtin-hooks: kernels: 6.1.0-50-amd64 6.1.0-99-amd64 ")
		require.Contains(t, said, "curtin-hooks: done: Debian with a layer boots by bios")
	}
	require.Equal(t, "was a directory\n", m.read("after/etc/opt"))
	require.NoFileExists(t, filepath.Join(m.dir, "after/etc/gone"))
	require.NoDirExists(t, filepath.Join(m.dir, "after", layersPath))
}

// TestOverlaid holds what sends layers through the hooks to what the hooks keep.
func TestOverlaid(t *testing.T) {
	_, list, _ := strings.Cut(string(script()), "\ndeployers='")
	list, _, _ = strings.Cut(list, "'")
	require.NotEmpty(t, list)
	for _, name := range strings.Fields(list) {
		if name == "curtin" {
			name += "/meta-data"
		}
		require.True(t, Overlaid(name), name)
		require.True(t, Overlaid("./"+name), name)
	}
	for _, name := range []string{".", "./curtin", "./curtin/", "./" + HooksPath, "./" + SettingsPath, "./usr/local/bin/x", "./curtins/x", "./x/curtin/meta-data"} {
		require.False(t, Overlaid(name), name)
	}
}

// TestTarballNames: a list that leads out of the image is in no archive.
func TestTarballNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "/etc", "./", "./..", "./a/../b", "a//b", "a/", "a\x00b"} {
		require.Error(t, Tarball(&bytes.Buffer{}, Layer{Deleted: []string{name}, Tar: strings.NewReader("")}), "%q", name)
	}
	require.Error(t, Tarball(&bytes.Buffer{}, Layer{Tar: strings.NewReader("x"), Size: 2}))
	require.NoError(t, Tarball(&bytes.Buffer{}, Layer{Deleted: []string{"./a\nb", "..c/..."}, Tar: strings.NewReader("x"), Size: 1}))
}
