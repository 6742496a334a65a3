package rootfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/rootfs/roottest"
)

func TestSwapPaths(t *testing.T) {
	const text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" +
		"/dev/dm-1                               partition\t2097148\t\t0\t\t-2\n" +
		"/swap.img                               file\t\t4194300\t\t0\t\t-3\n" +
		"/with\\040a\\011blank\\134and\\012more\xff    file\t\t1020\t0\t-4\n" +
		"/gone\\040(deleted)                      file\t\t1020\t0\t-5\n"
	require.Equal(t, []string{"/swap.img", "/with a\tblank\\and\nmore\xff", "/gone (deleted)"}, swapPaths(strings.NewReader(text)))
	require.Empty(t, swapPaths(strings.NewReader("")))
}

func TestUnescapeOctal(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", `a\040b`: "a b", `\134`: `\`, `\134040`: `\040`, `\777`: `\777`, `\08`: `\08`, `\0`: `\0`, `\`: `\`, `\089`: `\089`, `x\040`: "x ", `\377`: "\xff",
	} {
		require.Equal(t, want, unescapeOctal(in), "%q", in)
	}
}

func FuzzUnescapeOctal(f *testing.F) {
	f.Add("a b\t\\\n\xff")
	f.Fuzz(func(t *testing.T, s string) {
		_ = unescapeOctal(s) // whatever it is
		// As seq_path writes it.
		var b strings.Builder
		for _, c := range []byte(s) {
			if strings.IndexByte(" \t\n\\", c) >= 0 {
				fmt.Fprintf(&b, `\%03o`, c)
			} else {
				b.WriteByte(c)
			}
		}
		require.Equal(t, s, unescapeOctal(b.String()))
	})
}

func TestSwapFiles(t *testing.T) {
	privateMounts(t)
	_, err := exec.LookPath("mkswap")
	roottest.Need(t, err == nil, "mkswap")
	// A disk of its own: not every filesystem takes swap files.
	dir := made(t)
	ext4(t, dir)
	swap := filepath.Join(dir, "swap file")
	require.NoError(t, os.WriteFile(swap, make([]byte, 1<<20), 0o600))
	require.NoError(t, exec.Command("mkswap", swap).Run())
	before := SwapFiles()
	out, err := exec.Command("swapon", swap).CombinedOutput()
	roottest.Need(t, err == nil, "the privilege to turn on a swap file: "+string(out))
	t.Cleanup(func() { require.NoError(t, exec.Command("swapoff", swap).Run()) })
	var st unix.Stat_t
	require.NoError(t, unix.Stat(swap, &st))
	require.ElementsMatch(t, append(before, entry.FileID{Dev: st.Dev, Ino: st.Ino}), SwapFiles())
}
