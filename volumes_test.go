package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

// TestRealVolumes runs TestOnVolumes in a guest with Debian's own kernel, which has LVM and
// md; see testdata/volumes.sh. make nightly runs it: it takes minutes where the guest is
// emulated.
func TestRealVolumes(t *testing.T) {
	if os.Getenv("IMAGE_CAPTURE_NIGHTLY") == "" {
		t.Skip("takes minutes: make nightly runs it")
	}
	roottest.NeedRoot(t)
	_, err := exec.LookPath("qemu-system-x86_64")
	roottest.Need(t, err == nil, "qemu-system-x86_64")
	root, err := filepath.Abs("build/debian-12")
	if dir := os.Getenv("IMAGE_CAPTURE_ROOT"); dir != "" {
		root = dir
	}
	require.NoError(t, err)
	out, err := exec.Command("testdata/debian-root.sh", root, "bookworm").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir := t.TempDir()
	program, test, nice := filepath.Join(dir, "image-capture"), filepath.Join(dir, "volumes.test"), filepath.Join(dir, "nice.test")
	for _, args := range [][]string{{"build", "-o", program, "."}, {"test", "-c", "-o", test, "."}, {"test", "-c", "-o", nice, "./nice"}} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	out, err = exec.Command("testdata/guest.sh", root, "testdata/volumes.sh", "mdadm lvm2 xfsprogs", "800M 800M 32M", program, test, nice).CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
}

// TestOnVolumes captures a tree of four filesystems: / (ext4, with a swap file in use) and
// /home (XFS) on logical volumes on a mirror, /srv (ext4) on a thin one, /boot on a partition.
func TestOnVolumes(t *testing.T) {
	src := os.Getenv("IMAGE_CAPTURE_VOLUMES")
	if src == "" {
		t.Skip("TestRealVolumes runs it in a guest")
	}
	v := volumes{t, src}

	t.Run("no torn file", func(t *testing.T) {
		v := volumes{t, src}
		names := []string{"etc/churned", "home/churned", "srv/churned"}
		for _, name := range names {
			roottest.Churn(t, filepath.Join(src, name), 64<<10)
		}
		for _, mode := range []string{"lvm", "auto"} {
			before := readFile(t, "/proc/self/mountinfo")
			code, stderr := v.capture("--snapshot", mode, "--output", "/tmp/a.tar", "--post-hook", "cat /proc/self/mountinfo >/tmp/during; lvs -o lv_name,lv_attr,origin >&2")
			require.Zero(t, code, stderr)
			require.Equal(t, before, readFile(t, "/tmp/during"), "nobody sees the snapshots")
			require.Contains(t, stderr, "a snapshot of vg-0/root is made")
			require.Contains(t, stderr, "a snapshot of vg-0/my-home is made")
			require.Contains(t, stderr, "a thin snapshot of vg-0/thin is made in its pool vg-0/pool")
			require.Regexp(t, `warning: snapshot of \./boot .*it is on no logical volume`, stderr)
			v.nothingLeft()
			for _, name := range names {
				content, err := exec.Command("tar", "-xOf", "/tmp/a.tar", "./"+name).Output()
				require.NoError(t, err)
				require.Empty(t, roottest.TornPage(content), "%s: %s", mode, name)
			}
			list, err := exec.Command("tar", "-tf", "/tmp/a.tar").Output()
			require.NoError(t, err)
			require.NotContains(t, string(list), "swapfile")
			require.Contains(t, string(list), "./boot/vmlinuz")
			require.Contains(t, readFile(t, "/tmp/a.MANIFEST.txt"), "swapfile: swap file in use")
		}
	})

	t.Run("signal", func(t *testing.T) {
		v := volumes{t, src}
		code, stderr := v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar", "--post-hook", "kill -TERM $PPID; sleep 2")
		require.Equal(t, 9, code, stderr)
		v.nothingLeft()
	})

	t.Run("killed", func(t *testing.T) {
		v := volumes{t, src}
		code, stderr := v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar", "--post-hook", "lvs --noheadings -o lv_name >/tmp/seen; kill -9 $PPID; sleep 2")
		require.Equal(t, -1, code, stderr)
		require.Equal(t, 3, strings.Count(readFile(t, "/tmp/seen"), "image-capture-"))
		require.Equal(t, 3, strings.Count(stderr, "the capture was killed: removed the LVM snapshot vg-0/image-capture-"), stderr)
		v.nothingLeft()
	})

	t.Run("killed with the watcher", func(t *testing.T) {
		v := volumes{t, src}
		// The watcher first: it is the process whose command line says so.
		code, stderr := v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar", "--post-hook", `kill -9 $(grep -al "__watc[h]" /proc/[0-9]*/cmdline | cut -d/ -f3) $PPID`)
		require.Equal(t, -1, code, stderr)
		require.Equal(t, 3, strings.Count(v.list(), "image-capture-"))
		code, stderr = v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar")
		require.Zero(t, code, stderr)
		require.Equal(t, 3, strings.Count(stderr, ", which a capture that was killed had left"), stderr)
		v.nothingLeft()
		require.NoError(t, os.Remove("/tmp/b.tar"))
		require.NoError(t, os.Remove("/tmp/b.MANIFEST.txt"))
	})

	// From here on the volume group has little room.
	free := strings.TrimSpace(v.run("vgs", "--noheadings", "--nosuffix", "--units", "m", "-o", "vg_free", "vg-0"))
	free, _, _ = strings.Cut(free, ".")
	v.run("sh", "-c", "lvcreate -q -y -Wn -Zn -n filler -L $(("+free+" - 24))M vg-0")

	t.Run("overflow before", func(t *testing.T) {
		v := volumes{t, src}
		code, stderr := v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar", "--post-hook", "dd if=/dev/urandom of="+src+"/fill bs=1M count=20 conv=fsync")
		v.overflown(code, stderr)
	})

	t.Run("overflow in the middle", func(t *testing.T) {
		v := volumes{t, src}
		// 20 MiB at 256 KiB a second take longer than the guest has.
		begin := time.Now()
		code, stderr := v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar", "--limit-rate", "256K", "--post-hook", "(sleep 3; dd if=/dev/urandom of="+src+"/fill2 bs=1M count=20 conv=fsync) >/dev/null 2>&1 &")
		require.Less(t, time.Since(begin), 70*time.Second)
		v.overflown(code, stderr)
	})

	t.Run("no room", func(t *testing.T) {
		v := volumes{t, src}
		v.run("lvcreate", "-q", "-y", "-Wn", "-Zn", "-n", "rest", "-l", "100%FREE", "vg-0")
		code, stderr := v.capture("--snapshot", "lvm", "--output", "/tmp/b.tar")
		require.Equal(t, 1, code, stderr)
		require.Contains(t, stderr, "no room for an LVM snapshot of vg-0/root: its volume group has 0.0 MiB free, and it takes at least 4.0 MiB")
		v.nothingLeft()
	})

	// What was snapshotted is as whole as before.
	v.run("swapoff", src+"/swapfile")
	v.run("umount", "-R", src)
	v.run("e2fsck", "-fn", "/dev/vg-0/root")
	v.run("e2fsck", "-fn", "/dev/vg-0/thin")
	v.run("xfs_repair", "-n", "/dev/vg-0/my-home")
}

