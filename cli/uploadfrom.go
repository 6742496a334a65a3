package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net/url"
	"os"
	"path"

	"image-capture/capture"
	"image-capture/durable"
	"image-capture/manifest"
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
		if g.set("output") {
			return usagef("leave out --upload-from host: the image then comes here, and goes on to the endpoint; or leave out --output", "--output and --upload-from host exclude each other: the image does not come here")
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

// hostCaptures has the host capture and store all by itself. What is wanted here beside it,
// and a MANIFEST that the endpoint does not take, come over the connection.
func (o *captureOptions) hostCaptures(ctx context.Context, a *App, g *groups, opt capture.Options) (res capture.Result, err error) {
	beside, err := capture.NewBeside(ctx, opt)
	if err != nil {
		return res, err
	}
	defer beside.Close()
	temp, err := durable.Temp(opt.TempDir)
	if err != nil {
		return res, err
	}
	defer temp.Close()
	list := &receivedList{File: temp}
	host, err := o.hostConnects(ctx, a, "sends the image")
	if err != nil {
		return res, err
	}
	res, err = host.Capture(ctx, o.job(g, &opt), o.sentBy(&opt), list, o.farEvents(a))
	host.Close()
	err = o.from(err)
	var lost *remote.LostError
	if errors.As(err, &lost) {
		d, _ := knownRemote(err)
		return res, &failure{d.code, err, d.hint + "; what it had sent may be on the endpoint, where " + pruneLists(path.Clean(opt.Names.UploadPath), endpointFlags(g))}
	}
	if !res.Stored {
		return res, err
	}
	came := list.check(res.Facts.SHA256)
	if came != nil && opt.Manifest != "" {
		return res, cmp.Or(err, came)
	}
	ferr := beside.Finish(res, list.write)
	if res.Manifest = beside.Manifest(); ferr != nil {
		res.Manifest = ""
	}
	if err != nil && !res.Delivered && came == nil {
		err = &againError{error: beside.Unsent(res, list.write, err), endpoint: endpointFlags(g)}
	}
	if err == nil || ferr == nil {
		return res, cmp.Or(err, ferr)
	}
	return res, errors.Join(ferr, err)
}

// hostForesees has the host say what would come of that.
func (o *captureOptions) hostForesees(ctx context.Context, a *App, g *groups, opt capture.Options) (f capture.Forecast, err error) {
	if err := capture.ProbeBeside(opt); err != nil {
		return f, err
	}
	host, err := o.hostConnects(ctx, a, "asks the endpoint")
	if err != nil {
		return f, err
	}
	defer host.Close()
	f, err = host.Preview(ctx, o.job(g, &opt), o.sentBy(&opt), o.farEvents(a))
	return f, o.from(err)
}

func (o *captureOptions) farEvents(a *App) capture.Events {
	return &farEvents{a.events(o.progress, o.verbose), &o.remote, a.term, o.outputs.Deletions}
}

// from says of an error of the endpoint who has met it: what can be reached from here says
// nothing of that.
func (o *captureOptions) from(err error) error {
	if told := (*remote.Error)(nil); errors.As(err, &told) && told.Code == ExitEndpoint {
		told.Text = o.remote.to.Name() + ": " + told.Text
	}
	return err
}

func (o *captureOptions) hostConnects(ctx context.Context, a *App, does string) (*remote.Host, error) {
	host, err := o.remote.connect(ctx, a)
	if err == nil {
		a.term.say("the token goes to %s, which %s itself", host.Name(), does)
	}
	return host, err
}

// sentBy is what a host is told that stores the image itself.
func (o *captureOptions) sentBy(opt *capture.Options) *remote.Upload {
	return &remote.Upload{
		Config: o.store.made, Attempts: o.store.attempts, Base: opt.Base, Manifest: opt.Manifest != "",
		Names: opt.Names, Tag: opt.Tag, Strict: opt.Strict, Overwrite: opt.Overwrite,
		EndpointURL: opt.EndpointURL, FilesURL: opt.FilesURL, SaveProfile: opt.SaveProfile, Verbose: o.verbose,
	}
}

// receivedList is a MANIFEST that a host has sent. That it cannot be kept here takes nothing
// from what the host does: a Write does not fail.
type receivedList struct {
	*os.File
	err error
}

func (l *receivedList) Write(p []byte) (int, error) {
	if l.err == nil {
		_, l.err = l.File.Write(p)
	}
	return len(p), nil
}

func (l *receivedList) write(w io.Writer) error {
	_, err := io.Copy(w, io.NewSectionReader(l.File, 0, math.MaxInt64))
	return err
}

// check makes sure that it is whole, and of the image with that SHA-256.
func (l *receivedList) check(sum string) error {
	if l.err != nil {
		return l.err
	}
	m, err := manifest.Parse(io.NewSectionReader(l.File, 0, math.MaxInt64))
	for err == nil {
		_, err = m.Next()
	}
	if !errors.Is(err, io.EOF) || m == nil || m.Facts().SHA256 != sum {
		return &remote.ProtocolError{What: "no whole MANIFEST of its image"}
	}
	return nil
}

// job is what a host is told.
func (o *captureOptions) job(g *groups, opt *capture.Options) *remote.Job {
	return &remote.Job{Task: opt.Task(), TargetSelf: o.boot.target == targetSelf, Nice: o.load.wish(g)}
}
