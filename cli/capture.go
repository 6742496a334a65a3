package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/compress"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/identity"
	"image-capture/manifest"
)

// captureOptions are the command capture's.
type captureOptions struct {
	tree        treeOptions
	format      formatOption
	level       string
	jobs        int
	fileDigests bool
	strict      bool
	check       string
	boot        bootOptions
	generalize  string
	brand       bool
	refuse      bool
	layer       layerOptions
	outputs     capture.Outputs
	output      string
	names       manifest.Template
	tag         string
	steady      steadyOptions
	load        loadOptions
	store       storeOptions
	upload      bool
	uploadFrom  string
	result      string
	dryRun      bool
	remote      remoteOptions
	verbose     bool
	messageOptions
}

func (o *captureOptions) add(g *groups) {
	o.tree.add(g)
	o.remote.add(g)

	s := g.group("Image")
	o.format.add(g, s)
	g.choices("level", "fast", "default", "better", "best")
	s.StringVar(&o.level, "level", "default", "compression `LEVEL`: fast, default, better or best")
	s.IntVar(&o.jobs, "jobs", 0, "compress `N` frames at once (0: one per processor, at most 16); the image is the same for any N")
	g.within("jobs", &o.jobs, 0, maxJobs)
	s.BoolVar(&o.fileDigests, "file-digests", true, "put the SHA-256 of each file into the MANIFEST (that of the image is always there)")
	s.BoolVar(&o.strict, "strict", false, "exit with 4 when files changed while they were read, which is a warning otherwise")

	g.group(bootTitle).StringVar(&o.check, "check", "warn", "boot check before the capture, by `MODE`: warn reports and goes on, enforce captures nothing when the check fails, off skips it")
	g.oneOf("check", &o.check, "warn", "enforce", "off")
	o.boot.add(g, &o.tree.tree)

	g.group("Tree").BoolVar(&o.dryRun, "dry-run", false, "print what would be captured, its largest files, how large the image would be, and what would keep it from being made; nothing is written, and of an endpoint is only asked what it says without being given anything")

	s = g.group("Identity")
	s.StringVar(&o.generalize, "generalize", "", "take the source's identity out of the image, by all operations that `LIST` chooses: names, or names with - before each for all but these; image-capture operations lists them")
	s.Lookup("generalize").NoOptDefVal = identity.All
	s.BoolVar(&o.brand, "brand", false, "write the image's ident and date to the end of /etc/issue and /etc/issue.net of the image, in the place of those of an earlier one, and in the place of all that /etc/motd has")
	addRefuseSecrets(s, &o.refuse, "capture")

	o.layer.add(g, &o.outputs.Deletions)
	s = g.group("Output (without --output and --upload: two files in the current directory)")
	s.StringVarP(&o.output, "output", "o", "", "write the image to `FILE`, or to stdout for -")
	s.StringVar(&o.outputs.Manifest, "manifest", "", "write the MANIFEST to `FILE` (if not given: beside --output, as NAME.MANIFEST.txt)")
	s.StringVar(&o.outputs.Profile, "profile", "", "write the Profile that deploys the image, as YAML, to `FILE`")
	s.BoolVar(&o.outputs.Overwrite, "overwrite", false, "replace files that exist, also on the endpoint")
	addUploadPath(s, &o.names.UploadPath)
	s.StringVar(&o.names.RootFS, "rootfs-name", manifest.DefaultRootFS, "`NAME` of the image; $DSTAMP is the time (UTC), $RS_IMAGE_IDENT is new for each capture")
	s.StringVar(&o.names.Manifest, "manifest-name", manifest.DefaultManifest, "`NAME` of the MANIFEST")
	s.StringVar(&o.tag, "tag", "", "`NAME` to put for $TAG (if not given: from the tree's os-release, such as debian-12)")

	o.steady.add(g)
	o.load.add(g, &o.store.rates)
	o.store.add(g)
	g.group(endpointTitle).BoolVar(&o.upload, "upload", false, "store image and MANIFEST on the endpoint")
	o.addUploadFrom(g)
	o.messageOptions.add(g, true)
	s = g.group("Messages")
	s.BoolVarP(&o.verbose, "verbose", "v", false, "name each entry on stderr when it is in the image")
	s.BoolVar(&o.inTask, "in-task", false, "say in hints which Params of the content pack to set, in place of flags; its tasks use it")
	s.StringVar(&o.result, "result", "", "write the result as a JSON document to `FILE`, also when the capture fails")
	g.check(func() error {
		if o.verbose && o.quiet {
			return usagef("leave out one", "--verbose and --quiet contradict each other")
		}
		if o.store.saveProfile != "" && !o.upload {
			return usagef("add --upload, or write the Profile to a file with --profile", "--save-profile needs --upload: the Profile names an image on the endpoint")
		}
		return nil
	})
	g.check(func() error {
		for _, name := range []string{"endpoint", "token-file", "ca-cert", "fingerprint", "insecure", "attempts", "files-url"} {
			if name == "files-url" && o.outputs.Profile != "" {
				continue // it is in the Profile
			}
			if g.set(name) && !o.upload && !(len(o.layer.bases) > 0 && slices.Contains(tlsFlags, name)) {
				return usagef("add --upload, or leave out --"+name, "--%s has no effect without --upload: nothing goes to an endpoint", name)
			}
		}
		if strings.Contains(o.store.rates.text, "send=") && !o.upload {
			return usagef("add --upload, or leave it out", "--limit-rate: send= has no effect without --upload: nothing goes to an endpoint")
		}
		return nil
	})
}

