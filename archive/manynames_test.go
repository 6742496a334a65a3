package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/archive"
	"image-capture/entry"
)

// TestManyNames captures an inode with more names than ext4 takes: another inode begins
// after 65,000, and GNU tar extracts the image to ext4, where it ends with an error at the
// 65,001st name of one.
func TestManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 65,007 names twice")
	}
	const over = 7
	src, err := os.MkdirTemp("/dev/shm", "names") // tmpfs has no bound
	if err != nil {
		t.Skip("no tmpfs to make so many names on")
	}
	defer os.RemoveAll(src)
	first := filepath.Join(src, "00000")
	require.NoError(t, os.WriteFile(first, []byte("content"), 0o640))
	for i := 1; i < entry.MaxNames+over; i++ {
		if err := os.Link(first, filepath.Join(src, fmt.Sprintf("%05d", i))); err != nil {
			t.Skip(err)
		}
	}
	image, sum, list := capture(t, src, archive.Options{})
	require.Empty(t, sum.Unreadable)
	require.Empty(t, sum.Changed)
	require.Len(t, list, entry.MaxNames+over+1)
	names := map[string]int{}
	ids := map[entry.FileID]int{}
	for _, m := range list[1:] {
		if m.HardLink == "" {
			require.Len(t, m.SHA256, 32, m.Path)
			m.HardLink = m.Path
		}
		names[m.HardLink]++
		ids[m.ID]++
	}
	require.Equal(t, map[string]int{"./00000": entry.MaxNames, "./65000": over}, names)
	require.Len(t, ids, 2, "the MANIFEST counts names by these")

	out := t.TempDir()
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(out, &fs))
	if fs.Type != unix.EXT4_SUPER_MAGIC {
		t.Logf("%s is no ext4: what follows is true on others too", out)
	}
	cmd := exec.Command("tar", "-xzpf", "-", "-C", out)
	cmd.Stdin = bytes.NewReader(image)
	b, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", b)
	var st, again unix.Stat_t
	require.NoError(t, unix.Stat(filepath.Join(out, "64999"), &st))
	require.NoError(t, unix.Stat(filepath.Join(out, "65003"), &again))
	require.EqualValues(t, entry.MaxNames, st.Nlink)
	require.EqualValues(t, over, again.Nlink)
	got, err := os.ReadFile(filepath.Join(out, "65006"))
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
}
