package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v4"

	"image-capture/manifest"
	"image-capture/upload"
)

// deployProfile is a Profile as the endpoint's API has it.
type deployProfile struct {
	Name   string            `json:"Name" yaml:"Name"`
	Meta   map[string]string `json:"Meta" yaml:"Meta"`
	Params map[string]any    `json:"Params" yaml:"Params"`
}

// imageParams are the params that say which image is deployed, and how. A Profile
// that had an image for the other deployer loses those of that one.
var imageParams = []string{
	"image-deploy/image-os", "image-deploy/image-type", "image-deploy/image-url",
	"eikon/image-type", "eikon/image-url", "eikon/image-checksum",
}

// validProfile checks --save-profile before anything is captured.
func (f *flags) validProfile() error {
	if f.saveProfile == "" {
		return nil
	}
	if f.has("upload") && !f.upload {
		return usagef("add --upload, or write it to a file with --profile", "--save-profile stores a Profile on the endpoint, where the image is not")
	}
	if _, err := manifest.Profile(manifest.ProfileParams{Name: f.saveProfile, Format: manifest.TGZ, Path: "x"}); err != nil {
		return usagef("a letter, then letters, digits, and any of -_. or spaces", "--save-profile: %q is no name for a Profile", f.saveProfile)
	}
	return nil
}

func (j *captureJob) profileParams() manifest.ProfileParams {
	return manifest.ProfileParams{
		Name: j.fl.saveProfile, Format: j.format, Path: j.names.Image, Endpoint: j.app.endpointURL(j.fl), SHA256: j.facts.SHA256,
	}
}

// writeProfile writes the Profile that deploys the image.
func (j *captureJob) writeProfile(w io.Writer) error {
	b, err := manifest.Profile(j.profileParams())
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// printProfile prints a Profile after the block of the job log.
func printProfile(w io.Writer, p manifest.ProfileParams) error {
	b, err := manifest.Profile(p)
	if err == nil {
		_, err = fmt.Fprintf(w, "\nProfile that deploys it:\n%s\n%s", "---", b)
	}
	return err
}

// profileOf reads back what the file has, so that file and API never differ.
func profileOf(p manifest.ProfileParams) (*deployProfile, error) {
	b, err := manifest.Profile(p)
	if err != nil {
		return nil, err
	}
	d := &deployProfile{}
	if err := yaml.Load(b, d); err != nil {
		return nil, fmt.Errorf("profile %s: %w", p.Name, err)
	}
	return d, nil
}

// saveProfile stores the Profile of an image that is stored. It is the last step:
// without it nothing else is lost.
func (j *captureJob) saveProfile(ctx context.Context) error {
	if j.fl.saveProfile == "" {
		return nil
	}
	if err := j.end.saveProfile(ctx, j.profileParams()); err != nil {
		return err
	}
	j.profileSaved = j.fl.saveProfile
	return nil
}

func (e *endpoint) saveProfile(ctx context.Context, p manifest.ProfileParams) error {
	d, err := profileOf(p)
	if err != nil {
		return err
	}
	var saved upload.Saved
	err = e.attempts(ctx, e.most, func(int) (err error) {
		saved, err = e.client.SaveProfile(ctx, upload.Profile{Name: d.Name, Meta: d.Meta, Params: d.Params, Obsolete: imageParams})
		return err
	})
	var remote *upload.Error
	switch {
	case err == nil && saved.Created:
		e.app.term.say("created the Profile %s on the endpoint", d.Name)
		return nil
	case err == nil:
		e.app.term.say("the Profile %s on the endpoint deploys this image from now on", d.Name)
		return nil
	}
	code, hint := diagnose(err)
	if errors.As(err, &remote) {
		switch remote.Kind {
		case upload.Refused:
			hint = `give the task ExtraClaims: scope profiles, action "create, update", specific "*"; or store the Profile as printed with drpcli profiles create`
		case upload.Taken:
			hint = "another name, if that one is of a content pack; or store the Profile as printed with drpcli profiles create"
		}
	}
	return &failure{code, fmt.Errorf("the image is stored as %s, the Profile %s is not: %w", p.Path, d.Name, err), hint}
}

// warnProfile says early what will be missing at the end.
func (e *endpoint) warnProfile(name string) {
	if name == "" {
		return
	}
	create, update := e.client.CheckProfileToken(time.Now(), "create", name), e.client.CheckProfileToken(time.Now(), "update", name)
	if create.State == upload.Lacking && update.State == upload.Lacking {
		e.app.term.warn("", "the token lacks the claims %q and %q: the image will be stored, the Profile will not", create.Need, update.Need)
	}
}
