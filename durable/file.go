// Package durable writes local files that are whole or not there: a file has a temp
// name beside its own until Commit, which syncs it, renames it and syncs the folder.
// What is no regular file (a device, a FIFO) has no such place and is written as it
// goes.
package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// File appears under its name only when it is whole.
type File struct {
	*os.File
	path string
	// InPlace is set when the path is a device or a FIFO, which is written as it goes.
	InPlace bool
	done    bool
}

// ExistsError says that a name is taken.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string { return e.Path + " exists" }

// PlaceError says that there can be no file of that name.
type PlaceError struct {
	Path    string
	Problem Problem
	err     error
}

// Problem is what is wrong with a place.
type Problem uint8

// The problems.
const (
	IsDir       Problem = iota + 1 // a directory has the name
	LeadsNoPath                    // a symbolic link to nowhere has it
	NoDir                          // the directory that it should be in cannot be looked at
)

func (e *PlaceError) Error() string { return e.err.Error() }

// Unwrap returns the error of the kernel, if there was one.
func (e *PlaceError) Unwrap() error { return e.err }

// Create begins a file. One that exists is not replaced unless overwrite is set: then
// a symbolic link stays, and what it leads to is replaced. An image holds what only
// root may read, so only the owner may read the file. The error is an ExistsError, a
// PlaceError, or one of the kernel.
func Create(path string, overwrite bool) (*File, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, &PlaceError{path, IsDir, fmt.Errorf("%s is a directory", path)}
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &File{File: f, path: path, InPlace: true}, nil
	case err == nil && !overwrite:
		return nil, &ExistsError{path}
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if to, err := os.Readlink(path); err == nil {
		return nil, &PlaceError{path, LeadsNoPath, fmt.Errorf("%s is a link to %s, which does not exist", path, to)}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, &PlaceError{path, NoDir, fmt.Errorf("%s: %w", path, err)}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+shorten(filepath.Base(path))+".*.tmp")
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path}, nil
}

// shorten leaves room for what a temp file's name has more.
func shorten(name string) string { return name[:min(len(name), 200)] }

// IDs are the inodes that belong to this file: the one being written, and the
// one that it will replace.
func (f *File) IDs() []entry.FileID {
	var ids []entry.FileID
	if !f.InPlace {
		if id, ok := ID(f.File); ok {
			ids = append(ids, id)
		}
	}
	if old, err := os.Open(f.path); err == nil && !f.InPlace {
		if id, ok := ID(old); ok {
			ids = append(ids, id)
		}
		old.Close()
	}
	return ids
}

// ID names the inode of an open file.
func ID(f *os.File) (entry.FileID, bool) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return entry.FileID{}, false
	}
	return entry.FileID{Dev: st.Dev, Ino: st.Ino}, true
}

// Commit makes the file durable and gives it its name.
func (f *File) Commit() error {
	f.done = true
	if f.InPlace {
		return f.Close()
	}
	err := f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(filepath.Dir(f.path))
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

// Discard drops the file unless it was committed.
func (f *File) Discard() {
	if f == nil || f.done {
		return
	}
	f.done = true
	f.Close()
	if !f.InPlace {
		os.Remove(f.Name())
	}
}

// Fill writes the whole file by write, and commits it.
func (f *File) Fill(write func(io.Writer) error) error {
	defer f.Discard()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return f.Commit()
}

// Write writes a whole file by write.
func Write(path string, overwrite bool, write func(io.Writer) error) error {
	f, err := Create(path, overwrite)
	if err != nil {
		return err
	}
	return f.Fill(write)
}

// Temp makes a file without a name in TMPDIR; where there is no room for one,
// such as on a read-only root, in memory.
func Temp(dir string) (*os.File, error) {
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
		return nil, fmt.Errorf("cannot make a temp file in %s: %w", dir, err)
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}
