package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// Generation is a version of curtin that a deployer runs. Which one image-deploy takes
// is its Param curtin/version.
type Generation string

const (
	// RackN202 is RackN's branch 20.2-rackn (digitalrebar/curtin 15e25f9, 2021-08), the
	// default of image-deploy.
	RackN202 Generation = "20.2-rackn"
	V202     Generation = "20.2"    // upstream, 2020
	V221     Generation = "22.1"    // upstream, 2022-01
	V231     Generation = "23.1"    // upstream 23.1.1, 2023-07
	V202607  Generation = "2026-07" // upstream, 737e305
)

// Firmware is how the machine is booted by the deployer, and so how it will boot.
type Firmware string

const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi"
)

// Curtin is what the built-in curthooks of a generation do. None of it matters where the
// image brings an executable curtin/curtin-hooks: curtin then runs only those.
type Curtin struct {
	Generation Generation
	// Names are the IDs of os-release it knows, and the family it takes them for. An
	// image of another one ends the deployment (ValueError), unless ReadsIDLike.
	Names map[string]Family
	// ReadsIDLike: an unknown ID is looked up by the words of ID_LIKE (since 2021-12).
	ReadsIDLike bool
	// ReadsComments: it reads an os-release with comment lines; others stop there.
	ReadsComments bool
	// RHELBIOS are the major releases of the RHEL family that it installs on BIOS; of
	// others it stops (9 since 2022-10, 10 since 2026-02).
	RHELBIOS []int
	// InstallsSUSE: without it any SUSE image ends with "No block package mapping for
	// distro: suse" (since 2023-02).
	InstallsSUSE bool
	// SignedArm64: takes the signed loaders of the RHEL family on arm64 (since 2024-12);
	// others want grub2-efi-aa64-modules.
	SignedArm64 bool
	// WantsShim: installs shim-signed in a Debian-family image on amd64 whatever the
	// deployer's own apt knows (until 2021).
	WantsShim bool
	// InstallsGRUBPC: installs grub-pc from the network where a Debian-family image has
	// only grub-pc-bin. Others fail in dpkg-reconfigure.
	InstallsGRUBPC bool
	// SplitsKernelName: wants three parts of the deployer's uname -r on a Debian-family
	// image without a kernel: package in the config, and EL names have two: ValueError.
	SplitsKernelName bool
	// EFIDirs is where it looks for a loader below EFI/, by the os-release ID; a
	// distribution that is not in it is looked for under its variant's name.
	EFIDirs map[string]string
}

// base are the names of DISTRO_NAMES and OS_FAMILIES in distro.py of 20.2. The families
// arch, gentoo and freebsd have no boot loader code in any generation: they are left out.
var base = map[string]Family{
	"debian": Debian, "ubuntu": Debian,
	"centos": RHEL, "fedora": RHEL, "redhat": RHEL, "rhel": RHEL,
	"opensuse": SUSE, "sles": SUSE, "suse": SUSE,
}

func with(more ...string) map[string]Family {
	names := map[string]Family{}
	for n, f := range base {
		names[n] = f
	}
	for _, n := range more {
		names[n] = RHEL
	}
	return names
}

// efiDirs: ol is redhat only since 2023-10; SUSE is looked for where no SUSE puts it.
var efiDirs = map[string]string{"rhel": "redhat", "sles": "suse", "opensuse": "suse", "suse": "suse"}

var curtins = []Curtin{
	{Generation: RackN202, Names: with(), RHELBIOS: []int{7, 8}, WantsShim: true, SplitsKernelName: true, EFIDirs: efiDirs},
	{Generation: V202, Names: with(), RHELBIOS: []int{7, 8}, WantsShim: true, SplitsKernelName: true, EFIDirs: efiDirs},
	{Generation: V221, Names: with(), ReadsIDLike: true, RHELBIOS: []int{7, 8}, SplitsKernelName: true, EFIDirs: efiDirs},
	{Generation: V231, Names: with("rocky"), ReadsIDLike: true, RHELBIOS: []int{7, 8, 9}, InstallsSUSE: true, SplitsKernelName: true, EFIDirs: efiDirs},
	{Generation: V202607, Names: with("rocky", "ol", "almalinux", "mariner"), ReadsIDLike: true, ReadsComments: true, RHELBIOS: []int{7, 8, 9, 10},
		InstallsSUSE: true, SignedArm64: true, InstallsGRUBPC: true, SplitsKernelName: true,
		EFIDirs: map[string]string{"rhel": "redhat", "ol": "redhat", "sles": "suse", "opensuse": "suse", "suse": "suse"}},
}

// Generations returns the table, oldest first.
func Generations() []Curtin { return slices.Clone(curtins) }

// ParseGeneration returns the row of a generation by its name.
func ParseGeneration(name string) (Curtin, error) {
	var names []string
	for _, c := range curtins {
		if string(c.Generation) == name {
			return c, nil
		}
		names = append(names, string(c.Generation))
	}
	return Curtin{}, fmt.Errorf("curtin %q is none of %s", name, strings.Join(names, ", "))
}

// Variant returns what this generation takes an image for: one of its names and the
// family, or false where it stops. like are the words of ID_LIKE.
func (c Curtin) Variant(id string, like ...string) (name string, family Family, ok bool) {
	names := []string{id}
	if c.ReadsIDLike {
		names = append(names, like...)
	}
	for _, n := range names {
		if f, ok := c.Names[n]; ok {
			return n, f, true
		}
	}
	return "", "", false
}

// Packages returns what the built-in curthooks of this generation want installed in an
// image, and fetch from the network where it is missing; a deployment without network
// ends there. modules: the RHEL family's package of GRUB modules for UEFI is in the image,
// which they take for a sign that the loaders are there (see install_grub.py and
// detect_required_packages of curthooks.py). arch is amd64 or arm64.
func (c Curtin) Packages(family Family, firmware Firmware, arch string, modules bool) []string {
	efi := map[string]string{"amd64": "x64", "arm64": "aa64"}[arch]
	switch {
	case family == Debian && firmware == BIOS:
		return []string{"grub-pc", "lsb-release"}
	case family == Debian:
		// The signed one only where the deployer's own apt knows it: Ubuntuhammer.
		list := []string{"grub-efi-" + arch, "grub-efi-" + arch + "-signed", "efibootmgr", "lsb-release"}
		if c.WantsShim && arch == "amd64" {
			list = append(list, "shim-signed")
		}
		return list
	case family == RHEL && firmware == BIOS:
		return []string{"grub2-pc"}
	case family == RHEL && modules:
		return []string{"efibootmgr"}
	case family == RHEL:
		return []string{"efibootmgr", "grub2-efi-" + efi, "shim-" + efi}
	case family == SUSE && c.InstallsSUSE && firmware == BIOS:
		return []string{"grub2-i386-pc", "grub2-branding-SLE"}
	case family == SUSE && c.InstallsSUSE:
		return []string{"grub2-" + map[string]string{"amd64": "x86_64", "arm64": "arm64"}[arch] + "-efi", "efibootmgr", "grub2-branding-SLE"}
	}
	return nil
}
