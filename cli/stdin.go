package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// openStdin waits for the first byte: what brings none is no image, and was none in a terminal.
func (a *App) openStdin(ctx context.Context) (io.ReadCloser, int64, error) {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return nil, 0, usagef("name the image, or send it there, as in cat image.tgz | image-capture "+a.command+" -", "stdin is a terminal, and not an image")
	}
	r := bufio.NewReader(interruptibleReader{ctx, a.stdin})
	_, err := r.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, &failure{ExitVerify, errors.New("nothing came through stdin: it is empty, or closed"), "see what the command before the pipe says"}
	case err != nil:
		return nil, 0, err
	}
	return io.NopCloser(r), 0, nil
}
