package hardware

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// Self reads a machine from its /sys tree: each device below devices/ that has a
// modalias, and the driver that serves it. A controller without a disk (a CD
// drive is none) is minor. The tree must follow symbolic links; [os.DirFS] does.
// A device that goes away while it is looked at is left out; else what cannot be
// read is an error, as is a tree without devices.
func Self(sys fs.FS) (*Target, error) {
	s := scan{sys: sys}
	if err := s.dir("devices", nil); err != nil {
		return nil, fmt.Errorf("read this machine's devices: %w", err)
	}
	t := &Target{}
	seen := map[Device]bool{}
	for _, d := range s.found {
		if d.Kind == Storage && !d.disk {
			d.Minor = true
		}
		if err := t.add(seen, d.Device); err != nil {
			return nil, fmt.Errorf("read this machine's devices: %w", err)
		}
	}
	if len(t.Devices) == 0 {
		return nil, errors.New("read this machine's devices: none has a modalias")
	}
	return t, nil
}

// maxNames bounds the names looked at below devices/; a big server has a million.
const maxNames = 1 << 23

type scan struct {
	sys   fs.FS
	names int
	found []*node
}

// node is a device while its subtree is looked at.
type node struct {
	Device
	disk   bool
	parent *node
}

// dir looks at a directory below the device above.
func (s *scan) dir(name string, above *node) error {
	entries, err := fs.ReadDir(s.sys, name)
	if err != nil {
		return gone(err)
	}
	if s.names += len(entries); s.names > maxNames {
		return fmt.Errorf("more than %d names", maxNames)
	}
	if isDisk(name) {
		for n := above; n != nil; n = n.parent {
			n.disk = true
		}
	}
	for _, e := range entries {
		if e.Name() == "modalias" && e.Type().IsRegular() {
			n, err := s.device(name)
			if err != nil {
				return err
			}
			if n != nil {
				n.parent = above
				above = n
				s.found = append(s.found, n)
			}
			break
		}
	}
	for _, e := range entries {
		// What is virtual or of the system (memory, processors) has no driver that
		// is for storage or network, and is the bulk of the tree.
		if !e.IsDir() || name == "devices" && (e.Name() == "virtual" || e.Name() == "system") {
			continue
		}
		if err := s.dir(path.Join(name, e.Name()), above); err != nil {
			return err
		}
	}
	return nil
}

// device reads the modalias in a directory; nil when there is none in the file.
func (s *scan) device(dir string) (*node, error) {
	data, err := read(s.sys, path.Join(dir, "modalias"), maxAlias)
	if err != nil {
		return nil, gone(err)
	}
	line := strings.TrimSpace(string(data))
	if line == "" || plausible([]byte(line)) != nil {
		return nil, nil // a device without an ID, or with a name from its maker's hand
	}
	n := &node{Device: ParseModalias(line)}
	// A driver that is built in may have no module.
	for _, link := range []string{"driver/module", "driver"} {
		if target, err := fs.ReadLink(s.sys, path.Join(dir, link)); err == nil {
			n.Driver = path.Base(target)
			break
		}
	}
	return n, nil
}

// isDisk says whether a directory of /sys is a block device that an image could
// be on: .../block/sda, or an NVMe namespace, which is directly below its
// controller. Not CD and floppy drives.
func isDisk(name string) bool {
	base := path.Base(name)
	if path.Base(path.Dir(name)) == "block" {
		return !strings.HasPrefix(base, "sr") && !strings.HasPrefix(base, "fd")
	}
	rest, ok := strings.CutPrefix(base, "nvme")
	if !ok {
		return false
	}
	rest = strings.TrimLeft(rest, "0123456789")
	// "nvme0n1", or "nvme0c0n1" where the namespace has several paths.
	return strings.HasPrefix(rest, "n") || strings.HasPrefix(rest, "c")
}

// gone returns err, unless it says that the device went away.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) {
		return nil
	}
	return err
}
