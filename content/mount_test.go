package content

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs/roottest"
)

const osRelease = "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"

// disks are files behind loop devices, in place of a machine's.
type disks struct {
	t     *testing.T
	dir   string
	files []string
	devs  []string
	first string // what runs before the tasks
}

func newDisks(t *testing.T, tools ...string) *disks {
	t.Helper()
	roottest.NeedRoot(t)
	for _, tool := range append(tools, "losetup", "lsblk", "blkid", "unshare", "mkfs.ext4") {
		_, err := exec.LookPath(tool)
		roottest.Need(t, err == nil, tool)
	}
	return &disks{t: t, dir: t.TempDir()}
}

func sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	out, err := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "sh"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s: %s", script, out)
	return strings.TrimSpace(string(out))
}

// cut, at the end of what fills a disk, leaves it as a power cut does, with a journal
// to replay.
const cut = "sync file; cp --sparse=always $1 $1.cut"

// add makes a disk with a filesystem, in which fill runs.
func (d *disks) add(mkfs, size, fill string) string {
	d.t.Helper()
	file := filepath.Join(d.dir, fmt.Sprintf("disk%d", len(d.files)))
	sh(d.t, `truncate -s `+size+` "$1"; `+mkfs+` "$1" >/dev/null 2>&1`, file)
	if fill != "" {
		// In its own namespace: the mount ends with it, whatever happens.
		script := `mkdir -p "$1.mnt"; mount -o loop "$1" "$1.mnt"; cd "$1.mnt"
` + fill + `
cd /; umount "$1.mnt"; [ ! -e "$1.cut" ] || mv "$1.cut" "$1"`
		sh(d.t, `unshare -m bash -euo pipefail -c "$1" sh "$2"`, script, file)
	}
	// What an earlier disk left at this device is not ours.
	dev := sh(d.t, `dev=$(losetup -f --show "$1"); partx -d "$dev" 2>/dev/null || true; echo "$dev"`, file)
	d.t.Cleanup(func() {
		if out, err := exec.Command("losetup", "-d", dev).CombinedOutput(); err != nil {
			d.t.Errorf("losetup -d %s: %s", dev, out)
		}
	})
	d.files, d.devs = append(d.files, file), append(d.devs, dev)
	return dev
}

func (d *disks) sums() (sums []string) {
	d.t.Helper()
	for _, name := range d.files {
		f, err := os.Open(name)
		require.NoError(d.t, err)
		h := crc32.NewIEEE()
		_, err = io.Copy(h, f)
		require.NoError(d.t, err)
		require.NoError(d.t, f.Close())
		sums = append(sums, fmt.Sprintf("%x", h.Sum32()))
	}
	return sums
}

// script is that of both tasks with other commands in between, in one namespace as in
// one Sledgehammer. between runs only when mounting succeeded.
func (d *disks) script(params map[string]any, between string) string {
	p := released(d.t)
	all := map[string]any{"image-capture/root": "/mnt/image-capture", "image-capture/disks": []any{}}
	var list []any
	for _, dev := range d.devs {
		list = append(list, dev)
	}
	all["image-capture/disks"] = list
	for name, value := range params {
		all[name] = value
	}
	mount, unmount := newJob(p, all).render(d.t, "image-capture-mount"), newJob(p, all).render(d.t, "image-capture-unmount")
	for name, text := range map[string]string{"mount.sh": mount, "unmount.sh": unmount, "between.sh": between} {
		require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o700))
	}
	return `cd ` + d.dir + `
` + d.first + `
code=0
bash mount.sh || code=$?
echo "mount: $code"
[ $code = 0 ] || echo "after failure: $(grep -c image-capture /proc/self/mountinfo) mounts, $(ls -A /run | grep -c image-capture) on record"
if [ $code = 0 ]; then bash -euo pipefail between.sh || { code=$?; echo "between: $code"; }; fi
bash unmount.sh; echo "unmount: $?"
echo "left: $(grep -c image-capture /proc/self/mountinfo || :)"
ls -A /run /mnt
exit $code
`
}

