package hardware

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind says what a machine uses a device for.
type Kind uint8

// The kinds. A machine without its storage does not start, and nobody reaches
// one without its network; the rest can wait.
const (
	Other Kind = iota
	Storage
	Network
)

// String returns "storage", "network" or "other".
func (k Kind) String() string { return [...]string{"other", "storage", "network"}[min(k, 2)] }

// Device is one that asks for a driver.
type Device struct {
	// Modalias is as the kernel writes it; empty where only the driver is known.
	Modalias string
	Bus      string // "pci", "virtio", "usb", "vmbus", ...: what stands before the ":"

	// The numbers of pci, usb and virtio devices; else zero. Only pci has those of
	// the subsystem, the maker of the board.
	Vendor, Product       uint32
	SubVendor, SubProduct uint32
	Class                 uint32 // of pci: class, subclass, interface; of usb: those of the interface

	Kind Kind
	// Driver is the name of the module, or of the driver, that serves the device
	// where the target was read; empty when it is not known.
	Driver string
	// Minor is set where the machine starts and is reached without the device: no
	// disk hangs on it, or it is wireless, or on USB.
	Minor bool
}

// ParseModalias says what a modalias says of its device. One of an unknown form
// is a device of kind Other.
func ParseModalias(modalias string) Device {
	d := Device{Modalias: modalias}
	bus, rest, _ := strings.Cut(modalias, ":")
	d.Bus = bus
	// See file2alias.c of the kernel's modpost for the forms.
	switch bus {
	case "pci":
		d.parsePCI(rest)
	case "usb":
		d.parseUSB(rest)
	case "virtio":
		f := fields(rest, "d8", "v8")
		d.Product, d.Vendor = f[0], f[1]
		d.Kind = virtioKinds[d.Product]
	case "acpi", "acpi*":
		// Among the names is the class, as six digits, where the firmware has a _CLS.
		for id := range strings.SplitSeq(rest, ":") {
			if class, err := strconv.ParseUint(id, 16, 32); err == nil && len(id) == 6 {
				d.Class = uint32(class)
				d.Kind = pciKind(d.Class)
			}
		}
	case "of":
		// N is the name of the node, which says what it is for: see the
		// Devicetree Specification's generic names.
		name, _, _ := strings.Cut(strings.TrimPrefix(rest, "N"), "T")
		d.Kind = nodeKinds[name]
	default:
		d.Kind = otherKinds[modalias]
		if bus == "scsi" && strings.HasPrefix(rest, "t-0x00") { // TYPE_DISK
			d.Kind = Storage
		}
	}
	return d
}

// virtioKinds are by the numbers of the virtio specification, 5 "Device Types".
var virtioKinds = map[uint32]Kind{1: Network, 2: Storage, 8: Storage}

var nodeKinds = map[string]Kind{
	"ethernet": Network,
	"sata":     Storage, "scsi": Storage, "mmc": Storage, "nvme": Storage, "ufs": Storage, "ufshc": Storage,
}

// otherKinds are of the buses whose modalias says nothing else. Those of Hyper-V
// are the GUIDs in the kernel's hyperv.h, in the order of their bytes.
var otherKinds = map[string]Kind{
	"xen:vbd": Storage, "xen:vscsi": Storage, "xen:vif": Network, "mmc:block": Storage,
	"vmbus:d96361baa104294db60572e2ffb1dc7f": Storage, // SCSI
	"vmbus:32264132cb86a2449b5c50d1417354f5": Storage, // IDE
	"vmbus:4acc9b2f6900f34ab76b6fd0be528cda": Storage, // Fibre Channel
	"vmbus:635161f83edfc546913ff2d2f965ed0e": Network,
}

func (d *Device) parsePCI(rest string) {
	f := fields(rest, "v8", "d8", "sv8", "sd8", "bc2", "sc2", "i2")
	d.Vendor, d.Product, d.SubVendor, d.SubProduct = f[0], f[1], f[2], f[3]
	d.Class = f[4]<<16 | f[5]<<8 | f[6]
	d.Kind = pciKind(d.Class)
	d.Minor = d.Class>>8 == 0x0280 // other network controllers: most are wireless
}

// pciKind is by the numbers of the PCI Code and ID Assignment Specification.
func pciKind(class uint32) Kind {
	switch {
	case class>>16 == 0x01, class>>8 == 0x0c04: // and Fibre Channel
		return Storage
	case class>>16 == 0x02, class>>8 == 0x0c06: // and InfiniBand, before it was 0207
		return Network
	}
	return Other
}

func (d *Device) parseUSB(rest string) {
	f := fields(rest, "v4", "p4", "d4", "dc2", "dsc2", "dp2", "ic2", "isc2", "ip2")
	d.Vendor, d.Product = f[0], f[1]
	d.Class = f[6]<<16 | f[7]<<8 | f[8]
	// Servers have both for their management controller, and start without.
	d.Minor = true
	switch {
	case f[6] == 0x08:
		d.Kind = Storage
	case d.Class>>8 == 0x0206, d.Class>>8 == 0x020d, d.Class == 0xe00103: // ECM, NCM, RNDIS
		d.Kind = Network
	}
}

// fields reads hexadecimal numbers of a known width, each after a tag ("sv8":
// eight digits after "sv"). What is missing is zero.
func fields(s string, forms ...string) []uint32 {
	out := make([]uint32, len(forms))
	for i, form := range forms {
		tag, width := form[:len(form)-1], int(form[len(form)-1]-'0')
		rest, ok := strings.CutPrefix(s, tag)
		if !ok || len(rest) < width {
			break
		}
		n, err := strconv.ParseUint(rest[:width], 16, 32)
		if err != nil {
			break
		}
		out[i], s = uint32(n), rest[width:]
	}
	return out
}

// ID returns what people know the device by: "8086:1572" as lspci(8) and
// lsusb(8) write it, else the modalias, else the name of the driver.
func (d Device) ID() string {
	switch {
	case d.Bus == "pci" && d.SubVendor != 0:
		return fmt.Sprintf("%04x:%04x (of %04x:%04x)", d.Vendor, d.Product, d.SubVendor, d.SubProduct)
	case d.Bus == "pci", d.Bus == "usb":
		return fmt.Sprintf("%04x:%04x", d.Vendor, d.Product)
	case d.Modalias != "":
		return d.Modalias
	}
	return d.Driver
}
