package cli

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/bootcheck"
	"image-capture/bootcheck/hardware"
	"image-capture/capture"
	"image-capture/deploy"
	"image-capture/edit"
	"image-capture/manifest"
)

// treeOptions say what is captured of a root.
type treeOptions struct {
	tree        capture.Tree
	excludeFrom []string
	addCurtin   string
}

func (o *treeOptions) add(g *groups) {
	s, t := g.group("Tree"), &o.tree
	s.StringArrayVarP(&t.Exclude, "exclude", "x", nil, "leave out what matches `PATTERN`, such as ./a/b*, a/b or *.log, by the rules of GNU tar; repeatable")
	s.StringArrayVar(&o.excludeFrom, "exclude-from", nil, "read exclude patterns from `FILE`, one a line; repeatable")
	s.BoolVar(&t.ExcludeCaches, "exclude-caches", false, "of directories with a valid CACHEDIR.TAG keep only that file, as GNU tar does")
	s.StringArrayVar(&t.ExcludeIfPresent, "exclude-if-present", nil, "of directories that hold a file or directory `NAME` keep only that; repeatable")
	s.BoolVar(&t.DefaultExcludes, "default-excludes", true, "capture /proc /sys /dev /run /tmp /var/tmp as empty directories")
	s.StringVar(&o.addCurtin, "add-curtin", "false", "put hooks that deploy the image into its /curtin, where it has none; as `MODE` true (also without a value); dir: an empty /curtin; false: nothing")
	s.Lookup("add-curtin").NoOptDefVal = "true"
	g.oneOf("add-curtin", &o.addCurtin, "true", "dir", "false")
	s.BoolVar(&t.OneFileSystem, "one-file-system", false, "leave out every mount point (if not given: local disk filesystems are captured)")
	s.StringArrayVar(&t.IncludeMounts, "include-mount", nil, "capture the mount point `PATH`, whatever is mounted there, or the btrfs snapshot; repeatable")
	s.StringArrayVar(&t.ExcludeMounts, "exclude-mount", nil, "leave out what is mounted at `PATH`; the image has what lies under it; repeatable")
}

// of reads the files of patterns, and returns the tree at a root.
func (o *treeOptions) of(ctx context.Context, root string) (capture.Tree, error) {
	t := o.tree
	t.Root = root
	t.AddCurtin = map[string]capture.AddCurtin{"true": capture.CurtinHooks, "dir": capture.CurtinDir}[o.addCurtin]
	read := map[string]bool{}
	for _, name := range o.excludeFrom {
		if read[name] {
			continue
		}
		read[name] = true
		text, err := readFile(ctx, "exclude-from", name, edit.MaxExcludeFile, "name a file that is there, with a pattern as of tar --exclude in each line")
		if err != nil {
			return t, err
		}
		t.ExcludeFrom = append(t.ExcludeFrom, capture.PatternFile{Name: name, Text: text})
	}
	return t, nil
}

// formatOption is the format of an image.
type formatOption struct{ text string }

func (o *formatOption) add(g *groups, s *pflag.FlagSet) {
	g.choices("format", "tgz", "tar-zst", "tar")
	s.StringVar(&o.text, "format", "tgz", "`FORMAT` of the image: tgz (for image-deploy and Eikon), tar-zst (for Eikon; faster) or tar (for Eikon)")
}

func (o *formatOption) format() (manifest.Format, error) {
	format, err := manifest.ParseFormat(o.text)
	if err != nil {
		return 0, usagef("image-deploy takes tgz, Eikon all three", "--format: %w", err)
	}
	return format, nil
}

// deployer is who will unpack an image of a format: image-deploy takes tgz only.
func deployer(format manifest.Format) bootcheck.Deployer {
	if format == manifest.TGZ {
		return bootcheck.ImageDeploy
	}
	return bootcheck.Eikon
}

const bootTitle = "Boot check"

// bootOptions say by what an image is judged.
type bootOptions struct {
	deployer, curtin, firmware, target string
	fix                                bool
	// elsewhere says that the tree is on another host: which is what self is then.
	elsewhere bool
}

// targetSelf is the machine that the tree is on.
const targetSelf = "self"

