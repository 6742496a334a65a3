package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRefusals: what cannot boot is a failure with one line that says why, and no mount
// is left behind (run checks that).
func TestRefusals(t *testing.T) {
	needRoot(t)
	early := []string{"no loader for UEFI", "no GRUB for BIOS", "no grub-install", "no BIOS boot partition", "no mkconfig"}
	for name, c := range map[string]struct {
		root, layout, firmware string
		change                 func(m *machine)
		want                   string
	}{
		"no ESP": {"debian12", "simple", "uefi", func(m *machine) { m.mounts = m.mounts[:1] },
			"this machine was booted by UEFI, but no EFI system partition is mounted at /target/boot/efi"},
		"arm64 without UEFI": {"debian12-arm64", "simple", "bios", nil,
			"this machine was not booted by UEFI (no /sys/firmware/efi), and on aarch64 these hooks know nothing else"},
		"no loader for UEFI": {"leap15-modules", "simple", "uefi", func(m *machine) { m.remove("usr/share/grub2/x86_64-efi/modinfo.sh") },
			"no loader for UEFI in the image: neither a signed one nor GRUB's modules (x86_64-efi)"},
		"no GRUB for BIOS": {"rocky9-modules", "simple", "bios", nil,
			"no GRUB for BIOS in the image (/usr/lib/grub/i386-pc): install grub2-pc-modules"},
		"no grub-install": {"debian12", "simple", "bios", func(m *machine) { m.remove("usr/sbin/grub-install") },
			"no grub-install in the image: this machine was booted by BIOS and needs it"},
		"no BIOS boot partition": {"debian12", "simple", "bios", func(m *machine) { m.blkid = without(m.blkid, biosBoot) },
			"this machine was booted by BIOS, but no disk of the root has a BIOS boot partition (type ef02)"},
		"no kernel": {"debian12", "simple", "bios", func(m *machine) { m.remove("boot/vmlinuz-6.1.0-50-amd64") },
			"no kernel: nothing in /boot of /target fits a directory of /lib/modules"},
		"no mkconfig": {"alma9", "simple", "bios", func(m *machine) { m.remove("usr/sbin/grub2-mkconfig") },
			"no grub2-mkconfig in the image: it writes the boot menu"},
		"no os-release": {"debian12", "simple", "bios", func(m *machine) { m.remove("usr/lib/os-release") },
			"/target has no /etc/os-release: which distribution is it?"},
		"nothing unpacked": {"debian12", "simple", "bios", func(m *machine) {
			require.NoError(m.t, os.RemoveAll(filepath.Join(m.dir, "root")))
			for _, f := range Hooks() {
				m.script("root/"+f.Path, string(f.Content))
			}
		}, "/target holds no system: there is no /bin/sh"},
		"no lvm": {"debian13-modules", "lvm", "bios", nil, "the root is on LVM, but there is no lvm in the image"},
		"no tool for the initramfs": {"arch", "lvm", "bios", nil,
			"the initramfs must be made new (the root is on lvm), but the image has neither update-initramfs nor dracut"},
		"no root in fstab": {"debian12", "simple", "bios", func(m *machine) { m.fstab = []string{"UUID=x /srv ext4 defaults 0 0"} },
			"the fstab of the deployer (/state/fstab) has no line for /"},
		"no entry has its kernel": {"alma9", "simple", "bios", func(m *machine) {
			m.write("root/boot/loader/entries/0bad-5.14.0-427.el9.x86_64.conf", "title x\nlinux /vmlinuz-gone\noptions root=x\n")
		}, "the image has no entry in /boot/loader/entries whose kernel is there"},
		"unknown setting":  {"debian12", "simple", "bios", settingsOf("colour=red\n"), `image-capture-hooks.conf: what is "colour=red"?`},
		"wrong setting":    {"debian12", "simple", "bios", settingsOf("nvram=maybe\n"), "image-capture-hooks.conf: nvram=maybe is none of: auto required no"},
		"nvram=required":   {"debian12", "simple", "uefi", func(m *machine) { settingsOf("nvram=required\n")(m); m.remove("usr/sbin/efibootmgr"); noEFIBootMgr(m) }, "no boot entry: no efibootmgr, neither in the image nor here (nvram=required)"},
		"grub-install":     failing("grub-install"),
		"grub-mkconfig":    failing("grub-mkconfig"),
		"debconf":          {"debian12", "md", "bios", func(m *machine) { m.write("run/fail-debconf-set-selections", "") }, "debconf-set-selections: debconf-set-selections: error: out of luck"},
		"update-initramfs": {"debian12", "md", "bios", func(m *machine) { m.write("run/fail-update-initramfs", "") }, "exit 1 from: chroot /target update-initramfs -u -k 6.1.0-50-amd64 (update-initramfs: error: out of luck)"},
		"dracut":           {"alma9", "lvm", "bios", func(m *machine) { m.write("run/fail-dracut", "") }, "exit 1 from: chroot /target dracut --force --no-hostonly --add lvm --lvmconf /boot/initramfs-5.14.0-427.el9.x86_64.img 5.14.0-427.el9.x86_64 (dracut: error: out of luck)"},
		"shim-install":     {"sles15", "simple", "uefi", func(m *machine) { m.write("run/fail-shim-install", "") }, "exit 1 from: chroot /target shim-install --no-nvram --efi-directory=/boot/efi --config-file=/boot/grub2/grub.cfg (shim-install: error: out of luck)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, c.firmware)
			layouts[c.layout](m)
			m.unpack(c.root)
			if c.change != nil {
				c.change(m)
			}
			status, out := m.run("exec")
			require.Equal(t, "1", status, out)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			require.Equal(t, "curtin-hooks: error: "+c.want, lines[len(lines)-1])
			require.Equal(t, 1, strings.Count(out, "curtin-hooks: error: "))
			if slices.Contains(early, name) {
				require.Empty(t, m.read("run/calls"), "nothing is run before the boot loader is looked for")
				require.NotContains(t, out, "wrote ")
			}
		})
	}
}