func (o *captureOptions) run(ctx context.Context, a *App, g *groups, args []string) error {
	if len(args) > 1 {
		return refused(ctx, a, o, usagef("the image goes after --output, as in image-capture / --output FILE", "capture takes one argument, the root, and these are %s", words(args...)))
	}
	if len(args) != 1 {
		return refused(ctx, a, o, usagef("image-capture ROOT, such as image-capture / or image-capture /mnt; image-capture --help lists commands and flags", "capture takes one argument, the root"))
	}
	root, err := o.remote.of(g, args[0])
	if err == nil {
		err = o.validUploadFrom(a)
	}
	if err != nil {
		return refused(ctx, a, o, err)
	}
	if err := o.resultPlace(); err != nil {
		return err
	}
	if o.boot.elsewhere = o.remote.to != nil; !o.boot.elsewhere {
		a.warnUnprivileged()
	}
	var res capture.Result
	opt, err := o.options(ctx, a, g, root)
	if err == nil && !o.boot.elsewhere {
		before := o.load.lower(a, g, root)
		opt.Steady.Watch.Start = before.Start
		defer func() { _ = before.Restore() }()
	}
	if err == nil {
		var done func()
		if opt.Base, done, err = o.layer.open(ctx, a, &o.store); err == nil {
			defer done()
		}
	}
	if err == nil && opt.Base != nil {
		none := (*manifest.NoLayersError)(nil)
		if errors.As(opt.LayerProfile(), &none) && (o.outputs.Profile != "" || o.store.saveProfile != "") {
			err = usagef("capture base and layer as tgz, and give --base the MANIFEST of the base; or leave out --profile and --save-profile", "%w", none)
		}
	}
	there := o.uploadFrom == fromHost
	if err == nil && o.boot.elsewhere && !there {
		var leave func()
		opt.Origin, leave, err = o.remote.origin(ctx, a, *o.job(g, &opt), a.events(o.progress, o.verbose))
		defer leave()
	}
	if err == nil && o.dryRun {
		return o.forecast(ctx, a, g, opt)
	}
	if err == nil && there {
		res, err = o.hostCaptures(ctx, a, g, opt)
	} else if err == nil {
		res, err = capture.Run(ctx, opt, a.events(o.progress, o.verbose))
		if err != nil && !o.inTask { // a task has its own flags, which nobody types
			err = &againError{error: err, endpoint: endpointFlags(g)}
		}
	}
	err = partial(ctx, res, err)
	if err == nil || res.Delivered {
		switch perr := o.print(a, opt, res); {
		case perr != nil && err == nil:
			err = unprinted(res, perr)
		case perr != nil:
			a.term.warn("", "%v", perr)
		}
		if opt.Endpoint != nil || o.outputs.Profile != "" {
			a.warnArchive(res, err)
		}
	}
	if o.json || o.result != "" {
		return o.printResult(ctx, a, res, err)
	}
	return err
}

// resultPlace makes sure that --result can be written when all is done, and takes the place
// of nothing that is read or written.
func (o *captureOptions) resultPlace() error {
	if o.result == "" {
		return nil
	}
	if o.result == "-" {
		return usagef("name a file, or use --json, which prints the same document", "--result cannot go to stdout")
	}
	if err := durable.Look(o.result); err != nil {
		return err
	}
	for _, name := range []string{o.output, manifestOf(o.output), o.outputs.Manifest, o.outputs.Profile, o.outputs.Deletions} {
		if name != "" && filepath.Clean(name) == filepath.Clean(o.result) {
			return usagef("give another name", "--result %s is the name of another file of this capture", o.result)
		}
	}
	if err := capture.NotOthers(o.result, ""); err != nil {
		return fmt.Errorf("--result: %w", err)
	}
	return notRead("--result", o.result, filesOf(o.layer.bases))
}

