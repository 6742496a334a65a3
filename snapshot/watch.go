package snapshot

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Watch is the watcher: it reads from r, a pipe, what a Guard promises, until all its
// writers are gone, and undoes what is left by then. To ready it writes a line first.
// say is told what it does. It ends by itself, and is to be left alone by signals.
func Watch(ctx context.Context, r io.Reader, ready io.Writer, host Host, say func(string)) error {
	if _, err := io.WriteString(ready, "ready\n"); err != nil {
		return err
	}
	var open []promise
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // what has no end was promised by half, and so not made
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("the watcher is not to be called by hand: %w", err)
		}
		if m.Undo != nil {
			open = append(open, promise{m.ID, *m.Undo})
		} else {
			open = slices.DeleteFunc(open, func(p promise) bool { return p.id == m.ID })
		}
	}
	var first error
	for _, p := range slices.Backward(open) {
		err := undoAfterAll(ctx, p.undo, host)
		switch {
		case err != nil:
			say(fmt.Sprintf("warning: the capture has ended, and %s is left: %v; type: %s", p.undo, err, p.undo.Command()))
			if first == nil {
				first = err
			}
		case p.undo.Hook != "":
			say("the capture was killed: ran the post-hook")
		case p.undo.Group == 0:
			say(fmt.Sprintf("the capture was killed: removed %s", p.undo))
		}
	}
	return first
}

// undoAfterAll tries again for a while: what the dead process held open is let go by the
// kernel within a moment.
func undoAfterAll(ctx context.Context, u Undo, host Host) error {
	for try := 0; ; try++ {
		err := u.do(ctx, host)
		if err == nil || u.Hook != "" || try == 20 {
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
