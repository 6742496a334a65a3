package capture

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/archive"
)

// MemoryError says that a limit leaves less memory than a capture takes: it would be
// killed in the middle, without a word.
type MemoryError struct {
	Limit, Need int64  // bytes
	What        string // sets the limit
	Jobs        int    // that take Need
}

func (e *MemoryError) Error() string {
	const mib = 1 << 20
	return fmt.Sprintf("%s allows %d MiB of memory, and a capture with %d jobs takes %d MiB", e.What, e.Limit/mib, e.Jobs, e.Need/mib)
}

// enoughMemory compares the limits of this process with what the capture will take.
func (o Options) enoughMemory(system fs.FS) error {
	jobs := archive.Jobs(o.Jobs)
	need := archive.Memory(codecs[o.Format], jobs)
	limit, what := memoryLimit(system)
	var as unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &as); err == nil && as.Cur < math.MaxInt64 {
		// Address space is reserved that is never used: what is left of it counts.
		if left := max(0, int64(as.Cur)-addressSpace(system)); left < limit {
			limit, what = left, "the limit of the address space (ulimit -v)"
		}
	}
	if limit >= need {
		return nil
	}
	return &MemoryError{limit, need, what, jobs}
}

// addressSpace is what the process has of it, see proc_pid_statm(5); 0 if unknown.
func addressSpace(system fs.FS) int64 {
	text, err := fs.ReadFile(system, "proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.ParseInt(pages, 10, 64)
	return n * int64(os.Getpagesize())
}

// memoryLimit is the lowest limit of the control groups that the process is in, see
// cgroups(7); system is the root of the host, with /proc and /sys.
func memoryLimit(system fs.FS) (limit int64, what string) {
	limit = math.MaxInt64
	text, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return limit, ""
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		top, file := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[1] == "":
		case strings.Contains(","+parts[1]+",", ",memory,"):
			top, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// A limit further up holds for all below it. In a container the group's own folder
		// is the top.
		for dir := path.Join("/", parts[2]); ; dir = path.Dir(dir) {
			name := path.Join(top, dir, file)
			if value, err := fs.ReadFile(system, name); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(value)), 10, 64); err == nil && n < limit {
					limit, what = n, "the control group (/"+name+")"
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return limit, what
}
