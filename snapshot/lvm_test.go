package snapshot

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// rows is what LVM 2.03.16 printed in a guest with Debian 12's kernel: a snapshot that ran
// full, a thin one, an origin, a pool, and a volume that is not active.
const rows = `
  {
      "report": [
          {
              "lv": [
                  {"vg_name":"vg-0", "lv_name":"image-capture-0123456789ab", "lv_attr":"sri-I-s---", "lv_path":"/dev/vg-0/image-capture-0123456789ab", "lv_dm_path":"/dev/mapper/vg--0-image--capture--0123456789ab", "lv_size":"8388608", "lv_kernel_major":"252", "lv_kernel_minor":"9", "origin":"root", "pool_lv":"", "data_percent":"100.00", "metadata_percent":"", "vg_free":"54525952", "vg_extent_size":"4194304"},
                  {"vg_name":"vg-0", "lv_name":"other", "lv_attr":"Vri-a-tz--", "lv_path":"/dev/vg-0/other", "lv_dm_path":"/dev/mapper/vg--0-other", "lv_size":"104857600", "lv_kernel_major":"252", "lv_kernel_minor":"13", "origin":"thin", "pool_lv":"pool", "data_percent":"11.06", "metadata_percent":"", "vg_free":"54525952", "vg_extent_size":"4194304"},
                  {"vg_name":"vg-0", "lv_name":"root", "lv_attr":"owi-aos---", "lv_path":"/dev/vg-0/root", "lv_dm_path":"/dev/mapper/vg--0-root", "lv_size":"67108864", "lv_kernel_major":"252", "lv_kernel_minor":"0", "origin":"", "pool_lv":"", "data_percent":"", "metadata_percent":"", "vg_free":"54525952", "vg_extent_size":"4194304"},
                  {"vg_name":"vg-0", "lv_name":"pool", "lv_attr":"twi-aotz--", "lv_path":"", "lv_dm_path":"/dev/mapper/vg--0-pool", "lv_size":"50331648", "lv_kernel_major":"252", "lv_kernel_minor":"4", "origin":"", "pool_lv":"", "data_percent":"23.18", "metadata_percent":"11.04", "vg_free":"54525952", "vg_extent_size":"4194304"},
                  {"vg_name":"vg-0", "lv_name":"swap", "lv_attr":"-wi-------", "lv_path":"/dev/vg-0/swap", "lv_dm_path":"/dev/mapper/vg--0-swap", "lv_size":"4194304", "lv_kernel_major":"-1", "lv_kernel_minor":"-1", "origin":"", "pool_lv":"", "data_percent":"", "metadata_percent":"", "vg_free":"54525952", "vg_extent_size":"4194304"}
              ]
          }
      ]
  }
`

func TestVolumes(t *testing.T) {
	list, err := parseVolumes([]byte(rows))
	require.NoError(t, err)
	require.Len(t, list, 5)
	full, thin, root, pool, swap := list[0], list[1], list[2], list[3], list[4]
	require.True(t, full.full())
	require.False(t, thin.full())
	require.Equal(t, volume{
		vg: "vg-0", name: "root", attr: "owi-aos---", path: "/dev/vg-0/root", size: 64 << 20, dev: unix.Mkdev(252, 0), free: 52 << 20, extent: 4 << 20,
	}, root)
	require.Equal(t, "pool", thin.pool)
	require.Equal(t, "/dev/mapper/vg--0-pool", pool.path)
	require.Equal(t, 11.04, pool.metadata)
	require.Zero(t, swap.dev)
	for _, bad := range []string{"", "{", `{"report":[{"lv":[{}]}]}`, `{"report":[{"lv":[{"vg_name":"a","lv_name":"b"}]}]}`} {
		_, err := parseVolumes([]byte(bad))
		require.Error(t, err, bad)
	}
}

