package bootcheck

import (
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/identity"
)

// TestHintsArePlaced: what is typed as a hint says it works on the tree that was checked,
// not on the host.
func TestHintsArePlaced(t *testing.T) {
	mounted, image := Options{Root: "/mnt"}, Options{Image: true}
	spaced := Options{Root: "/my disk"}
	for _, row := range []struct {
		opt        Options
		hint, want string
	}{
		{Options{}, "rm /etc/machine-id", "rm /etc/machine-id"},
		{Options{Root: "/"}, "rm /etc/machine-id", "rm /etc/machine-id"},
		{mounted, "rm /etc/machine-id", "rm /mnt/etc/machine-id"},
		{mounted, "truncate -s 0 '/etc/a b'", "truncate -s 0 '/mnt/etc/a b'"},
		{mounted, "echo 'hostonly=\"no\"' >/etc/dracut.conf.d/99-generic.conf", "echo 'hostonly=\"no\"' >/mnt/etc/dracut.conf.d/99-generic.conf"},
		{mounted, "ln -sfn ../usr/lib/os-release /etc/os-release", "ln -sfn ../usr/lib/os-release /mnt/etc/os-release"},
		{mounted, "subscription-manager clean", "chroot /mnt subscription-manager clean"},
		{mounted, "/opt/CrowdStrike/falconctl -d -f --aid", "chroot /mnt /opt/CrowdStrike/falconctl -d -f --aid"},
		{mounted, "install initramfs-tools, and update-initramfs -c -k 6.1", "install initramfs-tools, and chroot /mnt update-initramfs -c -k 6.1"},
		{mounted, "set MODULES=most in /etc/initramfs-tools, and update-initramfs -u -k 6", "set MODULES=most in /mnt/etc/initramfs-tools, and chroot /mnt update-initramfs -u -k 6"},
		{mounted, "deploy by UEFI", "deploy by UEFI"},
		{spaced, "rm /etc/hostid", "rm '/my disk'/etc/hostid"},
		{spaced, "rm '/etc/a b'", "rm '/my disk/etc/a b'"},
		{spaced, "systemctl unmask x", "chroot '/my disk' systemctl unmask x"},
		{image, "rm /etc/machine-id", "in the source, before the next capture: rm /etc/machine-id"},
		{image, "dpkg --configure -a", "in the source, before the next capture: dpkg --configure -a"},
		{image, "install python3", "in the source, before the next capture: install python3"},
		{image, hooksHint, hooksHint},
		{mounted, "", ""}, {image, "", ""},
	} {
		require.Equal(t, row.want, row.opt.place(row.hint))
	}
	// No row of the table slips through: a path is below the mount point, or run in it.
	bare := regexp.MustCompile(`(^|[ >='"(])/(etc|var|opt|root|home|usr|boot)\b`)
	for _, op := range identity.Operations() {
		if got := mounted.place(op.Hint); bare.MatchString(got) {
			require.Contains(t, got, "chroot /mnt ", op.Name)
		}
	}
}

// TestReportsArePlaced: the hints of all rules go that way, of trees and of images.
func TestReportsArePlaced(t *testing.T) {
	fsys := debian(t)
	fsys.add(t, txtar.Parse([]byte("-- etc/machine-id --\n0123456789abcdef0123456789abcdef\n")))
	for opt, want := range map[Options]string{{Root: "/mnt"}: " /mnt/etc/machine-id", {Image: true}: "in the source, "} {
		r, err := Check(t.Context(), fsys, opt)
		require.NoError(t, err)
		found := false
		for _, f := range r.Findings {
			if f.Path == "/etc/machine-id" && f.Hint != "" {
				require.Contains(t, f.Hint, want)
				found = true
			}
		}
		require.True(t, found)
	}
}
