package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
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
