package hardware

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Target is a machine, as far as it needs drivers.
type Target struct {
	// Devices are in the order in which they were found, each once.
	Devices []Device
	// Partial is set where only some of the machine's devices are known: DRP's
	// inventory has the drivers of its network interfaces and storage
	// controllers, and nothing of a device that had none.
	Partial bool
}

// MaxTarget is how many bytes of text a machine may have.
const MaxTarget = 16 << 20

// ParseTarget reads a machine from text, which is one of
//
//   - a list of modaliases, one a line, in any order, as this prints them:
//     find /sys/devices -name modalias -exec cat {} + | sort -u
//     Empty lines are left out; a line that is not a modalias is an error.
//   - DRP's inventory of a machine, the JSON that "drpcli gohai" prints: by
//     itself, or as the Param gohai-inventory of a machine or of its Params.
//
// Of the inventory (github.com/rackn/gohai) it reads of Networking.Interfaces
// the Driver of each that is physical (Sys.IsPhysical), and the driver of each
// controller of class storage or network in what lshw(1) says, wherever it is
// put. It has no modaliases, so such a device is known by its driver only.
//
// A machine without devices is an error.
func ParseTarget(r io.Reader) (*Target, error) {
	data, err := readAll(r, "target", MaxTarget)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // as some editors begin a file
	t := &Target{}
	switch start := bytes.TrimLeft(data, blanks); {
	case len(start) == 0:
		return nil, errors.New("target: no modalias in it")
	case start[0] == '{':
		err = t.parseInventory(data)
	default:
		err = t.parseList(data)
	}
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	return t, nil
}

// blanks may stand around a modalias.
const blanks = " \t\r\n"

// parseList reads one modalias a line.
func (t *Target) parseList(data []byte) error {
	seen := map[Device]bool{}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.Trim(line, blanks)
		if len(line) == 0 {
			continue
		}
		if err := plausible(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if err := t.add(seen, ParseModalias(string(line))); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	t.settleIDE()
	return nil
}

// add adds a device, once.
func (t *Target) add(seen map[Device]bool, d Device) error {
	if seen[d] {
		return nil
	}
	if len(t.Devices) >= maxDevices {
		return fmt.Errorf("more than %d devices", maxDevices)
	}
	seen[d] = true
	t.Devices = append(t.Devices, d)
	return nil
}

// settleIDE makes IDE controllers minor where there is a better one: many
// virtual machines have one for a CD drive alone, or for nothing.
func (t *Target) settleIDE() {
	ide := func(d Device) bool { return d.Bus == "pci" && d.Class>>8 == 0x0101 }
	better := false
	for _, d := range t.Devices {
		better = better || d.Kind == Storage && !d.Minor && !ide(d) && d.Bus != "scsi"
	}
	for i := range t.Devices {
		if better && ide(t.Devices[i]) {
			t.Devices[i].Minor = true
		}
	}
}

// plausible says what is wrong with a line that is not a modalias. They begin with
// the name of a bus; "dmi" has no letter before its ":" that is not in it, and
// what follows may hold blanks ("platform:Fixed MDIO bus").
func plausible(line []byte) error {
	if len(line) > maxAlias {
		return fmt.Errorf("longer than %d bytes", maxAlias)
	}
	for _, c := range line {
		if c < ' ' || c > '~' {
			return fmt.Errorf("%.60q is not a modalias: it has a character that is not printable ASCII", line)
		}
	}
	bus, _, found := bytes.Cut(line, []byte(":"))
	if !found || len(bus) == 0 {
		return fmt.Errorf("%.60q is not a modalias: it has no bus before a colon", line)
	}
	for _, c := range bus {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return fmt.Errorf("%.60q is not a modalias: %.20q is no bus", line, bus)
		}
	}
	return nil
}
