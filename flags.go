package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"image-capture/bootcheck"
	"image-capture/compress"
	"image-capture/manifest"
)

// maxJobs is more than anything gains from; each takes its 32 MiB.
const maxJobs = 256

// flags are all flags of all commands; a command adds the groups that it has.
type flags struct {
	groups []group

	// What is captured.
	exclude       []string
	excludeFrom   []string
	excludeText   map[string][]byte // what the files of excludeFrom hold
	defaults      bool
	addCurtin     bool
	oneFileSystem bool
	includeMounts []string
	excludeMounts []string
	check         string
	deployer      string
	firmware      string
	target        string
	fix, relabel  bool
	strict        bool
	fileDigests   bool
	format, level string
	jobs          int
	output        string
	manifestFile  string
	profile       string
	overwrite     bool
	uploadPath    string
	rootfsName    string
	manifestName  string
	tag           string
	upload        bool
	endpoint      string
	tokenFile     string
	caCert        string
	fingerprint   string
	insecure      bool
	attempts      int
	limitRate     string
	requireFree   string
	saveProfile   string
	keep          int
	orphans       bool
	parts         bool
	yes           bool
	olderThan     time.Duration
	json, quiet   bool
	progress      string
}

// group is a set of flags under a title in the help.
type group struct {
	title string
	set   *pflag.FlagSet
}

func newFlags() *flags { return &flags{} }

func (f *flags) group(title string) *pflag.FlagSet {
	set := pflag.NewFlagSet(title, pflag.ContinueOnError)
	set.SortFlags = false
	f.groups = append(f.groups, group{title, set})
	return set
}

func (f *flags) addTree() {
	s := f.group("Tree")
	s.StringArrayVar(&f.exclude, "exclude", nil, "leave out what matches `PATTERN`, written ./a/b*, a/b or *.log, as GNU tar does; repeatable")
	s.StringArrayVar(&f.excludeFrom, "exclude-from", nil, "read exclude patterns from `FILE`, one a line; repeatable")
	s.BoolVar(&f.defaults, "default-excludes", true, "keep /proc /sys /dev /run /tmp /var/tmp, but not what is in them")
	s.BoolVar(&f.addCurtin, "add-curtin", false, "put an empty /curtin into the image where the tree has none")
	s.BoolVar(&f.oneFileSystem, "one-file-system", false, "leave out every mount point (else local disk filesystems are captured)")
	s.StringArrayVar(&f.includeMounts, "include-mount", nil, "capture the mount point `PATH`, whatever is mounted there; repeatable")
	s.StringArrayVar(&f.excludeMounts, "exclude-mount", nil, "leave out the mount point `PATH`; its directory stays, empty; repeatable")
}

func (f *flags) addFormat(set *pflag.FlagSet) {
	set.StringVar(&f.format, "format", "tgz", "`FORMAT` of the image: tgz (image-deploy, Eikon), tar-zst (Eikon, faster) or tar")
}

func (f *flags) addImage() {
	s := f.group("Image")
	f.addFormat(s)
	s.StringVar(&f.level, "level", "default", "compression `LEVEL`: fast, default, better or best")
	s.IntVar(&f.jobs, "jobs", 0, "compress `N` frames at once (0: one a processor, at most 16); the image does not depend on it")
	s.BoolVar(&f.fileDigests, "file-digests", true, "take the SHA-256 of each file for the MANIFEST (those of the image are always taken)")
	s.BoolVar(&f.strict, "strict", false, "exit with 4 also when files changed while they were read")
}

func (f *flags) addBootCheck(capture bool) {
	s := f.group("Boot check")
	if capture {
		s.StringVar(&f.check, "check", "warn", "boot check before the capture: `MODE` warn goes on, enforce stops when it fails, off")
	}
	s.StringVar(&f.deployer, "deployer", "", "judge for `NAME`: image-deploy or eikon (else by the format: image-deploy for tgz)")
	s.StringVar(&f.firmware, "firmware", "both", "what the machines start by: `NAME` uefi, bios or both; the image fails where it cannot; when not given, one that cannot is a warning")
	s.StringVar(&f.target, "target", "", "check the drivers for the machine of `FILE`: its modaliases, or its gohai-inventory as JSON; self for this machine")
	s.BoolVar(&f.fix, "fix", false, "make the safe edits that the findings offer, in the image, never in the source")
	s.BoolVar(&f.relabel, "relabel", false, "add /.autorelabel to the image: SELinux labels all files at the first boot")
}

