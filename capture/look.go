package capture

import (
	"context"

	"image-capture/bootcheck"
	"image-capture/entry"
)

// look goes through the entries of the tree while the rules of the check read its files.
type look struct {
	entries bootcheck.Entries
	err     error
	done    chan struct{}
}

// Entries is for bootcheck.EntrySource.
func (l *look) Entries() (*bootcheck.Entries, error) {
	<-l.done
	return &l.entries, l.err
}

// check is bootcheck.Check of the tree as it will be in the image, its entries included.
func (s *Source) check(ctx context.Context, opt bootcheck.Options) (bootcheck.Report, error) {
	l := &look{done: make(chan struct{})}
	opt.Entries = l
	looking, cancel := context.WithCancel(ctx)
	go func() {
		defer close(l.done)
		l.err = s.Look(looking, true, func(e *entry.Entry) { l.entries.Add(&entry.Member{Entry: *e}) })
	}()
	r, err := bootcheck.Check(ctx, s.view(), opt)
	cancel()
	<-l.done
	return r, err
}
