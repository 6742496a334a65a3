// Package nice gives this process the lowest priority: for the processors nice 19, for disks
// the idle class, which has its turn when nobody else wants the disk; see setpriority(2) and
// ioprio_set(2). The kernel keeps both for each thread; new threads have those of the thread
// that made them.
//
// Where the kernel shares the processors among groups first, and only then among what is in
// one, the priority counts within the group only: the sessions of autogroup, see sched(7),
// and control groups with the cpu controller. A session that this process leads is its own,
// and gets the priority too; groups that others are in are left alone.
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

// lowest and idle are the least that there is of both.
const (
	lowest = 19
	idle   = ioClass(3) << 13
)

// ioClass is a class and a level in one, as ioprio_set(2) takes it.
type ioClass int

// whoProcess is IOPRIO_WHO_PROCESS, which means a thread.
const whoProcess = 1

// Before is the priority that the process had.
type Before struct {
	nice    int
	io      ioClass
	session string // "" when it was left alone
}

const autogroup = "/proc/self/autogroup"

// Lower lowers the priority of all threads. Where that is refused it does what is not,
// and says so.
func Lower() (*Before, error) {
	b, err := current()
	if err == nil {
		err = each(func(thread int) error { return set(thread, lowest, idle) })
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

// Restore gives the session back what it had, for programs that outlive this one.
func (b *Before) Restore() error {
	if b == nil || b.session == "" {
		return nil
	}
	return os.WriteFile(autogroup, []byte(b.session), 0)
}

// Start calls start, which starts another program, with the priority from before, so that
// the program has it: a server that a hook starts must not stay at the lowest. Where raising
// the priority is refused (it takes CAP_SYS_NICE) the program has the lowest.
func (b *Before) Start(start func() error) error {
	if b == nil {
		return start()
	}
	// The program has the priority of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	_ = set(thread, b.nice, b.io)
	err := start()
	return errors.Join(err, set(thread, lowest, idle))
}

func current() (*Before, error) {
	b := &Before{}
	// The system call, unlike the function of the C library, gives 20 less the value.
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return b, os.NewSyscallError("getpriority", err)
	}
	b.nice = 20 - n
	io, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, whoProcess, 0, 0)
	if errno != 0 {
		return b, os.NewSyscallError("ioprio_get", errno)
	}
	b.io = ioClass(io)
	return b, nil
}

func set(thread, nice int, io ioClass) error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, thread, nice); err != nil {
		return os.NewSyscallError("setpriority", err)
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
