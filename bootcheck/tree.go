package bootcheck

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// The bounds of one look. Real files that the rules read are far smaller: the
// largest, a generated grub.cfg, has tens of KiB; /boot and /etc have hundreds
// of names.
const (
	maxFile = 1 << 20 // bytes read of a file
	maxDir  = 4096    // names looked at in a directory
	maxHops = 40      // symbolic links followed; the kernel's own limit
)

// trouble is a path that could not be judged, and why.
type trouble struct {
	name, problem string
}

// tree looks at the image through bounds. Its methods say false or nothing for
// a path that is not there; one that is there and cannot be read is added to
// troubles too.
type tree struct {
	fsys     fs.FS
	troubles []trouble

	// What many rules ask for.
	commands    memo[[]string]
	commandText memo[[]bootLine]
	defaults    memo[grubDefaults]
	blsEntries  memo[[]bootEntry]
	versions    memo[[]kernel]
}

// memo is what was found out once, and the troubles on the way: each rule that asks has
// them.
type memo[T any] struct {
	known    bool
	value    T
	troubles []trouble
}

// get returns the value; find is called the first time.
func (m *memo[T]) get(t *tree, find func() T) T {
	if !m.known {
		before := t.troubles
		t.troubles = nil
		m.known, m.value = true, find()
		m.troubles, t.troubles = t.troubles, before
	}
	for _, n := range m.troubles {
		t.note(n.name, n.problem)
	}
	return m.value
}

// note adds a trouble, once: several looks may stumble over the same path.
func (t *tree) note(name, problem string) {
	if n := (trouble{name, problem}); !slices.Contains(t.troubles, n) {
		t.troubles = append(t.troubles, n)
	}
}

// troubled says whether there is a trouble with name.
func (t *tree) troubled(name string) bool {
	return slices.ContainsFunc(t.troubles, func(n trouble) bool { return n.name == name })
}

// missing notes err, unless it only says that the path is not there.
func (t *tree) missing(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return
	}
	// The path is the finding's; only the reason is wanted.
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	t.note(name, "cannot be read: "+err.Error())
}

// stat follows links.
func (t *tree) stat(name string) (fs.FileInfo, bool) {
	info, err := fs.Stat(t.fsys, name)
	if err != nil {
		t.missing(name, err)
		return nil, false
	}
	return info, true
}

// lstat does not follow the last component.
func (t *tree) lstat(name string) (fs.FileInfo, bool) {
	info, err := fs.Lstat(t.fsys, name)
	if err != nil {
		t.missing(name, err)
		return nil, false
	}
	return info, true
}

// link returns the target of the symbolic link name; false for all else.
func (t *tree) link(name string) (string, bool) {
	info, ok := t.lstat(name)
	if !ok || info.Mode().Type() != fs.ModeSymlink {
		return "", false
	}
	target, err := fs.ReadLink(t.fsys, name)
	if err != nil {
		t.missing(name, err)
		return "", false
	}
	return target, true
}

// isDir says whether name is, or leads to, a directory.
func (t *tree) isDir(name string) bool {
	info, ok := t.stat(name)
	return ok && info.IsDir()
}

// isFile says whether name is, or leads to, a regular file.
func (t *tree) isFile(name string) bool {
	info, ok := t.stat(name)
	return ok && info.Mode().IsRegular()
}

// isFilled says whether name is, or leads to, a regular file with a content.
func (t *tree) isFilled(name string) bool {
	info, ok := t.stat(name)
	return ok && info.Mode().IsRegular() && info.Size() > 0
}

// isProgram says whether name is, or leads to, a regular file that somebody
// may execute.
func (t *tree) isProgram(name string) bool {
	info, ok := t.stat(name)
	return ok && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// read returns the content of a regular file of at most maxFile bytes.
func (t *tree) read(name string) ([]byte, bool) {
	data, ok := t.head(name, maxFile+1)
	if len(data) > maxFile {
		t.note(name, fmt.Sprintf("is longer than %d bytes and was not read", maxFile))
		return nil, false
	}
	return data, ok
}

// head returns at most the first n bytes of a regular file.
func (t *tree) head(name string, n int64) ([]byte, bool) {
	// Opening a FIFO waits for its writer, and opening a device may do
	// anything: look first.
	info, ok := t.stat(name)
	if !ok || !t.regular(name, info) {
		return nil, false
	}
	f, err := t.fsys.Open(name)
	if err != nil {
		t.missing(name, err)
		return nil, false
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		t.missing(name, err)
		return nil, false
	}
	if !t.regular(name, info) { // replaced in between
		return nil, false
	}
	data, err := io.ReadAll(io.LimitReader(f, n))
	if err != nil {
		t.missing(name, err)
		return nil, false
	}
	return data, true
}

// regular says whether info is of a regular file, and notes what it is if not.
func (t *tree) regular(name string, info fs.FileInfo) bool {
	kind := "of an unknown type"
	switch info.Mode().Type() {
	case 0:
		return true
	case fs.ModeDir:
		kind = "a directory"
	case fs.ModeNamedPipe:
		kind = "a FIFO"
	case fs.ModeSocket:
		kind = "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		kind = "a device"
	}
	t.note(name, "is "+kind+", not a regular file")
	return false
}

// list returns the names in a directory, sorted by bytes.
func (t *tree) list(name string) []string {
	if !t.isDir(name) {
		return nil
	}
	entries, err := fs.ReadDir(t.fsys, name)
	if err != nil {
		t.missing(name, err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	if len(names) > maxDir {
		t.note(name, fmt.Sprintf("has %d names, only the first %d were looked at", len(names), maxDir))
		names = names[:maxDir]
	}
	return names
}

// fold returns the path of name in dir, in whichever case it is written there,
// and "" when there is none. It is for /boot/efi: vfat ignores case.
func (t *tree) fold(dir, name string) string {
	for _, n := range t.list(dir) {
		if strings.EqualFold(n, name) {
			return path.Join(dir, n)
		}
	}
	return ""
}

// absoluteLink returns the first link with an absolute target on the way from
// name through its links, or "". Links among the parent directories are not
// looked at.
func (t *tree) absoluteLink(name string) string {
	for range maxHops {
		target, ok := t.link(name)
		if !ok {
			return ""
		}
		if path.IsAbs(target) {
			return name
		}
		name = inRoot(path.Dir(name), target)
	}
	return ""
}

// inRoot joins a link's target to the directory that the link is in. By text
// only: links among the directories of target are not followed.
func inRoot(dir, target string) string {
	if !path.IsAbs(target) {
		target = path.Join("/", dir, target)
	}
	if name := strings.TrimPrefix(path.Clean(target), "/"); name != "" {
		return name
	}
	return "."
}
