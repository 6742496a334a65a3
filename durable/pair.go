package durable

import (
	"os"
	"path/filepath"

	"image-capture/entry"

	"golang.org/x/sys/unix"
)

// CommitPair gives an image and the file about it, its MANIFEST, their names, so that
// at no moment a MANIFEST stands beside an image that it is not about: one that is
// replaced goes aside first, then the image gets its name, then the new MANIFEST. When
// the image does not get its name, the old MANIFEST is put back; when only the MANIFEST fails, or
// whole is false as it could not be written, the image stands without one.
//
// Either may be nil. lost says that the MANIFEST has not got its name.
func CommitPair(image, about *File, whole bool) (lost bool, err error) {
	if image == nil || image.InPlace || about == nil || about.InPlace {
		return commitBoth(image, about, whole)
	}
	aside, err := setAside(about)
	if err != nil {
		return true, err
	}
	if err := image.Commit(); err != nil {
		// It may have its name all the same, and then the old MANIFEST is not about it.
		if image.Named() {
			aside.drop()
		} else {
			aside.putBack()
		}
		return true, err
	}
	defer aside.drop()
	if !whole {
		return true, nil
	}
	err = about.Commit()
	return err != nil && !about.Named(), err
}

func commitBoth(image, about *File, whole bool) (lost bool, err error) {
	if image != nil {
		if err := image.Commit(); err != nil {
			return true, err
		}
	}
	if about == nil || !whole {
		return !whole, nil
	}
	err = about.Commit()
	return err != nil && !about.Named(), err
}

// asideFile is a file that gave up its name for a moment.
type asideFile struct {
	path, temp string
	f          *os.File // locked; nil when there was no file
}

// setAside renames what a file will replace to a temp name.
func setAside(about *File) (*asideFile, error) {
	a := &asideFile{path: about.path}
	if !about.overwrite {
		return a, nil
	}
	old, err := os.Open(about.path)
	if os.IsNotExist(err) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	// Locked first, so that nobody takes it for what a dead writer left.
	_ = unix.Flock(int(old.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	temp, err := os.CreateTemp(filepath.Dir(about.path), "."+shorten(filepath.Base(about.path))+".old.*"+entry.TempSuffix)
	if err != nil {
		old.Close()
		return nil, err
	}
	temp.Close()
	if err := os.Rename(about.path, temp.Name()); err != nil {
		os.Remove(temp.Name())
		old.Close()
		return nil, err
	}
	a.temp, a.f = temp.Name(), old
	return a, nil
}

func (a *asideFile) putBack() {
	if a.f != nil {
		_ = renameNew(a.temp, a.path)
		a.f.Close()
	}
}

func (a *asideFile) drop() {
	if a.f != nil {
		os.Remove(a.temp)
		a.f.Close()
	}
}
