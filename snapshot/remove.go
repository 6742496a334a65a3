package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// removeTries is how often the removal of a volume is tried: that it is not in use any
// more takes the kernel, and udev, a moment.
const removeTries = 10

// removeVolume removes a snapshot of LVM, as VG/LV.
func (h Host) removeVolume(ctx context.Context, volume string) error {
	var err error
	for range removeTries {
		if !h.hasVolume(ctx, volume) {
			return nil
		}
		if _, err = h.tool(ctx, nil, "lvremove", "-f", volume); err == nil {
			return nil
		}
		time.Sleep(300 * time.Millisecond)
	}
	return err
}

// hasVolume is true also when that cannot be found out: the removal then says why.
func (h Host) hasVolume(ctx context.Context, volume string) bool {
	vg := filepath.Dir(volume)
	out, err := h.tool(ctx, nil, "lvs", "--noheadings", "-o", "lv_name", vg)
	if err != nil {
		return true
	}
	for name := range strings.FieldsSeq(out) {
		if name == filepath.Base(volume) {
			return true
		}
	}
	return false
}
