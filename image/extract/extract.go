// Package extract writes what is in an image to a directory.
//
// # What is restored
//
// Types, owners (by number), modes, times to the nanosecond, xattrs with ACLs and
// capabilities, hard links, holes, devices, FIFOs and inode flags. A directory gets its
// mode, its times and its default ACL when all that it holds is there. One into which
// more is written later, or that was there before, keeps its own. What the kernel or the
// filesystem refuses is a [Problem] each, and the extraction goes on; it ends where
// nothing more can be written, as on a full disk, or read.
//
// # Images that nobody trusts
//
// Nothing outside the directory changes, whatever the image says. Every name is reached
// from the directory's descriptor by descriptors of the directories on the way, without
// following a link (openat(2), O_NOFOLLOW), so that no name is too long, and nothing is
// opened for writing that was not made by that very call (O_EXCL). That is what openat2(2)
// promises with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, and it works since Linux 2.6. The
// one thing that is trusted is that no other program moves directories out of there
// meanwhile.
//
// What is there already is not replaced unless that is wanted, or it is an older entry of
// the same image, as "tar -r" appends a newer one; then the new file is complete before it
// takes the name. A directory is never emptied to make place.
//
// # Memory
//
// Files are written by several workers. The content that waits for them is at most 32 MiB,
// the files at most 128, the open directories at most 64 and one for each waiting file.
// Only immutable and append-only files are remembered up to the end, and directories that
// the image names after what they hold; without a MANIFEST some 40 bytes for each entry, of
// the first four million.
package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"image-capture/entry"
)

// Options say what is extracted, and where to.
type Options struct {
	// Dir is the directory. It is made when only the last part of its name is missing. A
	// new or an empty one gets the attributes of the image's root. One that was made for
	// nothing is removed again.
	Dir string
	// Overwrite replaces what is there.
	Overwrite bool
	// Select says which members are wanted, by entry.Entry.Path; nil is for all. The
	// directories above them are made as the image has them.
	Select func(path string) bool
	// Manifest are the entries that the image should have, in its order, such as a
	// manifest.Reader gives them; nil for none. The content of each file is compared with
	// the digest there.
	Manifest interface {
		Next() (*entry.Member, error)
	}
	// Header says in what an entry that is extracted, content apart, is not as Manifest has
	// it; nil where that does not matter.
	Header func(got, want *entry.Member) error
	// Workers is how many files are written at once, at least 1.
	Workers int
	// Problem is called with each problem, by one goroutine at a time; nil for nobody.
	Problem func(Problem)
}

// Kind says what a problem is.
type Kind uint8

// The kinds.
const (
	NotMade    Kind = iota // the entry is not there
	Exists                 // something was there, and was kept
	Merged                 // a directory was there, and keeps its own attributes
	Incomplete             // the entry is there without something that Err names
	NotOurs                // the entry belongs to who runs this, as only root may give files away
	Differs                // the content is not what the MANIFEST says
	Unlike                 // something else is not what the MANIFEST says
)

// Problem is what went wrong with one entry.
type Problem struct {
	Kind Kind
	Path string // bytes, as in entry.Entry
	Err  error  // nil for Exists, Merged, NotOurs and Differs
}

// Result is what was done.
type Result struct {
	Entries int64 // that are there now, also those with a problem
	Bytes   int64 // of content, holes left out
	// Unchecked are files of which there is no digest.
	Unchecked int64
	Problems  map[Kind]int64
}

// MismatchError is that the MANIFEST is not that of the image: another entry comes.
type MismatchError struct{ Image, Manifest string } // paths; empty at an end

func (e *MismatchError) Error() string {
	name := func(path string) string {
		if path == "" {
			return "ends"
		}
		return "has " + entry.Escape(path)
	}
	return fmt.Sprintf("the image %s where the MANIFEST %s", name(e.Image), name(e.Manifest))
}

// ManifestError is that the MANIFEST cannot be read.
type ManifestError struct{ Err error }

func (e *ManifestError) Error() string { return e.Err.Error() }
func (e *ManifestError) Unwrap() error { return e.Err }

// WriteError is that nothing more can be written.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// Members are what is extracted, in the order of an image: all of it, as a *image.Reader
// gives it, or what a selection takes of it with the directories above, as index.Members.
// The methods are those of image.Reader.
type Members interface {
	Next() (*entry.Member, error)
	Data(most int) (off int64, b []byte, err error)
	TakeDigests()
	LeaveDigests()
}

// Run extracts all members of an image of which nothing was read. It returns what was
// done also with an error, which is that of ctx, of reading the image, a MismatchError, a
// ManifestError or a WriteError. Files that were not complete then are removed.
func Run(ctx context.Context, r Members, opt Options) (Result, error) {
	x := &extraction{
		ctx: ctx, in: r, opt: opt, privileged: os.Geteuid() == 0, uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()),
		implicit: map[string]bool{}, swept: map[[2]uint64]bool{},
	}
	if opt.Manifest == nil {
		x.own, x.seed = map[uint64]struct{}{}, maphash.MakeSeed()
	}
	x.result.Problems = map[Kind]int64{}
	x.ctx, x.stop = context.WithCancelCause(ctx)
	defer x.stop(nil)
	if err := x.open(); err != nil {
		return x.result, &WriteError{err}
	}
	x.startWorkers()
	err := x.members()
	x.leave(0)
	x.endWorkers()
	if cause := context.Cause(x.ctx); cause != nil {
		err = cause
	}
	x.setLateFlags()
	if x.made && x.result.Entries == 0 && len(x.result.Problems) == 0 {
		_ = unix.Rmdir(x.opt.Dir) // which fails if anybody put something there
	}
	return x.result, err
}

