// Package index finds members of an image by its MANIFEST, and reads them without what
// comes before: the MANIFEST says where each frame begins, and where in it an entry does.
//
// What is read is believed only where it agrees with the MANIFEST: the member that is found
// has to be the one that is listed, and its content has to have the digest; links that lead to
// it have to be there, too. So a MANIFEST of another image, or with a wrong index, is an error,
// and never another content than reading all of the image gives.
package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"

	"image-capture/compress"
	"image-capture/entry"
	"image-capture/image/imagefs"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// WrongError is that the image is not what the MANIFEST says.
type WrongError struct {
	Path string // of the member that was looked for; empty where it is of the whole
	Err  error
}

func (e *WrongError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s is not in the image as the MANIFEST lists it: %v", entry.Escape(e.Path), e.Err)
}

func (e *WrongError) Unwrap() error { return e.Err }

// Index is a MANIFEST in which names are looked up. Its memory is that of imagefs for the
// names of an image.
type Index struct {
	open  func() (io.ReadCloser, error)
	facts manifest.Facts
	names *imagefs.FS
	any   bool
}

// New reads a MANIFEST, which open opens each time that it is read.
func New(ctx context.Context, open func() (io.ReadCloser, error)) (*Index, error) {
	x := &Index{open: open}
	err := x.read(func(r *manifest.Reader) error {
		x.facts = r.Facts()
		names, err := imagefs.Read(ctx, r, imagefs.Options{Names: 128 << 20})
		if err == nil {
			x.names = names
			_, _, x.any = r.Place()
		}
		return err
	})
	return x, err
}

func (x *Index) read(do func(*manifest.Reader) error) error { return readManifest(x.open, do) }

func readManifest(open func() (io.ReadCloser, error), do func(*manifest.Reader) error) error {
	in, err := open()
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := manifest.Parse(in)
	if err != nil {
		return err
	}
	return do(r)
}

// Facts are those of the MANIFEST.
func (x *Index) Facts() manifest.Facts { return x.facts }

// Any says whether the MANIFEST has an index.
func (x *Index) Any() bool { return x.any }

// File is a regular file of the image.
type File struct {
	// Member is what the MANIFEST says of it, or of the first name of its inode.
	Member *entry.Member
	codec  compress.Codec
	size   int64 // of the image
	from   start
	steps  int64 // members from there on to pass over
	// via are the links that lead to it, which have to be in the image too.
	via    []*File
	agreed bool // such a one is
}

// start is where a member begins from which others are counted.
type start struct {
	frame entry.Frame
	at    int64 // in the tar
}

// Files looks up files, links to them followed inside the image: names are those of io/fs.
// For each there is a file or an error, which is of fs where the image has no such file.
func (x *Index) Files(names []string) ([]*File, []error, error) {
	files, errs := make([]*File, len(names)), make([]error, len(names))
	ways := make([][]string, len(names)) // the links and then the file, by paths of the archive
	wanted := map[string]*File{}
	for i, name := range names {
		passed := &passing{FS: x.names}
		real, err := rootfs.Follow(passed).Real(name)
		if err != nil {
			if link := x.link(name); link != "" && errors.Is(err, fs.ErrNotExist) {
				err = &fs.PathError{Op: "open", Path: name, Err: &imagefs.NoFileError{Link: link, Type: entry.Symlink}}
			}
			errs[i] = err
			continue
		}
		ways[i] = append(passed.links, archived(real))
		for _, path := range ways[i] {
			wanted[path] = &File{}
		}
	}
	found, err := x.all(wanted)
	if err != nil {
		return nil, nil, err
	}
	for i, way := range ways {
		if errs[i] == nil {
			files[i], errs[i] = x.file(names[i], way, found)
		}
	}
	return files, errs, nil
}

// all finds paths in the MANIFEST, and the first names of inodes that they are other names of.
func (x *Index) all(wanted map[string]*File) (map[string]*File, error) {
	if err := x.locate(wanted); err != nil {
		return nil, err
	}
	firsts := map[string]*File{}
	for _, f := range wanted {
		if f.Member != nil && f.Member.HardLink != "" && wanted[f.Member.HardLink] == nil {
			firsts[f.Member.HardLink] = &File{}
		}
	}
	if len(firsts) > 0 {
		if err := x.locate(firsts); err != nil {
			return nil, err
		}
	}
	maps.Copy(wanted, firsts)
	return wanted, nil
}

// file is the last of a way, of which the others are links.
func (x *Index) file(name string, way []string, found map[string]*File) (*File, error) {
	var via []*File
	var f *File
	for _, path := range way {
		if f != nil {
			via = append(via, f)
		}
		if f = found[path]; f.Member != nil && f.Member.HardLink != "" {
			via = append(via, f)
			f = found[f.Member.HardLink]
		}
		if f.Member == nil || f.Member.HardLink != "" {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	if f.Member.Type != entry.File {
		return nil, &fs.PathError{Op: "open", Path: name, Err: &imagefs.NoFileError{Link: x.link(name), Type: f.Member.Type}}
	}
	c := *f
	c.via = via
	return &c, nil
}

// passing notes the links that are followed.
type passing struct {
	*imagefs.FS
	links []string // paths of the archive
}

func (p *passing) ReadLink(name string) (string, error) {
	p.links = append(p.links, archived(name))
	return p.FS.ReadLink(name)
}

// link is the target of a name that is a link; empty for others.
func (x *Index) link(name string) string {
	target, err := x.names.Follow().ReadLink(name)
	if err != nil {
		return ""
	}
	return target
}

// locate finds paths in the MANIFEST.
func (x *Index) locate(wanted map[string]*File) error {
	return x.read(func(r *manifest.Reader) error {
		var from start
		steps, known := int64(0), false
		left := len(wanted)
		for left > 0 {
			m, err := r.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			steps++
			if frame, at, ok := r.Place(); ok && at >= 0 {
				from, steps, known = start{frame, at}, 0, true
			}
			f := wanted[m.Path]
			if f == nil {
				continue
			}
			left--
			f.Member, f.codec, f.size = m, codecs[x.facts.Format], x.facts.Size
			f.from, f.steps = from, steps
			if !known {
				f.steps = -1
			}
		}
		return nil
	})
}

var codecs = map[manifest.Format]compress.Codec{manifest.TGZ: compress.Gzip, manifest.TarZst: compress.Zstd, manifest.Tar: compress.None}

// archived is the path in an archive of a name of io/fs.
func archived(name string) string {
	if name == "." {
		return name
	}
	return "./" + strings.TrimPrefix(name, "./")
}
