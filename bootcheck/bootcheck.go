// Package bootcheck says whether a deployer could boot a Linux root, by rules
// over a view of its tree.
//
// The view is an [fs.FS] of the tree as it will be in the image. It must also
// be an [fs.ReadLinkFS], and its Open and Stat must follow symbolic links
// inside the root: an absolute target starts at the root again, ".." stops at
// it. Most images hold absolute links (Debian's /sbin/init, everything that
// update-alternatives makes), so an FS which follows them on the running host
// gives findings about that host. An FS without ReadLink works, but links and
// masked units are then not seen.
//
// The rules read and never run anything: no chroot, no package database. They
// find what is missing, empty, dangling, masked or switched off; a loader that
// is present but broken is not noticed. Every look is bounded: a file is read
// up to 1 MiB (a longer one is not judged), of a directory the first 4096
// names are looked at, and what is not a regular file is never opened. A path
// that cannot be read, or that a bound cuts, is a finding of the rule that
// wanted it, not an error.
//
// The rules come from reading and running curtin, which image-deploy drives,
// and from the layouts of the Debian, Red Hat and SUSE families; each rule's
// comment names its source.
package bootcheck

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"image-capture/bootcheck/hardware"
	"image-capture/deploy"
)

// Options choose what is judged. The zero value judges for image-deploy.
type Options struct {
	Deployer Deployer // who will unpack the image; zero is ImageDeploy
	// Curtin is the generation that image-deploy runs; zero is deploy.RackN202, its
	// default. Another deployer has none.
	Curtin deploy.Generation
	// Firmware is what the machines start by: what keeps the image from booting
	// under it is a failure. For the zero value see the type.
	Firmware Firmware
	// Target is the machine that must find its drivers in the image; nil when it is
	// not known.
	Target *hardware.Target
	// Entries are all those of the image; nil when nobody goes through them. ReadImage
	// sees to those of an image.
	Entries EntrySource
	// Root is where the tree is mounted on this host, for hints that can be typed here;
	// empty is "/". Image says that it is an image, in which nothing can be typed.
	Root  string
	Image bool
}

// Finding is the verdict of one rule about one thing. Every rule gives at
// least one, also when all is well.
type Finding struct {
	Rule  string `json:"rule"` // a short name that stays the same between versions
	Level Level  `json:"level"`
	// Path is absolute inside the image ("/boot/efi"), or empty where the
	// finding is about no single path. Like Problem and Hint it is one line of
	// printable text: other characters, bytes that are not UTF-8, and
	// backslashes are escaped as in a Go string.
	Path    string `json:"path,omitempty"`
	Problem string `json:"problem"`        // one line in plain words, also for level OK
	Why     string `json:"why,omitempty"`  // why it matters, one line; from level Warn on
	Hint    string `json:"hint,omitempty"` // what to type or install, one line
	// Stops are the firmwares under which the image does not boot because of this.
	Stops []Firmware `json:"stops,omitempty"`
	// Ends are the firmwares of machines on which the deployment ends because of this.
	Ends []Firmware `json:"ends,omitempty"`
	// Later says that the clone boots, and no more after an update that the problem names.
	Later bool `json:"later,omitempty"`
	Fix   *Fix `json:"fix,omitempty"` // the edit that mends it, if one can

	brief    string   // for the verdict, where Problem is too long
	laterFor Firmware // of Later
	loads    Firmware // the firmwares that start what Path is
}

// Report is what Check found, in the order of the rules.
type Report struct {
	System   System     `json:"system"`
	Deploys  Deployment `json:"deploys"`
	Verdicts []Verdict  `json:"verdicts"` // one a firmware that the architecture has
	Findings []Finding  `json:"findings"`
}

// Counts are numbers of findings by level.
type Counts struct {
	OK   int `json:"ok"`
	Info int `json:"info"`
	Warn int `json:"warn"`
	Fail int `json:"fail"`
}

// Worst returns the highest level among the findings, OK when there is none.
func (r Report) Worst() Level {
	worst := OK
	for _, f := range r.Findings {
		worst = max(worst, f.Level)
	}
	return worst
}

// Counts returns how many findings there are of each level.
func (r Report) Counts() Counts {
	var c Counts
	for _, f := range r.Findings {
		switch f.Level {
		case OK:
			c.OK++
		case Info:
			c.Info++
		case Warn:
			c.Warn++
		case Fail:
			c.Fail++
		}
	}
	return c
}

// Check applies every rule to the tree. The findings depend on the tree and
// the options only. The error is the context's, looked at between rules, and the
// report then holds what was found so far; or opt.Curtin is no generation.
func Check(ctx context.Context, fsys fs.FS, opt Options) (Report, error) {
	s, err := newSurvey(fsys, opt)
	if err != nil {
		return Report{}, fmt.Errorf("check image: %w", err)
	}
	// To unpack an initramfs takes longer than all rules that do not look into it.
	var ahead sync.WaitGroup
	defer ahead.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.unpackAhead(ctx, &ahead)
	for _, r := range inTurn(rules) {
		if err := ctx.Err(); err != nil {
			return s.close(), fmt.Errorf("check image: %w", err)
		}
		s.apply(r)
	}
	return s.close(), nil
}

// inTurn are the rules in the order in which they are applied: those that look into an
// initramfs come last.
func inTurn(all []rule) []rule {
	into := func(r rule) bool { return slices.Contains(intoInitramfs, r.name) }
	return slices.Concat(slices.DeleteFunc(slices.Clone(all), into), slices.DeleteFunc(slices.Clone(all), func(r rule) bool { return !into(r) }))
}

// hasBIOS says whether there are machines of the architecture that start without
// UEFI by what a PC's BIOS does.
func (s *survey) hasBIOS() bool { return s.system.Arch == "x86_64" || s.system.Arch == "" }
