package bootcheck

import (
	"fmt"
	"slices"
	"strings"

	"image-capture/bootcheck/hardware"
)

// spareFirmware are drivers whose devices start without the files, except for old
// ones. tg3's are for the BCM5701, 5703 to 5705 and 57766: see fw_needed in the
// kernel's tg3.c.
var spareFirmware = []string{"tg3"}

// useFirmware asks for the files that a driver gives its device. Which of them a
// device needs only the driver knows, and many have a copy in their own memory:
// so one of them is enough, and none is a warning.
func (d *driving) useFirmware(device hardware.Device, mod hardware.Module) {
	names, err := hardware.Firmware(d.fsys, mod)
	if err != nil {
		d.parts = append(d.parts, func() *Finding {
			return d.info(mod.File, "it is not known which firmware it asks for: "+err.Error(), "")
		})
		return
	}
	has := func(name string) bool { return hardware.HasFirmware(d.fsys, d.kernel.version, name) }
	switch found := slices.IndexFunc(names, has); {
	case len(names) == 0:
	case found < 0:
		d.parts = append(d.parts, func() *Finding {
			level := Warn
			if slices.Contains(spareFirmware, mod.Name) {
				level = Info
			}
			return d.report(level, mod.File, fmt.Sprintf("may ask for firmware (%s), of which there is none; it drives the machine's %s",
				shortenList(names), describe(device)), d.firmwarePackage(names[0]))
		})
	case device.Kind == hardware.Storage && !device.Minor && d.early != nil && !mod.BuiltIn &&
		!slices.ContainsFunc(names, func(name string) bool { return d.early.content.HasFirmware(d.kernel.version, name) }):
		d.parts = append(d.parts, func() *Finding {
			return d.warn(d.early.name, fmt.Sprintf("has module %s, and not the firmware that it may ask for (%s)",
				mod.Name, names[found]), d.initramfsHint(d.kernel))
		})
	}
}

// firmwarePackage names the package with a firmware file.
func (s *survey) firmwarePackage(name string) string {
	switch s.system.OS.family() {
	case familyDebian:
		if s.system.OS.ID == "ubuntu" {
			return "install linux-firmware"
		}
		// By Debian's firmware-nonfree: what is not named goes into the last one.
		for _, x := range [][2]string{
			{"bnx2", "firmware-bnx2"}, {"ql", "firmware-qlogic"}, {"qed/", "firmware-qlogic"}, {"netronome/", "firmware-netronome"},
			{"myri10ge", "firmware-myricom"}, {"cavium/", "firmware-cavium"}, {"liquidio/", "firmware-cavium"},
			{"iwlwifi", "firmware-iwlwifi"}, {"ath", "firmware-atheros"}, {"rtl_nic/", "firmware-realtek"},
		} {
			if strings.HasPrefix(name, x[0]) {
				if strings.HasPrefix(name, "bnx2x") {
					return "install firmware-bnx2x"
				}
				return "install " + x[1]
			}
		}
		return "install firmware-misc-nonfree"
	case familyRedHat:
		return "install linux-firmware"
	case familySUSE:
		return "install kernel-firmware-all"
	}
	return ""
}
