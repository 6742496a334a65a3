package cli

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"image-capture/capture"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// endpointFlags are the flags, as given, by which a command reaches the same endpoint. Each
// begins with a space.
func endpointFlags(g *groups) string {
	s := ""
	for _, name := range []string{"endpoint", "token-file", "ca-cert", "fingerprint"} {
		if g.set(name) {
			s += " --" + name + " " + entry.ShellWord(g.lookup(name).Value.String())
		}
	}
	if g.set("insecure") {
		s += " --insecure=" + g.lookup("insecure").Value.String()
	}
	return s
}

// againError is an error of sending, with the flags that its hint repeats.
type againError struct {
	error
	names, endpoint string
}

func (e *againError) Unwrap() error { return e.error }

// repeated are the flags that the hint of an error repeats.
func repeated(err error) againError {
	if e := (*againError)(nil); errors.As(err, &e) {
		return *e
	}
	return againError{}
}

// leftThere says how to look for what an interrupted upload left on the endpoint.
func leftThere(e *capture.InterruptedError, err error) string {
	folder := ""
	for _, name := range append([]string{e.Stored, e.Old}, e.Maybe...) {
		if name != "" {
			folder = path.Dir(name)
			break
		}
	}
	return "drpcli files list shows what is there; " + pruneLists(folder, repeated(err).endpoint)
}

// pruneLists is the command that shows what broken uploads left in a folder; endpoint are the
// flags for it.
func pruneLists(folder, endpoint string) string {
	prune := "image-capture prune --orphans --parts"
	if folder != "" && folder != manifest.DefaultUploadPath {
		prune += " --upload-path " + words(folder)
	}
	return prune + endpoint + " lists, after a day, images without MANIFEST and the .part files of broken uploads"
}

// resend is how to send what is whole here. err is the whole error that e is of.
func resend(code int, e *capture.UnsentError, err error) string {
	first := ""
	if code == ExitRefused {
		first = "get a token that is valid and has the claims, then "
		if remote := (*upload.Error)(nil); errors.As(e, &remote) && remote.Password {
			first = "see whether user and password in RS_KEY are right, then "
		}
	}
	flags := repeated(err).names + repeated(err).endpoint
	if e.Replaces && (e.Stored == "" || e.Old != "") {
		flags += " --overwrite"
	}
	if e.Stored != "" {
		return first + "send it with image-capture upload " + words(e.Manifest) + flags
	}
	return first + "send them with image-capture upload " + words(e.Image, e.Manifest) + flags
}

// notStored says of a MANIFEST that was to be sent alone that its image is not there, or
// another one is: nothing that the endpoint did is wrong. again are the flags to repeat.
func notStored(file, image, again string, facts manifest.Facts, err error) error {
	other, hidden := (*upload.MismatchError)(nil), (*capture.HiddenError)(nil)
	local := filepath.Join(filepath.Dir(file), filepath.Base(facts.Filename))
	here := false
	if info, err := os.Stat(local); err == nil {
		here = info.Size() == facts.Size
	}
	send := "image-capture upload " + words(local, file) + again
	const elsewhere = "name the folder that has its image there with --upload-path; the image is not beside the MANIFEST, to be sent too"
	hint := func(text string) string {
		if here {
			return text
		}
		return elsewhere
	}
	switch {
	case errors.As(err, &hidden):
		return usagef(hint("send both with "+send+" --overwrite"), "%s is a MANIFEST, and is stored as %s, but its image is not on the endpoint as %s", file, hidden.Manifest, image)
	case errors.As(err, &other) && other.Gone:
		return usagef(hint("send both with "+send), "%s is a MANIFEST, and its image is not on the endpoint as %s", file, image)
	case errors.As(err, &other):
		return &failure{ExitVerify, fmt.Errorf("%s is the MANIFEST of another image than %s on the endpoint: %w", file, image, other), hint("replace both with " + send + " --overwrite")}
	}
	return err
}
