package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// localFile is a file that appears under its name only when it is whole: a temp
// file beside it until commit.
type localFile struct {
	path string
	f    *os.File
	// inPlace is set when path is a device, a FIFO or stdout, which is written as it
	// goes.
	inPlace bool
	done    bool
}

// createFile begins a file. One that exists is not replaced unless overwrite is
// set. An image holds what only root may read, so only the owner may read it.
func createFile(path string, overwrite bool) (*localFile, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, usagef("name a file in it", "%s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &localFile{path: path, f: f, inPlace: true}, nil
	case err == nil && !overwrite:
		return nil, &failure{exitTaken, fmt.Errorf("%s exists", path), "use another name, or --overwrite to replace it"}
	case err == nil:
		// A link to the file stays a link.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if to, err := os.Readlink(path); err == nil {
		return nil, usagef("mount what it leads to, or name another file", "%s is a link to %s, which does not exist", path, to)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, usagef("make the directory first", "%s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+shorten(filepath.Base(path))+".*.tmp")
	if err != nil {
		return nil, err
	}
	return &localFile{path: path, f: f}, nil
}

// shorten leaves room for what a temp file's name has more.
func shorten(name string) string { return name[:min(len(name), 200)] }

func (l *localFile) Write(p []byte) (int, error) { return l.f.Write(p) }

// ids are the inodes that belong to this file: the one being written, and the
// one that it will replace.
func (l *localFile) ids() []entry.FileID {
	var ids []entry.FileID
	if !l.inPlace {
		if id, ok := fileID(l.f); ok {
			ids = append(ids, id)
		}
	}
	if old, err := os.Open(l.path); err == nil && !l.inPlace {
		if id, ok := fileID(old); ok {
			ids = append(ids, id)
		}
		old.Close()
	}
	return ids
}

func fileID(f *os.File) (entry.FileID, bool) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return entry.FileID{}, false
	}
	return entry.FileID{Dev: st.Dev, Ino: st.Ino}, true
}

// commit makes the file durable and gives it its name.
func (l *localFile) commit() error {
	l.done = true
	if l.inPlace {
		return l.f.Close()
	}
	err := l.f.Sync()
	if cerr := l.f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(l.f.Name(), l.path)
	}
	if err != nil {
		os.Remove(l.f.Name())
		return err
	}
	return syncDir(filepath.Dir(l.path))
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some network filesystems cannot; the file is there all the same.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// discard drops the file unless it was committed.
func (l *localFile) discard() {
	if l == nil || l.done {
		return
	}
	l.done = true
	l.f.Close()
	if !l.inPlace {
		os.Remove(l.f.Name())
	}
}

// fill writes the whole file by write, and commits it.
func (l *localFile) fill(write func(io.Writer) error) error {
	defer l.discard()
	if err := write(l); err != nil {
		return fmt.Errorf("write %s: %w", l.path, err)
	}
	return l.commit()
}

// writeFile writes a whole file by write.
func writeFile(path string, overwrite bool, write func(io.Writer) error) error {
	f, err := createFile(path, overwrite)
	if err != nil {
		return err
	}
	return f.fill(write)
}

// tempFile makes a file without a name in TMPDIR; where there is no room for one,
// such as on a read-only root, in memory.
func tempFile(dir string) (*os.File, error) {
	if dir == "" {
		dir = "/tmp"
	}
	fd, err := unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), nil
	}
	// Not every filesystem knows O_TMPFILE, and none before Linux 3.11.
	if f, err := os.CreateTemp(dir, "image-capture.*"); err == nil {
		return f, os.Remove(f.Name())
	}
	fd, err = unix.MemfdCreate("image-capture", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("no place for a temp file in %s: %w", dir, err)
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}
