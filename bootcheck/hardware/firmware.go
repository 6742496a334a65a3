package hardware

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"image-capture/compress"
)

// Firmware returns the names of the files that a module may ask the kernel for,
// in the order of its .modinfo section, as "modinfo -F firmware" prints them.
// Which of them it does ask for depends on the device.
func Firmware(fsys fs.FS, mod Module) ([]string, error) {
	if mod.File == "" {
		return nil, nil
	}
	names, err := firmware(fsys, mod.File)
	if err != nil {
		return nil, fmt.Errorf("firmware of module %s: %w", mod.Name, err)
	}
	return names, nil
}

func firmware(fsys fs.FS, name string) ([]string, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if d, ok := info.Sys().(interface{ Digest() any }); ok {
		switch made := d.Digest().(type) {
		case FirmwareNames:
			return made, nil
		case error:
			return nil, made
		}
	}
	f, err := open(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFirmware(f)
}

// FirmwareNames are what [ReadFirmware] returned, for a view that cannot open
// modules: what [fs.FileInfo.Sys] returns for one may have the method Digest() any,
// which returns them, or the error of their reading.
type FirmwareNames []string

// MayServe says whether a module may be a driver of storage or network, by the path
// that depmod has for it: not those of graphics, sound and the like, which are the
// bulk.
func MayServe(file string) bool {
	if moduleName(file) == "" {
		return false
	}
	below, inTree := strings.CutPrefix(file, "kernel/")
	if !inTree { // updates/, extra/, weak-updates/
		return true
	}
	below, driver := strings.CutPrefix(below, "drivers/")
	if !driver {
		return false
	}
	dir, _, _ := strings.Cut(below, "/")
	return !slices.Contains([]string{"gpu", "media", "iio", "staging", "input", "hwmon", "video"}, dir)
}

// ReadFirmware reads the names from a module's file, packed or not.
func ReadFirmware(f io.Reader) (FirmwareNames, error) {
	r, _, err := compress.Open(f)
	if err != nil {
		return nil, err
	}
	data, err := readAll(r, "module", maxModule)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	info, err := modinfo(data)
	if err != nil {
		return nil, err
	}
	names, seen := FirmwareNames{}, map[string]bool{}
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		value, ok := bytes.CutPrefix(entry, []byte("firmware="))
		if !ok || seen[string(value)] {
			continue
		}
		if len(names) == maxFirmware {
			return nil, fmt.Errorf("it asks for more than %d files", maxFirmware)
		}
		if len(value) > maxAlias {
			return nil, fmt.Errorf("it asks for a file with a name of more than %d bytes", maxAlias)
		}
		seen[string(value)] = true
		names = append(names, string(value))
	}
	return names, nil
}

// HasFirmware says whether the kernel of a version would find a firmware file in
// the tree. Its order of search is that of Documentation/driver-api/firmware,
// each name plain, then packed. It answers yes for a name that is a pattern or
// leads out of the folder: that one is not judged.
func HasFirmware(fsys fs.FS, version, name string) bool {
	if strings.ContainsAny(name, "*?[") || !fs.ValidPath(name) {
		return true
	}
	for _, root := range []string{"usr/lib/firmware", "lib/firmware"} {
		for _, dir := range []string{"updates/" + version, "updates", version, ""} {
			for _, ext := range []string{"", ".zst", ".xz"} {
				info, err := fs.Stat(fsys, path.Join(root, dir, name+ext))
				if err == nil && info.Mode().IsRegular() {
					return true
				}
			}
		}
	}
	return false
}
