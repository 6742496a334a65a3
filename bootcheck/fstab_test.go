package bootcheck

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFstab(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []mountEntry
	}{
		{"nothing", "\n\n# <file system> <mount point>\n", nil},
		{"all fields", "UUID=1\t/\text4\tdefaults,noatime 0 1\n", []mountEntry{{"UUID=1", "/", "ext4", "defaults,noatime"}}},
		{"three fields", " LABEL=x /srv\\040x auto\r\n", []mountEntry{{"LABEL=x", `/srv\040x`, "auto", ""}}},
		{"two fields", "/dev/sda1 /\n", nil},
		{"a comment in front", "  # /dev/sda1 / ext4\n#/dev/sda1 / ext4\n", nil},
		{"long", "/dev/" + strings.Repeat("x", 2000) + " / ext4\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, parseFstab(c.text))
		})
	}
}

func TestOwnName(t *testing.T) {
	for line, want := range map[string]bool{
		"/dev/sda1 / ext4 defaults":                true,
		"/dev/mapper/vg-root / xfs":                true,
		"/dev/disk/by-id/ata-X-part1 / ext4":       true,
		"/dev/disk/by-path/pci-0 / ext4":           true,
		"/dev/disk/by-uuid/1 / ext4":               false,
		"/dev/disk/by-partlabel/root / ext4":       false,
		"/dev/sdb1 /data ext4 defaults,nofail 0 2": false,
		"/dev/sr0 /mnt iso9660 ro,noauto":          false,
		"UUID=1 / ext4 defaults":                   false,
		"tmpfs /tmp tmpfs nosuid":                  false,
	} {
		list := parseFstab(line)
		require.Len(t, list, 1)
		require.Equal(t, want, list[0].ownName(), line)
	}
}
