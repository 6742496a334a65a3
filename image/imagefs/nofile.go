package imagefs

import (
	"io/fs"

	"image-capture/entry"
)

// NoFileError is that a name of an image leads to no regular file.
type NoFileError struct {
	Link string     // the target, where the name is a link; else empty
	Type entry.Type // of what is there; Symlink where the link leads to nothing
}

func (e *NoFileError) Error() string {
	kind := map[entry.Type]string{
		entry.Dir: "a directory", entry.FIFO: "a FIFO", entry.BlockDevice: "a block device", entry.CharDevice: "a character device",
	}[e.Type]
	switch {
	case e.Type == entry.Symlink:
		return "it is a link to " + e.Link + ", which the image does not have"
	case e.Link != "":
		return "it is a link to " + e.Link + ", " + kind + ", and has no content"
	}
	return "it is " + kind + ", and has no content"
}

// Is makes a link that leads to nothing fs.ErrNotExist.
func (e *NoFileError) Is(target error) bool {
	return e.Type == entry.Symlink && target == fs.ErrNotExist
}
