package rootfs

import (
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

// warm reads a part of a file into the page cache, without read-ahead.
func warm(t *testing.T, name string, off, length int64) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM))
	_, err = f.ReadAt(make([]byte, length), off)
	require.NoError(t, err)
}

const mib = 1 << 20

// readAll reads every file of a walk, as a capture does.
func readAll(t *testing.T, r *Root) {
	t.Helper()
	require.NoError(t, r.Walk(t.Context(), WalkOptions{}, func(n Node) error {
		defer n.Release()
		if n.Path == "./asked" {
			n.Cached()
			n.WillNeed(func(int64) int64 { return mib })
		}
		var e entry.Entry
		c, _, err := n.Read(&e)
		require.NoError(t, err)
		if c == nil {
			return nil
		}
		defer c.Close()
		if n.Path == "./sparse" {
			_, err := c.Data(e.Size)
			require.NoError(t, err)
		}
		for off := int64(0); off < e.Size; off += mib {
			_, err := c.ReadAt(make([]byte, min(mib, e.Size-off)), off)
			require.NoError(t, err)
		}
		return nil
	}))
}

// TestPageCache: reading all leaves in the page cache what was there, and no more: of
// files that are read at once or in pieces, after the kernel was asked to read ahead, after
// the check looked, with holes; by the kernel's own means, and without. A busy machine gives
// up pages by itself, so that too few count only if it is so each time.
func TestPageCache(t *testing.T) {
	err := unix.Cachestat(0, &unix.CachestatRange{}, &unix.Cachestat_t{}, 0)
	roottest.Need(t, err != unix.ENOSYS, "cachestat(2), which is in Linux from 6.5 on")
	for _, fs := range []string{"ext4", "xfs", "btrfs"} {
		for _, own := range []bool{false, true} {
			t.Run(map[bool]string{false: fs, true: fs + ", no RWF_DONTCACHE"}[own], func(t *testing.T) {
				lost := map[string]int{}
				for range 10 {
					if lost = lostPages(t, fs, own); len(lost) == 0 {
						return
					}
				}
				require.Empty(t, lost, "pages that are gone from the page cache")
			})
		}
	}
}

// lostPages reads all of a filesystem with some of its files in the page cache, and returns
// how many of their pages are not there after it; more than before fail the test.
func lostPages(t *testing.T, fs string, own bool) map[string]int {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	onLoop(t, dir, 320*mib, fs)
	files := map[string]int{"small": 5000, "cold": 20 * mib, "warm": 12 * mib, "half": 12 * mib, "asked": 3 * mib, "checked": mib, "small-warm": 5000, "sparse": 3 * mib}
	for name, size := range files {
		uncached(t, dir+"/"+name, size)
	}
	require.NoError(t, unix.Truncate(dir+"/sparse", 8*mib))
	warmed := map[string]int{"warm": 12 * mib, "half": 6*mib + 128<<10, "small-warm": 5000}
	for name, size := range warmed {
		warm(t, dir+"/"+name, 0, int64(size))
	}
	before := map[string]int{}
	for name := range files {
		before[name] = resident(t, dir+"/"+name)
	}
	require.Zero(t, before["cold"])

	r := open(t, dir)
	if own {
		r.noDontCache.Store(device(t, dir), true)
	}
	f, err := r.FS().Open("checked")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	readAll(t, r)
	lost := map[string]int{}
	for name, pages := range before {
		after := resident(t, dir+"/"+name)
		require.LessOrEqual(t, after, pages, name)
		if n := max(pages, (warmed[name]+4095)/4096) - after; n > 0 {
			lost[name] = n
		}
	}
	return lost
}

func device(t *testing.T, name string) uint64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(name, &st))
	return st.Dev
}

// TestPageCacheOverlay: overlayfs knows nothing of what is cached of the file below, and
// passes advice on to it.
func TestPageCacheOverlay(t *testing.T) {
	dir := made(t, "over/")
	require.NoError(t, os.Mkdir(dir+"/under", 0o755))
	onLoop(t, dir+"/under", 32*mib, "ext4", "-F")
	fill(t, dir+"/under", "lower/", "upper/", "work/")
	require.NoError(t, os.WriteFile(dir+"/under/lower/file", make([]byte, 3*mib), 0o600))
	mount(t, "overlay", dir+"/over", "overlay", 0, "lowerdir="+dir+"/under/lower,upperdir="+dir+"/under/upper,workdir="+dir+"/under/work")
	require.NoError(t, exec.Command("sync", "-f", dir+"/under").Run())
	lost := 1
	for try := 0; lost > 0 && try < 10; try++ {
		warm(t, dir+"/over/file", 0, 3*mib)
		readAll(t, open(t, dir+"/over"))
		lost = 3*mib/4096 - resident(t, dir+"/over/file")
	}
	require.Zero(t, lost, "pages that are gone from the page cache")
}
