package initramfs

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// canonicalPath is how a name is kept, see the comment of the package.
func canonicalPath(name string) string {
	for {
		short := strings.TrimPrefix(strings.TrimLeft(name, "/"), "./")
		if short == name {
			break
		}
		name = short
	}
	if strings.HasPrefix(name, "lib/") {
		return "usr/" + name
	}
	return name
}

// note keeps what a name tells.
func (x *reader) note(name string, h header) error {
	kind := h.mode & typeMask
	for _, g := range generators {
		// sbin/ may be in usr/ too.
		if name == g.mark || name == "usr/"+g.mark || strings.HasSuffix(g.mark, "/") && strings.HasPrefix(name, g.mark) {
			x.marks[g.mark] = true
		}
	}
	if hostOnlyFile(name) {
		x.marks[name] = true
	}
	if kind == typeFile || kind == typeLink {
		if file, ok := strings.CutPrefix(name, "usr/lib/firmware/"); ok {
			file = strings.TrimSuffix(strings.TrimSuffix(file, ".xz"), ".zst")
			x.Firmware = append(x.Firmware, file)
			return x.spend(file)
		}
		if device, ok := waits(name); ok {
			x.Waits = append(x.Waits, device)
			return x.spend(device)
		}
	}
	file, ok := strings.CutPrefix(name, "usr/lib/modules/")
	if !ok {
		return nil
	}
	version, file, below := strings.Cut(file, "/")
	if version == "" || !below && kind != typeDir {
		return nil
	}
	return x.module(version, file, kind == typeFile || kind == typeLink)
}

// module keeps a kernel version, and a module if file is one.
func (x *reader) module(version, file string, isFile bool) error {
	at := slices.Index(x.Versions, version)
	if at < 0 {
		if len(x.Versions) == x.limits.versions {
			return fmt.Errorf("modules of more than %d kernels", x.limits.versions)
		}
		at = len(x.Versions)
		x.Versions = append(x.Versions, strings.Clone(version))
	}
	if _, ko := cutKo(file); !ko || !isFile {
		return nil
	}
	name := strings.Clone(Canonical(file))
	have, known := x.modules[name]
	if slices.Contains(have, version) {
		return nil
	}
	x.modules[name] = append(have, x.Versions[at])
	if known {
		return nil // at most as many versions as there may be
	}
	return x.spend(name)
}

// spend counts a name that is kept.
func (x *reader) spend(name string) error {
	const overhead = 64 // of a string in a list or a map, or a bit more
	if x.names += len(name) + overhead; x.names > x.limits.names {
		return fmt.Errorf("more than %d bytes of names to keep", x.limits.names)
	}
	return nil
}

// hostOnlyFile says whether a file tells by being there that the initramfs is for
// one machine.
func hostOnlyFile(name string) bool {
	return name == "usr/lib/dracut/hostonly-kernel-modules.txt" || name == "usr/lib/dracut/hostonly-files"
}

// waits returns the device that dracut's wait_for_dev was told to wait for: it
// makes a script for each, named by the device with "\x2f" for "/".
func waits(name string) (device string, ok bool) {
	for _, dir := range []string{"usr/lib/dracut/hooks/", "var/lib/dracut/hooks/"} {
		if device, ok = strings.CutPrefix(name, dir+"initqueue/finished/devexists-"); ok {
			return strings.ReplaceAll(strings.TrimSuffix(device, ".sh"), `\x2f`, "/"), true
		}
	}
	return "", false
}

// small are the files whose content is kept.
var small = []string{
	"usr/lib/dracut/hostonly-kernel-modules.txt", "usr/lib/dracut/hostonly-files",
	"usr/lib/dracut/build-parameter.txt", "usr/lib/dracut/modules.txt",
	"cryptroot/crypttab", "etc/crypttab", "etc/fstab",
	"config", "buildconfig", "VERSION",
	// Copies of what tells the source from its clones.
	"etc/machine-id", "etc/iscsi/initiatorname.iscsi", "etc/lvm/lvm.conf", "etc/lvm/lvmlocal.conf",
	"etc/mdadm.conf", "etc/mdadm/mdadm.conf", "etc/multipath/wwids", "etc/multipath/bindings",
}

// isSmall says whether the content of a file is kept.
func isSmall(name string) bool {
	if slices.Contains(small, name) {
		return true
	}
	if file, ok := strings.CutPrefix(name, "conf/conf.d/"); ok {
		return !strings.Contains(file, "/")
	}
	if file, ok := strings.CutPrefix(name, "conf/"); ok {
		return !strings.Contains(file, "/")
	}
	if file, ok := strings.CutPrefix(name, "etc/lvm/devices/"); ok {
		return !strings.Contains(file, "/")
	}
	file, ok := strings.CutPrefix(name, "etc/cmdline.d/")
	return ok && strings.HasSuffix(file, ".conf") && !strings.Contains(file, "/")
}

// maxLinks is how many hard links of one inode a small file may have.
const maxLinks = 16

// wanted says whether the content of a file is to be kept, under its own name or
// one that is a hard link to it: the content comes with the last of them.
func (x *reader) wanted(name string, h header) bool {
	return isSmall(name) || h.links > 1 && len(x.links[h.inode]) > 0
}

// keep reads a small file.
func (a *archive) keep(name string, h header) error {
	x := a.reader
	names := x.links[h.inode]
	if isSmall(name) {
		if err := x.spend(name); err != nil {
			return err
		}
		switch {
		case h.links < 2:
			names = []string{name}
		case len(names) == maxLinks:
			x.Omitted = append(x.Omitted, name)
			return a.body(h, io.Discard)
		default:
			names = append(names, name)
			if x.links == nil {
				x.links = map[inode][]string{}
			}
			x.links[h.inode] = names
		}
	}
	if int64(h.size) > int64(x.limits.file) || int64(h.size) > int64(x.limits.files-x.kept) {
		x.Omitted = append(x.Omitted, names...)
		return a.body(h, io.Discard)
	}
	content := bytes.NewBuffer([]byte{}) // never nil
	if err := a.body(h, content); err != nil {
		return err
	}
	x.kept += content.Len()
	for _, name := range names {
		x.files[name] = content.Bytes()
	}
	return nil
}
