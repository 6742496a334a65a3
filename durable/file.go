// Package durable writes local files that are whole or not there. A file has a temp
// name beside its own until Commit, which syncs it, renames it and syncs the folder.
// What is not a regular file (a device, a FIFO) has no such place and is written as it
// goes.
//
// A temp file is locked (flock(2)) as long as its writer lives. So two writers of one
// name keep apart, and what a killed one left behind is known, and removed by the next
// that writes to the folder.
package durable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// File appears under its name only when it is whole.
type File struct {
	*os.File
	path      string
	overwrite bool
	// InPlace is set when the path is a device or a FIFO, which is written as it goes.
	InPlace bool
	done    bool
	named   bool // it has its name, whatever failed then
}

// Create begins a file. One that exists is not replaced unless overwrite is set: then
// a symbolic link stays, and what it leads to is replaced. An image holds what only
// root may read, so only the owner may read the file. The error is an ExistsError, a
// BusyError, a PlaceError, one of ctx, or one of the kernel. A FIFO is waited for until
// somebody reads it.
func Create(ctx context.Context, path string, overwrite bool) (*File, error) {
	path, inPlace, err := look(path, overwrite)
	if err != nil {
		return nil, err
	}
	if inPlace != nil {
		f, err := openInPlace(ctx, path, inPlace)
		if err != nil {
			return nil, err
		}
		return &File{File: f, path: path, InPlace: true}, nil
	}
	f, err := createTemp(path)
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path, overwrite: overwrite}, nil
}

// Probe says, without making anything, what Create would refuse, as far as that can be known:
// neither whether somebody else is writing a file of that name, nor whether there is room.
func Probe(path string, overwrite bool) error {
	path, inPlace, err := look(path, overwrite)
	if err != nil {
		return err
	}
	if inPlace != nil {
		if err := unix.Access(path, unix.W_OK); err != nil {
			return &os.PathError{Op: "open", Path: path, Err: err}
		}
		return nil
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// look says what path a file would be made at, or what is written in place there.
func look(path string, overwrite bool) (at string, inPlace os.FileInfo, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "", nil, &PlaceError{path, IsDir, fmt.Errorf("%s is a directory", path)}
	case err == nil && (overwrite || !info.Mode().IsRegular()) && planted(path, info):
		return "", nil, &PlaceError{path, NotOurs, fmt.Errorf("%s is somebody else's, in a directory where all may write", path)}
	case err == nil && !info.Mode().IsRegular():
		return path, info, nil
	case err == nil && !overwrite:
		return "", nil, &ExistsError{path}
	case err == nil:
		at, err = filepath.EvalSymlinks(path)
		return at, nil, err
	case errors.Is(err, unix.ENOTDIR):
		return "", nil, noDir(path, err)
	case !errors.Is(err, os.ErrNotExist):
		return "", nil, err
	}
	if to, err := os.Readlink(path); err == nil {
		return "", nil, &PlaceError{path, LeadsNoPath, fmt.Errorf("%s is a link to %s, which does not exist", path, to)}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return "", nil, noDir(path, err)
	}
	return path, nil, nil
}

// openInPlace opens a device or a FIFO for writing. The kernel would wait for a reader of a
// FIFO, and no signal that a program handles ends that: it is asked now and then, see
// fifo(7).
func openInPlace(ctx context.Context, path string, info os.FileInfo) (*os.File, error) {
	if info.Mode()&os.ModeNamedPipe == 0 {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	for {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			// Who reads slowly makes the capture wait.
			if err := unix.SetNonblock(fd, false); err != nil {
				_ = unix.Close(fd)
				return nil, err
			}
			return os.NewFile(uintptr(fd), path), nil
		case err != unix.ENXIO && err != unix.EINTR:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Look says, without making anything, whether there can be no file of that name: it is a
// directory's, or in none that exists. The error is a PlaceError. "" is no name.
func Look(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &PlaceError{path, IsDir, fmt.Errorf("%s is a directory", path)}
	case errors.Is(err, unix.ENOTDIR):
		return noDir(path, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return noDir(path, err)
	}
	return nil
}

// noDir is the error of a path whose directory cannot be looked at.
func noDir(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return &PlaceError{path, NoDir, &missingDir{path, ": there is no directory " + filepath.Dir(path), err}}
	}
	if errors.Is(err, unix.ENOTDIR) {
		return &PlaceError{path, NotDir, &missingDir{path, " leads through a file", err}}
	}
	return &PlaceError{path, NoDir, fmt.Errorf("%s: %w", path, err)}
}

// Same says whether two names are of one file that is there.
func Same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// planted says whether a file is one that another user may have put there for a
// program of root's to write to: the rule of fs.protected_fifos and
// fs.protected_regular, see proc_sys_fs(5), which are off on many systems.
func planted(path string, info os.FileInfo) bool {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode()&os.ModeSticky == 0 || dir.Mode().Perm()&0o022 == 0 {
		return false
	}
	owner := ownerOf(info)
	return owner != uint32(os.Geteuid()) && owner != ownerOf(dir)
}

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

// Commit makes the file durable and gives it its name. When a file of that name
// appeared since Create, which was not to replace one, the error is an ExistsError.
func (f *File) Commit() error {
	f.done = true
	if f.InPlace {
		return f.Close()
	}
	err := f.called(f.Sync())
	if err == nil {
		err = f.publish()
	}
	if err != nil {
		f.remove()
		return err
	}
	f.named = true
	// The lock ends here, when the file has its name.
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path))
}

// Named says whether the file got its name, whatever failed after that.
func (f *File) Named() bool { return f != nil && f.named }

// publish gives the file its name.
func (f *File) publish() error {
	if f.overwrite {
		return os.Rename(f.Name(), f.path)
	}
	err := renameNew(f.Name(), f.path)
	if errors.Is(err, os.ErrExist) {
		return &ExistsError{f.path}
	}
	return err
}

// renameNew renames a file to a name that nothing has.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.EPERM: // the filesystem, the kernel (before 3.15), a seccomp filter
	default:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
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
	if f.InPlace {
		f.Close()
		return
	}
	f.remove()
}

// remove removes the temp file while it is still locked.
func (f *File) remove() {
	os.Remove(f.Name())
	f.Close()
}

// Fill writes the whole file by write, and commits it.
func (f *File) Fill(write func(io.Writer) error) error {
	defer f.Discard()
	if err := f.Contain(write); err != nil {
		return err
	}
	return f.Commit()
}

// Contain writes the content by write, and leaves the name for Commit.
func (f *File) Contain(write func(io.Writer) error) error {
	err := write(f)
	if of := (*os.PathError)(nil); err == nil || errors.As(err, &of) && of.Path == f.path {
		return err
	}
	return fmt.Errorf("write %s: %w", f.path, err)
}

// Write names the file in its errors as it will be called, and not the temp file, which is
// gone when anybody reads them.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.called(err)
}

func (f *File) called(err error) error {
	if of := (*os.PathError)(nil); errors.As(err, &of) {
		return &os.PathError{Op: of.Op, Path: f.path, Err: of.Err}
	}
	return err
}

// Write writes a whole file by write.
func Write(path string, overwrite bool, write func(io.Writer) error) error {
	f, err := Create(context.Background(), path, overwrite)
	if err != nil {
		return err
	}
	return f.Fill(write)
}
