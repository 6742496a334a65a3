// Package nice gives this process the lowest priority, so that others have the processors and
// disks as if it were not there.
//
// The kernel shares the processors among groups first, and only then among what is in one. So
// the process goes to a control group of its own that is idle, see group; where control groups
// are not used, and each session is a group (autogroup, see sched(7)), it lowers that of a
// session that it leads. Groups that others are in are left alone. Within its group it has the
// policy SCHED_IDLE, see sched(7), for disks the idle class, see ioprio_set(2), and nice 19 for
// whoever asks for that alone. The kernel keeps these for each thread; new threads have those
// of the thread that made them.
package nice

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// lowest and idle are the least nice value and class of disks that there are.
	lowest = 19
	idle   = ioClass(3) << 13
	// slice is the shortest time, in nanoseconds, for which the kernel takes a thread to want
	// a processor at a time (from Linux 6.12 on). Who wakes up meanwhile may have to wait for
	// its end, and with the default of some milliseconds a database lost a third of its rate
	// to a session of the lowest weight.
	slice = 100_000
)

// ioClass is a class and a level in one, as ioprio_set(2) takes it.
type ioClass int

// whoProcess is IOPRIO_WHO_PROCESS, which means a thread.
const whoProcess = 1

// Before is the priority that the process had.
type Before struct {
	sched   *unix.SchedAttr
	io      ioClass
	session string // "" when it was left alone
	group   *group // nil without one
}

const autogroup = "/proc/self/autogroup"

// Lower lowers the priority of all threads. Where that is refused it does what is not,
// and says so.
func Lower() (*Before, error) {
	b, err := current()
	if err == nil {
		err = each(func(thread int) error { return lower(thread) })
	}
	if g, gerr := enter(); gerr == nil {
		b.group = g
	}
	if own, serr := unix.Getsid(0); serr == nil && own == os.Getpid() {
		if text, rerr := os.ReadFile(autogroup); rerr == nil {
			_, before, _ := strings.Cut(strings.TrimSpace(string(text)), " nice ")
			if werr := os.WriteFile(autogroup, []byte(strconv.Itoa(lowest)), 0); werr == nil {
				b.session = before
			}
		}
	}
	return b, err
}

// Restore leaves the group, and gives the session back what it had, for programs that outlive
// this one.
func (b *Before) Restore() error {
	if b == nil {
		return nil
	}
	err := b.group.leave()
	if b.session != "" {
		err = errors.Join(err, os.WriteFile(autogroup, []byte(b.session), 0))
	}
	return err
}

// Start calls start, which starts another program, with the priority from before, so that
// the program has it: a server that a hook starts must not stay at the lowest. Where raising
// the priority is refused (it takes CAP_SYS_NICE) the program has the lowest.
func (b *Before) Start(start func() error) error {
	if b == nil {
		return start()
	}
	// The program has the priority of the thread that starts it, and is in the same group.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return b.group.outside(func() error {
		thread := unix.Gettid()
		_ = set(thread, b.sched, b.io)
		err := start()
		return errors.Join(err, lower(thread))
	})
}

func current() (*Before, error) {
	b := &Before{}
	var err error
	if b.sched, err = unix.SchedGetAttr(0, 0); err != nil {
		return b, os.NewSyscallError("sched_getattr", err)
	}
	if b.sched.Policy == unix.SCHED_NORMAL || b.sched.Policy == unix.SCHED_BATCH {
		b.sched.Runtime = 0 // the slice that the kernel gives by itself
	}
	io, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, whoProcess, 0, 0)
	if errno != 0 {
		return b, os.NewSyscallError("ioprio_get", errno)
	}
	b.io = ioClass(io)
	return b, nil
}

// lower gives a thread the lowest priority.
func lower(thread int) error {
	// SCHED_IDLE takes no slice, and keeps one.
	_ = unix.SchedSetAttr(thread, &unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: lowest, Runtime: slice}, 0)
	return set(thread, &unix.SchedAttr{Policy: unix.SCHED_IDLE, Nice: lowest}, idle)
}

func set(thread int, sched *unix.SchedAttr, io ioClass) error {
	if err := unix.SchedSetAttr(thread, sched, 0); err != nil {
		return os.NewSyscallError("sched_setattr", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, uintptr(thread), uintptr(io)); errno != 0 {
		return os.NewSyscallError("ioprio_set", errno)
	}
	return nil
}

// each calls do with each thread, also with those that others make meanwhile, until a
// round meets no new one: what a thread makes after its turn has its priority.
func each(do func(thread int) error) error {
	done := map[string]bool{}
	for {
		names, err := threads()
		if err != nil {
			return err
		}
		fresh := false
		for _, name := range names {
			if done[name] {
				continue
			}
			done[name], fresh = true, true
			thread, err := strconv.Atoi(name)
			if err == nil {
				err = do(thread)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
		if !fresh {
			return nil
		}
	}
}

func threads() ([]string, error) {
	d, err := os.Open("/proc/self/task")
	if err != nil {
		return nil, fmt.Errorf("list the threads: %w", err)
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
