package bootcheck

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"image-capture/deploy"
)

// dpkgStatusName is dpkg's list of packages, see dpkg(1) and deb822(5).
const dpkgStatusName = "var/lib/dpkg/status"

// The bounds of dpkg's list. A desktop with thousands of packages has 5 MiB.
const (
	maxDpkgStatus = 32 << 20 // bytes
	maxPackages   = 100_000
)

// dpkgStatus are the packages by name, and the third word of each one's Status:
// "installed", "unpacked", "half-configured".
type dpkgStatus map[string]string

// has says whether a package is installed as a whole, as curtin's
// get_installed_packages counts it.
func (d dpkgStatus) has(name string) bool { return d[name] == "installed" }

// parseDpkgStatus reads stanzas of "Field: value" lines with an empty line between
// them. Of a package of several architectures the worst state counts. What it read
// is returned with an error too.
func parseDpkgStatus(r io.Reader) (dpkgStatus, error) {
	all := dpkgStatus{}
	var name, state string
	end := func() {
		if name != "" && state != "" && (all[name] == "" || all[name] == "installed") {
			all[name] = strings.Clone(state)
		}
		name, state = "", ""
	}
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadSlice('\n')
		long := false // no field of interest is
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			line, err = b.ReadSlice('\n')
		}
		text := strings.TrimRight(string(line), "\r\n")
		if value, ok := strings.CutPrefix(text, "Package:"); ok && !long {
			name = strings.TrimSpace(value)
		} else if value, ok := strings.CutPrefix(text, "Status:"); ok && !long {
			if words := strings.Fields(value); len(words) == 3 {
				state = words[2]
			}
		} else if text == "" && !long {
			end()
		}
		switch {
		case err == io.EOF:
			end()
			return all, nil
		case err != nil:
			return all, err
		case len(all) > maxPackages:
			return all, fmt.Errorf("more than %d packages", maxPackages)
		}
	}
}

// packages is dpkg's list, once it was read.
type packages struct {
	read    bool
	list    dpkgStatus
	problem string // why there is none, for each rule that asks
}

// dpkg returns the packages of the image; nil when it has no list of dpkg's, or
// none that can be read.
func (s *survey) dpkg() dpkgStatus {
	p := &s.packages
	if !p.read {
		p.read = true
		p.list, p.problem = s.readDpkg()
	}
	if p.problem != "" {
		s.note(dpkgStatusName, p.problem)
	}
	return p.list
}

func (s *survey) readDpkg() (list dpkgStatus, problem string) {
	info, err := fs.Stat(s.fsys, dpkgStatusName)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, ""
	case err != nil:
		return nil, unreadable(err)
	case !info.Mode().IsRegular(): // opening a FIFO waits for its writer
		return nil, "is not a regular file"
	case info.Size() > maxDpkgStatus:
		return nil, fmt.Sprintf("is longer than %d bytes and was not read", maxDpkgStatus)
	}
	f, err := s.fsys.Open(dpkgStatusName)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	if list, err = parseDpkgStatus(io.LimitReader(f, maxDpkgStatus)); err != nil {
		return nil, unreadable(err)
	}
	return list, ""
}

// unreadable says why a path cannot be read; the path itself is told beside it.
func unreadable(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return "cannot be read: " + err.Error()
}

// install is the hint to install a package. One that dpkg has as installed lost
// files.
func (s *survey) install(pkg string) string {
	if s.dpkg().has(pkg) {
		return "apt-get install --reinstall " + pkg
	}
	return "install " + pkg
}

// watched are the beginnings of the names of packages without which an image does
// not boot, or is not reached.
var watched = []string{
	"linux-image", "linux-modules", "initramfs-tools", "dracut", "grub", "shim", "efibootmgr", "systemd", "udev", "libc6", "cloud-init", "openssh-server",
}

// unfinished are the states that "dpkg --configure -a" or another try mends.
var unfinished = []string{"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"}

// checkPackages asks for packages that are not set up, and for those that curtin
// would install itself, from a network that may have none: see
// install_missing_packages of its curthooks.py. Other package managers' databases
// are not read.
func checkPackages(s *survey) {
	list := s.dpkg()
	if list == nil {
		s.info("", "not checked: there is no list of packages of dpkg", "")
		return
	}
	var broken []string
	for name, state := range list {
		if slices.Contains(unfinished, state) && slices.ContainsFunc(watched, func(w string) bool { return strings.HasPrefix(name, w) }) {
			broken = append(broken, name+" "+state)
		}
	}
	slices.Sort(broken)
	if len(broken) > 0 {
		s.warn(dpkgStatusName, "packages are not fully installed: "+shortenList(broken), "dpkg --configure -a").
			Why = "their files are there in part, or were never set up: an initramfs or a boot loader may be an old one"
	}
	wants := s.builtIn() && s.system.OS.family() == familyDebian
	if wants {
		s.checkWanted(list)
	}
	if len(broken) == 0 && !wants {
		s.ok(dpkgStatusName, fmt.Sprintf("%d packages, none of those that matter is half installed", len(list)))
	}
}

// checkWanted compares with what curtin installs for each firmware. The packages
// for UEFI and for BIOS exclude each other in Debian and Ubuntu, so that no image
// has those for both.
func (s *survey) checkWanted(list dpkgStatus) {
	arch, known := debArch[s.system.Arch]
	if !known {
		s.info("", "not compared with what curtin installs: only for x86_64 and aarch64", "")
		return
	}
	missing, complete := map[Firmware][]string{}, false
	for _, fw := range firmwares {
		if fw == BIOS && !s.hasBIOS() {
			continue
		}
		for _, name := range s.curtin.Packages(deploy.Debian, deploy.Firmware(fw.String()), arch, false) {
			// lsb-release has its own rule; the signed GRUB is wanted only where the
			// deployer's own apt knows it.
			if name != "lsb-release" && name != "grub-efi-"+arch+"-signed" && !list.has(name) {
				missing[fw] = append(missing[fw], name)
			}
		}
		complete = complete || len(missing[fw]) == 0
	}
	for _, fw := range firmwares {
		gone := missing[fw]
		problem := fmt.Sprintf("for %s curtin installs what is missing from the network: %s", fw, strings.Join(gone, ", "))
		hint := "install " + strings.Join(gone, " ")
		switch {
		case fw == BIOS && !s.hasBIOS():
		case len(gone) == 0:
			s.ok(dpkgStatusName, fmt.Sprintf("for %s curtin finds its packages", fw))
		case fw == BIOS && list.has("grub-pc-bin") && !s.curtin.InstallsGRUBPC:
			s.end(BIOS, s.curtinName()+" needs grub-pc", dpkgStatusName, s.curtinName()+" stops in dpkg-reconfigure without grub-pc; "+generations(func(c deploy.Curtin) bool { return c.InstallsGRUBPC })+" installs it from the network",
				hint+", which excludes grub-efi-amd64; or "+hooksHint).offerHooks(s)
		case s.opt.Firmware&fw == 0 && complete:
			s.info(dpkgStatusName, problem, hint)
			s.doubts(deploys, fw, "curtin installs packages from the network")
		default:
			s.warnOn(fw, dpkgStatusName, problem, hint).offerHooks(s)
			s.doubts(deploys, fw, "curtin installs packages from the network")
		}
	}
}
