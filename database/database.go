// Package database finds the servers that run on this host and keep data in files which
// belong together: databases, disks of virtual machines, container engines. What is read
// of such a directory while its server writes may be of no use.
//
// Servers are found by their processes, and directories by what these have open, so that
// it does not matter what a distribution or a configuration calls them. Servers in
// containers are not found: their engine is.
package database

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Server is a server that runs.
type Server struct {
	Name string // "PostgreSQL"
	Dir  string // of its data, an absolute path without links
	PID  int    // the lowest of its processes
	Unit string // of systemd, "postgresql@15-main.service"; "" when there is none
}

// kind is what is known of the servers of one name.
type kind struct {
	name string
	// programs are the names of processes, as in /proc/PID/comm; one that ends in - is
	// the begin of a name.
	programs []string
	// open are files that it has open, below its directory; none: it is the working
	// directory.
	open []string
	// disks: each directory where it has a file open for writing is one.
	disks bool
}

// kinds: where each has its data is what its source says: PostgreSQL and MySQL change
// their working directory to it, and so does Redis when it reads its settings.
var kinds = []kind{
	{name: "PostgreSQL", programs: []string{"postgres", "postmaster"}},
	{name: "MySQL", programs: []string{"mysqld"}},
	{name: "MariaDB", programs: []string{"mariadbd"}},
	{name: "Redis", programs: []string{"redis-server"}},
	{name: "Valkey", programs: []string{"valkey-server"}},
	{name: "MongoDB", programs: []string{"mongod"}, open: []string{"WiredTiger.lock", "mongod.lock"}},
	{name: "etcd", programs: []string{"etcd"}, open: []string{"member/snap/db"}},
	{name: "Docker", programs: []string{"dockerd"}, open: []string{"volumes/metadata.db"}},
	{name: "containerd", programs: []string{"containerd"}, open: []string{"io.containerd.metadata.v1.bolt/meta.db"}},
	{name: "a virtual machine", programs: []string{"qemu-", "kvm"}, disks: true},
}

// Running returns the servers, by their directories. proc is where procfs is mounted. What
// this user may not look at is passed over.
func Running(proc string) []Server {
	list, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var found []Server
	for _, e := range list {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := process(filepath.Join(proc, e.Name()))
		k := p.kind()
		if k == nil {
			continue
		}
		for _, dir := range p.dirs(k) {
			i := slices.IndexFunc(found, func(s Server) bool { return s.Name == k.name && s.Dir == dir })
			if i < 0 {
				found = append(found, Server{k.name, dir, pid, p.unit()})
			} else if pid < found[i].PID {
				found[i].PID, found[i].Unit = pid, p.unit()
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		return cmp.Or(cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Name, b.Name)) < 0
	})
	return found
}

// process is the directory of one in procfs.
type process string

func (p process) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(string(p), name)) // one that has ended has none
	return strings.TrimSpace(string(b))
}

func (p process) kind() *kind {
	comm := p.read("comm")
	for i := range kinds {
		for _, name := range kinds[i].programs {
			if comm == name || strings.HasSuffix(name, "-") && strings.HasPrefix(comm, name) {
				return &kinds[i]
			}
		}
	}
	return nil
}

// dirs are the directories of the data.
func (p process) dirs(k *kind) []string {
	if k.open == nil && !k.disks {
		if dir := p.path("cwd"); dir != "" && dir != "/" {
			return []string{dir}
		}
		return nil
	}
	fds, err := os.ReadDir(filepath.Join(string(p), "fd"))
	if err != nil {
		return nil
	}
	var dirs []string
	for _, fd := range fds {
		name := p.path(filepath.Join("fd", fd.Name()))
		if name == "" {
			continue
		}
		for _, o := range k.open {
			if dir, ok := strings.CutSuffix(name, "/"+o); ok && dir != "" {
				dirs = append(dirs, dir)
			}
		}
		if k.disks && p.writes(fd.Name()) {
			dirs = append(dirs, filepath.Dir(name))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// path is where a link of procfs leads, when that is the same here: a process in a
// container sees other files under such names.
func (p process) path(link string) string {
	link = filepath.Join(string(p), link)
	target, err := os.Readlink(link)
	if err != nil || !filepath.IsAbs(target) {
		return ""
	}
	there, err := os.Stat(link)
	if err != nil || !there.Mode().IsRegular() && !there.IsDir() {
		return ""
	}
	here, err := os.Lstat(target)
	if err != nil || !os.SameFile(there, here) {
		return ""
	}
	return target
}

// writes says whether a descriptor is open for writing; see proc_pid_fdinfo(5).
func (p process) writes(fd string) bool {
	for line := range strings.Lines(p.read("fdinfo/" + fd)) {
		if text, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(text), 8, 64)
			return err == nil && flags&3 != 0 // O_WRONLY or O_RDWR
		}
	}
	return false
}

// unit is the systemd unit, by the control group; see systemd.unit(5).
func (p process) unit() string {
	for line := range strings.Lines(p.read("cgroup")) {
		// The one hierarchy of cgroup v2, or systemd's own of v1.
		_, path, ok := strings.Cut(strings.TrimSpace(line), "::")
		if !ok {
			if _, path, ok = strings.Cut(line, ":name=systemd:"); !ok {
				continue
			}
		}
		for part := range strings.SplitSeq(strings.TrimSpace(path), "/") {
			if strings.HasSuffix(part, ".service") {
				if strings.HasPrefix(part, "user@") {
					return "" // a user's own manager, which systemctl is not for
				}
				return part
			}
		}
	}
	return ""
}
