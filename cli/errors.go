package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"image-capture/capture"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/snapshot"
	"image-capture/upload"
)

// The exit codes. Never 16, 32, 64, or 128 and up: a DRP runner takes those for
// stop, power off, reboot and incomplete.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitCheck       = 3
	ExitIncomplete  = 4
	ExitRefused     = 5
	ExitTaken       = 6
	ExitEndpoint    = 7
	ExitVerify      = 8
	ExitInterrupted = 9
)

const exitHelp = `Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  the boot check says that the image will not deploy, or --refuse-secrets found secrets
  4  incomplete: files could not be read (with --strict also: files changed), or entries not be extracted as they are
  5  the endpoint refused the token, or a claim is missing
  6  the name is taken, here or on the endpoint
  7  the endpoint failed, or did not store what was sent; or the connection to the host broke
  8  verification failed, diff found a difference, or the image cannot be read
  9  interrupted
`

// failure is an error of a command, with its exit code and what to type.
type failure struct {
	code int
	err  error
	hint string // may be empty
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usagef(hint, format string, args ...any) error {
	return &failure{ExitUsage, fmt.Errorf(format, args...), hint}
}

// conclude is what becomes of an error of the command that runs, whose hint names flags that
// it has.
func (a *App) conclude(ctx context.Context, err error) (code int, hint string, shown error) {
	code, hint, shown = conclude(ctx, err)
	if a.command != "capture" {
		hint = notCapturing.Replace(hint)
	}
	if err != nil {
		hint = a.trusting(hint, err)
	}
	return code, hint, shown
}

// conclude is what becomes of a command's error: exit code, hint, and what is printed.
func conclude(ctx context.Context, err error) (code int, hint string, shown error) {
	d, known := known(err)
	switch {
	case err == nil:
		return ExitDone, "", nil
	case ctx.Err() != nil && !known:
		// An error of a type of our own says itself what is left.
		return ExitInterrupted, "", errors.New("interrupted, nothing is left behind")
	case !known:
		d = diagnose(err)
	}
	if d.prefix != "" {
		err = fmt.Errorf("%s%w", d.prefix, err)
	}
	return d.code, d.hint, err
}

// diagnosis is what to make of an error: exit code, what to type, and what is printed
// before it.
type diagnosis struct {
	code         int
	hint, prefix string
}

const (
	asRoot         = "run as root"
	asRootThere    = "log in as root, or add --sudo"
	filesClaims    = `give the task ExtraClaims: scope files, action "post, get", specific "*"`
	storePrinted   = "store the printed Profile with drpcli profiles create"
	profileClaims  = `give the task ExtraClaims: scope profiles, action "create, update", specific "*"; or ` + storePrinted
	otherName      = "use another name (--rootfs-name, --manifest-name, --upload-path)"
	otherFolder    = "use another folder (--upload-path)"              // where names are given
	fileFull       = "free some space, or name a file on another disk" // beside the image, or without one
	lookAtEndpoint = "and look in the endpoint's log"
	goneHint       = "nothing was stored: mount it again, or give the snapshot more room, and capture again"
	plainURLHint   = "write it as https://HOST/PATH, without user and password: arguments can be read by all on this machine"
	spaceHint      = "free some space, or send the image to the endpoint without --output"
)

// notCapturing says in the words of other commands what hints say in those of a capture.
var notCapturing = strings.NewReplacer(
	otherName, otherFolder,
	storePrinted, "repeat the upload with the MANIFEST alone and --overwrite",
	goneHint, "mount it again, or give the snapshot more room, and begin again",
	spaceHint, fileFull,
	"wait until that capture ends", "wait until that ends",
)

// diagnose finds what to make of any error.
func diagnose(err error) diagnosis {
	if d, ok := known(err); ok {
		return d
	}
	var mount *rootfs.NoMountError
	var gone *rootfs.GoneError
	var remote *upload.Error
	var address *upload.URLError
	switch {
	case err == nil:
		return diagnosis{code: ExitDone}
	case errors.Is(err, context.Canceled):
		return diagnosis{code: ExitInterrupted}
	case errors.As(err, &address):
		return diagnosis{ExitUsage, plainURLHint, ""}
	case errors.As(err, &mount):
		return diagnosis{ExitUsage, "findmnt lists the mount points", ""}
	case errors.As(err, &gone):
		return diagnosis{ExitFailed, goneHint, ""}
	case errors.As(err, &remote):
		return diagnoseRemote(remote)
	case errors.Is(err, syscall.ENOSPC):
		return diagnosis{ExitFailed, spaceHint, ""}
	case errors.Is(err, os.ErrPermission):
		return diagnosis{ExitFailed, asRoot, ""}
	}
	return diagnosis{code: ExitFailed}
}

// known finds what to make of an error that has a type of its own.
func known(err error) (d diagnosis, ok bool) {
	var (
		own        *failure
		out        *stdoutError
		option     *capture.OptionError
		format     *capture.FormatNameError
		check      *capture.CheckError
		secrets    *capture.SecretsError
		incomplete *capture.IncompleteError
		unsent     *capture.UnsentError
		lost       *capture.LostManifestError
		stopped    *capture.InterruptedError
		hidden     *capture.HiddenError
		profile    *capture.ProfileError
		memory     *capture.MemoryError
		hook       *snapshot.HookError
		base       *capture.BaseError
		cannot     *snapshot.CannotError
		others     *capture.OthersManifestError
		left       *capture.LeftManifestError
		room       *snapshot.RoomError
		overflow   *snapshot.OverflowError
		exists     *durable.ExistsError
		busy       *durable.BusyError
		noManifest *capture.NoManifestError
		extra      *capture.ExtraError
		place      *durable.PlaceError
		token      *upload.TokenError
		name       *upload.NameError
		other      *upload.MismatchError
	)
	switch {
	case errors.As(err, &out) && !(errors.As(err, &own) && own.code == ExitFailed):
		if errors.Is(out, syscall.ENOSPC) {
			return diagnosis{ExitFailed, "free some space where stdout goes, or send it elsewhere", ""}, true
		}
		return diagnosis{ExitFailed, "", ""}, true
	case errors.As(err, &own):
		return diagnosis{own.code, own.hint, ""}, true
	case errors.As(err, &option):
		return diagnoseOption(option), true
	case errors.As(err, &format):
		return diagnosis{ExitUsage, "use --format " + format.Is.String() + ", or another name", "--output "}, true
	case errors.As(err, &check):
		return diagnosis{ExitCheck, "correct the findings above, or capture anyway with --check warn", ""}, true
	case errors.As(err, &secrets):
		return diagnosis{ExitCheck, "leave them out (--exclude, --generalize), or capture without --refuse-secrets", ""}, true
	case errors.As(err, &incomplete) && incomplete.Unreadable > 0:
		return diagnosis{ExitIncomplete, "see the warnings above, or the lines \"# omitted\" of the MANIFEST", ""}, true
	case errors.As(err, &incomplete):
		return diagnosis{ExitIncomplete, "stop the programs that write to them, or capture a snapshot", ""}, true
	case errors.As(err, &stopped):
		return diagnosis{ExitInterrupted, leftThere(stopped, err), ""}, true
	case errors.As(err, &unsent):
		code := diagnose(errors.Unwrap(unsent)).code
		return diagnosis{code, resend(code, unsent, err), ""}, true
	case errors.As(err, &lost):
		d = diagnose(lost.Unwrap()[0])
		return diagnosis{d.code, d.hint, ""}, true
	case errors.As(err, &hidden):
		return diagnosis{ExitEndpoint, "delete the MANIFEST there; see whether a folder has the image's name, " + lookAtEndpoint, ""}, true
	case errors.As(err, &profile):
		return diagnoseProfile(errors.Unwrap(profile)), true
	case errors.As(err, &cannot):
		return diagnosis{ExitUsage, "use --snapshot auto, or none", ""}, true
	case errors.As(err, &room):
		return diagnosis{ExitFailed, roomHint(room), ""}, true
	case errors.As(err, &overflow):
		return diagnosis{ExitFailed, overflowHint(overflow), ""}, true
	case errors.As(err, &hook) && !hook.Post:
		return diagnosis{ExitFailed, preHookHint(hook), ""}, true
	case errors.As(err, &hook):
		return diagnosis{ExitFailed, "the image does not lack anything by it; see what state the hook has left, and run it by hand", ""}, true
	case errors.As(err, &memory) && memory.Jobs > 1:
		return diagnosis{ExitFailed, "raise the limit, or add --jobs 1, or --format tgz, which takes the least", ""}, true
	case errors.As(err, &memory):
		return diagnosis{ExitFailed, "raise the limit; --format tgz takes the least", ""}, true
	case errors.As(err, &base) && !isSourceError(err):
		hint := "give the MANIFEST or the image as the capture wrote it"
		if undigested := (*capture.UndigestedError)(nil); errors.As(err, &undigested) {
			hint = "leave out --base-content, or capture the base without --file-digests=false"
		}
		return diagnosis{ExitVerify, hint, "--base: "}, true
	case errors.As(err, &others):
		hint := "use another name"
		switch {
		case others.Endpoint:
			hint = otherName
		case others.New != "":
			hint = "use another name, or add --manifest " + entry.ShellWord(others.New+manifestSuffix)
		}
		return diagnosis{ExitTaken, hint, ""}, true
	case errors.As(err, &left):
		return diagnosis{ExitTaken, "leave out --manifest to replace it too, or move it away", ""}, true
	case errors.As(err, &exists):
		return diagnosis{ExitTaken, "use another name, or --overwrite to replace it", ""}, true
	case errors.As(err, &busy):
		return diagnosis{ExitTaken, "wait until that capture ends, or use another name", ""}, true
	case errors.As(err, &noManifest):
		return elsewhereHint(errors.Unwrap(noManifest), "free some space, or name another with --manifest, and capture again with --overwrite"), true
	case errors.As(err, &extra):
		return elsewhereHint(errors.Unwrap(extra), fileFull), true
	case errors.As(err, &place) && errors.Is(err, os.ErrPermission):
		return diagnosis{ExitFailed, asRoot, ""}, true
	case errors.As(err, &place):
		return diagnosis{ExitUsage, map[durable.Problem]string{
			durable.IsDir: "name a file in that directory", durable.LeadsNoPath: "mount what the link leads to, or name another file", durable.NoDir: "mkdir -p " + entry.ShellWord(filepath.Dir(place.Path)),
			durable.NotDir: "name a file in a directory", durable.NotOurs: "name another file, in a directory of your own",
		}[place.Problem], ""}, true
	case errors.As(err, &token) && token.Need != "":
		return diagnosis{ExitRefused, filesClaims, ""}, true
	case errors.As(err, &token):
		return diagnosis{ExitRefused, "a job's token ends with the job: run this within the job, or get a new token", ""}, true
	case errors.As(err, &name) && name.Folder:
		return diagnosis{ExitTaken, otherName, ""}, true
	case errors.As(err, &name):
		return diagnosis{ExitTaken, otherName + ", or --overwrite to replace it", ""}, true
	case errors.As(err, &other) && other.Gone:
		return diagnosis{ExitEndpoint, "see whether a folder has that name, " + lookAtEndpoint, ""}, true
	case errors.As(err, &other):
		return diagnosis{ExitEndpoint, "delete the file there, and look at the endpoint's disk and log", ""}, true
	}
	return knownRemote(err)
}

// elsewhereHint is a diagnosis of a file beside an image, with the hint for a full disk.
func elsewhereHint(err error, full string) diagnosis {
	d := diagnose(err)
	if d.prefix = ""; errors.Is(err, syscall.ENOSPC) {
		d.hint = full
	}
	return d
}

// diagnoseOption names the flag of an option.
func diagnoseOption(e *capture.OptionError) diagnosis {
	switch e.Option {
	case capture.OptionRoot:
		if errors.Is(e, os.ErrPermission) {
			return diagnosis{ExitFailed, asRoot, ""}
		}
		if empty := (*capture.EmptyRootError)(nil); errors.As(e, &empty) {
			return diagnosis{ExitUsage, "mount the root filesystem there first; findmnt lists the mount points", ""}
		}
		if gone := (*rootfs.GoneError)(nil); errors.As(e, &gone) {
			return diagnosis{ExitUsage, "mount it again, or take the snapshot again", ""}
		}
		if errors.Is(e, syscall.EIO) || errors.Is(e, syscall.ESTALE) || errors.Is(e, syscall.EMFILE) {
			return diagnosis{ExitFailed, "look at the disk or the server, and in the kernel's log (dmesg)", ""}
		}
		return diagnosis{ExitUsage, "ROOT is the directory where the root filesystem is mounted, such as / or /mnt", ""}
	case capture.OptionExclude:
		return diagnosis{ExitUsage, "patterns are those of tar --exclude, such as './var/cache/*'", "--exclude: "}
	case capture.OptionExcludeFrom:
		return diagnosis{ExitUsage, "each line is a pattern as of tar --exclude, such as ./var/cache/*", "--exclude-from: "}
	case capture.OptionExcludeIfPresent:
		return diagnosis{ExitUsage, "a name in a directory, without slashes, such as .nobackup; one in ROOT itself would leave out all", "--exclude-if-present, --exclude-caches: "}
	case capture.OptionTag:
		return diagnosis{ExitUsage, "such as --tag web-12, or leave it out: it is then of the tree's os-release", "--tag "}
	case capture.OptionImage:
		return diagnosis{ExitUsage, "end the name with .tgz, .tar.zst or .tar, as --format says", "--output "}
	case capture.OptionNames:
		return diagnosis{ExitUsage, "give another name (--rootfs-name, --manifest-name, --upload-path, --tag)", ""}
	case capture.OptionOutputs:
		return diagnosis{ExitUsage, "give each its own name", ""}
	}
	return diagnosis{ExitUsage, "", ""}
}

// diagnoseProfile says what to do about a Profile that is not stored.
func diagnoseProfile(err error) diagnosis {
	d := diagnose(err)
	d.prefix = ""
	if archive := (*capture.HooksArchiveError)(nil); errors.As(err, &archive) {
		d.hint = storeArchive(archive.Path, archive.Layers) + "; then " + storePrinted
		if errors.Is(err, capture.ErrOtherLayer) {
			d.code, d.hint = ExitVerify, "store the layers that --base names where the Profile looks for them; then "+d.hint
		}
		return d
	}
	var remote *upload.Error
	if errors.As(err, &remote) {
		switch remote.Kind {
		case upload.Refused:
			if !remote.Password {
				d.hint = profileClaims
			}
		case upload.Taken:
			d.hint = "use another name if a content pack owns that Profile, or " + storePrinted
		}
	}
	return d
}
