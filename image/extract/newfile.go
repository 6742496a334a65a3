package extract

import (
	"fmt"
	"hash"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// writeNew makes a file under a name of our own, and gives it its name when it is complete:
// what ends the program in the middle leaves nothing that could be taken for the file. The
// lock says that somebody works on it; see sweep.
func (x *extraction) writeNew(j *job, sum hash.Hash) error {
	over := x.replaces(j.m.Path)
	if !over && !j.in.fresh && nameTaken(j.in.fd, j.name) {
		return unix.EEXIST
	}
	temp := tempName()
	fd, err := unix.Openat(j.in.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	_ = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err = x.fill(fd, j, sum); err == nil {
		err = rename(j.in, temp, j.name, over)
	}
	if cerr := unix.Close(fd); err == nil && cerr != nil && cerr != unix.EINTR {
		err = fmt.Errorf("close: %w", cerr) // what was written may fail as late as that
		_ = unix.Unlinkat(j.in.fd, j.name, 0)
	}
	if err != nil {
		_ = unix.Unlinkat(j.in.fd, temp, 0)
	}
	return err
}

// rename gives a complete file its name.
func rename(in *folder, temp, name string, over bool) error {
	if over {
		return replaced(unix.Renameat(in.fd, temp, in.fd, name))
	}
	err := unix.Renameat2(in.fd, temp, in.fd, name, unix.RENAME_NOREPLACE)
	// Linux before 3.15, and some filesystems.
	if (err == unix.ENOSYS || err == unix.EINVAL) && !nameTaken(in.fd, name) {
		err = unix.Renameat(in.fd, temp, in.fd, name)
	}
	return err
}

func nameTaken(dir int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// mostSwept is how many directories a run looks through for what killed runs left.
const mostSwept = 1 << 16

// sweep removes what killed runs left in a directory that was there before.
func (x *extraction) sweep(f *folder) {
	if x.swept[f.id] || len(x.swept) >= mostSwept {
		return
	}
	x.swept[f.id] = true
	again, err := unix.Openat(f.fd, ".", dirFlags, 0)
	if err != nil {
		return
	}
	d := os.NewFile(uintptr(again), "")
	defer d.Close()
	for {
		names, err := d.Readdirnames(1000)
		removeDead(f.fd, names)
		if err != nil || x.ctx.Err() != nil {
			return
		}
	}
}

// removeDead removes files of names of ours that nobody works on.
func removeDead(dir int, names []string) {
	for _, name := range names {
		if !strings.HasPrefix(name, ".") || !strings.HasSuffix(name, entry.TempSuffix) {
			continue
		}
		// What makes it may not have come to lock it. That may be this process, where an
		// image names a directory again.
		pid, _, _ := strings.Cut(name[1:], ".")
		if n, err := strconv.Atoi(pid); err == nil && unix.Kill(n, 0) != unix.ESRCH {
			continue
		}
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink == 1 && unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = unix.Unlinkat(dir, name, 0)
		}
		unix.Close(fd)
	}
}

// fill gives a file its content and attributes.
func (x *extraction) fill(fd int, j *job, sum hash.Hash) (err error) {
	if !hashes(j.want) {
		sum = nil
	} else {
		sum.Reset()
	}
	end, bytes := int64(0), int64(0)
	put := func(p piece) {
		if err == nil {
			err = pwrite(fd, p.data, p.off)
		}
		if err == nil && sum != nil {
			hashZeros(sum, p.off-end)
			sum.Write(p.data)
		}
		end = p.off + int64(len(p.data))
		bytes += int64(len(p.data))
	}
	for _, p := range j.runs {
		put(p)
	}
	if j.more != nil {
		for p := range j.more {
			put(p)
			x.free(p.data)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("write: %w", err)
	case !j.whole:
		return errCut
	}
	if end < j.m.Size {
		if err := unix.Ftruncate(fd, j.m.Size); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	var digest []byte
	if sum != nil {
		hashZeros(sum, j.m.Size-end)
		digest = sum.Sum(nil)
	}
	x.dress(fd, j.in, j.name, j.m)
	x.check(j.m, j.want, digest)
	x.mu.Lock()
	x.result.Bytes += bytes
	x.mu.Unlock()
	return nil
}

// hashes says whether the digest is over what the file reads as.
func hashes(want *entry.Member) bool { return want != nil && want.SHA256 != nil }

func pwrite(fd int, b []byte, off int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
		off += int64(n)
	}
	return nil
}

var zeros [64 << 10]byte

// hashZeros hashes a hole. The MANIFEST has such a digest only of files with few of them.
func hashZeros(h hash.Hash, n int64) {
	for n > 0 {
		k := min(n, int64(len(zeros)))
		h.Write(zeros[:k])
		n -= k
	}
}