func (o *bootOptions) add(g *groups, t *capture.Tree) {
	s := g.group(bootTitle)
	g.choices("deployer", "image-deploy", "eikon")
	g.choices("firmware", "uefi", "bios", "both")
	g.choices("curtin", strings.Split(generations(), ", ")...)
	s.StringVar(&o.deployer, "deployer", "", "check for the deployer `NAME`, image-deploy or eikon (if not given: image-deploy for tgz, eikon for other formats)")
	s.StringVar(&o.curtin, "curtin", string(deploy.RackN202), "the `GENERATION` of curtin that image-deploy runs (its Param curtin/version): "+generations())
	s.StringVar(&o.firmware, "firmware", "", "firmware of the machines, `NAME` uefi, bios or both: the check fails if the image does not boot under it (if not given: under one of the two is enough)")
	s.StringVar(&o.target, "target", "", "check the drivers for the machine that `FILE` describes, by its modaliases or its gohai-inventory as JSON; self is the machine that ROOT is on")
	s.BoolVar(&o.fix, "fix", false, "make the safe edits that findings offer: in the image, never in the source")
	s.BoolVar(&t.Relabel, "relabel", false, "add /.autorelabel to the image, so that SELinux relabels all files at the first boot")
}

// generations are the names for --curtin.
func generations() string {
	var names []string
	for _, c := range deploy.Generations() {
		names = append(names, string(c.Generation))
	}
	return strings.Join(names, ", ")
}

// of are the options of the check of an image of a format.
func (o *bootOptions) of(ctx context.Context, g *groups, format manifest.Format) (bootcheck.Options, error) {
	opt := bootcheck.Options{Deployer: deployer(format)}
	if o.deployer != "" {
		if err := opt.Deployer.UnmarshalText([]byte(o.deployer)); err != nil {
			return opt, usagef("such as --deployer image-deploy", "--deployer: %w", err)
		}
	}
	c, err := deploy.ParseGeneration(o.curtin)
	if err != nil {
		return opt, usagef("such as --curtin "+string(deploy.RackN202)+", as the Param curtin/version says", "--curtin: %w", err)
	}
	if g.set("curtin") && opt.Deployer != bootcheck.ImageDeploy {
		return opt, usagef("add --deployer image-deploy", "--curtin is for image-deploy, and the image is for %s", opt.Deployer)
	}
	opt.Curtin = c.Generation
	if g.set("firmware") {
		if err := oneOf("firmware", o.firmware, "uefi", "bios", "both"); err != nil {
			return opt, err
		}
		if err := opt.Firmware.UnmarshalText([]byte(o.firmware)); err != nil {
			return opt, usagef("such as --firmware uefi", "--firmware: %w", err)
		}
	}
	opt.Target, err = o.readTarget(ctx)
	return opt, err
}

// readTarget finds out which machine the image is for: nil when it is not known.
func (o *bootOptions) readTarget(ctx context.Context) (*hardware.Target, error) {
	const how = "make it on that machine with find /sys/devices -name modalias -exec cat {} + | sort -u, or take the Param gohai-inventory of that machine in DRP"
	switch o.target {
	case "":
		return nil, nil
	case targetSelf:
		if o.elsewhere {
			return nil, nil // it looks at itself
		}
		t, err := hardware.Self(os.DirFS("/sys"))
		if err != nil {
			return nil, fmt.Errorf("--target self: %w", err)
		}
		return t, nil
	}
	text, err := readFile(ctx, "target", o.target, hardware.MaxTarget, how)
	if err != nil {
		return nil, err
	}
	t, err := hardware.ParseTarget(bytes.NewReader(text))
	if err != nil {
		return nil, usagef(how, "--target %s: %w", o.target, err)
	}
	return t, nil
}

// uploadPathOption is where images are on the endpoint.
func addUploadPath(s *pflag.FlagSet, path *string) {
	s.StringVar(path, "upload-path", manifest.DefaultUploadPath, "`FOLDER` under the endpoint's files/")
}

// messageOptions say how much is printed, and in which form.
type messageOptions struct {
	json, quiet, inTask bool
	progress            string
}

func (o *messageOptions) add(g *groups, progress bool) {
	s := g.group("Messages")
	s.BoolVar(&o.json, "json", false, "print the result as one JSON document")
	s.BoolVarP(&o.quiet, "quiet", "q", false, "print only warnings and errors on stderr")
	if progress {
		s.StringVar(&o.progress, "progress", "auto", "show progress by `MODE`: bar, lines (one every 10 s), off, json (all of stderr is lines of JSON, one a second and one for each event), or auto (bar on a terminal, lines elsewhere)")
		g.oneOf("progress", &o.progress, "auto", "bar", "lines", "json", "off")
	}
}

// apply makes the terminal speak so.
func (o *messageOptions) apply(t *terminal) {
	t.quiet, t.inTask, t.json = o.quiet, o.inTask, o.progress == "json"
}

// maxJobs is more than anything gains from; each takes its 32 MiB.
const maxJobs = 256

func addAttempts(g *groups, s *pflag.FlagSet, attempts *int) {
	s.IntVar(attempts, "attempts", 5, "make at most `N` attempts when the connection or the endpoint fails")
	g.within("attempts", attempts, 1, math.MaxInt)
}
