package upload_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/manifest"
	"image-capture/upload"
)

// TestStamped takes names apart as people and templates write them.
func TestStamped(t *testing.T) {
	at := "2026-11-23 06:18:42"
	for name, want := range map[string][3]string{
		"debian-12-rootfs-20261123-061842-dc0be70ff2.tgz":     {"debian-12", "20261123-061842-dc0be70ff2", at},
		"debian-12-MANIFEST-20261123-061842-dc0be70ff2.txt":   {"debian-12", "20261123-061842-dc0be70ff2", at},
		"debian-12-rootfs-20261123-061842-dc0be70ff2.tar.zst": {"debian-12", "20261123-061842-dc0be70ff2", at},
		"rhel-tarball-20261123-061842-dc0be70ff2.tgz":         {"rhel-tarball", "20261123-061842-dc0be70ff2", at},
		"a-20261123-061842-dc0be70ff2-night.tar":              {"a-night", "20261123-061842-dc0be70ff2", at},
		"20261123-061842-dc0be70ff2-a.tgz":                    {"-a", "20261123-061842-dc0be70ff2", at},
		"golden-20261123-061842.tgz":                          {"golden", "", at},
		"golden-20261123-061842-dc0be70ff2x.tgz":              {"golden-dc0be70ff2x", "", at},
		"golden-20261123-061842-DC0BE70FF2.tgz":               {"golden-DC0BE70FF2", "", at},
		"a-20200101-000000-b-20261123-061842.tgz":             {"a-20200101-000000-b", "", at}, // the last one
		"golden.tgz":                  {"golden", "", ""},
		"golden-00010101-000000.tgz":  {"golden-00010101-000000", "", ""},
		"golden-20261323-061842.tgz":  {"golden-20261323-061842", "", ""}, // no such month
		"golden-120261123-061842.tgz": {"golden-120261123-061842", "", ""},
		"golden-20261123-0618421.tgz": {"golden-20261123-0618421", "", ""},
	} {
		group, tail, date, ok := upload.Stamped(name)
		got := [3]string{group, tail}
		if !date.IsZero() {
			got[2] = date.Format("2006-01-02 15:04:05")
		}
		require.Equal(t, want[2] != "", ok, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "a.iso", "a.tgz.part", ".", "20261123-061842"} {
		_, _, _, ok := upload.Stamped(name)
		require.False(t, ok, name)
	}
}

// FuzzStamped: names on an endpoint are anybody's.
func FuzzStamped(f *testing.F) {
	f.Add("debian-12-rootfs-20261123-061842-dc0be70ff2.tgz")
	f.Add("20261123-061842.txt")
	f.Add("-20261123-061842-.tar")
	f.Fuzz(func(t *testing.T, name string) {
		_, tail, date, ok := upload.Stamped(name)
		require.True(t, tail == "" || strings.Contains(name, tail) && len(tail) == 26)
		require.Equal(t, ok, !date.IsZero())
		require.True(t, ok || tail == "")
	})
}

// TestStampedIsWhatNamesAre: of any name that a capture makes by the default
// templates, the two belong together, and the group is the tag.
func TestStampedIsWhatNamesAre(t *testing.T) {
	for _, tag := range []string{"debian-12", "rhel-8.10", "a-rootfs", "a-manifest", "opensuse-leap-15.6", "x_1+2"} {
		for _, format := range []manifest.Format{manifest.TGZ, manifest.TarZst, manifest.Tar} {
			now := time.Now().UTC().Truncate(time.Second)
			v := manifest.Vars{Tag: tag, DStamp: manifest.DStamp(now), Ident: manifest.NewIdent()}
			n, err := manifest.Template{}.Expand(v, format)
			require.NoError(t, err)
			group, tail, date, ok := upload.Stamped(strings.TrimPrefix(n.Image, "images/"))
			require.True(t, ok)
			require.Equal(t, v.DStamp+"-"+v.Ident, tail)
			require.Equal(t, now, date)
			require.Equal(t, tag, group)
			same, sameTail, _, _ := upload.Stamped(strings.TrimPrefix(n.Manifest, "images/"))
			require.Equal(t, tail, sameTail)
			require.Equal(t, tag, same)
		}
	}
}
