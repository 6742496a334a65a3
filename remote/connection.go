package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// connection is a running ssh.
type connection struct {
	cmd   *exec.Cmd
	in    *os.File // what the host reads
	out   *os.File // what it writes
	lines *bufio.Reader
	errs  *stderr
	ended chan struct{} // ssh is gone
}

// program is the user's ssh.
const program = "ssh"

// dial starts ssh with a command for the host.
func dial(ctx context.Context, opt Options, command string) (*connection, error) {
	args, err := opt.arguments(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{cmd: exec.Command(program, append(args, command)...), ended: make(chan struct{})}
	c.cmd.Env = slices.DeleteFunc(c.cmd.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(opt.Secrets, name)
	})
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	inR, inW := pipe()
	outR, outW := pipe()
	errR, errW := pipe()
	theirs = []*os.File{inR, outW, errW}
	c.in, c.out = inW, outR
	if err == nil {
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = inR, outW, errW
		err = c.cmd.Start()
	}
	if err != nil {
		for _, f := range []*os.File{inW, outR, errR} {
			f.Close()
		}
		return nil, err
	}
	c.lines = bufio.NewReaderSize(outR, maxImageFrame)
	c.errs = newStderr(errR, opt.Say)
	go func() { // close waits for it
		defer close(c.ended)
		_ = c.cmd.Wait() // the state has all that it says
	}()
	return c, nil
}

// arguments are those of ssh before the command.
func (o Options) arguments(ctx context.Context) ([]string, error) {
	args := append([]string{"-T"}, o.Args...)
	// What ssh would do by itself, and what the host has no use for. Of each option ssh
	// takes the first value.
	for _, s := range []string{"RequestTTY=no", "RemoteCommand=none", "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes"} {
		args = append(args, "-o", s)
	}
	settled, err := exec.CommandContext(ctx, program, append(append([]string{"-G"}, args...), o.To.args()...)...).Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
			return nil, &ConnectError{Host: o.To.Name(), Status: exit.ExitCode(), Said: lastLine(string(exit.Stderr))}
		}
		return nil, err
	}
	// Without, a connection that broke in silence is noticed by nobody.
	if bytes.Contains(settled, []byte("\nserveraliveinterval 0\n")) {
		args = append(args, "-o", "ServerAliveInterval=15")
	}
	return append(args, o.To.args()...), nil
}

// readLine reads a line of the host, without its end. It waits until a time, or until
// ctx ends; what has come of a line by then is kept for the next call in *part.
func (c *connection) readLine(ctx context.Context, until time.Time, part *[]byte) (string, error) {
	const longest = 64 << 10
	if err := c.out.SetReadDeadline(until); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.out.SetReadDeadline(time.Now()) })
	defer stop()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	piece, err := c.lines.ReadSlice('\n')
	if keep := longest - len(*part); keep > 0 {
		*part = append(*part, piece[:min(len(piece), keep)]...)
	}
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, bufio.ErrBufferFull):
		return c.readLine(ctx, until, part)
	case err != nil:
		return "", err
	}
	line := strings.TrimSuffix(string(*part), "\n")
	*part = (*part)[:0]
	return line, nil
}

// close ends ssh: by the end of its stdin, which ends the host's side too, and after a
// while by force. It returns its exit status, -1 for a signal.
func (c *connection) close(wait time.Duration) int {
	c.in.Close()
	// A host that still writes must not hang before it sees the end.
	_ = c.out.SetReadDeadline(time.Now().Add(wait))
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, c.lines)
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		_ = c.cmd.Process.Kill() // what is gone already needs none
		<-c.ended
	}
	c.out.Close()
	<-drained
	c.errs.close()
	return c.cmd.ProcessState.ExitCode()
}

// stderr takes what ssh and the host write there, line by line.
type stderr struct {
	file  *os.File
	say   func(string)
	ended chan struct{}

	mu   sync.Mutex
	told []string  // by the user, for sudo: never shown
	part []byte    // of a line that has no end yet
	at   time.Time // when something of it came
	last string    // the last line that says something
}

func newStderr(f *os.File, say func(string)) *stderr {
	s := &stderr{file: f, say: say, ended: make(chan struct{})}
	go s.read() // close waits for it
	return s
}

func (s *stderr) read() {
	defer close(s.ended)
	buf := make([]byte, 4<<10)
	for {
		n, err := s.file.Read(buf)
		for _, line := range s.take(buf[:n]) {
			s.say(line)
		}
		if err != nil {
			return
		}
	}
}

// take adds what came, and returns the lines that are whole.
func (s *stderr) take(text []byte) (lines []string) {
	const longest = 4 << 10
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Now()
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		s.part, text = append(s.part, line...), rest
		if !whole && len(s.part) <= longest {
			break
		}
		if l := s.without(strings.TrimRight(string(s.part), "\r")); strings.TrimSpace(l) != "" {
			lines, s.last = append(lines, l), l
		}
		s.part = s.part[:0]
	}
	return lines
}

// prompt is a line without an end that has been waiting for an answer, for a moment at
// least; "" for none. It is taken away.
func (s *stderr) prompt(moment time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(s.part)
	if strings.TrimSpace(text) == "" || time.Since(s.at) < moment {
		return ""
	}
	s.part = s.part[:0]
	return s.without(text)
}

// keep has an answer of the user never shown, should the host repeat it.
func (s *stderr) keep(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, answer)
}

// without is a text without what the user answered. The lock is held.
func (s *stderr) without(text string) string {
	for _, answer := range s.told {
		if answer != "" {
			text = strings.ReplaceAll(text, answer, "[hidden]")
		}
	}
	return text
}

// clean is a text of the host, fit to be shown: without what the user answered, and
// bounded.
func (s *stderr) clean(text string) string {
	const most = 4 << 10
	s.mu.Lock()
	defer s.mu.Unlock()
	if text = s.without(text); len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// said is the last line that says something.
func (s *stderr) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := strings.TrimSpace(s.without(string(s.part))); l != "" {
		return l
	}
	return s.last
}

// close waits a moment for the rest. A master of ssh that stays in the background
// (ControlPersist) has the pipe open for as long as it lives.
func (s *stderr) close() {
	timer := time.NewTimer(200 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-s.ended:
	case <-timer.C:
	}
	s.file.Close()
	<-s.ended
}

// lastLine is the last line that is not blank.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
