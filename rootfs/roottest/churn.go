package roottest

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Mounted makes a filesystem in a file, and returns the directory where it is mounted
// for the length of the test.
func Mounted(t testing.TB, fstype, size string) string {
	t.Helper()
	NeedRoot(t)
	image := filepath.Join(t.TempDir(), "disk")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	err = exec.Command("truncate", "-s", size, image).Run()
	if err == nil {
		err = exec.Command("mkfs."+fstype, "-q", image).Run()
	}
	if err == nil {
		err = exec.Command("mount", "-o", "loop", image, dir).Run()
	}
	Need(t, err == nil, "mkfs."+fstype+", loop devices and "+fstype+" in the kernel")
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// churnBlocks is how many blocks a churned file has.
const churnBlocks = 8

// Churn writes to a file until the test ends: block after block, each with one number in
// all of it, and all with the next number when the last block has this one. So a content
// is of one moment when no number stands after a lower one, and there are two at most;
// see Torn. block is the bytes of one.
func Churn(t testing.TB, path string, block int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	buf := make([]byte, block)
	write := func(n uint64, i int) error {
		for at := 0; at < block; at += 8 {
			binary.LittleEndian.PutUint64(buf[at:], n)
		}
		_, err := f.WriteAt(buf, int64(i*block))
		return err
	}
	for i := range churnBlocks {
		require.NoError(t, write(1, i))
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer f.Close()
		for n := uint64(2); ; n++ {
			for i := range churnBlocks {
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Microsecond):
				}
				if write(n, i) != nil {
					return // the disk is full of clones
				}
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
}

// Torn says how a content of a churned file is of no one moment, or "": that is between
// two writes.
func Torn(content []byte) string { return torn(content, len(content)/churnBlocks) }

// TornPage is Torn for a moment that may be within a write, as that of a power cut: between
// two pages.
func TornPage(content []byte) string { return torn(content, 4096) }

func torn(content []byte, block int) string {
	if len(content) == 0 || len(content)%(8*churnBlocks) != 0 {
		return fmt.Sprintf("it has %d bytes", len(content))
	}
	first, last := uint64(0), uint64(0)
	for i := range len(content) / block {
		n := binary.LittleEndian.Uint64(content[i*block:])
		for at := 0; at < block; at += 8 {
			if k := binary.LittleEndian.Uint64(content[i*block+at:]); k != n {
				return fmt.Sprintf("block %d has %d at its begin and %d at byte %d", i, n, k, at)
			}
		}
		if i == 0 {
			first, last = n, n
		}
		if n > last || n+1 < first {
			return fmt.Sprintf("block %d has %d, after %d and %d", i, n, first, last)
		}
		last = n
	}
	return ""
}
