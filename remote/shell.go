package remote

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// shell is a sh on the host that runs the lines which it is given.
type shell struct {
	*connection
	host string
	mark string // begins each line that counts
	part []byte
}

// loop is what sh does. It reads no byte beyond a line, so that what follows is for the
// command in the line.
const loop = `while read -r l; do eval "$l"; done`

// bootstrap is what the login shell runs: one line without ! (which tcsh expands inside
// quotes too), without backslashes (which fish does) and without a single quote. The sum
// is a mark that no shell can say by repeating what it was given: .bashrc may print
// before it, and another command in place of this one prints anything.
func bootstrap(a, b uint32) string {
	return fmt.Sprintf(`exec sh -c 'echo; echo image-capture-$((%d+%d)) sh; %s'`, a, b, loop)
}

// open logs in and starts sh.
func open(ctx context.Context, opt Options) (*shell, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	// 31 bits each: sh may count in 32.
	a, b := binary.BigEndian.Uint32(random[:4])>>2, binary.BigEndian.Uint32(random[4:])>>2
	c, err := dial(ctx, opt, bootstrap(a, b))
	if err != nil {
		return nil, err
	}
	s := &shell{connection: c, host: opt.To.Name(), mark: "image-capture-" + strconv.Itoa(int(a+b))}
	if err := s.login(ctx); err != nil {
		c.close(0)
		return nil, err
	}
	return s, nil
}

// login waits for the mark. Until something comes the user may be asked for a passphrase,
// by ssh and on the terminal: that takes as long as it takes.
func (s *shell) login(ctx context.Context) error {
	const (
		mostNoise  = 1 << 20
		afterNoise = 30 * time.Second // to something else than a mark
	)
	// Whatever reads it in place of sh has something to refuse, and does not wait for ever.
	if _, err := io.WriteString(s.in, "true # a shell passes over this\n"); err != nil && !errors.Is(err, os.ErrClosed) {
		return s.refused(nil)
	}
	var said []string
	noise, until := 0, time.Time{}
	for {
		line, err := s.readLine(ctx, until, &s.part)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && until.IsZero() && ctx.Err() == nil:
			continue
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			return s.refused(append(said, string(s.part)))
		case strings.HasSuffix(line, s.mark+" sh"):
			return nil
		}
		if said = append(said, line); len(said) > 20 {
			said = said[1:]
		}
		if until.IsZero() {
			until = time.Now().Add(afterNoise)
		}
		if noise += len(line); noise > mostNoise {
			return s.refused(said)
		}
	}
}

// refused says why there is no sh, by what came in its place.
func (s *shell) refused(said []string) error {
	status := s.close(time.Second)
	text := lastLine(strings.Join(said, "\n"))
	words := s.errs.said()
	if status == 255 && text == "" {
		return &ConnectError{Host: s.host, Status: status, Said: words}
	}
	all := strings.ToLower(strings.Join(said, "\n") + "\n" + words)
	e := &ShellError{Host: s.host, Kind: Forced, Said: text}
	if text == "" {
		e.Said = words
	}
	switch {
	case strings.Contains(all, "account is currently not available"), strings.Contains(all, "nologin"):
		e.Kind = NoLogin
	case strings.Contains(all, "restricted"):
		e.Kind = Restricted
	case strings.Contains(all, "sftp connections only"), strings.Contains(all, "sftp only"):
		e.Kind = Subsystem
	case status == 127:
		e.Kind = NoSh
	case status == -1 || status == 255:
		return &ConnectError{Host: s.host, Status: status, Said: e.Said}
	}
	return e
}

// ask runs a line, and returns what it writes to stdout, and its status.
func (s *shell) ask(ctx context.Context, command string) (text string, status int, err error) {
	if err := s.send(command + `; echo "` + s.mark + ` $?"`); err != nil {
		return "", 0, s.lost(-1)
	}
	return s.answer(ctx)
}

func (s *shell) send(line string) error {
	_, err := io.WriteString(s.in, line+"\n")
	return err
}

// answer reads what a line wrote.
func (s *shell) answer(ctx context.Context) (text string, status int, err error) {
	const most = 1 << 20
	var b strings.Builder
	until := time.Now().Add(silence)
	for b.Len() < most {
		line, err := s.readLine(ctx, until, &s.part)
		if err != nil {
			if ctx.Err() == nil {
				err = s.lost(-1)
			}
			return "", 0, err
		}
		if before, code, ok := strings.Cut(line, s.mark+" "); ok {
			status, err := strconv.Atoi(code)
			if err != nil {
				return "", 0, &ProtocolError{fmt.Sprintf("the status %q", code)}
			}
			b.WriteString(before)
			return b.String(), status, nil
		}
		b.WriteString(line + "\n")
	}
	return "", 0, &ProtocolError{"an answer without an end"}
}

// lost says that all ended before its time.
func (s *shell) lost(status int) error {
	s.connection.close(time.Second)
	return &LostError{Host: s.host, Status: status, Said: s.errs.said()}
}
