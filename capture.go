package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"image-capture/archive"
	"image-capture/bootcheck"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// captureJob is one run of the command capture.
type captureJob struct {
	app  *app
	fl   *flags
	path string // of the root, as given
	tree *tree

	format manifest.Format
	codec  archive.Codec
	level  archive.Level

	system bootcheck.System
	boot   bootcheck.Options
	report *bootcheck.Report // nil when the check is off
	fixes  []bootcheck.Fix   // that were made
	facts  manifest.Facts
	names  manifest.Names

	end *endpoint // nil without --upload
	// image is the local file, if any; local and manifest are where the files go, ""
	// for nowhere.
	image           *localFile
	manifestFile    *localFile
	profileFile     *localFile
	local, manifest string
	spool           *manifest.Spool

	sum              *archive.Summary // nil until an image is whole
	stored, verified bool             // the image, on the endpoint
	profileSaved     string           // name of the Profile on the endpoint; "" when it is not there
}

// capture is the command.
func capture(ctx context.Context, a *app, fl *flags, args []string) error {
	if len(args) != 1 {
		return usagef("image-capture ROOT, such as image-capture / or image-capture /mnt; --help lists all", "capture takes one argument, the root")
	}
	j := &captureJob{app: a, fl: fl, path: args[0]}
	defer j.close()
	for _, step := range []func(context.Context) error{j.readFlags, j.openTree} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return j.tell(ctx, j.run(ctx))
}

// run is the capture itself; whatever becomes of it is told.
func (j *captureJob) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{j.check, j.name, j.place, j.prepare, j.transfer} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := j.verdict(); err != nil {
		if j.fl.saveProfile != "" {
			j.app.term.warn("if the image will do, store the Profile as printed with drpcli profiles create", "the Profile %s is not stored, since the image lacks something", j.fl.saveProfile)
		}
		return err
	}
	return j.saveProfile(ctx)
}

func (j *captureJob) close() {
	j.image.discard()
	j.manifestFile.discard()
	j.profileFile.discard()
	if j.spool != nil {
		j.spool.Close()
	}
	if j.tree != nil {
		j.tree.close()
	}
}

// readFlags checks what can be checked without looking at anything.
func (j *captureJob) readFlags(ctx context.Context) (err error) {
	fl := j.fl
	if j.format, j.codec, err = fl.imageFormat(); err != nil {
		return err
	}
	if j.level, err = archive.ParseLevel(fl.level); err != nil {
		return usagef("", "--level: %w", err)
	}
	if j.boot, err = j.app.bootOptions(ctx, fl, j.format); err != nil {
		return err
	}
	if fl.fix && fl.check == "off" {
		return usagef("leave --check off out", "--fix makes the edits that the check offers")
	}
	if fl.output == "-" && fl.json {
		return usagef("use --output FILE, or --upload", "--json and --output - both want stdout")
	}
	if fl.upload {
		j.end, err = j.app.connect(ctx, fl)
	}
	return err
}

func (j *captureJob) openTree(ctx context.Context) (err error) {
	if j.tree != nil {
		j.tree.close()
	}
	if j.tree, err = j.app.openTree(ctx, j.fl, j.path); err != nil {
		return err
	}
	return j.tree.fix(j.fixes) // those of the attempt before
}

// check judges the tree before anything of it is read.
func (j *captureJob) check(ctx context.Context) error {
	j.tree.tellMounts()
	if j.fl.check == "off" {
		j.system = bootcheck.Identify(j.tree.view())
		j.facts.Check = "off"
		return nil
	}
	r, fixes, err := j.tree.judge(ctx, j.fl, j.boot)
	if err != nil {
		return err
	}
	j.report, j.fixes, j.system = &r, fixes, r.System
	printFindings(j.app.term, r)
	j.facts.Check = verdict(r)
	for _, f := range r.Findings {
		if f.Level > bootcheck.OK {
			j.facts.Findings = append(j.facts.Findings, findingText(f))
		}
	}
	if j.fl.check == "enforce" && r.Worst() == bootcheck.Fail {
		return &failure{exitCheck, fmt.Errorf("the image would not deploy with %s; nothing was captured", j.boot.Deployer), "mend the above, or use --check warn to capture all the same"}
	}
	j.app.term.say("check: %s", j.facts.Check)
	return nil
}

