package bootcheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCrypttab(t *testing.T) {
	const rule = "crypttab"
	testIdentity(t, []identityCase{
		{"none", rule, "-- etc/crypttab --\n# <target name> <source device>\n\n \t\n", []string{"ok"}},
		{"by its UUID", rule, "-- etc/crypttab --\n# x\nroot UUID=1-2 none luks,discard\ndata /dev/disk/by-id/x\n", []string{"fail /etc/crypttab: opens an encrypted disk: root on UUID=1-2 (the first of 2) => rewrite /etc/crypttab"}},
		{"by a path", rule, "-- etc/crypttab --\nswap /dev/sda2 /dev/urandom swap\nroot UUID=1\n", []string{"fail /etc/crypttab: opens an encrypted disk: swap on /dev/sda2 (the first of 2)"}},
		{"optional", rule, "-- etc/crypttab --\nusb PARTUUID=1 none noauto,luks\nx UUID=2 none nofail\n", []string{"warn /etc/crypttab: opens an encrypted disk: usb on PARTUUID=1 (the first of 2), if it is there => rewrite /etc/crypttab"}},
		{"one of them optional", rule, "-- etc/crypttab --\nusb UUID=1 none noauto\nroot UUID=2\n", []string{"fail /etc/crypttab: opens an encrypted disk: root on UUID=2 (the first of 2) => rewrite /etc/crypttab"}},
		{"in the initramfs", rule, "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\ncryptroot/crypttab: root UUID=1-2 none luks\n",
			[]string{"fail /boot/initrd.img-6.1.0-1-amd64: opens an encrypted disk: root on UUID=1-2"}},
		{"a comment in the initramfs", rule, "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\netc/crypttab: # root UUID=1-2 none luks\n", []string{"ok"}},
	})
}

// systemd's generator is the oracle for entries and their options.
func TestCrypttabLikeSystemd(t *testing.T) {
	var tool string
	for _, dir := range []string{"/usr/lib/systemd/system-generators", "/lib/systemd/system-generators"} {
		if name := filepath.Join(dir, "systemd-cryptsetup-generator"); tool == "" {
			if _, err := os.Stat(name); err == nil {
				tool = name
			}
		}
	}
	need(t, tool != "", "systemd-cryptsetup-generator")
	const text = "# c /dev/sda\nroot UUID=1-2 none luks\n\td1\t/dev/sdb  /dev/urandom swap,nofail\nd2 /dev/sdc none noauto\n\nd3 PARTUUID=1\nx\nd4 /dev/disk/by-id/x - luks,nofail,discard\n"
	dir := t.TempDir()
	file, out := filepath.Join(dir, "crypttab"), filepath.Join(dir, "out")
	units := func(text []byte) (required, optional []string) {
		require.NoError(t, os.RemoveAll(out))
		require.NoError(t, os.Mkdir(out, 0o755))
		require.NoError(t, os.WriteFile(file, text, 0o600))
		cmd := exec.Command(tool, out, out, out)
		cmd.Env = append(os.Environ(), "SYSTEMD_CRYPTTAB="+file)
		_ = cmd.Run() // it fails for the line that is no entry, behind all others
		names, err := filepath.Glob(out + "/systemd-cryptsetup@*.service")
		require.NoError(t, err)
		for _, name := range names {
			unit, err := filepath.Glob(out + "/cryptsetup.target.requires/" + filepath.Base(name))
			require.NoError(t, err)
			device := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "systemd-cryptsetup@"), ".service")
			if len(unit) > 0 {
				required = append(required, device)
			} else {
				optional = append(optional, device)
			}
		}
		return required, optional
	}
	required, optional := units([]byte(text))
	var gotRequired, gotOptional []string
	for _, e := range parseCrypttab(text) {
		if e.optional {
			gotOptional = append(gotOptional, e.name)
		} else {
			gotRequired = append(gotRequired, e.name)
		}
	}
	require.ElementsMatch(t, required, gotRequired)
	require.ElementsMatch(t, optional, gotOptional)

	// What names one disk in the world is gone for systemd too.
	after, err := rewriteCrypttab([]byte(text))
	require.NoError(t, err)
	required, optional = units(after)
	require.Empty(t, required)
	require.ElementsMatch(t, []string{"d1", "d2"}, optional)
}