// options turns flags into the options of a capture.
func (o *captureOptions) options(ctx context.Context, a *App, g *groups, root string) (capture.Options, error) {
	opt := capture.Options{
		Jobs: o.jobs, SkipFileDigests: !o.fileDigests, Brand: o.brand, FindSecrets: o.upload, RefuseSecrets: o.refuse, Strict: o.strict, Fix: o.boot.fix,
		Check: map[string]capture.Mode{"warn": capture.Warn, "enforce": capture.Enforce, "off": capture.Off}[o.check],
		Names: o.names, Tag: o.tag, Outputs: o.outputs,
		EndpointURL: o.store.url(a), FilesURL: o.store.filesURL, SaveProfile: o.store.saveProfile, Version: versionText(),
	}
	opt.Host, _ = os.Hostname()
	opt.TempDir = a.env("TMPDIR")
	o.store.warnLoopback(a, opt.SaveProfile != "" || o.outputs.Profile != "")
	opt.Steady = o.steady.of(a)
	var err error
	if opt.ReadRate, _, err = o.store.rates.of(); err != nil {
		return opt, err
	}
	if opt.Format, err = o.format.format(); err != nil {
		return opt, err
	}
	if err := o.validNames(opt.Format); err != nil {
		return opt, err
	}
	if opt.Level, err = compress.ParseLevel(o.level); err != nil {
		return opt, usagef("write --level best for the smallest image, fast for the quickest capture; a format's own numbers are not taken", "--level: %w", err)
	}
	if opt.Boot, err = o.boot.of(ctx, g, opt.Format); err != nil {
		return opt, err
	}
	if o.generalize != "" {
		if opt.Generalize, err = identity.Select(o.generalize); err != nil {
			return opt, usagef("image-capture operations lists them", "--generalize: %w", err)
		}
	}
	if o.boot.fix && opt.Check == capture.Off {
		if !o.inTask {
			return opt, usagef("remove --check off", "--fix needs the boot check, which --check off skips")
		}
		// A stage sets the one, a machine the other.
		a.term.warn("", "%s needs the boot check: %s is taken for warn", Params["fix"], Params["check"])
		opt.Check = capture.Warn
	}
	if o.output == "-" {
		if o.json {
			return opt, usagef("use --output FILE, or --upload", "--json and --output - both write to stdout")
		}
		if err := forImage(a.image); err != nil {
			return opt, err
		}
		opt.Stdout = a.image
	} else {
		opt.Image = o.output
	}
	for _, f := range [][2]string{{"manifest", o.outputs.Manifest}, {"profile", o.outputs.Profile}, {"deletions", o.outputs.Deletions}} {
		if f[1] == "-" {
			return opt, usagef(notStdout, "--%s cannot go to stdout", f[0])
		}
	}
	if o.upload {
		if opt.Endpoint, err = o.store.connect(ctx, a, a.events(o.progress, false)); err != nil {
			return opt, err
		}
	}
	opt.Tree, err = o.tree.of(ctx, root)
	return opt, err
}

// print writes the block to stdout, or to stderr when the image is there, and the
// Profile after it.
func (o *captureOptions) print(a *App, opt capture.Options, res capture.Result) error {
	if a.term.json && !o.quiet {
		a.term.summary(res)
	}
	if o.json {
		return nil // its document is written at the very end
	}
	var w io.Writer = a.stdout
	if opt.Stdout != nil {
		if w = a.term.w; o.quiet || a.term.json {
			return nil
		}
	}
	if _, err := io.WriteString(w, res.Facts.Block()); err != nil {
		return err
	}
	if opt.Endpoint == nil || opt.Stdout != nil {
		return nil // there are no lines of YAML on stderr
	}
	p, err := manifest.NewProfile(res.Profile)
	if none := (*manifest.NoLayersError)(nil); errors.As(err, &none) {
		a.term.warn("", "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	return printProfile(w, p)
}

// elsewhere is for printsElsewhere.
func (o *captureOptions) elsewhere() bool { return !o.json && !o.dryRun }

// unprinted says of a summary that could not be printed what is there all the same.
func unprinted(res capture.Result, err error) error {
	var there []string
	if res.Image != "" {
		there = append(there, "the image is whole in "+res.Image)
	}
	if res.Stored {
		there = append(there, "the image is stored as "+res.Facts.UploadTarball+", its MANIFEST as "+res.Facts.UploadManifest)
	}
	if res.Manifest != "" {
		there = append(there, "its MANIFEST is in "+res.Manifest)
	}
	err = fmt.Errorf("the summary could not be printed: %w; %s", err, strings.Join(there, "; "))
	if res.Manifest == "" {
		return err
	}
	return &failure{ExitFailed, err, "the MANIFEST begins with it: grep '^# ' " + entry.ShellWord(res.Manifest)}
}

// notStdout is for files beside the image.
const notStdout = "name a file; stdout is for the image or the summary"

// verdict is the report in a few words.
func verdict(r bootcheck.Report) string { return r.Counts().String() }
