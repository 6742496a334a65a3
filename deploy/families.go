package deploy

import "slices"

// Family is a group of distributions whose boot loader, packages and paths are alike.
type Family string

const (
	Debian Family = "debian"
	RHEL   Family = "rhel"
	SUSE   Family = "suse"
	// Generic is what is of no family here. The hooks then use the tools that they find
	// in the image; a deployer's own curthooks may stop.
	Generic Family = "generic"
)

// Distribution is one ID of os-release(5), as the hooks know it.
type Distribution struct {
	ID     string // ID of os-release
	Family Family
	EFIDir string // below EFI/ on the EFI system partition; signed loaders have it built in
}

// distributions are in the order of the hooks' own list, families() in
// hooks/20-target.sh; a test holds them together.
var distributions = []Distribution{
	{"debian", Debian, "debian"}, {"ubuntu", Debian, "ubuntu"}, {"linuxmint", Debian, "ubuntu"}, {"pop", Debian, "ubuntu"},
	{"zorin", Debian, "ubuntu"}, {"elementary", Debian, "ubuntu"}, {"kali", Debian, "kali"}, {"raspbian", Debian, "debian"},
	{"devuan", Debian, "devuan"}, {"proxmox", Debian, "proxmox"},
	{"rhel", RHEL, "redhat"}, {"centos", RHEL, "centos"}, {"rocky", RHEL, "rocky"}, {"almalinux", RHEL, "almalinux"},
	{"ol", RHEL, "redhat"}, {"fedora", RHEL, "fedora"}, {"amzn", RHEL, "amzn"}, {"azurelinux", RHEL, "azurelinux"},
	{"mariner", RHEL, "mariner"}, {"cloudlinux", RHEL, "cloudlinux"}, {"eurolinux", RHEL, "eurolinux"},
	{"openeuler", RHEL, "openEuler"}, {"openEuler", RHEL, "openEuler"}, {"anolis", RHEL, "anolis"},
	{"sles", SUSE, "sles"}, {"sled", SUSE, "sled"}, {"sle_hpc", SUSE, "sle_hpc"}, {"sles_sap", SUSE, "sles"}, {"sl-micro", SUSE, "sl"},
	{"suse", SUSE, "sles"}, {"opensuse", SUSE, "opensuse"}, {"opensuse-leap", SUSE, "opensuse"}, {"opensuse-tumbleweed", SUSE, "opensuse"},
}

// Distributions returns all that the hooks know by name.
func Distributions() []Distribution { return slices.Clone(distributions) }

// Find returns what the hooks take an image for: by ID, else by the first of ID_LIKE
// that they know. Without one it is Generic, with the ID as its EFI directory, and false.
func Find(id string, like ...string) (Distribution, bool) {
	for _, name := range append([]string{id}, like...) {
		for _, d := range distributions {
			if d.ID == name {
				return d, true
			}
		}
	}
	return Distribution{ID: id, Family: Generic, EFIDir: id}, false
}
