package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// deleteSubvolume deletes a snapshot of btrfs. The kernel does so even while it is read:
// whoever holds it finds it empty.
func (h Host) deleteSubvolume(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := h.tool(ctx, nil, "btrfs", "subvolume", "delete", path)
	return err
}

// removeVolume removes a snapshot of LVM. LVM refuses while it is in use, as for a moment
// after the last file of it was closed, or while udev looks at what is new.
func (h Host) removeVolume(ctx context.Context, name string) error {
	for try := 0; ; try++ {
		_, err := h.tool(ctx, nil, "lvremove", name, "-f", "-y", "-A", "n")
		var tool *ToolError
		switch {
		case !errors.As(err, &tool):
			return err
		case strings.Contains(tool.Text, "Failed to find logical volume"):
			return nil
		case try == 10 || !strings.Contains(tool.Text, "in use"):
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}
