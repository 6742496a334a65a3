package deploy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHooksTake: the table takes the words that the hooks' own keep_words takes.
func TestHooksTake(t *testing.T) {
	words := strings.Fields(`root=UUID=1 rootflags=subvol=@ rootfstype=xfs rootwait rootdelay=5 resume=/dev/sda3 resume_offset=1 noresume ro rw quiet
		console=ttyS0,115200 ip=10.0.0.5::10.0.0.1:255.255.255.0:h:eth0:none ip=dhcp ifname=eth0:52:54:00:00:00:01 BOOTIF=01-52-54-00-00-00-01 BOOT_IMAGE=/vmlinuz initrd=/x
		boot=UUID=1 bootx=1 fips=1 rd.lvm.lv=vg/root rd.lvm.vg=vg rd.md.uuid=1 rd.luks.uuid=1 rd.luks=0 rd.lvm=0 rd.md=0 rd.dm=0 rd.lvm=1 rd.auto rd.auto=1 rd.break rd.neednet=1
		rd.driver.blacklist=nouveau rd.driver.pre=x rd.udev.debug rd.systemd.unit=x rd.plymouth=0 rd.shell rd.debug rd.timeout=5 rd.retry=5 luks.uuid=1 luks.name=1=x luks.options luks=0
		cryptdevice=UUID=1:x cryptopts=source=UUID=1 crashkernel=auto net.ifnames=0 systemd.machine_id=1 systemd.unit=x zfs=x`)
	_, rest, ok := strings.Cut(string(Hooks()[0].Content), "\nkeep_words() {\n")
	require.True(t, ok)
	body, _, ok := strings.Cut(rest, "\n}\n")
	require.True(t, ok)
	cmd := exec.Command("sh", "-c", "console_words=\nkeep_words() {\n"+body+"\n}\nkeep_words")
	cmd.Stdin = strings.NewReader(strings.Join(words, " "))
	out, err := cmd.Output()
	require.NoError(t, err)
	kept := strings.Fields(string(out))
	require.NotEmpty(t, kept)
	for _, w := range words {
		require.Equal(t, !slices.Contains(kept, w), HooksTake(w), w)
	}
}

// TestHooksRewrite: which files that is done in.
func TestHooksRewrite(t *testing.T) {
	for _, c := range []struct {
		family Family
		where  CommandLine
		name   string
		want   bool
	}{
		{Debian, GRUBDefaults, "etc/default/grub.d/x.cfg", true},
		{Debian, Menu, "boot/grub/grub.cfg", true},
		{Debian, KernelInstall, "etc/kernel/cmdline", true},
		{Debian, BootEntry, "boot/loader/entries/x.conf", false},
		{RHEL, BootEntry, "boot/loader/entries/x.conf", true},
		{RHEL, BootEntry, "efi/loader/entries/x.conf", false},
		{RHEL, GRUBEnv, "boot/grub2/grubenv", true},
		{RHEL, GRUBEnv, "boot/efi/EFI/redhat/grubenv", false},
		{RHEL, UnifiedImage, "boot/efi/EFI/Linux/x.efi", false},
		{SUSE, ZIPL, "etc/zipl.conf", false},
	} {
		require.Equal(t, c.want, HooksRewrite(c.family, c.where, c.name), "%s %s", c.family, c.name)
	}
	require.True(t, CurtinReplaces("etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT"))
	require.False(t, CurtinReplaces("etc/default/grub.d/x.cfg", "GRUB_CMDLINE_LINUX_DEFAULT"))
	require.False(t, CurtinReplaces("etc/default/grub", "GRUB_CMDLINE_LINUX"))
}
