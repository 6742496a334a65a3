package snapshot

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Guard knows what a capture has made on the host, and undoes it. It has told the watcher
// of each thing before that is made.
//
// The watcher is a process that reads what is promised and undone from a pipe, until its
// end: which comes when the capture ends, however it does.
type Guard struct {
	host Host
	cmd  *exec.Cmd
	pipe *os.File // its end for writing; nil once closed

	mu   sync.Mutex
	next int
	open []promise // in the order made
	fds  []int     // of what is made; closed before that is undone

	volumes []made // snapshots of LVM; not changed once the tree is read
}

type promise struct {
	id   int
	undo Undo
}

// message is a line to the watcher: a promise, or that one is kept.
type message struct {
	ID   int   `json:"id"`
	Undo *Undo `json:"undo,omitempty"` // nil: it is done
}

// NewGuard starts the watcher: the program and arguments that call Watch with stdin and
// stdout. What it says goes to stderr.
func NewGuard(watcher []string, stderr io.Writer, host Host) (*Guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command(watcher[0], watcher[1:]...)
	cmd.Args[0] = "image-capture"
	cmd.Stdin, cmd.Stderr = r, stderr
	cmd.Env = host.environ(cmd)
	// A session of its own: what ends the capture by its terminal or its process group
	// must not end it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ready, err := cmd.StdoutPipe()
	if err == nil {
		err = host.start(cmd)
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("start the watcher: %w", err)
	}
	g := &Guard{host: host, cmd: cmd, pipe: w}
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		_ = g.Close(context.Background(), nil)
		return nil, fmt.Errorf("the watcher did not start: %w", err)
	}
	return g, nil
}

// promise tells the watcher of what is to be made next.
func (g *Guard) promise(u Undo) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next++
	if err := g.tell(message{ID: g.next, Undo: &u}); err != nil {
		return 0, fmt.Errorf("the watcher is gone, which would remove %s after a crash: %w", u, err)
	}
	g.open = append(g.open, promise{g.next, u})
	return g.next, nil
}

func (g *Guard) tell(m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if g.pipe == nil {
		return os.ErrClosed
	}
	_, err = g.pipe.Write(append(b, '\n'))
	return err
}

// keep undoes one of them. Where that fails it stays promised.
func (g *Guard) keep(ctx context.Context, id int) error {
	g.mu.Lock()
	i := slices.IndexFunc(g.open, func(p promise) bool { return p.id == id })
	if i < 0 {
		g.mu.Unlock()
		return nil
	}
	u := g.open[i].undo
	g.mu.Unlock()
	if u.Hook != "" {
		// Once, whatever comes of it: when it has begun, it goes on without the capture.
		err := g.host.hook(ctx, u.Hook, func(int) { g.forget(id) })
		g.forget(id)
		return err
	}
	if err := u.do(ctx, g.host); err != nil {
		return &LeftError{Undo: u, err: err}
	}
	g.forget(id)
	return nil
}

// hold keeps a descriptor open until what is made is undone.
func (g *Guard) hold(fd int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fds = append(g.fds, fd)
}

// tool runs a program that makes something. The watcher waits for its end, too, so that
// nothing is made after that has looked.
func (g *Guard) tool(ctx context.Context, name string, args ...string) error {
	_, err := g.host.tool(ctx, g.pipe, name, args...)
	return err
}

// forget says that something is undone, or was never made.
func (g *Guard) forget(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = slices.DeleteFunc(g.open, func(p promise) bool { return p.id == id })
	_ = g.tell(message{ID: id}) // a watcher that is gone undoes nothing
}

// run runs a hook, and has the watcher end it with the capture.
func (g *Guard) run(ctx context.Context, command string) error {
	id := 0
	err := g.host.hook(ctx, command, func(group int) {
		id, _ = g.promise(Undo{Group: group}) // without a watcher there is none to end it
	})
	g.forget(id)
	return err
}

// Close undoes what is left, the newest first, and ends the watcher; failed is told what
// could not be undone.
func (g *Guard) Close(ctx context.Context, failed func(*LeftError)) error {
	ctx = context.WithoutCancel(ctx)
	g.mu.Lock()
	left := slices.Clone(g.open)
	for _, fd := range g.fds {
		_ = unix.Close(fd) // nothing was written
	}
	g.fds = nil
	g.mu.Unlock()
	var first error
	for _, p := range slices.Backward(left) {
		err := g.keep(ctx, p.id)
		if l, ok := err.(*LeftError); ok {
			failed(l)
		} else if err != nil && first == nil {
			first = err
		}
	}
	g.mu.Lock()
	if g.pipe != nil {
		g.pipe.Close()
		g.pipe = nil
	}
	g.mu.Unlock()
	_ = g.cmd.Wait() // what it could not undo either it has said
	return first
}

// LeftError says that something that was made on the host is still there.
type LeftError struct {
	Undo
	err error
}

func (e *LeftError) Error() string { return fmt.Sprintf("%s is left: %v", e.Undo, e.err) }

// Unwrap returns why.
func (e *LeftError) Unwrap() error { return e.err }
