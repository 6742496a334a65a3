package nice

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// group is a control group for this process alone, which has the processors when no other
// group wants them; see cpu.idle in the kernel's cgroup-v2.rst. It is made below the root of
// the hierarchy, beside what the host's services and sessions are in: below their groups it
// would still count as one of them.
type group struct {
	dir    string
	before string // that of the process before
	moves  sync.Mutex
}

// groupPrefix and the number of the process make the name.
const groupPrefix = "image-capture-"

// procs is the file that says which processes are in a group, and moves those that are
// written to it.
const procs = "cgroup.procs"

var errNoGroup = errors.New("no control group for processors that this process may make")

// enter makes a group and moves this process there.
func enter() (*group, error) {
	top, own, err := hierarchy()
	if err != nil {
		return nil, err
	}
	sweep(top)
	g := &group{dir: filepath.Join(top, groupPrefix+strconv.Itoa(os.Getpid())), before: filepath.Join(top, own)}
	if g.limits(top) {
		return nil, errNoGroup // it would not hold outside
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, err
	}
	err = errNoGroup
	// Before Linux 5.15 there is none that is idle, but one with the least share.
	for _, least := range [][2]string{{"cpu.idle", "1"}, {"cpu.weight", "1"}, {"cpu.shares", "2"}} {
		if err = write(filepath.Join(g.dir, least[0]), least[1]); err == nil {
			break
		}
	}
	if err == nil {
		err = write(filepath.Join(g.dir, procs), strconv.Itoa(os.Getpid()))
	}
	if err != nil {
		return nil, errors.Join(err, unix.Rmdir(g.dir))
	}
	return g, nil
}

// hierarchy returns the root of the control groups that the kernel shares the processors
// among, and below it the group of this process. In a container it has none: its own groups
// are below that of the container.
func hierarchy() (top, own string, err error) {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		one := m.FSType == "cgroup" && slices.Contains(strings.Split(m.VFSOptions, ","), "cpu")
		return m.Root != "/" || !one && m.FSType != "cgroup2", false
	})
	if err != nil {
		return "", "", err
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	for _, m := range mounts {
		top = m.Mountpoint
		// What only the root has, or all but the root.
		_, agent := os.Lstat(filepath.Join(top, "release_agent"))
		_, kind := os.Lstat(filepath.Join(top, "cgroup.type"))
		for line := range strings.Lines(string(text)) {
			_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
			controllers, path, _ := strings.Cut(rest, ":")
			switch m.FSType {
			case "cgroup":
				if agent == nil && slices.Contains(strings.Split(controllers, ","), "cpu") {
					return top, path, nil
				}
			case "cgroup2":
				on, _ := os.ReadFile(filepath.Join(top, "cgroup.subtree_control"))
				if kind != nil && controllers == "" && slices.Contains(strings.Fields(string(on)), "cpu") {
					return top, path, nil
				}
			}
		}
	}
	return "", "", errNoGroup
}

// limits says whether the process is held to a share of processors or memory by its group or
// one above: it is not to get out of that.
func (g *group) limits(top string) bool {
	for dir := g.before; dir != top && len(dir) > len(top); dir = filepath.Dir(dir) {
		for _, limit := range []struct {
			file string
			none []string
		}{
			{"cpu.max", []string{"max"}}, {"cpu.cfs_quota_us", []string{"-1"}}, {"memory.max", []string{"max"}}, {"memory.high", []string{"max"}},
			{"memory.swap.max", []string{"max"}}, {"cpuset.cpus", nil}, {"io.max", nil},
		} {
			text, err := os.ReadFile(filepath.Join(dir, limit.file))
			words := strings.Fields(string(text))
			if err == nil && len(words) > 0 && !slices.Contains(limit.none, words[0]) {
				return true
			}
		}
	}
	return false
}

// sweep removes groups that captures have left which were killed.
func sweep(top string) {
	left, _ := filepath.Glob(filepath.Join(top, groupPrefix+"*"))
	for _, dir := range left {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), groupPrefix))
		if err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = unix.Rmdir(dir) // refused where a process is in it
		}
	}
}

// outside calls do while this process is in the group from before.
func (g *group) outside(do func() error) error {
	if g == nil {
		return do()
	}
	g.moves.Lock()
	defer g.moves.Unlock()
	_ = g.back(os.Getpid())
	err := do()
	return errors.Join(err, write(filepath.Join(g.dir, procs), strconv.Itoa(os.Getpid())))
}

// leave moves all that is in the group back, and removes it.
func (g *group) leave() error {
	if g == nil {
		return nil
	}
	g.moves.Lock()
	defer g.moves.Unlock()
	for range 100 { // what is moved may start another one meanwhile
		text, err := os.ReadFile(filepath.Join(g.dir, procs))
		if err != nil {
			return err
		}
		pids := strings.Fields(string(text))
		for _, p := range pids {
			pid, err := strconv.Atoi(p)
			if err == nil {
				err = g.back(pid)
			}
			if err != nil {
				return err
			}
		}
		if len(pids) == 0 {
			break
		}
	}
	return os.NewSyscallError("rmdir", unix.Rmdir(g.dir))
}

// back moves a process to the group from before; where that is gone, as that of a session
// that ended, to the one above.
func (g *group) back(pid int) error {
	for dir := g.before; ; dir = filepath.Dir(dir) {
		err := write(filepath.Join(dir, procs), strconv.Itoa(pid))
		switch {
		case errors.Is(err, unix.ESRCH): // it has ended
			return nil
		case !errors.Is(err, fs.ErrNotExist) || len(dir) <= len(filepath.Dir(g.dir)):
			return err
		}
	}
}

// write writes to a file that is there.
func write(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