// run runs it, and makes sure that nothing was written to a disk.
func (d *disks) run(params map[string]any, between string, env ...string) (log string, code int) {
	d.t.Helper()
	before := d.sums()
	log, code = inJob(d.t, d.script(params, between), "mount -t tmpfs none /run; mount -t tmpfs none /mnt", env...)
	require.Equal(d.t, before, d.sums(), "a disk was written to: %s", log)
	require.Contains(d.t, log, "unmount: 0", log)
	require.Contains(d.t, log, "left: 0", log)
	require.NotContains(d.t, log, "cannot undo", log)
	for _, dev := range d.devs {
		require.Equal(d.t, "0", sh(d.t, "blockdev --getro "+dev), "%s is still read-only", dev)
	}
	return log, code
}

// root fills a root filesystem with an fstab.
func root(fstab string) string {
	return "mkdir -p etc usr/lib boot home srv var/lib/a\\ b data mnt/net\nprintf '%s' '" + osRelease + "' >usr/lib/os-release\nln -s ../usr/lib/os-release etc/os-release\n" +
		"cat >etc/fstab <<'EOF'\n" + fstab + "\nEOF\nmkdir curtin\n"
}

// TestMountDisks: ext4 by label, xfs by UUID; all kinds of lines
// that are not mounted; the agent captures it all.
func TestMountDisks(t *testing.T) {
	t.Parallel()
	d := newDisks(t, "mkfs.xfs", "tune2fs")
	boot := d.add("mkfs.ext4 -q -F -L BOOT", "64M", "mkdir grub; echo kernel >vmlinuz")
	home := d.add("mkfs.xfs -q -f", "320M", "mkdir ann; echo mine >ann/file")
	uuid := sh(t, "blkid -p -o value -s UUID "+home)
	space := d.add("mkfs.ext2 -q -F", "16M", "echo spaced >file")
	top := d.add("mkfs.ext4 -q -F", "128M", root(strings.Join([]string{
		"# a comment", "", "UUID=0-0-0 / ext4 defaults 0 1",
		"UUID=" + strings.ToUpper(uuid) + "\t/home\txfs\tdefaults\t0 2",
		"LABEL=BOOT   /boot   ext4   defaults,noatime 0 2",
		space + " /var/lib/a\\040b auto ro 0 0",
		"UUID=dead-beef none swap sw 0 0", "nas:/export /mnt/net nfs defaults 0 0", "tmpfs /tmp tmpfs size=1G 0 0",
		"UUID=feed-beef /data ext4 nofail 0 2", "/srv /srv/www none bind 0 0", "LABEL=gone /gone ext4 noauto 0 0", "LABEL=usb /usb ext4 _netdev 0 0",
	}, "\n")))

	between := `cd /mnt/image-capture
grep -q kernel boot/vmlinuz; grep -q mine home/ann/file; grep -q spaced 'var/lib/a b/file'
for d in . boot home 'var/lib/a b'; do if touch "$d/x" 2>/dev/null; then echo "can write to $d"; exit 1; fi; done
for d in ` + strings.Join(d.devs, " ") + `; do [ "$(blockdev --getro $d)" = 1 ]; done
grep image-capture /proc/self/mountinfo
` + agent(t) + ` capture /mnt/image-capture --check off --output /run/image.tgz --quiet
tar -tzf /run/image.tgz | grep -E 'vmlinuz|ann/file|a b/file' | tr '\n' ' '; rm /run/image.*`
	log, code := d.run(nil, between)
	require.Zero(t, code, log)
	require.Contains(t, log, "./boot/vmlinuz ./home/ann/file ./var/lib/a b/file")
	require.NotContains(t, log, "unmounted cleanly")
	for _, dev := range []string{boot, home, space, top} {
		require.Contains(t, log, "mounted "+dev)
	}
	for _, line := range []string{"/mnt/net: nfs is not part", "/tmp: tmpfs is not part", "/data: UUID=feed-beef is not here, and may be missing", "/srv/www: a bind mount", "/gone: noauto", "/usb: a network disk"} {
		require.Contains(t, log, "fstab: "+line)
	}
	require.Regexp(t, `noload|norecovery`, log)

	// By the device's path or UUID, and without what is excluded.
	log, code = d.run(map[string]any{"image-capture/root-device": top, "image-capture/exclude-mounts": []any{"home/", "/boot"}}, "test ! -e /mnt/image-capture/home/ann")
	require.Zero(t, code, log)
	require.Contains(t, log, "fstab: /home: in image-capture/exclude-mounts")
}