// TestRoom: a snapshot gets its share of what is free, and no more than it can use.
func TestRoom(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for name, c := range map[string]struct {
		free, size, want int64
		others           []volume
	}{
		"all that it can use": {100 * gib, gib, gib + 8*mib, nil},
		"four fifths":         {gib, 10 * gib, 816 * mib, nil},
		"its share":           {gib, 10 * gib, 408 * mib, []volume{{vg: "v", name: "b", dev: 2, size: 10 * gib}}},
		"none":                {4 * mib, gib, 0, nil},
		"of another group":    {gib, 10 * gib, 816 * mib, []volume{{vg: "w", name: "b", dev: 2, size: 10 * gib}}},
		"not captured":        {gib, 10 * gib, 816 * mib, []volume{{vg: "v", name: "b", dev: 3, size: 10 * gib}}},
		"with what is left over": {gib, 10 * gib, 1636 * mib, []volume{
			{vg: "v", name: lvmPrefix + "0123456789ab", origin: "a", size: gib}, {vg: "v", name: "mine", origin: "a", size: gib}}},
	} {
		v := volume{vg: "v", name: "a", dev: 1, size: c.size, free: c.free, extent: 4 * mib}
		l := &lvm{list: append([]volume{v}, c.others...), places: map[uint64]bool{1: true, 2: true}}
		_, size := l.room(v)
		require.Equal(t, c.want, size, name)
	}
}

// TestWatchVolumes: a snapshot that runs full is noticed while it is read.
func TestWatchVolumes(t *testing.T) {
	dir := t.TempDir()
	program := func(rows string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rows.new"), []byte(rows), 0o644))
		require.NoError(t, os.Rename(filepath.Join(dir, "rows.new"), filepath.Join(dir, "rows")))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lvs"), []byte("#!/bin/sh\ncat "+dir+"/rows\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	const good = `{"report":[{"lv":[{"vg_name":"v","lv_name":"s","lv_attr":"sri-a-s---","lv_size":"1","lv_kernel_major":"7","lv_kernel_minor":"1","data_percent":"50","vg_free":"0","vg_extent_size":"1"}]}]}`
	program(good)
	g := &Guard{volumes: []made{{vg: "v", name: "s", origin: "v/o", dev: unix.Mkdev(7, 1)}}}
	require.NoError(t, g.Whole(t.Context()))
	failed := make(chan error, 1)
	defer g.WatchVolumes(t.Context(), 10*time.Millisecond, func(err error) { failed <- err })()
	program("nonsense") // as of a tool that fails once
	select {
	case err := <-failed:
		t.Fatal(err)
	case <-time.After(100 * time.Millisecond):
	}
	require.ErrorContains(t, g.Whole(t.Context()), "cannot be known")
	program(`{"report":[{"lv":[{"vg_name":"v","lv_name":"s","lv_attr":"sri-I-s---","lv_size":"1","lv_kernel_major":"7","lv_kernel_minor":"1","data_percent":"100.00","vg_free":"0","vg_extent_size":"1"}]}]}`)
	require.EqualError(t, <-failed, "the LVM snapshot v/s of v/o ran full: more was written to v/o meanwhile than there was room for")
	program(`{"report":[{"lv":[]}]}`)
	require.EqualError(t, g.Whole(t.Context()), "the LVM snapshot v/s of v/o is gone")
}

// TestInFilesystem: a part of a filesystem can be mounted, and a part of that captured.
func TestInFilesystem(t *testing.T) {
	for want, p := range map[string]Place{
		"/":          {Dir: "/", Mount: "/", Root: "/"},
		"/etc":       {Dir: "/etc", Mount: "/", Root: "/"},
		"/a/b":       {Dir: "/mnt/x/b", Mount: "/mnt/x", Root: "/a"},
		"/srv/mnt/x": {Dir: "/mnt/x", Mount: "/", Root: "/srv"},
	} {
		require.Equal(t, want, p.inFilesystem())
	}
}
