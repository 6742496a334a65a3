package bootcheck

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"image-capture/entry"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// image is a tree in memory with the links of a real one: they are followed
// inside the root, as the contract of the package wants it from an fs.FS.
type memTree map[string]*node

type node struct {
	mode fs.FileMode
	data []byte
	size int64 // of a file without data, which reads as zeros
	err  error // of each access
}

// add puts the files of a txtar archive into the image. A name is
//
//	path                  a file, mode 0644
//	path/                 an empty directory
//	path -> target        a symbolic link
//	path [word ...]       with: 0755, fifo, char, socket, deny, fill (the file
//	                      has some content), size=N (N zeros), elf=62 (a
//	                      program of that e_machine), elfbe=22 (big endian),
//	                      raw (the text is a quoted Go string), gone (taken
//	                      away, with all below it), drivers=.ko.xz (the lines
//	                      of modules.dep for the usual drivers, before the
//	                      text), initramfs=V (a cpio archive with these of
//	                      kernel V; a line "NAME: TEXT" adds a file to it),
//	                      uki (a PE file with the text in its section .cmdline)
//
// in which "\xff" and the like stand for bytes.
func (img memTree) add(t testing.TB, ar *txtar.Archive) {
	t.Helper()
	for _, f := range ar.Files {
		name, attrs, _ := strings.Cut(strings.TrimSuffix(f.Name, "]"), " [")
		n := &node{mode: 0o644, data: f.Data}
		if from, to, ok := strings.Cut(name, " -> "); ok {
			name, n = from, &node{mode: fs.ModeSymlink | 0o777, data: []byte(to)}
		}
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			name, n = dir, &node{mode: fs.ModeDir | 0o755}
		}
		if strings.Contains(name, `\`) {
			var err error
			name, err = strconv.Unquote(`"` + name + `"`)
			require.NoError(t, err)
		}
		for attr := range strings.FieldsSeq(attrs) {
			key, value, _ := strings.Cut(attr, "=")
			number, _ := strconv.ParseUint(value, 0, 32)
			switch key {
			case "fifo":
				n.mode = fs.ModeNamedPipe | 0o644
			case "char":
				n.mode = fs.ModeDevice | fs.ModeCharDevice | 0o644
			case "socket":
				n.mode = fs.ModeSocket | 0o644
			case "deny":
				n.err = syscall.EACCES
			case "fill":
				n.data = []byte("content\n")
			case "size":
				n.size = int64(number)
			case "elf":
				n.mode, n.data = 0o755, elf(uint16(number), binary.LittleEndian)
			case "elfbe":
				n.mode, n.data = 0o755, elf(uint16(number), binary.BigEndian)
			case "raw":
				text, err := strconv.Unquote(strings.TrimSpace(string(f.Data)))
				require.NoError(t, err)
				n.data = []byte(text)
			case "drivers":
				n.data = append(modulesDep(value), f.Data...)
			case "uki":
				n.data = unifiedImage(t, string(f.Data))
			case "initramfs":
				n.data = cpio(t, value, string(f.Data))
			case "gone":
				n = nil
			default:
				mode, err := strconv.ParseUint(attr, 8, 32)
				require.NoError(t, err, "attribute %q of %s", attr, f.Name)
				n.mode = n.mode.Type() | fs.FileMode(mode)
			}
		}
		for old := range img {
			if old == name || strings.HasPrefix(old, name+"/") && n == nil {
				delete(img, old)
			}
		}
		if n == nil {
			continue
		}
		img[name] = n
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if img[dir] == nil {
				img[dir] = &node{mode: fs.ModeDir | 0o755}
			}
		}
	}
}

// entries goes through the tree.
func (img memTree) entries() *Entries {
	e := &Entries{}
	types := map[fs.FileMode]entry.Type{0: entry.File, fs.ModeDir: entry.Dir, fs.ModeSymlink: entry.Symlink, fs.ModeNamedPipe: entry.FIFO, fs.ModeSocket: entry.Socket, fs.ModeDevice | fs.ModeCharDevice: entry.CharDevice}
	for _, name := range slices.Sorted(maps.Keys(img)) {
		n := img[name]
		e.Add(&entry.Member{Entry: entry.Entry{Path: "./" + name, Type: types[n.mode.Type()], Perm: uint32(n.mode.Perm()), Size: max(n.size, int64(len(n.data))), Nlink: 1}})
	}
	return e
}

// elf returns the header of a 64-bit program, as far as it is read.
func elf(machine uint16, order binary.ByteOrder) []byte {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	if order == binary.BigEndian {
		head[5] = 2
	}
	order.PutUint16(head[18:], machine)
	return head
}

// parse returns the image of a txtar text.
func parse(t testing.TB, text string) memTree {
	t.Helper()
	img := memTree{}
	img.add(t, txtar.Parse([]byte(text)))
	return img
}

// find resolves name from the root, the last component only if follow is set.
func (img memTree) find(op, name string, follow bool) (*node, string, error) {
	fail := func(err error) (*node, string, error) {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	todo, at, hops := strings.Split(name, "/"), ".", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		if parent := img[at]; at != "." && !parent.mode.IsDir() {
			return fail(syscall.ENOTDIR)
		}
		next := path.Join(at, part)
		n := img[next]
		switch {
		case n == nil:
			return fail(fs.ErrNotExist)
		case n.err != nil:
			return fail(n.err)
		case n.mode.Type() == fs.ModeSymlink && (follow || len(todo) > 0):
			if hops++; hops > 40 {
				return fail(syscall.ELOOP)
			}
			target := string(n.data)
			if path.IsAbs(target) {
				at = "."
			}
			todo = append(strings.Split(target, "/"), todo...)
		default:
			at = next
		}
	}
	if at == "." {
		return &node{mode: fs.ModeDir | 0o755}, at, nil
	}
	return img[at], at, nil
}

func (img memTree) Open(name string) (fs.File, error) {
	n, at, err := img.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if t := n.mode.Type(); t != 0 && t != fs.ModeDir {
		panic("opened " + name + ", which is not a regular file")
	}
	// MapFS knows how to be a file; it only needs to have one, by its real name.
	data := n.data
	if n.size > 0 {
		data = make([]byte, n.size)
	}
	f, err := fstest.MapFS{at: {Data: data, Mode: n.mode}}.Open(at)
	w := Wants(at)
	unusual := at != name && w == Wanted{}
	if n.mode.IsRegular() && !w.Initramfs && !w.Module && !w.Unified && !unusual {
		f = &bounded{f, at, w.Content}
	}
	return f, err
}

// bounded is a file of which no rule reads more than Wants says: an image that is
// read once has no more of it.
type bounded struct {
	fs.File
	name string
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.File.Read(p)
	if b.left -= int64(n); b.left < 0 {
		panic(fmt.Sprintf("%s: a rule reads more of it than Wants says", b.name))
	}
	return n, err
}

func (img memTree) Stat(name string) (fs.FileInfo, error) {
	n, _, err := img.find("stat", name, true)
	return info{path.Base(name), n}, err
}

func (img memTree) Lstat(name string) (fs.FileInfo, error) {
	n, _, err := img.find("lstat", name, false)
	return info{path.Base(name), n}, err
}

func (img memTree) ReadLink(name string) (string, error) {
	n, _, err := img.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if n.mode.Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	return string(n.data), nil
}

func (img memTree) ReadDir(name string) ([]fs.DirEntry, error) {
	_, at, err := img.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	var list []fs.DirEntry
	for name, n := range img {
		if path.Dir(name) == at {
			list = append(list, fs.FileInfoToDirEntry(info{path.Base(name), n}))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

type info struct {
	name string
	node *node
}

func (i info) Name() string       { return i.name }
func (i info) Mode() fs.FileMode  { return i.node.mode }
func (i info) IsDir() bool        { return i.node.mode.IsDir() }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }
func (i info) Size() int64        { return max(i.node.size, int64(len(i.node.data))) }

// text writes findings one a line: level, rule, path, problem, hint, the firmwares
// that it stops, the edit that mends it.
func text(findings []Finding) string {
	var b bytes.Buffer
	for _, f := range findings {
		fmt.Fprintf(&b, "%-4s %s", f.Level, f.Rule)
		if f.Path != "" {
			fmt.Fprintf(&b, " %s", f.Path)
		}
		fmt.Fprintf(&b, ": %s", f.Problem)
		if f.Hint != "" {
			fmt.Fprintf(&b, " [%s]", f.Hint)
		}
		if len(f.Stops) > 0 {
			fmt.Fprintf(&b, " {%s}", strings.Trim(fmt.Sprint(f.Stops), "[]"))
		}
		if len(f.Ends) > 0 {
			fmt.Fprintf(&b, " {ends %s}", strings.Trim(fmt.Sprint(f.Ends), "[]"))
		}
		if f.Fix != nil {
			fmt.Fprintf(&b, " => %s %s", f.Fix.Op, entry.Printable("/"+f.Fix.Path))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// paths writes the steps under each firmware.
func paths(r Report) string {
	var b strings.Builder
	for _, v := range r.Verdicts {
		var list []string
		for _, step := range v.Path {
			text := step.String()
			if step.Answer != Yes {
				text += " (" + string(step.Answer) + ")"
			}
			list = append(list, text)
		}
		fmt.Fprintf(&b, "%s by %s\n", v.Firmware, strings.Join(list, ", "))
	}
	return b.String()
}

// verdicts writes a line for each.
func verdicts(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "deploys: %s [%s]\n", r.Deploys.Answer, r.Deploys.Why)
	for _, v := range r.Verdicts {
		fmt.Fprintf(&b, "%s: %s [%s]\n", v.Firmware, v.Answer, v.Why)
		if v.Later != "" {
			fmt.Fprintf(&b, "%s, later: %s\n", v.Firmware, v.Later)
		}
	}
	return b.String()
}

func TestImageFollowsLinksInsideTheRoot(t *testing.T) {
	img := parse(t, `
-- usr/lib/os-release --
found
-- lib -> /usr/lib --
-- a/up -> ../../../../lib/os-release --
-- loop1 -> loop2 --
-- loop2 -> loop1 --
`)
	data, err := fs.ReadFile(img, "a/up")
	require.NoError(t, err)
	require.Equal(t, "found\n", string(data))
	_, err = img.Stat("loop1")
	require.True(t, errors.Is(err, syscall.ELOOP))
	_, err = img.Stat("lib/os-release/y")
	require.True(t, errors.Is(err, syscall.ENOTDIR))
}