// TestMountBtrfs: the fstab's subvolumes, found from the default one that is none of
// them.
func TestMountBtrfs(t *testing.T) {
	t.Parallel()
	d := newDisks(t, "mkfs.btrfs", "btrfs")
	file := "btrfs subvolume create @ >/dev/null; btrfs subvolume create @home >/dev/null; mkdir -p .snapshots/1; echo mine >@home/file; cd @\n" +
		root("UUID=THEUUID / btrfs defaults,subvol=@ 0 0\nUUID=THEUUID /home btrfs compress=zstd:1,subvol=/@home 0 0") + "cd ..; btrfs subvolume snapshot @ .snapshots/1/snapshot >/dev/null"
	const uuid = "4f1d6a3e-8a4b-4c7e-9a55-6a2b4c8d9e10"
	dev := d.add("mkfs.btrfs -q -f -U "+uuid, "128M", strings.ReplaceAll(file, "THEUUID", uuid))
	log, code := d.run(nil, "cd /mnt/image-capture; grep -q mine home/file; test -e etc/fstab; test ! -e @; ! touch x 2>/dev/null; ! touch home/x 2>/dev/null")
	require.Zero(t, code, log)
	require.Contains(t, log, "mounted "+dev+" (subvol=@) on /mnt/image-capture")
	require.Contains(t, log, "mounted "+dev+" (subvol=/@home) on /home")
}

// TestMountDirty: after a power cut a disk is refused, or taken with a warning; either
// way its journal is as it was.
func TestMountDirty(t *testing.T) {
	t.Parallel()
	for name, mkfs := range map[string]string{"ext4": "mkfs.ext4 -q -F", "xfs": "mkfs.xfs -q -f", "btrfs": "mkfs.btrfs -q -f"} {
		t.Run(name, func(t *testing.T) {
			d := newDisks(t, "mkfs.xfs", "xfs_logprint", "mkfs.btrfs", "btrfs")
			dev := d.add(mkfs, map[string]string{"ext4": "32M", "btrfs": "128M", "xfs": "320M"}[name], root("")+"fsfreeze -f .; fsfreeze -u .; echo late >file; "+cut)
			log, code := d.run(nil, "exit 99")
			require.Equal(t, 1, code, log)
			require.Contains(t, log, dev+" ("+name+") was not unmounted cleanly: what is only in its journal would be missing\nhint: ")
			log, code = d.run(map[string]any{"image-capture/allow-dirty": true}, "! touch /mnt/image-capture/x 2>/dev/null")
			require.Zero(t, code, log)
			require.Contains(t, log, dev+" ("+name+") was not unmounted cleanly: what is only in its journal is missing")
		})
	}
}

// TestMountFails: what cannot be right ends with words, and with nothing mounted.
func TestMountFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		roots  []string
		params map[string]any
		want   string
	}{
		"missing disk":      {[]string{root("LABEL=gone /home ext4 defaults 0 2")}, nil, "fstab: /home: LABEL=gone is not on the disks\nhint: "},
		"no root":           {[]string{"echo data >file"}, nil, "no filesystem on the disks has an /etc/fstab and an os-release"},
		"two roots":         {[]string{root(""), root("")}, nil, "several roots are on the disks"},
		"unknown root":      {[]string{root("")}, map[string]any{"image-capture/root-device": "LABEL=none"}, "LABEL=none is not on the disks"},
		"no mount point":    {[]string{root("LABEL=two /none ext4 defaults 0 0"), ""}, nil, "fstab: /none is no folder of the root"},
		"link out of it":    {[]string{root("LABEL=two /link ext4 defaults 0 0") + "ln -s /mnt link", ""}, nil, "fstab: /link is no folder of the root"},
		"dots":              {[]string{root("LABEL=two /home/../../../mnt ext4 defaults 0 0"), ""}, nil, "is no folder of the root"},
		"fstab leads out":   {[]string{root("") + "rm etc/fstab; ln -s /etc/fstab etc/fstab", ""}, nil, "the fstab is not a file in the root"},
		"running system":    {[]string{root("")}, map[string]any{"image-capture/root": "/"}, "image-capture/root is /: the disks need a folder of their own"},
		"disk that is none": {[]string{root("")}, map[string]any{"image-capture/disks": []any{"/dev/none-such"}}, "cannot list the disks /dev/none-such"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisks(t)
			for i, fill := range c.roots {
				d.add("mkfs.ext4 -q -F -L "+[]string{"one", "two"}[i], "16M", fill)
			}
			log, code := d.run(c.params, "exit 99")
			require.Equal(t, 1, code, log)
			require.Contains(t, log, c.want)
			require.Contains(t, log, "after failure: 0 mounts, 0 on record")
		})
	}
}