func (f *flags) addOutput() {
	s := f.group("Output (without --output or --upload: files of these names in the current directory)")
	s.StringVar(&f.output, "output", "", "write the image to `FILE`, or to stdout for -")
	s.StringVar(&f.manifestFile, "manifest", "", "write the MANIFEST to `FILE` (else NAME.MANIFEST.txt beside --output)")
	s.StringVar(&f.profile, "profile", "", "write the Profile that deploys the image, as YAML, to `FILE`")
	s.BoolVar(&f.overwrite, "overwrite", false, "replace files that exist, also on the endpoint")
	f.addUploadPath(s)
	s.StringVar(&f.rootfsName, "rootfs-name", manifest.DefaultRootFS, "`NAME` of the image")
	s.StringVar(&f.manifestName, "manifest-name", manifest.DefaultManifest, "`NAME` of the MANIFEST")
	s.StringVar(&f.tag, "tag", "", "`NAME` that $TAG stands for (else like debian-12, from the tree's os-release)")
}

func (f *flags) addUploadPath(s *pflag.FlagSet) {
	s.StringVar(&f.uploadPath, "upload-path", manifest.DefaultUploadPath, "`FOLDER` under the endpoint's files/")
}

func (f *flags) addEndpoint(store bool) {
	s := f.group("Endpoint (RS_ENDPOINT, RS_ENDPOINTS, RS_TOKEN, RS_KEY and the proxy variables are read from the environment)")
	s.StringVar(&f.endpoint, "endpoint", "", "`URL` of the DRP endpoint, like https://192.168.124.1:8092")
	s.StringVar(&f.tokenFile, "token-file", "", "read the token from `FILE` (else RS_TOKEN; else user:password from RS_KEY)")
	f.addTLS(s)
	s.IntVar(&f.attempts, "attempts", 5, "try what breaks `N` times in all")
	if store {
		s.StringVar(&f.limitRate, "limit-rate", "", "send at most `RATE` bytes per second, such as 50M; K, M, G are powers of 1024, as curl has them")
		s.StringVar(&f.requireFree, "require-free", "", "refuse where the endpoint tells that it has less room than `SIZE`, such as 20G; those known tell nothing: it is a warning then")
		s.StringVar(&f.saveProfile, "save-profile", "", "store the Profile that deploys the image on the endpoint, as `NAME`; one of that name is changed")
	}
}

func (f *flags) addTLS(s *pflag.FlagSet) {
	s.StringVar(&f.caCert, "ca-cert", "", "trust the PEM certificates in `FILE` too")
	s.StringVar(&f.fingerprint, "fingerprint", "", "trust only the server certificate with this `SHA256`")
	s.BoolVar(&f.insecure, "insecure", false, "do not verify the server's certificate")
}

func (f *flags) addMessages(progress bool) {
	s := f.group("Messages")
	s.BoolVar(&f.json, "json", false, "print the result as one JSON document")
	s.BoolVar(&f.quiet, "quiet", false, "on stderr, print warnings and errors only")
	if progress {
		s.StringVar(&f.progress, "progress", "auto", "progress as `MODE` bar, lines (every 10 s), off, or auto: bar on a terminal, else lines")
	}
}

func captureFlags(f *flags) {
	f.addTree()
	f.addImage()
	f.addBootCheck(true)
	f.addOutput()
	f.addEndpoint(true)
	f.groups[len(f.groups)-1].set.BoolVar(&f.upload, "upload", false, "store image and MANIFEST on the endpoint")
	f.addMessages(true)
}

func checkFlags(f *flags) {
	f.addTree()
	f.addFormat(f.group("Image"))
	f.addBootCheck(false)
	f.addTLS(f.group("Images at https URLs"))
	f.addMessages(true)
}

