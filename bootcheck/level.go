package bootcheck

import "fmt"

// Level says how bad a finding is; a higher one is worse.
type Level uint8

// The levels.
const (
	OK   Level = iota // looked at, and well
	Info              // worth knowing; changes nothing for the deployment
	Warn              // will deploy in some places or ways and not in others
	Fail              // will not deploy, or not be reachable afterwards
)

var levelNames = [...]string{OK: "ok", Info: "info", Warn: "warn", Fail: "fail"}

// String returns "ok", "info", "warn" or "fail".
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// MarshalText returns the text of String; an unknown level is an error.
func (l Level) MarshalText() ([]byte, error) {
	if int(l) >= len(levelNames) {
		return nil, fmt.Errorf("unknown level %d", uint8(l))
	}
	return []byte(l.String()), nil
}

// UnmarshalText accepts the texts of String.
func (l *Level) UnmarshalText(text []byte) error {
	for i, name := range levelNames {
		if string(text) == name {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("unknown level %q: want ok, info, warn or fail", text)
}

// Deployer is the program that will unpack the image and make it bootable.
type Deployer uint8

// The deployers.
const (
	ImageDeploy Deployer = iota // RackN's image-deploy, which drives curtin
	Eikon                       // RackN's Eikon
)

var deployerNames = [...]string{ImageDeploy: "image-deploy", Eikon: "eikon"}

// String returns "image-deploy" or "eikon".
func (d Deployer) String() string {
	if int(d) < len(deployerNames) {
		return deployerNames[d]
	}
	return fmt.Sprintf("deployer(%d)", uint8(d))
}

// MarshalText returns the text of String; an unknown deployer is an error.
func (d Deployer) MarshalText() ([]byte, error) {
	if int(d) >= len(deployerNames) {
		return nil, fmt.Errorf("unknown deployer %d", uint8(d))
	}
	return []byte(d.String()), nil
}

// UnmarshalText accepts the texts of String.
func (d *Deployer) UnmarshalText(text []byte) error {
	for i, name := range deployerNames {
		if string(text) == name {
			*d = Deployer(i)
			return nil
		}
	}
	return fmt.Errorf("unknown deployer %q: want image-deploy or eikon", text)
}

// Firmware is a set of what starts a machine.
type Firmware uint8

// The firmwares. The empty set, where a set is asked for, means that nobody asked:
// each is judged, and one that does not work is not a failure as long as another does.
const (
	UEFI Firmware = 1 << iota
	BIOS
	Both = UEFI | BIOS
)

// firmwares are the single ones, in the order of reports.
var firmwares = []Firmware{UEFI, BIOS}

var firmwareNames = [...]string{0: "any", UEFI: "uefi", BIOS: "bios", Both: "both"}

// String returns "any" for the empty set, "uefi", "bios" or "both".
func (f Firmware) String() string {
	if int(f) < len(firmwareNames) {
		return firmwareNames[f]
	}
	return fmt.Sprintf("firmware(%d)", uint8(f))
}

// MarshalText returns the text of String; an unknown set is an error.
func (f Firmware) MarshalText() ([]byte, error) {
	if int(f) >= len(firmwareNames) {
		return nil, fmt.Errorf("unknown firmware %d", uint8(f))
	}
	return []byte(f.String()), nil
}

// UnmarshalText accepts the texts of String.
func (f *Firmware) UnmarshalText(text []byte) error {
	for i, name := range firmwareNames {
		if string(text) == name {
			*f = Firmware(i)
			return nil
		}
	}
	return fmt.Errorf("unknown firmware %q: want uefi, bios or both", text)
}
