package initramfs_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/initramfs"
)

// unpackers print what a compressed archive holds.
var unpackers = map[string]string{
	"none": "cat", "gzip": "gzip -dc", "xz": "xz -dc", "zstd": "zstd -dcq", "lz4 legacy": "lz4 -dc", "lzop": "lzop -dc", "bzip2": "bzip2 -dc",
}

// listing is what cpio says is in an initramfs. Where its archives are is ours.
func listing(t *testing.T, image string, c *initramfs.Content) (names []string) {
	t.Helper()
	data, err := os.ReadFile(image)
	require.NoError(t, err)
	for _, s := range c.Segments {
		// cpio takes one archive; here there is one in each.
		out := pipe(t, "", string(data[s.Offset:s.Offset+s.Packed]), unpackers[s.Compression.String()]+" | cpio -t --quiet")
		names = append(names, strings.Split(strings.TrimSpace(out), "\n")...)
	}
	return names
}

// compare compares an initramfs with what cpio lists.
func compare(t *testing.T, image string) *initramfs.Content {
	t.Helper()
	f, err := os.Open(image)
	require.NoError(t, err)
	defer f.Close()
	got, err := initramfs.Read(f)
	require.NoError(t, err)
	names := listing(t, image, got)
	require.Len(t, names, got.Entries)
	var modules, firmware []string
	for _, name := range names {
		base := path.Base(name)
		if plain, _, ok := strings.Cut(base, ".ko"); ok && strings.Contains(name, "lib/modules/") {
			modules = append(modules, strings.ReplaceAll(plain, "-", "_"))
		}
		if _, file, ok := strings.Cut(name, "lib/firmware/"); ok && strings.Contains(base, ".") {
			firmware = append(firmware, file)
		}
	}
	slices.Sort(modules)
	require.Equal(t, slices.Compact(modules), got.Modules())
	for _, file := range firmware {
		require.Contains(t, got.Firmware, strings.TrimSuffix(strings.TrimSuffix(file, ".xz"), ".zst"))
	}
	info, err := f.Stat()
	require.NoError(t, err)
	last := got.Segments[len(got.Segments)-1]
	require.LessOrEqual(t, last.Offset+last.Packed, info.Size())
	return got
}

// TestDebian reads what update-initramfs made in the roots that there are: build/
// of this repository (make root), and the ones in INITRAMFS_ROOTS.
func TestDebian(t *testing.T) {
	found := 0
	for _, root := range append(filepath.SplitList(os.Getenv("INITRAMFS_ROOTS")), "../../build/debian-12") {
		images, err := filepath.Glob(root + "/boot/initrd.img-*")
		require.NoError(t, err)
		for _, image := range images {
			found++
			t.Run(image, func(t *testing.T) {
				got := compare(t, image)
				require.Equal(t, initramfs.InitramfsTools, got.Generator())
				_, hostOnly := got.HostOnly()
				require.False(t, hostOnly)
				version := strings.TrimPrefix(filepath.Base(image), "initrd.img-")
				require.Equal(t, []string{version}, got.Versions)
				for _, module := range []string{"ext4", "nvme", "virtio_blk", "megaraid-sas", "ahci"} {
					require.True(t, got.HasFor(version, module), module)
				}
				require.Contains(t, string(got.File("conf/initramfs.conf")), "MODULES=")
			})
		}
	}
	if found == 0 {
		t.Skip("there is no root with an initramfs: make root")
	}
}

// TestDracut makes initramfs with dracut, generic and for this host, from the
// modules of a root, and touches nothing but its own directory.
func TestDracut(t *testing.T) {
	need(t, "dracut")
	if os.Getuid() != 0 {
		t.Skip("dracut wants to be root")
	}
	dirs, err := filepath.Glob("../../build/debian-12/lib/modules/*")
	require.NoError(t, err)
	if len(dirs) == 0 {
		t.Skip("there is no root with modules: make root")
	}
	modules, err := filepath.Abs(dirs[0])
	require.NoError(t, err)
	for _, c := range []struct{ name, args, evidence, resume string }{
		{"generic", "--no-hostonly --compress zstd/-3/-q", "", ""},
		{"host", "--hostonly --compress lz4/-l/-1", "usr/lib/dracut/build-parameter.txt: --hostonly", ""},
		{"disk", "--no-hostonly --no-compress --kernel-cmdline root=UUID=1-2/resume=LABEL=swap", "etc/cmdline.d: root=UUID=1-2", "LABEL=swap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var args []string
			for arg := range strings.FieldsSeq(c.args) { // in which "/" is for a space
				args = append(args, strings.ReplaceAll(arg, "/", " "))
			}
			args = append(args, "--force", "--nostrip", "--no-early-microcode", "--confdir", dir, "--tmpdir", dir,
				"--kmoddir", modules, "--kver", filepath.Base(modules), "-m", "base", "--drivers", "virtio_blk nvme",
				filepath.Join(dir, "image"))
			out, err := exec.Command("dracut", args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			got := compare(t, filepath.Join(dir, "image"))
			require.Equal(t, initramfs.Dracut, got.Generator())
			require.True(t, got.Has("virtio-blk"))
			require.True(t, got.Has("nvme_core"), "what nvme needs")
			evidence, _ := got.HostOnly()
			require.Equal(t, c.evidence, evidence)
			require.Equal(t, c.resume, got.Resume())
			require.Contains(t, string(got.File("lib/dracut/build-parameter.txt")), "--force")
		})
	}
}