// volumes are those of the guest.
type volumes struct {
	t   *testing.T
	src string
}

func (v volumes) run(name string, args ...string) string {
	v.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(v.t, err, "%s", out)
	return string(out)
}

// capture runs the program; the code of one that was killed is -1.
func (v volumes) capture(args ...string) (code int, stderr string) {
	v.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("image-capture", append(args, "--check", "off", "--format", "tar", "--overwrite", v.src)...)
	// The console tells how far it is; the watcher holds on to this too.
	cmd.Stderr = io.MultiWriter(&out, os.Stdout)
	err := cmd.Run()
	state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(v.t, ok, err)
	if state.Signaled() {
		return -1, out.String()
	}
	return state.ExitStatus(), out.String()
}

func (v volumes) list() string {
	return v.run("lvs", "-a", "-o", "lv_name,lv_attr,origin,data_percent")
}

// nothingLeft: no snapshot, nor a note of one.
func (v volumes) nothingLeft() {
	v.t.Helper()
	list := v.list()
	require.NotContains(v.t, list, "image-capture", list)
	require.Error(v.t, exec.Command("grep", "-rq", "image-capture", "/etc/lvm", "/run/lvm", "/run/lock").Run(), "LVM has noted something")
	entries, err := os.ReadDir("/dev/mapper")
	require.NoError(v.t, err)
	for _, e := range entries {
		require.NotContains(v.t, e.Name(), "capture")
	}
}

func (v volumes) overflown(code int, stderr string) {
	v.t.Helper()
	require.Equal(v.t, 1, code, stderr)
	require.Regexp(v.t, `image-capture: the LVM snapshot vg-0/image-capture-[0-9a-f]+ of vg-0/root ran full: `, stderr)
	require.NoFileExists(v.t, "/tmp/b.tar")
	require.NoFileExists(v.t, "/tmp/b.MANIFEST.txt")
	v.nothingLeft()
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}
