package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/cli"
)

// ruleNames are some that the rules read, and some that nobody does.
var ruleNames = strings.Fields(`etc/fstab etc/hostname etc/machine-id etc/os-release etc/passwd etc/shadow etc/crypttab
	etc/default/grub etc/ssh/ssh_host_rsa_key etc/netplan/a.yaml etc/selinux/config etc/udev/rules.d/70-persistent-net.rules
	boot/grub/grub.cfg boot/vmlinuz-6.1.0 boot/initrd.img-6.1.0 boot/config-6.1.0 boot/efi/EFI/debian/grubx64.efi
	boot/efi/EFI/Linux/a.efi boot/loader/entries/a-6.1.0.conf usr/bin/cloud-init usr/sbin/grub-install usr/lib/systemd/systemd
	usr/lib/modules/6.1.0/modules.dep usr/lib/modules/6.1.0/kernel/a.ko var/lib/dpkg/status var/lib/dbus/machine-id
	root/.ssh/authorized_keys curtin/curtin-hooks opt/agent/id aaa/big mmm/big zzz/last`)

var ruleTexts = []string{"", "ID=debian\nVERSION_ID=12\n", "0123456789abcdef0123456789abcdef\n", "#!/bin/sh\n", "/dev/sda1 / ext4 defaults 0 1\n",
	"Package: cloud-init\nStatus: install ok installed\nVersion: 23.4\n\n", "title a\nlinux /vmlinuz-6.1.0\noptions root=/dev/sda1\n", "\x7fELF\x02\x01\x01"}

// makeAny makes a tree of some of these names, each of them anything.
func makeAny(t *testing.T, r *rand.Rand, root string) {
	random := rand.NewChaCha8([32]byte{byte(r.Uint32())})
	var made []string
	for _, name := range ruleNames {
		if r.IntN(4) == 0 {
			continue
		}
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		content := []byte(strings.Repeat(ruleTexts[r.IntN(len(ruleTexts))], 1+r.IntN(3)))
		switch n := r.IntN(20); {
		case n < 2 && made != nil:
			require.NoError(t, os.Link(made[r.IntN(len(made))], path))
			continue
		case n < 5:
			to := ruleNames[r.IntN(len(ruleNames))]
			require.NoError(t, os.Symlink([]string{"/" + to, strings.Repeat("../", 9) + to, "/none/" + strings.Repeat("x/", 90)}[r.IntN(3)], path))
			continue
		case n < 6:
			require.NoError(t, unix.Mkfifo(path, 0o600))
			continue
		case n < 10: // so that there are several frames
			content = make([]byte, 1+r.IntN(700<<10))
			_, _ = random.Read(content)
		case n < 11:
			content = bytes.Repeat([]byte("text\n"), 300_000)
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
		if r.IntN(12) == 0 {
			require.NoError(t, os.Truncate(path, []int64{4096, 3<<20 + 1, 40 << 20}[r.IntN(3)]))
		}
		if r.IntN(6) == 0 {
			require.NoError(t, os.Chmod(path, []os.FileMode{0, 0o755, os.ModeSetuid | 0o755}[r.IntN(3)]))
		}
		if made = append(made, path); r.IntN(8) == 0 {
			_ = unix.Setxattr(path, "user."+strings.Repeat("l", 1+r.IntN(200)), content[:min(len(content), 2000)], 0) // not every filesystem has them
		}
	}
}

// TestSameWays: of images of anything check finds the same by the index of the MANIFEST and
// where it reads all of the image without one, and cat prints the same.
func TestSameWays(t *testing.T) {
	t.Chdir(t.TempDir())
	run := func(stdin io.Reader, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		a := cli.New(stdin, &out, &errs, func(string) string { return "" })
		code := a.Run(context.Background(), args)
		return code, out.String(), errs.String()
	}
	byIndex := 0
	for i, format := range []string{"tgz", "tar", "tgz", "tar", "tar-zst"} {
		r := rand.New(rand.NewPCG(uint64(i), 2))
		root, image := fmt.Sprint("root", i), fmt.Sprint("i", i, ".", strings.ReplaceAll(format, "-", "."))
		makeAny(t, r, root)
		code, _, stderr := run(nil, "capture", root, "--output", image, "--manifest", image+".txt", "--format", format, "--check", "off")
		require.Zero(t, code, stderr)
		in, err := os.Open(image)
		require.NoError(t, err)
		defer in.Close()
		code, all, _ := run(in, "check", "-", "--json")
		require.Equal(t, 3, code)
		code, some, stderr := run(nil, "check", image, "--manifest", image+".txt", "--json")
		require.Equal(t, 3, code, stderr)
		require.Equal(t, strings.ReplaceAll(all, " - will not", " "+image+" will not"), some, "tree %d", i)
		if strings.Contains(stderr, "its entries are taken from that") {
			byIndex++
		}
		for range 6 {
			name := ruleNames[r.IntN(len(ruleNames))]
			code, all, want := run(nil, "cat", "-q", image, name)
			again, some, stderr := run(nil, "cat", "-q", image, name, "--manifest", image+".txt")
			require.Equal(t, code, again, stderr)
			require.Equal(t, want, stderr)
			require.True(t, all == some, "%s of tree %d", name, i)
		}
	}
	require.Equal(t, 5, byIndex)
}
