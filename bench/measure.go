package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sample is what one run took.
type sample struct {
	wall time.Duration // by the monotonic clock
	cpu  time.Duration // user and system, of all processes
	peak int64         // resident bytes of the largest process
	size int64         // bytes of the image
}

// shell runs bash commands with an environment of its own: GZIP, ZSTD_CLEVEL,
// TAR_OPTIONS and their like change what the tools do.
type shell struct{ env []string }

// run runs command, and all of its processes end with ctx. The sample has no size.
func (s shell) run(ctx context.Context, command string, stdout io.Writer) (sample, error) {
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", command)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, stdout, &stderr
	// A process group of its own, as killing bash alone would leave the pipeline.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if ctx.Err() != nil {
		return sample{}, context.Cause(ctx)
	}
	if err != nil {
		if line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); line != "" {
			err = fmt.Errorf("%w: %s", err, line)
		}
		return sample{}, err
	}
	// wait4(2) counts what the process has itself waited for, too; bash waits for
	// every process of a pipeline. Of ru_maxrss, in KiB, it keeps the largest.
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{
		wall: wall,
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: use.Maxrss * 1024,
	}, nil
}

// count runs a command that prints a number.
func (s shell) count(ctx context.Context, command string) (int64, error) {
	var out bytes.Buffer
	if _, err := s.run(ctx, command, &out); err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(out.String()), 10, 64)
}

// row is a contestant and its runs; the sample at index i is of round i.
type row struct {
	contestant
	samples []sample
	entries int64  // in its archive, as tar lists it; 0 before the first run
	out     string // why it does not take part, if it does not
}

// notListed is the number of entries where tar cannot list the archive: GNU tar before
// 1.31 does not know zstd, and none does where there is no zstd to run.
const notListed = -1

// contest is all contestants on one tree.
type contest struct {
	shell              shell
	dir                string // for the images
	rows               []*row
	rounds, slowRounds int
	cold               bool
	logf               func(format string, args ...any)

	tarBytes int64 // of GNU tar's archive of the tree
	entries  int64 // in it
}

// run runs the contestants in turn, round by round, so that the drift of a noisy
// machine hits all of them alike. A peer that fails is out, with the reason in its
// row; an agent that fails is an error.
func (c *contest) run(ctx context.Context) error {
	if c.cold { // if it cannot be, no contestant is to blame
		if err := dropCaches(); err != nil {
			return err
		}
	}
	var err error
	if c.tarBytes, err = c.shell.count(ctx, tarCommand+" | wc -c"); err != nil {
		return fmt.Errorf("read the tree with tar: %w", err)
	}
	if c.entries, err = c.shell.count(ctx, tarCommand+" | tar -tf - | wc -l"); err != nil {
		return fmt.Errorf("count the entries of the tree: %w", err)
	}
	for _, r := range c.rows {
		if r.slow && c.slowRounds == 0 {
			r.out = "not run: -slow-runs 0"
		}
		for _, tool := range r.tools {
			if _, err := exec.LookPath(tool); err != nil {
				r.out = "not installed: " + tool
				break
			}
		}
	}
	for round := range max(c.rounds, c.slowRounds) + 1 { // round 0 is the warm-up
		for _, r := range c.rows {
			limit := c.rounds
			if r.slow {
				limit = c.slowRounds
			}
			if r.out != "" || round > limit || round == 0 && r.slow {
				continue
			}
			s, err := c.once(ctx, r)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil && r.agent:
				return fmt.Errorf("run %s: %w", r.name, err)
			case err != nil:
				r.out, r.samples = "failed: "+err.Error(), nil
				c.logf("%s %s", r.name, r.out)
			case round == 0:
				c.logf("warm-up: %s: %.2f s", r.name, s.wall.Seconds())
			default:
				r.samples = append(r.samples, s)
				c.logf("round %d of %d: %s: %.2f s", round, limit, r.name, s.wall.Seconds())
			}
		}
	}
	return nil
}

// once runs one contestant once. Its first archive is listed too: one that leaves
// something out is fast for the wrong reason.
func (c *contest) once(ctx context.Context, r *row) (sample, error) {
	dir, err := os.MkdirTemp(c.dir, "run.*")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	if c.cold {
		if err := dropCaches(); err != nil {
			return sample{}, err
		}
	}
	image := filepath.Join(dir, "image")
	sh := shell{append(c.shell.env[:len(c.shell.env):len(c.shell.env)], "OUT="+image, "TMPDIR="+dir)}
	var out bytes.Buffer
	s, err := sh.run(ctx, r.command, &out)
	if err != nil {
		return sample{}, err
	}
	if r.timesItself {
		r.entries = notListed
		if _, err := fmt.Sscan(out.String(), &s.wall, &s.size); err != nil {
			return sample{}, fmt.Errorf("it printed %q: %w", out.String(), err)
		}
		return s, nil
	}
	if r.noImage {
		r.entries = notListed
		return s, nil
	}
	info, err := os.Stat(image)
	if err != nil {
		return sample{}, err
	}
	if s.size = info.Size(); s.size == 0 {
		return sample{}, errors.New("nothing was written")
	}
	if r.noTar {
		r.entries = notListed
	}
	if r.entries == 0 {
		if r.entries, err = sh.count(ctx, `tar -tf "$OUT" | wc -l`); err != nil {
			r.entries = notListed
		}
	}
	return s, nil
}

// dropCaches empties the page, dentry and inode caches: see proc_sys_vm(5).
func dropCaches() error {
	unix.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0o200); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("-cold needs root: %w", err)
		}
		return fmt.Errorf("drop caches: %w", err)
	}
	return nil
}
