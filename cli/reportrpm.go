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
	dir    string          // "" before the first file
	copied map[string]bool // names in it
}

// errForeign says that rpm has found none of its own.
var errForeign = errors.New("rpm finds none in it, as with a format that it does not read")

const (
	// mostDatabase bounds what is copied of a file, in bytes: those of servers have up to
	// some hundred MiB.
	mostDatabase = 1 << 30
	// mostListed bounds what is taken of rpm's answer, in bytes.
	mostListed = 512 << 20
	// longestQuery is for databases that were made for harm.
	longestQuery = 2 * time.Minute
	// mostSaid bounds what is taken of rpm's warnings, in bytes: of a database of bdb there
	// is one for each index, and they are not copied.
	mostSaid = 64 << 10
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
		d.dir, d.copied = dir, map[string]bool{}
	}
	d.copied[filepath.Base(path)] = true
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

// foreign says of a database of which rpm lists nothing that it is not of this rpm's
// formats: rpm makes one of its own then, and ends with 0. Only that of sqlite is often
// empty: where a host of Debian has rpm for its tools.
func (d *rpmDatabase) foreign() bool {
	for _, name := range []string{"rpmdb.sqlite", "Packages", "Packages.db"} {
		_, err := os.Lstat(filepath.Join(d.dir, name))
		if err == nil && (name != "rpmdb.sqlite" || !d.copied[name]) {
			return true
		}
	}
	return false
}

// list gives the packages to space, and says whether there were any.
func (d *rpmDatabase) list(ctx context.Context, space *report.Space) (listed bool, err error) {
	if d.dir == "" {
		return listed, nil
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
			return false, err
		}
		for _, f := range append(files, d.dir) {
			if err := os.Chown(f, nobody, nobody); err != nil {
				return false, err
			}
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	var said strings.Builder
	cmd.Stderr = &limitedWriter{&said, mostSaid}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	lines := bufio.NewScanner(io.LimitReader(out, mostListed))
	for lines.Scan() {
		if name, path, ok := strings.Cut(lines.Text(), "\t"); ok {
			space.Installed(name, path)
			listed = true
		}
	}
	if lines.Err() != nil {
		cancel()
	}
	err = cmd.Wait()
	because := complaint(said.String())
	switch {
	case err != nil && because == "":
		return listed, err
	case err != nil:
		return listed, fmt.Errorf("%w: %s", err, because)
	case because != "": // it ends with 0 at a database that is cut off
		return listed, fmt.Errorf("rpm: %s", because)
	case !listed && d.foreign():
		return false, errForeign
	}
	return listed, nil
}

// complaint is the first error of what rpm said, and not one of its warnings.
func complaint(said string) string {
	for line := range strings.Lines(said) {
		if text, ok := strings.CutPrefix(line, "error: "); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
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
	listed, err := j.rpm.list(ctx, j.space)
	if err == nil || ctx.Err() != nil {
		return
	}
	hint := "is the database damaged, or TMPDIR a folder that not everyone may enter? rpm reads a copy of the database there, as nobody"
	switch {
	case errors.Is(err, exec.ErrNotFound):
		hint = "install rpm on this host (Debian: the package rpm), which reads the database of the image"
	case errors.Is(err, errForeign):
		hint = "make the page on a host whose rpm reads the image's database: Debian 12's reads sqlite and bdb, Debian 13's also ndb, which SUSE has"
	}
	what := "the packages of rpm are not on the page"
	if listed {
		what = "some packages of rpm may not be on the page"
	}
	j.app.term.warn(hint, "%s: %v", what, err)
}
