package image

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"image-capture/entry"
)

// types are those of headers without content.
var types = map[byte]entry.Type{
	'1': 0, '2': entry.Symlink, '3': entry.CharDevice, '4': entry.BlockDevice, '5': entry.Dir, '6': entry.FIFO,
}

// entry makes a member of its headers, and prepares for its content.
func (r *Reader) entry(ext *paxHeader) (*entry.Member, error) {
	m := &entry.Member{At: r.at}
	r.content = content{}
	name := cmp.Or(ext.sparseName, ext.path, r.raw.name())
	var err error
	if m.Path, err = memberPath(name); err != nil {
		return nil, err
	}
	r.name = m.Path
	if err := r.attributes(m, ext); err != nil {
		return nil, err
	}
	size, err := or(ext.size, func() (uint64, error) { return r.raw.count(fieldSize) })
	if err != nil {
		return nil, err
	}
	flag := r.raw.flag()
	switch flag {
	case 0, '0', '7', 'S':
		m.Type = entry.File
		if flag != 'S' && name[len(name)-1] == '/' {
			// As version 7, which had no type for it, told a directory.
			m.Type = entry.Dir
		}
	case '1', '2', '3', '4', '5', '6':
		m.Type = types[flag]
	default:
		return nil, fmt.Errorf("entry of unknown type %q", flag)
	}
	link := cmp.Or(ext.link, r.raw.link())
	switch {
	case flag == '1':
		if m.HardLink, err = memberPath(link); err != nil {
			return nil, fmt.Errorf("hard link: %w", err)
		}
	case m.Type == entry.Symlink:
		if m.Link = link; link == "" {
			return nil, errors.New("symbolic link without a target")
		}
	case m.Type == entry.CharDevice, m.Type == entry.BlockDevice:
		if err := r.device(m, ext); err != nil {
			return nil, err
		}
	case m.Type == entry.File:
		return m, r.file(m, ext, size)
	}
	if size != 0 {
		return nil, fmt.Errorf("%d bytes of content in an entry of type %q, of which tars make different things", size, flag)
	}
	return m, nil
}

// attributes takes what members of all types have.
func (r *Reader) attributes(m *entry.Member, ext *paxHeader) error {
	mode, err := r.raw.count(fieldMode)
	if err != nil {
		return err
	}
	m.Perm = uint32(mode & 0o7777) // some tars write the type of file too
	uid, err := or(ext.uid, func() (uint64, error) { return r.raw.count(fieldUID) })
	if err != nil {
		return err
	}
	gid, err := or(ext.gid, func() (uint64, error) { return r.raw.count(fieldGID) })
	if err != nil {
		return err
	}
	if m.UID, err = id(uid, "uid"); err != nil {
		return err
	}
	if m.GID, err = id(gid, "gid"); err != nil {
		return err
	}
	if ext.mtime != nil {
		m.Mtime = *ext.mtime
	} else if m.Mtime.Sec, err = r.raw.number(fieldMtime); err != nil {
		return err
	}
	m.Xattrs, m.Flags = ext.sortedXattrs(), ext.flags
	return nil
}

func (r *Reader) device(m *entry.Member, ext *paxHeader) error {
	field := func(f field) func() (uint64, error) {
		return func() (uint64, error) {
			if r.raw.dialect() == v7 {
				return 0, errors.New("device without a number")
			}
			return r.raw.count(f)
		}
	}
	major, err := or(ext.major, field(fieldMajor))
	if err != nil {
		return err
	}
	minor, err := or(ext.minor, field(fieldMinor))
	if err != nil {
		return err
	}
	if major > math.MaxUint32 || minor > math.MaxUint32 {
		return fmt.Errorf("device number %d:%d is over 32 bits", major, minor)
	}
	m.Major, m.Minor = uint32(major), uint32(minor)
	return nil
}

// or returns the number of an extended header, else that of the header, which is
// not read then: tars leave there what they like.
func or(n *uint64, header func() (uint64, error)) (uint64, error) {
	if n != nil {
		return *n, nil
	}
	return header()
}