// name finds the names of image and MANIFEST, unique by a new ident.
func (j *captureJob) name(context.Context) (err error) {
	now := time.Now().UTC().Truncate(time.Second)
	vars := manifest.Vars{Tag: j.system.Tag(), DStamp: manifest.DStamp(now), Ident: manifest.NewIdent()}
	if tag := j.fl.tag; tag != "" {
		if vars.Tag = tag; manifest.CleanTag(tag) != tag {
			return usagef("", "--tag %q: it may hold a-z, 0-9 and . _ + - inside, and at most 64 characters", tag)
		}
	}
	j.names, err = manifest.Template{UploadPath: j.fl.uploadPath, RootFS: j.fl.rootfsName, Manifest: j.fl.manifestName}.Expand(vars, j.format)
	if err != nil {
		return usagef("", "%w", err)
	}
	f := &j.facts
	f.Ident, f.Date, f.Format = vars.Ident, now, j.format
	f.UploadTarball, f.UploadManifest = j.names.Image, j.names.Manifest
	f.Filename = cmp.Or(j.fl.output, path.Base(j.names.Image))
	host, _ := os.Hostname()
	f.Source = host + ":" + j.tree.root.Path()
	f.OS, f.Arch, f.Kernels = j.system.OS.PrettyName, j.system.Arch, j.system.Kernels
	f.AgentVersion = versionText()
	return nil
}

// place finds where the files go on this machine.
func (j *captureJob) place(context.Context) error {
	fl := j.fl
	switch {
	case fl.output != "":
		j.local = fl.output
		if fl.output != "-" && !special(fl.output) {
			j.manifest = strings.TrimSuffix(fl.output, j.format.Suffix()) + ".MANIFEST.txt"
		}
	case !fl.upload:
		j.local, j.manifest = path.Base(j.names.Image), path.Base(j.names.Manifest)
	}
	if fl.manifestFile != "" {
		j.manifest = fl.manifestFile
	}
	if fl.manifestFile == "-" || fl.profile == "-" {
		return usagef("name a file; stdout is for the image or the summary", "--manifest and --profile do not go to stdout")
	}
	for _, f := range []manifest.Format{manifest.TGZ, manifest.TarZst, manifest.Tar} {
		if f != j.format && strings.HasSuffix(fl.output, f.Suffix()) {
			return usagef("use --format "+f.String()+", or another name", "--output %s: the name is that of another format than %s", fl.output, j.format)
		}
	}
	for i, a := range []string{j.local, j.manifest, fl.profile} {
		for _, b := range []string{j.manifest, fl.profile}[i:] {
			if a != "" && filepath.Clean(a) == filepath.Clean(b) && !special(a) {
				return usagef("give each its own name", "%s is the name of two of the image, its MANIFEST and its Profile", a)
			}
		}
	}
	if j.manifest == "" && !fl.upload {
		j.app.term.warn("add --manifest FILE", "no MANIFEST is written, as the image goes to no file")
	}
	return nil
}

// special says whether a path is a device or a FIFO, which has no place beside it.
func special(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular()
}

// prepare makes sure that what comes out has a place to go, before anything is
// read.
func (j *captureJob) prepare(ctx context.Context) error {
	if j.end != nil {
		if err := j.end.ready(ctx, j.fl.overwrite, j.names.Image, j.names.Manifest); err != nil {
			return err
		}
	}
	for _, out := range []struct {
		name string
		file **localFile
	}{{j.local, &j.image}, {j.manifest, &j.manifestFile}, {j.fl.profile, &j.profileFile}} {
		if out.name == "" || out.name == "-" {
			continue
		}
		var err error
		if *out.file, err = createFile(out.name, j.fl.overwrite); err != nil {
			return err
		}
	}
	f, err := tempFile(j.app.env("TMPDIR"))
	if err != nil {
		return err
	}
	j.spool = manifest.NewSpool(f)
	return nil
}

// transfer brings the image, then the MANIFEST, to where they belong.
func (j *captureJob) transfer(ctx context.Context) error {
	var failed error // of the endpoint; what is local is worth finishing
	if j.end == nil {
		if err := j.archive(ctx, nil); err != nil {
			return err
		}
	} else if failed = j.store(ctx); j.sum == nil {
		return failed
	} else if ctx.Err() != nil && !j.stored {
		return context.Cause(ctx)
	}
	j.tree.tellMounts()
	j.conclude()
	if failed != nil && j.image == nil && !j.stored {
		return failed
	}
	// A local disk that fails now takes nothing from what the endpoint has: the
	// MANIFEST is sent all the same.
	local := j.finish()
	if failed != nil {
		return errors.Join(local, j.unsent(failed))
	}
	if j.end != nil {
		if err := j.storeManifest(ctx); err != nil {
			return errors.Join(local, err)
		}
	}
	if local != nil {
		return local
	}
	return j.print()
}

// finish gives the local files their names: image, MANIFEST, Profile.
func (j *captureJob) finish() error {
	if j.image != nil {
		if err := j.image.commit(); err != nil {
			j.manifest = ""
			return fmt.Errorf("write %s: %w", j.local, err)
		}
	}
	if j.manifestFile != nil {
		if err := j.manifestFile.fill(j.writeManifest); err != nil {
			j.manifest = ""
			return err
		}
	}
	if j.profileFile != nil {
		return j.profileFile.fill(j.writeProfile)
	}
	return nil
}

