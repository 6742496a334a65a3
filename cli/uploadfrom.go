package cli

import (
	"context"
	"errors"
	"net/url"
	"path"

	"image-capture/capture"
	"image-capture/remote"
)

// fromHost is --upload-from host.
const fromHost = "host"

func (o *captureOptions) addUploadFrom(g *groups) {
	s := g.group(endpointTitle)
	g.choices("upload-from", "here", fromHost)
	s.StringVar(&o.uploadFrom, "upload-from", "here", "send the image from `WHERE`: here, or host, where ROOT is ssh://: the host then gets the token, and who is root there can read it")
	g.oneOf("upload-from", &o.uploadFrom, "here", fromHost)
	g.check(func() error {
		if o.uploadFrom != fromHost {
			return nil
		}
		if !o.upload {
			return usagef("add --upload, or leave out --upload-from", "--upload-from has no effect without --upload: nothing goes to an endpoint")
		}
		for _, name := range []string{"output", "manifest", "profile", "deletions", "base"} {
			if g.set(name) {
				return usagef("leave out one", "--%s and --upload-from host exclude each other: the image does not come here", name)
			}
		}
		return nil
	})
}

// validUploadFrom checks what takes the root and the endpoint.
func (o *captureOptions) validUploadFrom(a *App) error {
	if o.uploadFrom != fromHost {
		return nil
	}
	if o.remote.to == nil {
		return usagef("leave it out, or write the root as ssh://host/", "--upload-from host has no effect: the root is on this machine")
	}
	if u, err := url.Parse(o.store.url(a)); err == nil && loopback(u.Hostname()) {
		return usagef("give --endpoint by the address that "+o.remote.to.Name()+" reaches it by", "--upload-from host: %s would be the host itself", u.Hostname())
	}
	return nil
}

// hostCaptures has the host capture and store all by itself.
func (o *captureOptions) hostCaptures(ctx context.Context, a *App, g *groups, opt capture.Options) (capture.Result, error) {
	host, err := o.remote.connect(ctx, a)
	if err != nil {
		return capture.Result{}, err
	}
	defer host.Close()
	a.term.say("the token goes to %s, which sends the image itself", host.Name())
	res, err := host.Capture(ctx, o.job(g, opt), remote.Upload{
		Config: o.store.made, Attempts: o.store.attempts,
		Names: opt.Names, Tag: opt.Tag, Strict: opt.Strict, Overwrite: opt.Overwrite,
		EndpointURL: opt.EndpointURL, FilesURL: opt.FilesURL, SaveProfile: opt.SaveProfile, Verbose: o.verbose,
	}, farEvents{a.events(o.progress, o.verbose), &o.remote})
	var lost *remote.LostError
	if errors.As(err, &lost) {
		err = &failure{ExitEndpoint, err, "nothing is left on the host; what it had sent may be on the endpoint, where " + pruneLists(path.Clean(opt.Names.UploadPath), endpointFlags(g))}
	}
	return res, err
}

// job is what a host is told.
func (o *captureOptions) job(g *groups, opt capture.Options) remote.Job {
	return remote.Job{Task: opt.Task(), TargetSelf: o.boot.target == targetSelf, Nice: o.load.wish(g)}
}