// extraction is one run. What is not said to be shared is for the goroutine that reads the
// image.
type extraction struct {
	ctx        context.Context
	stop       context.CancelCauseFunc
	in         Members
	opt        Options
	privileged bool
	uid, gid   uint32
	made       bool // the directory

	stack []*folder
	// above are the directories of the image above the member, which may still have to be
	// made; only kept where there is a selection.
	above []listed
	// implicit are directories that were made before the image named them.
	implicit map[string]bool
	swept    map[[2]uint64]bool // directories that were looked through, by device and inode

	pool

	mu     sync.Mutex // of what follows
	result Result
	late   []*entry.Member // whose flags forbid more changes
	// own are the hashes of the paths that were made; nil where the MANIFEST says that each
	// comes once.
	own  map[uint64]struct{}
	seed maphash.Seed
}

// problem reports one. It may be called from any goroutine.
func (x *extraction) problem(kind Kind, path string, err error) {
	for _, full := range []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO} {
		if errors.Is(err, full) {
			x.stop(&WriteError{fmt.Errorf("write %s: %w", entry.Escape(path), full)})
			return
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.result.Problems[kind]++
	if x.opt.Problem != nil {
		x.opt.Problem(Problem{kind, path, err})
	}
}

// members extracts one member after the other.
func (x *extraction) members() error {
	for {
		if x.ctx.Err() != nil {
			return context.Cause(x.ctx)
		}
		m, err := x.in.Next()
		if err != nil && err != io.EOF {
			return err
		}
		want, werr := x.wanted(m)
		if werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err := x.member(m, want); err != nil {
			return err
		}
	}
}

// wanted returns what the MANIFEST says of a member, which is nil at the end of the image.
func (x *extraction) wanted(m *entry.Member) (*entry.Member, error) {
	if x.opt.Manifest == nil {
		return nil, nil
	}
	want, err := x.opt.Manifest.Next()
	if err != nil && err != io.EOF {
		return nil, &ManifestError{err}
	}
	e := &MismatchError{}
	if m != nil {
		e.Image = m.Path
	}
	if want != nil {
		e.Manifest = want.Path
	}
	if e.Image != e.Manifest {
		return nil, e
	}
	return want, nil
}

// member extracts one. Only what ends the extraction is an error.
func (x *extraction) member(m, want *entry.Member) error {
	if x.opt.Select != nil {
		for len(x.above) > 0 && !entry.IsBelow(m.Path, x.above[len(x.above)-1].Path) {
			x.above = x.above[:len(x.above)-1]
		}
		if m.Type == entry.Dir {
			x.above = append(x.above, listed{m, want})
		}
		if !x.opt.Select(m.Path) {
			return nil
		}
	}
	x.header(listed{m, want})
	if m.Path == "." {
		if m.Type == entry.Dir && (x.opt.Overwrite || x.stack[0].fresh) {
			x.stack[0].member = m
		} else {
			x.problem(Merged, m.Path, nil)
		}
		x.count(m.Path)
		return nil
	}
	x.waitFor(m.Path)
	parent, name := split(m.Path)
	in, err := x.enter(parent)
	if err != nil {
		x.problem(NotMade, m.Path, err)
		return nil
	}
	if m.Type != entry.Dir && x.replaces(m.Path) {
		x.removeEmpty(in, name)
	}
	switch {
	case m.HardLink != "":
		err = x.link(in, name, m)
	case m.Type == entry.File:
		return x.file(in, name, m, want)
	case m.Type == entry.Dir:
		err = x.dir(in, name, m)
	default:
		err = x.special(in, name, m)
	}
	switch {
	case errors.Is(err, unix.EEXIST):
		x.problem(Exists, m.Path, nil)
	case err != nil:
		x.problem(NotMade, m.Path, err)
	default:
		x.count(m.Path)
	}
	return nil
}

// listed is a member, and what the MANIFEST says of it; nil without one.
type listed struct {
	*entry.Member
	want *entry.Member
}

// header compares all of a member but its content.
func (x *extraction) header(m listed) {
	if m.want == nil || x.opt.Header == nil {
		return
	}
	if err := x.opt.Header(m.Member, m.want); err != nil {
		x.problem(Unlike, m.Path, err)
	}
}

// check compares the content of a file with its digest.
func (x *extraction) check(m, want *entry.Member, sum []byte) {
	switch {
	case want == nil || want.SHA256 == nil && want.SparseSHA256 == nil:
		x.mu.Lock()
		x.result.Unchecked++
		x.mu.Unlock()
	case want.SparseSHA256 != nil && !bytes.Equal(want.SparseSHA256, m.SparseSHA256),
		want.SHA256 != nil && !bytes.Equal(want.SHA256, sum):
		x.problem(Differs, m.Path, nil)
	}
}
