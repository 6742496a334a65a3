package bootcheck

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"image-capture/entry"
)

// buildTraces are files that whoever builds a root puts there for the time of the build,
// and that change what clones do.
var buildTraces = []struct {
	name, what, why string
	level           Level
	drop            bool // it has no other use, so that --fix may leave it out
}{
	{"usr/sbin/policy-rc.d", "keeps packages from starting their services", "what is installed on a clone is not started (invoke-rc.d asks it)", Warn, true},
	{"etc/nologin", "keeps all but root from logging in", "users of clones are turned away by pam_nologin(8)", Warn, true},
	{".dockerenv", "is the mark of a container of Docker", "programs that look for it take the clone for a container", Warn, true},
	{"usr/sbin/start-stop-daemon.REAL", "start-stop-daemon was replaced by the builder, and the real one is kept here", "init scripts start nothing", Warn, false},
	{"sbin/start-stop-daemon.REAL", "start-stop-daemon was replaced by the builder, and the real one is kept here", "init scripts start nothing", Warn, false},
	{"sbin/initctl.REAL", "initctl was replaced by the builder, and the real one is kept here", "upstart starts nothing", Warn, false},
	{"usr/bin/qemu-aarch64-static", "is the emulator by which another architecture built this root", "", Info, false},
	{"usr/bin/qemu-x86_64-static", "is the emulator by which another architecture built this root", "", Info, false},
}

// checkBuildTraces looks for what was meant for the build only.
func checkBuildTraces(s *survey) {
	before := len(s.findings)
	seen := map[string]bool{}
	for _, b := range buildTraces {
		info, there := s.lstat(b.name)
		real, ok := s.real(b.name, false)
		if !there || info.IsDir() || !ok || seen[real] {
			continue
		}
		seen[real] = true
		hint := "rm " + typed(b.name)
		if strings.HasSuffix(b.name, ".REAL") {
			whole := strings.TrimSuffix(b.name, ".REAL")
			hint = "rm " + typed(whole) + " && dpkg-divert --rename --remove " + typed(whole)
		}
		f := s.report(b.level, b.name, b.what, hint)
		if b.why != "" {
			f.because(b.why)
		}
		if b.drop {
			f.fix(entry.Drop, real)
		}
	}
	s.checkMtab()
	s.checkInterrupted()
	s.checkProxies()
	if info, there := s.lstat("etc/resolv.conf"); there && info.Mode().IsRegular() {
		if data, ok := s.read("etc/resolv.conf"); ok && bytes.Contains(data, []byte("nameserver")) {
			s.info("etc/resolv.conf", "is a file with the builder's name servers, which a clone keeps until its network writes others", "")
		}
	}
	s.fine(before, "", "nothing is left of what was meant for the build only")
}

// checkMtab: since util-linux 2.22 it is a link.
func (s *survey) checkMtab() {
	if info, there := s.lstat("etc/mtab"); there && info.Mode().IsRegular() && s.hasSystemd() {
		s.warn("etc/mtab", "is a file, and not a link to /proc/self/mounts", "ln -sf ../proc/self/mounts "+typed("etc/mtab")).
			because("df and umount go by the builder's mounts")
	}
}

// checkInterrupted looks for the journals of package managers, which are gone when they
// came to an end.
func (s *survey) checkInterrupted() {
	for _, name := range s.list("var/lib/dpkg/updates") {
		if strings.Trim(name, "0123456789") == "" && name != "" {
			s.warn(path.Join("var/lib/dpkg/updates", name), "dpkg was interrupted: not all that it did is in its database", "dpkg --configure -a").
				because("apt refuses to install anything on a clone")
			break
		}
	}
	for _, name := range s.list("var/lib/yum") {
		if strings.HasPrefix(name, "transaction-all.") {
			s.warn(path.Join("var/lib/yum", name), "a transaction of yum was interrupted", "yum-complete-transaction").
				because("packages are there in two versions, or in part")
			break
		}
	}
}

// proxies are the settings by which package managers and others go through a proxy, or
// to a mirror of the builder's own.
var proxies = []struct {
	dir  string // a file, or a directory of them
	line *regexp.Regexp
}{
	{"etc/apt/apt.conf", regexp.MustCompile(`(?im)^\s*acquire(::|\s*\{\s*)(https?|ftp)::proxy[\s:]`)},
	{"etc/apt/apt.conf.d", regexp.MustCompile(`(?im)^\s*acquire(::|\s*\{\s*)(https?|ftp)::proxy[\s:]`)},
	{"etc/dnf/dnf.conf", regexp.MustCompile(`(?m)^proxy\s*=\s*[^\s_]`)},
	{"etc/yum.conf", regexp.MustCompile(`(?m)^proxy\s*=\s*[^\s_]`)},
	{"etc/pip.conf", regexp.MustCompile(`(?m)^(proxy|index-url)\s*=\s*\S`)},
	{"etc/environment", regexp.MustCompile(`(?im)^(export\s+)?(https?|ftp|all)_proxy=["']?\S`)},
	{"etc/sysconfig/proxy", regexp.MustCompile(`(?m)^PROXY_ENABLED="?yes`)},
}

// checkProxies names the files only: a proxy's URL can hold a password.
func (s *survey) checkProxies() {
	for _, p := range proxies {
		names := []string{p.dir}
		info, there := s.stat(p.dir)
		if !there {
			continue
		}
		if info.IsDir() {
			names = nil
			for _, base := range s.list(p.dir) {
				// As apt reads them: letters, digits, "-" and "_", and ".conf" or no dot at all.
				if !strings.Contains(strings.TrimSuffix(base, ".conf"), ".") {
					names = append(names, path.Join(p.dir, base))
				}
			}
		}
		for _, name := range names {
			if info, there := s.stat(name); !there || info.Mode()&fs.ModeType != 0 {
				continue
			}
			if data, ok := s.read(name); ok && p.line.Match(data) {
				s.warn(name, "sends clones to the builder's proxy or mirror", "remove the line, unless clones reach it too").
					because("where they do not, they install nothing")
			}
		}
	}
}
