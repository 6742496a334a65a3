package capture

import (
	"image-capture/bootcheck"
	"image-capture/compress"
	"image-capture/identity"
	"image-capture/manifest"
	"image-capture/snapshot"
)

// Task is what an Origin takes of the Options, as plain data: what a program on another
// host needs for its half of a capture. A field of Options that is about the tree, or
// about how the image is made of it, is here too.
type Task struct {
	Tree            Tree
	Format          manifest.Format
	Level           compress.Level
	Jobs            int
	ReadRate        int64
	SkipFileDigests bool
	Check           Mode
	Boot            bootcheck.Options
	Fix             bool
	Generalize      []identity.Operation
	Brand           bool
	Hooks           snapshot.Hooks
	Snapshot        snapshot.Mode
	FindSecrets     bool
	RefuseSecrets   bool
}

// Task is the Origin's part of the options.
func (o Options) Task() Task {
	return Task{
		Tree: o.Tree, Format: o.Format, Level: o.Level, Jobs: o.Jobs, ReadRate: o.ReadRate, SkipFileDigests: o.SkipFileDigests,
		Check: o.Check, Boot: o.Boot, Fix: o.Fix, Generalize: o.Generalize, Brand: o.Brand, Hooks: o.Hooks, Snapshot: o.Snapshot, FindSecrets: o.FindSecrets, RefuseSecrets: o.RefuseSecrets,
	}
}

// Options are those of the task, without what is not the Origin's.
func (t Task) Options() Options {
	return Options{
		Tree: t.Tree, Format: t.Format, Level: t.Level, Jobs: t.Jobs, ReadRate: t.ReadRate, SkipFileDigests: t.SkipFileDigests,
		Check: t.Check, Boot: t.Boot, Fix: t.Fix, Generalize: t.Generalize, Brand: t.Brand, Steady: Steady{Hooks: t.Hooks, Snapshot: t.Snapshot}, FindSecrets: t.FindSecrets, RefuseSecrets: t.RefuseSecrets,
	}
}
