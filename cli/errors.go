package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"image-capture/capture"
	"image-capture/durable"
	"image-capture/rootfs"
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
  3  the boot check says that the image will not deploy
  4  captured, but incomplete: files could not be read (with --strict also: files changed)
  5  the endpoint refused the token, or a claim is missing
  6  the name is taken, here or on the endpoint
  7  the endpoint failed, or did not store what was sent
  8  verification failed, or the image to check cannot be read
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

// conclude is what becomes of a command's error: exit code, hint, and what is printed.
func conclude(ctx context.Context, err error) (code int, hint string, shown error) {
	if err != nil && ctx.Err() != nil && !knowsWhatIsLeft(err) {
		return ExitInterrupted, "", errors.New("interrupted, nothing is left behind")
	}
	code, hint, prefix := diagnose(err)
	if prefix != "" {
		err = fmt.Errorf("%s%w", prefix, err)
	}
	return code, hint, err
}

// knowsWhatIsLeft says whether the error itself tells what a signal left behind.
func knowsWhatIsLeft(err error) bool {
	var (
		own        *failure
		check      *capture.CheckError
		incomplete *capture.IncompleteError
		unsent     *capture.UnsentError
		lost       *capture.LostManifestError
		stopped    *capture.InterruptedError
		hidden     *capture.HiddenError
		profile    *capture.ProfileError
		option     *capture.OptionError
		exists     *durable.ExistsError
		busy       *durable.BusyError
		noManifest *capture.NoManifestError
		place      *durable.PlaceError
		name       *upload.NameError
		token      *upload.TokenError
		other      *upload.MismatchError
	)
	for _, target := range []any{&own, &check, &incomplete, &unsent, &lost, &stopped, &hidden, &profile, &option, &exists, &busy, &noManifest, &place, &name, &token, &other} {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

const (
	filesClaims    = `give the task ExtraClaims: scope files, action "post, get", specific "*"`
	profileClaims  = `give the task ExtraClaims: scope profiles, action "create, update", specific "*"; or store the printed Profile with drpcli profiles create`
	otherName      = "use another name (--rootfs-name, --manifest-name, --upload-path)"
	lookAtEndpoint = "and look in the endpoint's log"
)

// diagnose finds the exit code of an error, a hint, and what is printed before it.
func diagnose(err error) (code int, hint, prefix string) {
	var (
		own        *failure
		option     *capture.OptionError
		format     *capture.FormatNameError
		check      *capture.CheckError
		incomplete *capture.IncompleteError
		unsent     *capture.UnsentError
		lost       *capture.LostManifestError
		stopped    *capture.InterruptedError
		hidden     *capture.HiddenError
		profile    *capture.ProfileError
		mount      *rootfs.NoMountError
		exists     *durable.ExistsError
		busy       *durable.BusyError
		place      *durable.PlaceError
		token      *upload.TokenError
		name       *upload.NameError
		other      *upload.MismatchError
		remote     *upload.Error
	)
	switch {
	case err == nil:
		return ExitDone, "", ""
	case errors.As(err, &own):
		return own.code, own.hint, ""
	case errors.As(err, &option):
		return diagnoseOption(option)
	case errors.As(err, &format):
		return ExitUsage, "use --format " + format.Is.String() + ", or another name", "--output "
	case errors.As(err, &check):
		return ExitCheck, "correct the findings above, or capture anyway with --check warn", ""
	case errors.As(err, &incomplete) && incomplete.Unreadable > 0:
		return ExitIncomplete, "see the warnings above, or the lines \"# omitted\" of the MANIFEST", ""
	case errors.As(err, &incomplete):
		return ExitIncomplete, "stop the programs that write to them, or capture a snapshot", ""
	case errors.As(err, &stopped):
		return ExitInterrupted, "drpcli files list shows what is there; image-capture prune --orphans deletes images without MANIFEST", ""
	case errors.As(err, &unsent):
		code, _, _ = diagnose(errors.Unwrap(unsent))
		return code, resend(code, unsent), ""
	case errors.As(err, &lost):
		code, hint, _ = diagnose(lost.Unwrap()[0])
		return code, hint, ""
	case errors.As(err, &hidden):
		return ExitEndpoint, "delete the MANIFEST there; see whether a folder has the image's name, " + lookAtEndpoint, ""
	case errors.As(err, &profile):
		return diagnoseProfile(errors.Unwrap(profile))
	case errors.Is(err, context.Canceled):
		return ExitInterrupted, "", ""
	case errors.As(err, &mount):
		return ExitUsage, "findmnt lists the mount points", ""
	case errors.As(err, &exists):
		return ExitTaken, "use another name, or --overwrite to replace it", ""
	case errors.As(err, &busy):
		return ExitTaken, "wait until that capture ends, or use another name", ""
	case errors.As(err, &place):
		return ExitUsage, map[durable.Problem]string{
			durable.IsDir: "name a file in that directory", durable.LeadsNoPath: "mount what the link leads to, or name another file", durable.NoDir: "make the directory first",
			durable.NotOurs: "name another file, in a directory of your own",
		}[place.Problem], ""
	case errors.As(err, &token) && token.Need != "":
		return ExitRefused, filesClaims, ""
	case errors.As(err, &token):
		return ExitRefused, "a job's token ends with the job: run this within the job, or get a new token", ""
	case errors.As(err, &name) && name.Folder:
		return ExitTaken, otherName, ""
	case errors.As(err, &name):
		return ExitTaken, otherName + ", or --overwrite to replace it", ""
	case errors.As(err, &other) && other.Gone:
		return ExitEndpoint, "see whether a folder has that name, " + lookAtEndpoint, ""
	case errors.As(err, &other):
		return ExitEndpoint, "delete the file there, and look at the endpoint's disk and log", ""
	case errors.As(err, &remote):
		code, hint = diagnoseRemote(remote)
		return code, hint, ""
	case errors.Is(err, syscall.ENOSPC):
		return ExitFailed, "free some space, or send the image to the endpoint without --output", ""
	case errors.Is(err, os.ErrPermission):
		return ExitFailed, "run as root", ""
	}
	return ExitFailed, "", ""
}

// diagnoseOption names the flag of an option.
func diagnoseOption(e *capture.OptionError) (code int, hint, prefix string) {
	switch e.Option {
	case capture.OptionRoot:
		if errors.Is(e, os.ErrPermission) {
			return ExitFailed, "run as root", ""
		}
		return ExitUsage, "ROOT is the directory where the root filesystem is mounted, such as / or /mnt", ""
	case capture.OptionExclude:
		return ExitUsage, "patterns are those of tar --exclude, such as './var/cache/*'", "--exclude: "
	case capture.OptionExcludeFrom:
		return ExitUsage, "", "--exclude-from: "
	case capture.OptionTag:
		return ExitUsage, "", "--tag "
	case capture.OptionOutputs:
		return ExitUsage, "give each its own name", ""
	}
	return ExitUsage, "", ""
}

// resend is how to send what is whole here.
func resend(code int, e *capture.UnsentError) string {
	first := ""
	if code == ExitRefused {
		first = "get a token that is valid and has the claims, then "
	}
	if e.Stored != "" {
		return first + "send it with image-capture upload " + e.Manifest
	}
	return first + "send them with image-capture upload " + e.Image + " " + e.Manifest
}

// diagnoseProfile says what to do about a Profile that is not stored.
func diagnoseProfile(err error) (code int, hint, prefix string) {
	code, hint, _ = diagnose(err)
	var remote *upload.Error
	if errors.As(err, &remote) {
		switch remote.Kind {
		case upload.Refused:
			hint = profileClaims
		case upload.Taken:
			hint = "use another name if a content pack owns that Profile, or store the printed Profile with drpcli profiles create"
		}
	}
	return code, hint, ""
}

// diagnoseRemote says what to do about an endpoint.
func diagnoseRemote(e *upload.Error) (code int, hint string) {
	switch e.Kind {
	case upload.Refused:
		return ExitRefused, "use the token of a job that is running and whose task has ExtraClaims: scope files, action \"post, get\", specific \"*\""
	case upload.Taken:
		if e.PartInTheWay() {
			return ExitTaken, "another upload of this name is running, or a broken one left " + e.Path + ".part: delete it with drpcli files destroy " + e.Path + ".part, or use another name"
		}
		return ExitTaken, otherName + ", or --overwrite to replace the file"
	case upload.TooLarge:
		return ExitEndpoint, "a proxy limits the size of uploads: raise its limit, or bypass it with NO_PROXY"
	case upload.NoSpace:
		return ExitEndpoint, "free space on the endpoint's disk; the endpoint has deleted what was sent"
	case upload.TLS:
		if e.Fingerprint != "" {
			return ExitEndpoint, "if that is your endpoint, add --fingerprint " + e.Fingerprint + ", or --ca-cert FILE, or --insecure"
		}
		return ExitEndpoint, "check that the endpoint speaks TLS on that port"
	case upload.Broken:
		return ExitEndpoint, "check that the endpoint can be reached, and look in its log"
	}
	return ExitEndpoint, "look in the endpoint's log"
}
