// Package snapshot makes a tree hold still while it is captured: commands of the user's
// run before and after (hooks), files are cloned before they are read (reflink), and
// snapshots of btrfs or LVM are read in place of what is mounted.
//
// All of that writes to the host. What is made is removed again, whatever happens: by the
// Guard that made it; if its process is killed, by the watcher, a process that outlives
// it; and if that is killed too, by the next capture that makes snapshots, which finds
// them by name (see SweepBtrfs, SweepLVM).
//
// Nothing is ever frozen by hand: a freeze outlives the process that asked for it.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"image-capture/entry"
)

// Undo is something that was made or begun on the host, and that must not stay. One field
// is set.
type Undo struct {
	// Hook is a command that is owed: it is run.
	Hook string `json:"hook,omitempty"`
	// Group is a process group that a hook runs in: it is ended.
	Group int `json:"group,omitempty"`
	// Subvolume is the path of a snapshot of btrfs: it is deleted.
	Subvolume string `json:"subvolume,omitempty"`
	// Volume is the name of a snapshot of LVM, "vg/name": it is removed.
	Volume string `json:"volume,omitempty"`
}

// String says what it is, for people.
func (u Undo) String() string {
	switch {
	case u.Hook != "":
		return "the post-hook"
	case u.Group != 0:
		return fmt.Sprintf("the hook of process group %d", u.Group)
	case u.Volume != "":
		return "the LVM snapshot " + u.Volume
	}
	return "the btrfs snapshot " + u.Subvolume
}

// Command is what a person can type to undo it.
func (u Undo) Command() string {
	switch {
	case u.Hook != "":
		return u.Hook
	case u.Group != 0:
		return fmt.Sprintf("kill -- -%d", u.Group)
	case u.Volume != "":
		return "lvremove -f " + entry.ShellWord(u.Volume)
	}
	return "btrfs subvolume delete " + entry.ShellWord(u.Subvolume)
}

// do undoes it. That nothing is there any more is no error.
func (u Undo) do(ctx context.Context, h Host) error {
	switch {
	case u.Hook != "":
		return h.hook(ctx, u.Hook, nil)
	case u.Group != 0:
		return endGroup(u.Group)
	case u.Volume != "":
		return h.removeVolume(ctx, u.Volume)
	}
	return h.deleteSubvolume(ctx, u.Subvolume)
}

// Host is how programs of the host are run.
type Host struct {
	// Output gets what hooks print; nil drops it.
	Output io.Writer
	// Drop are names of environment variables that no program gets, such as those of
	// tokens.
	Drop []string
	// Start calls the function that it gets, which starts a program, so that the program
	// has the priority that the host's programs have; nil: that of this process.
	Start func(func() error) error
}

func (h Host) start(cmd *exec.Cmd) error {
	if h.Start == nil {
		return cmd.Start()
	}
	return h.Start(cmd.Start)
}

func (h Host) environ(cmd *exec.Cmd) []string {
	var env []string
	for _, v := range cmd.Environ() {
		name, _, _ := strings.Cut(v, "=")
		drop := false
		for _, d := range h.Drop {
			drop = drop || d == name
		}
		if !drop {
			env = append(env, v)
		}
	}
	return env
}

// hookPatience is how long a hook may take to end when it is told to.
const hookPatience = 10 * time.Second

// hook runs a command by sh -c, in a process group of its own, without input. begun is
// told the group.
func (h Host) hook(ctx context.Context, command string, begun func(group int)) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Env = h.environ(cmd)
	cmd.Stdout, cmd.Stderr = h.Output, h.Output
	// A group of its own: a Ctrl-C of the terminal is for the capture, which then says
	// what becomes of the hook; and all that it started can be ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = hookPatience
	if err := h.start(cmd); err != nil {
		return err
	}
	if begun != nil {
		begun(cmd.Process.Pid)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
		return context.Cause(ctx)
	}
	// A daemon that it started may hold on to its output.
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// endGroup ends a hook that lost the capture it belongs to, so that the next one does not
// run beside it.
func endGroup(group int) error {
	if err := syscall.Kill(-group, syscall.SIGTERM); err != nil {
		return nil // it is gone
	}
	for range int(hookPatience / (50 * time.Millisecond)) {
		if syscall.Kill(-group, 0) != nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	return nil
}

// tool runs a program of the host and returns what it printed. keep, if not nil, stays
// open as long as it runs: so the watcher waits for it. The error can be a ToolError.
func (h Host) tool(ctx context.Context, keep *os.File, name string, args ...string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	// Once begun it is not killed: half of what it does might be done. It is quick.
	cmd := exec.Command(name, args...)
	if keep != nil {
		// A shell keeps it open: the programs of LVM close what they do not know, and
		// complain.
		cmd = exec.Command("/bin/sh", append([]string{"-c", `"$0" "$@" 3>&-; exit $?`, name}, args...)...)
		cmd.ExtraFiles = []*os.File{keep}
	}
	cmd.Env = append(h.environ(cmd), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := h.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return stdout.String(), &ToolError{Name: name, Args: args, Text: lastLine(stderr.String()), err: err}
	}
	return stdout.String(), nil
}

// ToolError is a program of the host that failed.
type ToolError struct {
	Name string
	Args []string
	Text string // the last line of what it said
	err  error
}

func (e *ToolError) Error() string {
	s := e.Name + " " + strings.Join(e.Args[:min(2, len(e.Args))], " ") + ": " + e.err.Error()
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap returns how it ended.
func (e *ToolError) Unwrap() error { return e.err }

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
