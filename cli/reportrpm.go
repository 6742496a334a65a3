package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"image-capture/report"
)

// rpmDatabase is a copy of an image's, for the rpm of this host to read: each generation of
// rpm has another format, and reads those before.
type rpmDatabase struct {
	dir string // "" before the first file
}

const (
	// mostDatabase bounds what is copied of a file, in bytes: those of servers have up to
	// some hundred MiB.
	mostDatabase = 1 << 30
	// mostListed bounds what is taken of rpm's answer, in bytes.
	mostListed = 512 << 20
	// longestQuery is for databases that were made for harm.
	longestQuery = 2 * time.Minute
	// nobody reads them: they come from elsewhere, and this may be root.
	nobody = 65534
)

// add copies a file of the database, in place of one of the same name.
func (d *rpmDatabase) add(path string, content io.Reader) error {
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "image-capture-rpm-")
		if err != nil {
			return err
		}
		d.dir = dir
	}
	f, err := os.Create(filepath.Join(d.dir, filepath.Base(path)))
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, mostDatabase))
	if err == nil && n == mostDatabase {
		err = fmt.Errorf("%s has more than %d bytes", path, mostDatabase)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (d *rpmDatabase) remove() {
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}

// list gives the packages to space.
func (d *rpmDatabase) list(ctx context.Context, space *report.Space) error {
	if d.dir == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	cmd := exec.CommandContext(ctx, "rpm", "--dbpath", d.dir, "-qa", "--nodigest", "--nosignature", "--qf", `[%{=NAME}\t%{FILENAMES}\n]`)
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C", "HOME=/nonexistent"}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		files, err := filepath.Glob(filepath.Join(d.dir, "*"))
		if err != nil {
			return err
		}
		for _, f := range append(files, d.dir) {
			if err := os.Chown(f, nobody, nobody); err != nil {
				return err
			}
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd.Stderr = &limitedWriter{&said, 1 << 10}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(io.LimitReader(out, mostListed))
	for lines.Scan() {
		if name, path, ok := strings.Cut(lines.Text(), "\t"); ok {
			space.Installed(name, path)
		}
	}
	if lines.Err() != nil {
		cancel()
	}
	if err := cmd.Wait(); err != nil {
		first, _, _ := strings.Cut(said.String(), "\n")
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(first))
	}
	return nil
}

// limitedWriter lets go what is too much.
type limitedWriter struct {
	to   *strings.Builder
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	w.to.Write(p[:n])
	return len(p), nil
}

// installed has rpm list the packages of the copy.
func (j *reportJob) installed(ctx context.Context) {
	defer j.rpm.remove()
	if err := j.rpm.list(ctx, j.space); err != nil && ctx.Err() == nil {
		hint := "is TMPDIR a folder that everyone may enter? rpm reads a copy of the database there, as nobody"
		if errors.Is(err, exec.ErrNotFound) {
			hint = "install rpm on this host (Debian: the package rpm), which reads the database of the image"
		}
		j.app.term.warn(hint, "the packages of rpm are not on the page: %v", err)
	}
}
