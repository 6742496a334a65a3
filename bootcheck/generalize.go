package bootcheck

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"image-capture/entry"
	"image-capture/identity"
)

// Generalize returns the edits by which the operations take the source's identity out
// of a tree: those for which the rules find something to do, where they find it safe
// (see [identity.Operation.When]). The view and opt are as for [Check], which says
// afterwards what remains.
func Generalize(ctx context.Context, fsys fs.FS, opt Options, ops []identity.Operation) ([]Fix, error) {
	chosen, wanted := map[string]bool{}, map[string]bool{}
	for _, o := range ops {
		chosen[o.Name], wanted[o.Rule] = true, true
	}
	s, err := newSurvey(fsys, opt)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("generalize: %w", err)
		}
		if wanted[r.name] {
			s.apply(r)
		}
	}
	return unique(slices.DeleteFunc(s.edits, func(f Fix) bool { return !chosen[f.Operation] })), nil
}

// unique returns the edits without those for which another is made: of two for one
// path the first counts, but several rewritings can be made one after the other, and
// what is below a path that is dropped goes with it.
func unique(fixes []Fix) []Fix {
	var list []Fix
	for _, f := range fixes {
		if !slices.ContainsFunc(list, func(x Fix) bool {
			if x.Path != f.Path {
				return x.Op == entry.Drop && isBelow(f.Path, x.Path)
			}
			return x.Op != entry.Rewrite || f.Op != entry.Rewrite
		}) {
			list = append(list, f)
		}
	}
	return list
}

// offer offers what the row does about what name leads to: as the finding's fix, where
// that is for everybody, and to Generalize.
func (f *Finding) offer(s *survey, o identity.Operation, name string) *Finding {
	return f.offerFix(o, s.plan(o, name))
}

// offerFix offers a planned edit.
func (f *Finding) offerFix(o identity.Operation, fix *Fix) *Finding {
	if o.Scope == identity.Always && f.Level >= Warn {
		f.Fix = fix
	}
	return f
}

// plan is what the row does about what name leads to, for Generalize: nil when it does
// nothing. The path is the one in the archive; a link to a directory is edited itself,
// not the directory.
func (s *survey) plan(o identity.Operation, name string) *Fix {
	real, ok := s.real(name, !s.isDir(name))
	if !ok || o.Op == "" {
		return nil
	}
	return s.planFix(o, Fix{Op: o.Op, Path: real, Rewrite: o.Rewrite})
}

// planFix is plan for an edit that was made elsewhere.
func (s *survey) planFix(o identity.Operation, fix Fix) *Fix {
	fix.Operation = o.Name
	s.edits = append(s.edits, fix)
	return &fix
}

// offerWords offers, as editWords, to take words off the command lines in a file.
func (f *Finding) offerWords(s *survey, o identity.Operation, name string, bad func(word string) bool) *Finding {
	if f.editWords(s, name, bad); f.Fix != nil {
		f.Fix = s.planFix(o, *f.Fix)
	}
	return f
}
