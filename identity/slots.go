package identity

import "regexp"

// slot is the place of a device in one machine: by PCI's address, a port of USB, an address
// of the platform, a channel of s390, or the number that virtio or VMBus gives it, as udev's
// ID_PATH, ID_PATH_TAG and the kernel's names of devices have it.
var slot = regexp.MustCompile(`(?i)[0-9a-f]{4}[:_][0-9a-f]{2}[:_]|(^|[-*])[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|usb-[0-9]+[:_][0-9]|^[0-9]+-[0-9]+(\.[0-9]+)*(:[0-9.]+)?$|platform-[0-9a-f]{5,}|^[0-9a-f]{6,}\.[a-z]|(^|ccw-)[0-9]\.[0-9]\.[0-9a-f]{4}|^virtio[0-9]+$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// IsSlot says whether a text, which may be a pattern, names the place of a device in one
// machine: "pci-0000:03:00.0", and not "pci-*".
func IsSlot(text string) bool { return slot.MatchString(text) }

// address is a MAC address, of which a pattern may leave some digits open.
var address = regexp.MustCompile(`(?i)^[0-9a-f]{2}([:-][0-9a-f]{2}){3,}([:-][0-9a-f*?]{1,2}){2}$|^[0-9a-f]{12}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$`)

// IsMAC says whether a text names one interface by its MAC address. A vendor's half does not.
func IsMAC(text string) bool { return address.MatchString(text) }
