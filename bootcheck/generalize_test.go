package bootcheck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/identity"
)

// sample is a path that a row's pattern matches.
func sample(pattern string) string {
	return strings.NewReplacer("*", "x", "?", "x", "[0-9]", "0").Replace(pattern)
}

// generalized makes the edits that operations give, and returns them as text.
func generalized(t *testing.T, img memTree, ops []identity.Operation) []string {
	t.Helper()
	fixes, err := Generalize(t.Context(), img, Options{}, ops)
	require.NoError(t, err)
	apply(t, img, fixes)
	var got []string
	for _, f := range fixes {
		got = append(got, fmt.Sprintf("%s: %s /%s", f.Operation, f.Op, f.Path))
	}
	return got
}

// Each path of each row whose paths say all: reported where it is there, silent where
// it is not, and the row's edit does away with it.
func TestEveryRow(t *testing.T) {
	for _, o := range identity.Operations() {
		if o.Judged {
			continue
		}
		for _, pattern := range o.Paths {
			t.Run(o.Name+"/"+strings.ReplaceAll(pattern, "/", ","), func(t *testing.T) {
				img := parse(t, source)
				is := func(line string) bool { return strings.Contains(line, o.What) }
				require.False(t, slices.ContainsFunc(findingsOf(t, img, o.Rule), is))
				name := sample(pattern)
				img.add(t, txtar.Parse([]byte("-- "+name+" [fill] --\n")))
				got := findingsOf(t, img, o.Rule)
				i := slices.IndexFunc(got, is)
				require.GreaterOrEqual(t, i, 0, "%q", got)
				require.Contains(t, got[i], " /"+name+": ")
				require.Equal(t, o.Note, strings.HasPrefix(got[i], "info "), got[i])
				require.Equal(t, o.Scope == identity.Always && o.Op != "", strings.Contains(got[i], " => "), "a fix: %s", got[i])
				if o.Op == "" {
					return
				}
				require.Equal(t, []string{fmt.Sprintf("%s: %s /%s", o.Name, o.Op, name)}, generalized(t, img, []identity.Operation{o}))
				require.False(t, slices.ContainsFunc(findingsOf(t, img, o.Rule), is))
			})
		}
	}
}

func TestGeneralize(t *testing.T) {
	const all = `
-- etc/machine-id --
0123456789abcdef0123456789abcdef
-- var/lib/dbus/machine-id --
0123456789abcdef0123456789abcdef
-- var/log/journal/0123456789abcdef0123456789abcdef/system.journal [fill] --
-- etc/ssh/ssh_host_rsa_key [fill] --
-- etc/hostname --
gold
-- etc/hosts --
127.0.0.1 localhost
127.0.1.1 gold
-- root/.bash_history [fill] --
-- home/a/.bash_history [fill] --
-- root/.ssh/authorized_keys [fill] --
-- etc/default/grub --
GRUB_CMDLINE_LINUX="quiet resume=/dev/sda2 rd.lvm.lv=a/b systemd.machine_id=1"
-- etc/sysconfig/network-scripts/ifcfg-eth0 --
HWADDR=52:54:00:12:34:56
BOOTPROTO=dhcp
`
	ops, err := identity.Select("")
	require.NoError(t, err)
	img := parse(t, source)
	require.Empty(t, generalized(t, img, ops), "a good root has nothing to take out")
	img.add(t, txtar.Parse([]byte(all)))
	require.Equal(t, []string{
		"resume: rewrite /etc/default/grub", "storage-words: rewrite /etc/default/grub",
		"machine-id: empty /etc/machine-id", "machine-id: drop /var/lib/dbus/machine-id", "machine-id: rewrite /etc/default/grub",
		"journal: drop /var/log/journal/0123456789abcdef0123456789abcdef",
		"ssh-host-keys: drop /etc/ssh/ssh_host_rsa_key",
		"ifcfg-pins: rewrite /etc/sysconfig/network-scripts/ifcfg-eth0",
		"hostname: empty /etc/hostname", "hosts-name: rewrite /etc/hosts",
		"shell-history: drop /root/.bash_history", "shell-history: drop /home/a/.bash_history",
	}, generalized(t, img, ops))
	require.Equal(t, "GRUB_CMDLINE_LINUX=\"quiet\"\n", string(img["etc/default/grub"].data))
	require.Equal(t, "BOOTPROTO=dhcp\n", string(img["etc/sysconfig/network-scripts/ifcfg-eth0"].data))
	require.Equal(t, "127.0.0.1 localhost\n", string(img["etc/hosts"].data))
	require.Contains(t, img, "root/.ssh/authorized_keys", "nobody asked for it")
	require.Empty(t, generalized(t, img, ops), "nothing is left to do")

	ops, err = identity.Select("root-authorized-keys")
	require.NoError(t, err)
	require.Equal(t, []string{"root-authorized-keys: drop /root/.ssh/authorized_keys"}, generalized(t, img, ops))

	// What is not safe is not done: nothing would make new keys.
	img = parse(t, source+noCloud+"-- etc/ssh/ssh_host_rsa_key [fill] --\n")
	ops, err = identity.Select("")
	require.NoError(t, err)
	require.Empty(t, generalized(t, img, ops))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Generalize(ctx, img, Options{}, ops)
	require.ErrorIs(t, err, context.Canceled)
}

// A thousand of a kind are some findings, and as many edits.
func TestGeneralizeIsNotBoundedByFindings(t *testing.T) {
	img := parse(t, source)
	for i := range 1000 {
		img.add(t, txtar.Parse(fmt.Appendf(nil, "-- var/lib/dhcp/dhclient-%04d.lease [fill] --\n", i)))
	}
	ops, err := identity.Select("dhcp-leases")
	require.NoError(t, err)
	require.Len(t, generalized(t, img, ops), 1000)
}

func TestUniqueEdits(t *testing.T) {
	fixes := []Fix{
		{Op: entry.Rewrite, Path: "a"}, {Op: entry.Rewrite, Path: "a"}, {Op: entry.Drop, Path: "a"},
		{Op: entry.Drop, Path: "b"}, {Op: entry.Empty, Path: "b/c"}, {Op: entry.Empty, Path: "bc"},
	}
	require.Equal(t, []Fix{fixes[0], fixes[1], fixes[3], fixes[5]}, unique(fixes))
}