// archive walks the tree once and writes the image to the local file or stdout,
// and to remote, if they are wanted.
func (j *captureJob) archive(ctx context.Context, remote io.Writer) error {
	if err := j.spool.Reset(); err != nil {
		return err
	}
	out := &tee{remote: remote}
	switch {
	case j.local == "-":
		out.local = interruptible{ctx, j.app.stdout}
	case j.image != nil && j.image.inPlace:
		out.local = interruptible{ctx, j.image}
	case j.image != nil:
		out.local = j.image
	}
	done := &archive.Progress{}
	total := j.total(ctx)
	bar := startProgress(j.app.term, j.fl.progress, "captured", func() (int64, int64) { return done.Bytes.Load(), done.Entries.Load() }, total.get)
	sum, err := archive.Write(ctx, out, j.tree, archive.Options{
		Codec: j.codec, Level: j.level, Jobs: j.fl.jobs,
		Skip: j.skip(), SkipFileDigests: !j.fl.fileDigests,
		Progress: done,
		Member:   func(m *archive.Member) error { return j.spool.Add((*manifest.Entry)(m)) },
	})
	bar.stop()
	total.stop()
	if err != nil {
		return err
	}
	j.sum = sum
	return nil
}

// skip names what is never captured: the image that is being written, and swap
// files in use.
func (j *captureJob) skip() map[entry.FileID]string {
	skip := map[entry.FileID]string{}
	for _, id := range rootfs.SwapFiles() {
		skip[id] = "swap file in use"
	}
	var ids []entry.FileID
	for _, f := range []*localFile{j.image, j.manifestFile, j.profileFile} {
		if f != nil {
			ids = append(ids, f.ids()...)
		}
	}
	if f, ok := j.app.stdout.(*os.File); ok && j.local == "-" {
		if id, ok := fileID(f); ok { // stdout may be a file in the tree
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		skip[id] = "a file that this capture writes"
	}
	return skip
}

// conclude fills in what is known after the walk, and tells what went wrong.
func (j *captureJob) conclude() {
	s, f := j.sum, &j.facts
	f.Size, f.UnpackedSize, f.Entries = s.Size, s.Unpacked, s.Entries
	f.MD5, f.SHA256 = hex.EncodeToString(s.MD5), hex.EncodeToString(s.SHA256)
	for _, m := range j.tree.mounts.List() {
		f.Mounts = append(f.Mounts, entry.Note{Path: m.Path, Reason: strings.TrimPrefix(m.String(), m.Path+" ")})
	}
	f.Edits = j.tree.Notes()
	t := j.app.term
	for _, list := range [][]entry.Note{s.Unreadable, s.Omitted} {
		for _, n := range list {
			f.Omitted = append(f.Omitted, entry.Note(n))
		}
	}
	for _, n := range s.Changed {
		f.Changed = append(f.Changed, entry.Note(n))
	}
	for _, pattern := range j.tree.plan.Unmatched() {
		t.warn("", "--exclude %s matched nothing", pattern)
	}
	for _, u := range j.tree.plan.Unapplied() {
		t.warn("", "not done: %s %s: %s", u.Op, u.Subject, u.Reason)
	}
	tellNotes(t, "not captured", s.Unreadable)
	tellNotes(t, "changed", s.Changed)
	// One line for what is only as it should be: sockets would drown the rest.
	if n := len(s.Omitted); n > 0 {
		t.say("left out %d sockets, swap files and files of this capture; the MANIFEST lists them", n)
	}
}

// tellNotes prints the first of a list.
func tellNotes(t *terminal, what string, list []entry.Note) {
	const most = 20
	for i, n := range list {
		if i == most {
			t.warn("", "%s: %d more; the MANIFEST lists them", what, len(list)-most)
			return
		}
		t.warn("", "%s: %s: %s", what, n.Path, n.Reason)
	}
}

func (j *captureJob) writeManifest(w io.Writer) error { return j.spool.Write(w, j.facts) }

// verdict turns a capture that lacks something into its exit code.
func (j *captureJob) verdict() error {
	n, changed := len(j.sum.Unreadable), len(j.sum.Changed)
	switch {
	case n > 0:
		return &failure{exitIncomplete, fmt.Errorf("the image is incomplete: %d could not be read", n), "see the warnings above, or the lines \"# omitted\" of the MANIFEST"}
	case changed > 0 && j.fl.strict:
		return &failure{exitIncomplete, fmt.Errorf("%d changed while they were read (--strict)", changed), "stop what writes to them, or capture a snapshot"}
	}
	return nil
}
