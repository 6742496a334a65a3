package capture

import (
	"context"
	"io"
)

// Beside are the files that are written here of a capture which another machine makes and
// stores: its MANIFEST, its Profile and what a layer deletes.
type Beside struct{ run *run }

// NewBeside makes sure that there is room for the names, before anything is captured. Of the
// options it takes the Outputs, without an image, the Base and what the Profile is made of.
// It is to be closed.
func NewBeside(ctx context.Context, opt Options) (*Beside, error) {
	r, err := beside(opt)
	if err == nil {
		err = r.create(ctx)
	}
	if err != nil {
		r.outputs.close()
		return nil, err
	}
	return &Beside{r}, nil
}

// ProbeBeside says what NewBeside would, and makes nothing.
func ProbeBeside(opt Options) error {
	r, err := beside(opt)
	if err == nil {
		err = r.probe()
	}
	return err
}

func beside(opt Options) (*run, error) {
	r := newRun(opt, Silent{})
	err := r.given()
	if err == nil {
		err = r.assign()
	}
	if err == nil {
		err = r.outputs.notOthers("")
	}
	return r, err
}

// Finish gives the files their names, by what came of the capture; write writes the MANIFEST.
func (b *Beside) Finish(res Result, write func(io.Writer) error) error {
	b.take(res, write)
	return b.run.finish()
}

// Unsent says of a MANIFEST that could not be sent, since err, where it is: it is kept where
// no file was wanted for it.
func (b *Beside) Unsent(res Result, write func(io.Writer) error, err error) error {
	b.take(res, write)
	b.run.delivery.Stored = true
	return b.run.unsent(err)
}

func (b *Beside) take(res Result, write func(io.Writer) error) {
	r := b.run
	r.facts, r.checked.System, r.filesURL, r.made = res.Facts, res.System, res.Profile.Files, write
}

// Manifest is the name of its file; "" for none.
func (b *Beside) Manifest() string { return b.run.outputs.manifestName() }

// Close leaves nothing of what was not finished.
func (b *Beside) Close() { b.run.outputs.close() }
