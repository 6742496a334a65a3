// Package hardware says which kernel modules a machine asks for, and which of
// them a Linux root has.
//
// A machine is a [Target]: its devices, by modalias, the text by which the
// kernel asks user space for a driver (/sys/devices/.../modalias). It is read
// by [ParseTarget] from a list of modaliases or from DRP's inventory, or by
// [Self] from a /sys tree.
//
// A root has [Modules], the database that depmod(8) writes below
// /usr/lib/modules/V, and a [Config], what modprobe.d(5) and the kernel's
// command line say of them. Looking up follows kmod's
// kmod_module_new_from_lookup: the first of modules.dep, modules.alias,
// modules.builtin, and modules.builtin.modinfo that knows the text answers. Only depmod's text files are read, never its .bin indexes:
// every depmod writes both, with the same content. [Modules.Drivers] knows more
// than modprobe: kernels before Linux 6.18 don't say which devices their
// built-in drivers are for.
//
// All of it is text and code from an image, and may be hostile. A file of the
// database is read up to 16 MiB, one of modprobe.d up to 1 MiB, a kernel module
// up to 64 MiB once unpacked, a target up to 16 MiB and 16384 devices; what is
// longer is an error. A lookup looks at 20 million characters of patterns at
// most, and says so when it needed more. Only regular files are opened.
// Nothing is run, and nothing of the host is looked at.
//
// Not read: soft dependencies and options in modprobe.d, weak-modules, and
// /run/modprobe.d, which is never in an image.
package hardware

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// MaxDatabase is how many bytes of a file of modules.* are read.
const MaxDatabase = 16 << 20

// The other bounds of the package comment.
const (
	maxConf     = 1 << 20  // bytes of a file in modprobe.d
	maxModule   = 64 << 20 // bytes of a kernel module, unpacked
	maxDevices  = 16384    // devices of a target
	maxFirmware = 1024     // firmware files that a module asks for
	maxAlias    = 4096     // bytes of an alias; kmod's own limit, PATH_MAX
	maxSteps    = 20e6     // characters compared for one lookup
)

// errNotRegular is for a name that is there, and is no file to be read.
var errNotRegular = errors.New("not a regular file")

// read returns the content of a regular file of at most limit bytes.
func read(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := open(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

// open opens a regular file. A FIFO would wait for its writer, and a device may
// do anything: it looks first.
func open(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	return fsys.Open(name)
}

// readAll reads r, which name stands for in errors, up to limit bytes.
func readAll(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return data, nil
}

// there says whether err is of a file that exists.
func there(err error) bool { return !errors.Is(err, fs.ErrNotExist) }

// Canonical returns the name that the kernel has for a module: it takes "-" and
// "_" for the same, and tools write either.
func Canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// moduleName returns the canonical name of a module's file, "" when name is not
// that of one.
func moduleName(file string) string {
	base := file[strings.LastIndexByte(file, '/')+1:]
	for _, ext := range []string{".ko", ".ko.xz", ".ko.zst", ".ko.gz"} {
		if name, ok := strings.CutSuffix(base, ext); ok {
			return Canonical(name)
		}
	}
	return ""
}