func uploadFlags(f *flags) {
	f.addEndpoint(true)
	s := f.group("Names")
	f.addUploadPath(s)
	s.BoolVar(&f.overwrite, "overwrite", false, "replace files that exist on the endpoint")
	f.addMessages(true)
}

func verifyFlags(f *flags) {
	f.addTLS(f.group("Images at https URLs"))
	f.addMessages(true)
}

// parse returns the arguments that are no flags.
func (f *flags) parse(args []string) ([]string, error) {
	all := pflag.NewFlagSet("image-capture", pflag.ContinueOnError)
	all.Usage = func() {}
	for _, g := range f.groups {
		all.AddFlagSet(g.set)
	}
	if err := all.Parse(args); err != nil {
		return nil, err
	}
	return all.Args(), nil
}

// set says whether a flag was given.
func (f *flags) set(name string) bool {
	p := f.lookup(name)
	return p != nil && p.Changed
}

// changed are the flags that were given.
func (f *flags) changed() []string {
	var names []string
	for _, g := range f.groups {
		g.set.VisitAll(func(p *pflag.Flag) {
			if p.Changed {
				names = append(names, p.Name)
			}
		})
	}
	return names
}

// has says whether the command knows a flag.
func (f *flags) has(name string) bool { return f.lookup(name) != nil }

func (f *flags) lookup(name string) *pflag.Flag {
	for _, g := range f.groups {
		if p := g.set.Lookup(name); p != nil {
			return p
		}
	}
	return nil
}

// valid checks the values of what was given, whatever the command.
func (f *flags) valid() error {
	for _, n := range []struct {
		name            string
		value, from, to int
	}{{"jobs", f.jobs, 0, maxJobs}, {"attempts", f.attempts, 1, math.MaxInt}} {
		if f.set(n.name) && n.value < n.from {
			return usagef("", "--%s is %d: it must be %d or more", n.name, n.value, n.from)
		}
		if n.value > n.to {
			return usagef("", "--%s is %d: it must be at most %d", n.name, n.value, n.to)
		}
	}
	if f.set("check") {
		if err := oneOf("check", f.check, "warn", "enforce", "off"); err != nil {
			return err
		}
	}
	if f.set("progress") {
		if err := oneOf("progress", f.progress, "auto", "bar", "lines", "off"); err != nil {
			return err
		}
	}
	return f.validProfile()
}

// usage is the help of a command.
func usage(cmd command, f *flags) string {
	var b strings.Builder
	fmt.Fprintf(&b, "image-capture %s: %s\n\nUsage:\n", cmd.name, cmd.short)
	line := "  image-capture " + cmd.name
	if len(f.groups) > 0 {
		line += " [flags]"
	}
	fmt.Fprintln(&b, strings.TrimRight(line+" "+cmd.args, " "))
	if cmd.name == "capture" {
		fmt.Fprint(&b, "\nCommands:\n")
		for _, c := range commands() {
			fmt.Fprintf(&b, "  %-9s%-18s%s\n", c.name, c.args, c.short)
		}
	}
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.set.FlagUsagesWrapped(120))
	}
	if len(f.groups) > 0 {
		fmt.Fprint(&b, "\n"+exitHelp)
	}
	return b.String()
}

// imageFormat reads --format and --level.
func (f *flags) imageFormat() (manifest.Format, compress.Codec, error) {
	format, err := manifest.ParseFormat(f.format)
	if err != nil {
		return 0, 0, usagef("", "--format: %w", err)
	}
	codec := map[manifest.Format]compress.Codec{manifest.TGZ: compress.Gzip, manifest.TarZst: compress.Zstd, manifest.Tar: compress.None}[format]
	return format, codec, nil
}

// deployer is who will unpack an image of a format: image-deploy takes tgz only.
func deployer(format manifest.Format) bootcheck.Deployer {
	if format == manifest.TGZ {
		return bootcheck.ImageDeploy
	}
	return bootcheck.Eikon
}

// oneOf checks a flag that takes a word.
func oneOf(flag, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return usagef("", "--%s is %q: it must be one of %s", flag, value, strings.Join(words, ", "))
}
