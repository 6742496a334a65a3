package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"image-capture/bootcheck"
	"image-capture/deploy"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
)

// Source is a root, and what shall be captured of it.
type Source struct {
	*edit.Tree
	root   *rootfs.Root
	plan   *edit.Plan
	mounts *rootfs.Mounts
	// absent are mount points to leave out where nothing is mounted.
	absent []string
}

// Open opens the root and decides what shall be captured of it. The error is an
// OptionError, a rootfs.NoMountError, a rootfs.GoneError, or one of the kernel.
func (t Tree) Open() (*Source, error) {
	root, err := rootfs.Open(t.Root)
	if err != nil {
		return nil, &OptionError{OptionRoot, err}
	}
	s := &Source{root: root}
	if err := empty(root.Path()); err != nil {
		root.Close()
		return nil, &OptionError{OptionRoot, err}
	}
	return s.prepare(t, s.decideMounts)
}

// openFrom is Open by decisions that were made, as they say where each place is read from;
// the root is read from a directory of its own.
func (t Tree) openFrom(from string, mounts *rootfs.Mounts) (*Source, error) {
	root, err := rootfs.OpenFrom(t.Root, from)
	if err != nil {
		return nil, &OptionError{OptionRoot, err}
	}
	s := &Source{root: root, mounts: mounts.Copy()}
	return s.prepare(t, func(Tree) error { return s.root.Enter(s.mounts) })
}

// prepare plans the edits, and has decide enter what is captured. After an error the root
// is closed.
func (s *Source) prepare(t Tree, decide func(Tree) error) (*Source, error) {
	var err error
	if s.plan, err = t.plan(); err == nil {
		s.plan.LookIn(s.root.FS())
		err = decide(t)
	}
	if err == nil {
		err = s.ready()
	}
	if err == nil && t.AddCurtin == CurtinHooks {
		err = s.addHooks("curtin", deploy.Hooks())
	}
	if err != nil {
		s.root.Close()
		return nil, err
	}
	return s, nil
}

// empty is an error of a directory where a filesystem was to be mounted, and none is.
func empty(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil // the walk says what is wrong
	}
	defer d.Close()
	names, err := d.Readdirnames(2)
	if err != nil && !errors.Is(err, io.EOF) || len(names) > 1 || len(names) == 1 && names[0] != "lost+found" {
		return nil
	}
	return &EmptyRootError{path}
}

func (s *Source) decideMounts(t Tree) error {
	const tries = 5 // on a host where something is mounted just now
	err := rootfs.ErrMountsChanged
	for try := 0; try < tries && errors.Is(err, rootfs.ErrMountsChanged); try++ {
		s.absent = nil
		s.mounts, err = s.root.Mounts(rootfs.MountOptions{
			OneFileSystem: t.OneFileSystem, Include: t.IncludeMounts, Exclude: t.ExcludeMounts,
			NotMounted: func(path string) { s.absent = append(s.absent, path) },
			Dropped: func(path string) bool {
				// No file has such a name: only what drops all that is there matches it.
				// What is in the mount point is not looked at: it may be an automount.
				return s.plan.Hidden(path) || s.plan.HiddenByName(path+"/\x01")
			},
		})
		if err == nil {
			err = s.root.Enter(s.mounts)
		}
	}
	return err
}

// ready puts together what was planned and entered.
func (s *Source) ready() error {
	s.Tree = edit.NewTree(s.root, s.mounts, s.plan)
	if tag := s.RootTag(); tag != "" {
		return optionErrorf(OptionExcludeIfPresent, "%s has %s in it: nothing would be captured", s.root.Path(), tag)
	}
	return nil
}

// present says whether all that was captured is still there; see rootfs.Root.Present.
func (s *Source) present() error { return s.root.Present() }

// Close closes the root.
func (s *Source) Close() error { return s.root.Close() }

// view is the tree as it will be in the image, links resolved inside it.
func (s *Source) view() *rootfs.Resolved { return rootfs.Follow(s.FS()) }

// mostFixes is how often the check is repeated: an edit can bring up another
// finding, as a rule may judge only what an earlier one left.
const mostFixes = 3

// Judge checks the tree as it will be in the image. With fix it makes the edits that
// the findings offer, and the report is that of the result; made is called with each.
func (s *Source) Judge(ctx context.Context, opt bootcheck.Options, fix bool, made func(bootcheck.Fix)) (bootcheck.Report, []bootcheck.Fix, error) {
	opt.Root = s.root.Path()
	var all []bootcheck.Fix
	for round := 0; ; round++ {
		r, err := s.check(ctx, opt)
		if err == nil {
			err = s.present()
		}
		if err != nil || !fix || round == mostFixes {
			return r, all, err
		}
		fixes := r.Fixes()
		if len(fixes) == 0 {
			return r, all, nil
		}
		if err := s.fix(fixes, ByFix); err != nil {
			return r, all, err
		}
		for _, f := range fixes {
			made(f)
		}
		all = append(all, fixes...)
	}
}

// By says who asked for an edit: an option's name, as MANIFESTs have it.
type By string

// Who asks for edits.
const (
	ByFix        By = "fix"
	ByGeneralize By = "generalize"
)

// fix plans the edits.
func (s *Source) fix(list []bootcheck.Fix, by By) error {
	for _, f := range list {
		if f.Op == entry.AddHooks {
			if err := s.addHooks(f.Path, f.Files); err != nil {
				return fmt.Errorf("%s: %s: %w", by, f, err)
			}
			continue
		}
		if err := s.plan.Apply(f.Op, "./"+f.Path, "--"+string(by), f.Rewrite); err != nil {
			return fmt.Errorf("%s: %s: %w", by, f, err)
		}
	}
	return nil
}

// addHooks plans a directory, and files below it, for where the tree has none. Hooks of
// ours of an older version are replaced, those of others stay, and then nothing is added.
func (s *Source) addHooks(dir string, files []deploy.File) error {
	const most = 1 << 20 // no hooks of ours are longer
	old, err := s.hooks(most)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil // the check says what it is
	default:
		if !outdated(old, deploy.Version) {
			return nil
		}
	}
	if err := s.plan.AddDir("./"+dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if old != nil && f.Path == deploy.HooksPath {
			if err := s.plan.Rewrite("./"+f.Path, fmt.Sprintf("hooks, version %d", deploy.Version), newerHooks(f.Content)); err != nil {
				return err
			}
			continue
		}
		if err := s.plan.AddFile("./"+f.Path, uint32(f.Mode.Perm()), f.Content); err != nil {
			return err
		}
	}
	return nil
}

// newerHooks replaces the hooks that are still ours and older when they are read.
func newerHooks(content []byte) func(old []byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		if !outdated(old, deploy.Version) {
			return old, nil
		}
		return content, nil
	}
}

// outdated says whether hooks are ours and older than a version.
func outdated(text []byte, version int) bool {
	v, ours := deploy.HooksVersion(text)
	return ours && v < version
}

// hooks are those that the image would have; without any the error is fs.ErrNotExist.
func (s *Source) hooks(most int64) ([]byte, error) {
	view := s.FS() // which follows no link: a hook is a file in a directory
	info, err := view.Lstat(deploy.HooksPath)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", deploy.HooksPath)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has more than %d bytes", deploy.HooksPath, most)
	}
	return fs.ReadFile(view, deploy.HooksPath)
}
