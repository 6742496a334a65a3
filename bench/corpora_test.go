package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is made is what the name promises, and the same each time.
func TestCorpora(t *testing.T) {
	for name, want := range map[string]struct {
		files       int
		size, space int64 // in all; space is what there is on the disk, about
	}{
		"small":  {200, 200 << 10, 200 * 4096},
		"disks":  {2, 2 * 1536 << 10, 2 * 1536 << 10},
		"big":    {3, 3_000_000, 3_000_000},
		"sparse": {1, 20 << 30, 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := findCorpus(name)
			require.NoError(t, err)
			root := t.TempDir()
			if name == "disks" {
				need(t, "mke2fs")
				f := filepath.Join(root, "f")
				require.NoError(t, os.WriteFile(f, []byte("a file of the tree"), 0o644))
				// Past its last change, so that reading leaves it: see relatime in mount(8).
				require.NoError(t, os.Chtimes(f, time.Now().Add(time.Hour), time.Now()))
			}
			var first []byte
			for range 2 {
				dir, err := c.prepare(t.Context(), t.TempDir(), options{part: 1000, root: root})
				require.NoError(t, err)
				files, size, space, head := 0, int64(0), int64(0), []byte(nil)
				require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					info, err := d.Info()
					if err != nil {
						return err
					}
					files, size, space = files+1, size+info.Size(), space+info.Sys().(*syscall.Stat_t).Blocks*512
					if info.Size() < 10<<20 {
						b, err := os.ReadFile(name)
						head = append(head, b...)
						return err
					}
					return nil
				}))
				require.Equal(t, want.files, files)
				require.Equal(t, want.size, size)
				require.InDelta(t, want.space, space, float64(want.space)/2+1<<16)
				require.True(t, first == nil || bytes.Equal(first, head), "differs the second time")
				first = head
			}
		})
	}
}

func TestCorpusStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range corpora[1:] {
		_, err := c.prepare(ctx, t.TempDir(), options{part: 1, root: t.TempDir()})
		require.ErrorIs(t, err, context.Canceled, c.name)
	}
}