type refusal = struct {
	root, layout, firmware string
	change                 func(m *machine)
	want                   string
}

func failing(tool string) refusal {
	args := map[string]string{"grub-install": "--target=i386-pc --recheck /dev/sda", "grub-mkconfig": "-o /boot/grub/grub.cfg"}[tool]
	return refusal{"debian12", "simple", "bios", func(m *machine) { m.write("run/fail-"+tool, "") },
		"exit 1 from: chroot /target " + tool + " " + args + " (" + tool + ": error: out of luck)"}
}

func settingsOf(text string) func(m *machine) {
	return func(m *machine) { m.write("root/"+SettingsPath, text) }
}

// noEFIBootMgr hides the host's own, which would be found as the deployer's.
func noEFIBootMgr(m *machine) { m.write("no-efibootmgr", "") }

func (m *machine) remove(name string) {
	require.NoError(m.t, os.Remove(filepath.Join(m.dir, "root", name)))
}

func without(lines []string, word string) (rest []string) {
	for _, l := range lines {
		if !strings.Contains(l, word) {
			rest = append(rest, l)
		}
	}
	return rest
}

// TestFirmwareRefuses: where no boot entry can be written the disk still boots by EFI/BOOT.
func TestFirmwareRefuses(t *testing.T) {
	needRoot(t)
	m := newMachine(t, "uefi")
	layouts["simple"](m)
	m.unpack("alma9")
	m.write("run/fail-efibootmgr", "")
	status, out := m.run("exec")
	require.Equal(t, "0", status, out)
	require.Contains(t, out, "curtin-hooks: warning: no boot entry: the firmware's variables cannot be read (some words). The firmware must find EFI/BOOT/BOOTX64.EFI by itself\n")
}

// TestSignal: a deployer that gives up must be able to unmount.
func TestSignal(t *testing.T) {
	needRoot(t)
	m := newMachine(t, "bios")
	layouts["simple"](m)
	m.unpack("debian12")
	m.write("run/slow-grub-mkconfig", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 600 {
			if _, err := os.Stat(filepath.Join(m.dir, "run/slow-started")); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		// The hooks have their own path in their command line.
		_ = exec.Command("sh", "-c", `for p in /proc/[0-9]*; do
			if tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q -x "/bin/sh $1/target/curtin/curtin-hooks "; then kill -TERM "${p#/proc/}"; fi; done`, "sh", m.dir).Run()
	}()
	status, out := m.run("exec")
	<-done
	require.Equal(t, "1", status, out)
	require.Contains(t, out, "curtin-hooks: error: stopped by a signal\n")
	require.NotContains(t, m.read("run/calls"), "grub-install")
}

// TestByHand: an operator in a rescue system, in each of the shells there are.
func TestByHand(t *testing.T) {
	needRoot(t)
	for _, shell := range []string{"dash", "bash", "busybox ash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "uefi")
			layouts["btrfs"](m)
			m.unpack("debian12")
			m.env["OUTPUT_FSTAB"] = "/not/looked/at"
			hooks := filepath.Join(m.dir, "target", HooksPath)
			status, out := m.run(shell, hooks, "--target", filepath.Join(m.dir, "target"))
			require.Equal(t, "0", status, out)
			require.Equal(t, "644\n# /etc/fstab: the disks that this system was deployed to.\n"+
				"UUID="+uuidRoot+" / btrfs subvol=/@ 0 0\n"+
				"UUID="+uuidESP+" /boot/efi vfat umask=0077 0 2\n"+
				"UUID="+uuidRoot+" /home btrfs subvol=/@home 0 0\n"+
				"tmpfs /tmp tmpfs nosuid,nodev 0 0\n", m.tree("after")["/etc/fstab"])
			require.Contains(t, m.tree("after")["/boot/efi/EFI/debian/grub.cfg"], "set prefix=($root)/@/boot/grub\n")
			// By hand the new system is what the operator wants to see next.
			require.NotContains(t, m.read("run/calls"), "efibootmgr -q -o")
		})
	}
}

