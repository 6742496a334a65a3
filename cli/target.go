package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// target looks at the directory that is extracted to before the image is read.
func (o *extractOptions) target() error {
	info, err := os.Stat(o.dir)
	switch {
	case err == nil && !info.IsDir():
		return usagef("name a directory, which is made when it is missing", "-C %s is a file, and no directory", o.dir)
	case err == nil:
		return writable(o.dir)
	case !errors.Is(err, os.ErrNotExist):
		return beyond(o.dir, err)
	}
	if to, err := os.Readlink(o.dir); err == nil {
		return usagef("mount what the link leads to, or name another directory", "-C %s is a link to %s, which does not exist", o.dir, to)
	}
	parent := filepath.Dir(filepath.Clean(o.dir))
	if info, err := os.Stat(parent); err != nil && !errors.Is(err, os.ErrNotExist) {
		return beyond(o.dir, err)
	} else if err != nil {
		return usagef("mkdir -p "+entry.ShellWord(o.dir), "-C %s: there is no directory %s", o.dir, parent)
	} else if !info.IsDir() {
		return usagef("name a directory, which is made when it is missing", "-C %s: %s is a file, and no directory", o.dir, parent)
	}
	return writable(parent)
}

// beyond is the error of a path that leads through what is no directory, or may not be entered.
func beyond(dir string, err error) error {
	if errors.Is(err, unix.ENOTDIR) {
		return usagef("name a directory, which is made when it is missing", "-C %s leads through a file", dir)
	}
	return err
}

// writable says whether files can be made in a directory.
func writable(dir string) error {
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	if err == nil {
		return nil
	}
	hint := "name another directory"
	if errors.Is(err, os.ErrPermission) {
		hint = "run as root, or name a directory of your own"
	}
	return &failure{ExitFailed, fmt.Errorf("nothing can be written to %s: %w", dir, err), hint}
}