// TestMountedAlready: a disk that is in use is not even set read-only.
func TestMountedAlready(t *testing.T) {
	t.Parallel()
	d := newDisks(t)
	busy := d.add("mkfs.ext4 -q -F", "16M", root(""))
	d.first = "mkdir /mnt/used; mount -o ro,noload " + busy + " /mnt/used; trap 'blockdev --getro " + busy + "' EXIT"
	log, code := d.run(nil, "exit 99")
	require.Equal(t, 1, code, log)
	require.Contains(t, log, busy+" is mounted already and left alone\nimage-capture: there is no disk to look at")
	require.True(t, strings.HasSuffix(log, "\n0\n"), log)

	other := d.add("mkfs.ext4 -q -F", "16M", root(""))
	log, code = d.run(nil, "true")
	require.Zero(t, code, log)
	require.Contains(t, log, "mounted "+other+" on /mnt/image-capture")
}

// TestMountAgain: a task that was killed half way is taken back by the next one, and
// unmounting twice is not an error.
func TestMountAgain(t *testing.T) {
	t.Parallel()
	d := newDisks(t)
	d.add("mkfs.ext4 -q -F", "16M", root(""))
	between := "cd " + d.dir + "; bash mount.sh; [ $(grep -c ' /mnt/image-capture ' /proc/self/mountinfo) = 1 ]; bash unmount.sh; bash unmount.sh; bash mount.sh\n" +
		"sleep 1.5 </mnt/image-capture/etc/fstab >/dev/null 2>&1 & sleep 0.3" // a busy root is waited for
	log, code := d.run(nil, between)
	require.Zero(t, code, log)
}

// TestAssemble: arrays are assembled read-only and volume groups activated, before the
// root is looked for, and given back in the opposite order; those that were active
// are left alone. The kernel of a test machine often has neither, so the commands are
// doubles, which keep a journal.
func TestAssemble(t *testing.T) {
	t.Parallel()
	d := newDisks(t)
	data := d.add("mkfs.ext4 -q -F", "16M", "echo mine >file")
	link := filepath.Join("/dev", fmt.Sprintf("image-capture-%d", os.Getpid()), "lv-home")
	require.NoError(t, os.Mkdir(filepath.Dir(link), 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(link)) })
	require.NoError(t, os.Symlink(data, link))
	d.add("mkfs.ext4 -q -F", "16M", root(link+" /home ext4 defaults 0 2"))
	bin := t.TempDir()
	for name, text := range map[string]string{
		"mdadm": `case "$*" in
"--detail --scan") echo "ARRAY /dev/md/old metadata=1.2"; [ ! -e $J.on ] || echo "ARRAY /dev/md127 metadata=1.2"; exit ;;
--assemble*) touch $J.on ;;
--stop*) rm $J.on ;;
esac
echo "mdadm $*" >>$J; exit 1`,
		"lvs":      `printf '  vg0  -wi-------\n  vg0  -wi-------\n  busy -wi-ao----\n  busy -wi-------\n'`,
		"vgchange": `echo "vgchange $*" >>$J`,
		"udevadm":  `echo "udevadm $*" >>$J`,
		"btrfs":    `echo "btrfs $*" >>$J`,
	} {
		if name == "mdadm" {
			text = strings.Replace(text, "exit 1", "case $1 in --stop) exit 0 ;; *) exit 1 ;; esac", 1)
		}
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+text+"\n"), 0o700))
	}
	journal := filepath.Join(d.dir, "journal")
	log, code := d.run(nil, "grep -q mine /mnt/image-capture/home/file; echo between >>"+journal, "PATH="+bin+":"+os.Getenv("PATH"), "J="+journal)
	require.Zero(t, code, log)
	text, err := os.ReadFile(journal)
	require.NoError(t, err)
	require.Equal(t, []string{
		"mdadm --assemble --scan --run --readonly", "vgchange -ay vg0", "btrfs device scan", "udevadm settle --timeout=30",
		"between", "vgchange -an vg0", "mdadm --stop /dev/md127",
	}, strings.Split(strings.TrimSpace(string(text)), "\n"), log)
}
