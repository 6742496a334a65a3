package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// untilClosed drops what is written to a pipe that nobody reads any more, as with
// check ROOT | head: the exit code still says what there is to say.
type untilClosed struct {
	w     io.Writer
	begun bool // something was written
}

func (u *untilClosed) Write(p []byte) (int, error) {
	u.begun = true
	n, err := stdoutWriter{u.w}.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return len(p), nil
	}
	return n, err
}

// stdoutWriter tells its errors from those of files.
type stdoutWriter struct{ w io.Writer }

func (s stdoutWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		err = &stdoutError{err}
	}
	return n, err
}

// stdoutError says that what was to be printed did not get to where stdout goes.
type stdoutError struct{ err error }

func (e *stdoutError) Error() string {
	err := e.err
	if of := (*os.PathError)(nil); errors.As(err, &of) {
		err = of.Err // the path is /dev/stdout
	}
	return "write to stdout: " + err.Error()
}

func (e *stdoutError) Unwrap() error { return e.err }

// content is stdout for the contents of files: a reader that goes away is an error there,
// as there is nothing else to do.
func (a *App) content() io.Writer { return stdoutWriter{a.image} }

// printsElsewhere is for the options of commands whose result may be a file, what is on the
// endpoint, or an exit code: what they print is then of no consequence. A /dev/null that
// daemon(3), or Python's subprocess.DEVNULL, gave them looks as a closed stdout does.
type printsElsewhere interface{ elsewhere() bool }

// stdoutOpen refuses a stdout that takes nothing, before anything is done for what would
// be printed there.
func (a *App) stdoutOpen(opt options) error {
	if o, ok := opt.(printsElsewhere); ok && o.elsewhere() {
		return nil
	}
	return notClosed(a.image)
}

// notClosed says whether stdout is open. Where it was closed, Go's runtime has put
// /dev/null in its place (runtime.checkfds), open for reading too, which no shell does: all
// would go nowhere, and be a success.
func notClosed(stdout io.Writer) error {
	f, ok := stdout.(*os.File)
	if !ok {
		return nil
	}
	var st unix.Stat_t
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil ||
		st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3) && flags&unix.O_ACCMODE == unix.O_RDWR {
		return usagef("redirect it, as in > FILE or > /dev/null; a /dev/null that is open for reading too counts as closed", "stdout is closed")
	}
	return nil
}

// forImage says whether stdout can take an image.
func forImage(stdout io.Writer) error {
	if f, ok := stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return usagef("redirect it, as in --output - > image.tgz; with ssh, leave out -t", "stdout is a terminal")
	}
	return notClosed(stdout)
}

// flushed is the error of a command after all that it printed: where that got nowhere, this
// counts more than what it was about.
func flushed(out *bufio.Writer, err error) error {
	ferr := out.Flush()
	if ferr == nil || errors.Is(err, ferr) {
		return err
	}
	return errors.Join(ferr, err)
}