// TestByHandRefused: the running system, and what is not mounted, are left alone.
func TestByHandRefused(t *testing.T) {
	needRoot(t)
	script := filepath.Join(t.TempDir(), "curtin-hooks")
	require.NoError(t, os.WriteFile(script, Hooks()[0].Content, 0o755))
	folder := t.TempDir()
	for want, args := range map[string][]string{
		"refused: / is the running system, not a new root":                             {"--target", "/"},
		"refused: " + folder + " is not a mount point; mount the new root there first": {"--target=" + folder},
		"refused: " + folder + "/same is the running system once more":                 {"--target", folder + "/same"},
		folder + "/nothing is not a directory":                                         {"--target", folder + "/nothing"},
		"which root? Give --target DIR (curtin sets TARGET_MOUNT_POINT)":               {},
		"--target wants a directory":                                                   {"--target"},
		"what is --traget? See --help":                                                 {"--traget", folder},
		"/proc holds no system: there is no /bin/sh":                                   {"--target", "/proc"},
	} {
		cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", `mkdir -p "$0/same" && mount --bind / "$0/same" && unset TARGET_MOUNT_POINT && exec "$@"`, folder, script}, args...)...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err, "%v", args)
		require.Equal(t, "curtin-hooks: error: "+want+"\n", string(out))
	}
	out, err := exec.Command(script, "--version").Output()
	require.NoError(t, err)
	require.Equal(t, "image-capture-hooks 2\n", string(out))
}

// TestDryRun changes nothing.
func TestDryRun(t *testing.T) {
	needRoot(t)
	m := newMachine(t, "bios")
	layouts["lvm"](m)
	m.unpack("rocky8")
	status, out := m.run("sh", filepath.Join(m.dir, "target", HooksPath), "--dry-run", "--target", filepath.Join(m.dir, "target"))
	require.Equal(t, "0", status, out)
	require.Equal(t, m.tree("root"), m.tree("after"))
	require.Empty(t, m.read("run/calls"))
	require.Equal(t, `curtin-hooks: Rocky Linux 8.10 (Green Obsidian) (rhel) at /target, x86_64, booted by bios
curtin-hooks: / is /dev/mapper/my--vg-root (ext4, /)
curtin-hooks: /boot is /dev/sda3 (ext4, /)
curtin-hooks: disks of the root: sda
curtin-hooks: kernels: 4.18.0-553.el8_10.x86_64 (initramfs by dracut)
`, out)
}

// TestSwapFile: curtin itself would have made the one that image-deploy's Params ask for.
func TestSwapFile(t *testing.T) {
	needRoot(t)
	m := newMachine(t, "bios")
	layouts["simple"](m)
	m.unpack("debian12")
	m.write("state/config", `{"install": {"log_file": "/tmp/curtin-install.log"}, "swap": {"filename": "var/swapfile", "maxsize": "2M", "size": "0.25G"}, "sources": {}}`)
	status, out := m.run("exec")
	require.Equal(t, "0", status, out)
	require.Contains(t, m.tree("after")["/etc/fstab"], "\n/var/swapfile none swap sw 0 0\n")
	require.Len(t, m.tree("after")["/var/swapfile"], len("600\n")+2<<20)
	require.True(t, strings.HasPrefix(m.tree("after")["/var/swapfile"], "600\n"))
	m.again()

	m.write("state/config", `{"swap": {"size": "much"}}`)
	require.NoError(t, os.RemoveAll(filepath.Join(m.dir, "root")))
	for _, d := range []string{"dev", "target", "disks"} {
		require.NoError(t, os.RemoveAll(filepath.Join(m.dir, d)))
	}
	require.NoError(t, os.Rename(filepath.Join(m.dir, "after"), filepath.Join(m.dir, "root")))
	status, out = m.run("exec")
	require.Equal(t, "1", status, out)
	require.Contains(t, out, `curtin-hooks: error: swapfile-size "much" or swapfile-maxsize "" is no size`)
}
