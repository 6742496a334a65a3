package remote

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/upload"
)

// Upload is what a host needs that stores the image on the endpoint itself. It has the
// token: whoever is root on the host can have that.
type Upload struct {
	Config   upload.Config // Proxy is the host's own
	Attempts int
	// These are those of capture.Options. The host gets the entries of the base when it
	// compares, and Files not.
	Names                              manifest.Template
	Tag                                string
	Strict, Overwrite                  bool
	EndpointURL, FilesURL, SaveProfile string
	Base                               *capture.Base
	// Manifest has the MANIFEST sent here as well; else only one that the endpoint did not
	// take is.
	Manifest bool
	// Verbose has each entry told.
	Verbose bool
}

// Capture captures a tree on the host, which sends image and MANIFEST to the endpoint
// itself: neither passes through this machine, but for a MANIFEST that is to be kept here,
// which is written to list. An error of the host is an *Error.
func (h *Host) Capture(ctx context.Context, job *Job, to *Upload, list io.Writer, events capture.Events) (capture.Result, error) {
	d, err := h.alone(ctx, job, store, to, list, events)
	if d.Result == nil {
		if err == nil {
			err = &ProtocolError{"no result"}
		}
		return capture.Result{}, err
	}
	res := *d.Result
	c := whole(capture.Checked{Report: res.Report, System: res.System})
	res.Report, res.System = c.Report, c.System
	return res, err
}

// Preview says what would come of Capture, as capture.Preview does on the host.
func (h *Host) Preview(ctx context.Context, job *Job, to *Upload, events capture.Events) (capture.Forecast, error) {
	d, err := h.alone(ctx, job, foresee, to, io.Discard, events)
	if d.Forecast == nil {
		return capture.Forecast{}, cmp.Or[error](err, &ProtocolError{"no forecast"})
	}
	return *d.Forecast, err
}

// alone has the host do what takes the endpoint.
func (h *Host) alone(ctx context.Context, job *Job, verb string, to *Upload, list io.Writer, events capture.Events) (done, error) {
	h.errs.keep(to.Config.Token)
	h.errs.keep(to.Config.Password)
	o := &origin{h, events}
	if _, err := o.call(ctx, order{Verb: begin, Job: job}, nil); err != nil {
		return done{}, err
	}
	s := &stored{origin: o, far: &far{host: h}, walked: func() {}, list: list, supply: supply{send: h.send}}
	if b := to.Base; b != nil {
		s.supply.base = b.Entries
		told := *to
		told.Base = &capture.Base{Name: b.Name, SHA256: b.SHA256, Under: b.Under, Content: b.Content}
		to = &told
	}
	d, err := o.call(ctx, order{Verb: verb, Upload: to}, s.take)
	s.walked()
	if ctx.Err() != nil && d.Error != nil { // it says what is left on the endpoint
		err = h.errs.error(d.Error)
	}
	return d, err
}

// error is an error of the host, fit to be shown.
func (s *stderr) error(e *Error) *Error { return &Error{e.Code, s.clean(e.Text), s.clean(e.Hint)} }

// stored takes what comes of a capture that the host does alone.
type stored struct {
	origin *origin
	far    *far
	walked func() // ends the progress of the walk under way
	list   io.Writer
	supply supply
}

// retry is upload.Events.Retry.
type retry struct {
	N, Most int
	Text    string
	Wait    time.Duration
}

// walking says that a walk begins or ends, or how many bytes there are to send.
type walking struct {
	Begins, Ends bool
	Sends        *int64
}

func (s *stored) take(kind byte, text []byte, r *report) (bool, error) {
	events := s.origin.events
	switch {
	case kind == imageFrame: // of the MANIFEST
		_, err := s.list.Write(text)
		return true, err
	case r.Wanted != 0:
		return true, s.supply.give(r.Wanted)
	case r.Retry != nil:
		events.Retry(r.Retry.N, r.Retry.Most, errors.New(s.origin.host.errs.clean(r.Retry.Text)), r.Retry.Wait)
	case r.Walking != nil && r.Walking.Sends != nil:
		n := *r.Walking.Sends
		events.Sending(func() int64 { return n }, false)
	case r.Walking != nil:
		s.walked()
		s.walked = func() {}
		if r.Walking.Begins {
			s.far = &far{host: s.origin.host}
			s.walked = events.Walking(s.far)
		}
	case r.Progress != nil:
		s.far.progress(r.Progress)
	case r.Event != nil && slices.Contains(toldOfUpload, r.Event.Method):
		return true, tell(events, toldOfUpload, r.Event)
	default:
		return false, nil
	}
	return true, nil
}

// toldOfUpload are the methods of capture.Events that a host tells which stores the image
// itself, besides told.
var toldOfUpload = []string{
	"LittleTempRoom", "BaseAbsent", "Layered", "Checked", "Secrets", "Captured", "Walked", "ProfileLeftOut", "ProfileWillFail",
	"Replace", "TokenEnds", "TokenEnded", "Confirmed", "AnswerLost", "ProfileSaved",
}

// store captures and stores on the host.
func (s *server) store(ctx context.Context, to *Upload) (*capture.Result, error) {
	opt, events, err := s.alone(ctx, to)
	if err != nil {
		return nil, err
	}
	res, err := capture.Run(ctx, *opt, events)
	return &res, err
}

// foresee says what would come of store.
func (s *server) foresee(ctx context.Context, to *Upload) (*capture.Forecast, error) {
	opt, events, err := s.alone(ctx, to)
	if err != nil {
		return nil, err
	}
	f, err := capture.Preview(ctx, *opt, events)
	return &f, err
}

// alone are the options of a capture that this machine stores itself.
func (s *server) alone(ctx context.Context, to *Upload) (*capture.Options, capture.Events, error) {
	opt := s.opt
	if to == nil {
		return nil, nil, &ProtocolError{"an order to store nowhere"}
	}
	events := &storing{relay{server: s}, to.Verbose}
	cfg := to.Config
	cfg.Proxy = s.Proxy
	client, err := upload.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	opt.Endpoint = upload.NewEndpoint(client, upload.Attempts{Most: to.Attempts, Events: events})
	opt.Names, opt.Tag, opt.Strict, opt.Overwrite = to.Names, to.Tag, to.Strict, to.Overwrite
	opt.EndpointURL, opt.FilesURL, opt.SaveProfile = to.EndpointURL, to.FilesURL, to.SaveProfile
	opt.Version, opt.TempDir = s.Version, "/dev/shm"
	opt.Elsewhere = &capture.Elsewhere{Keep: func(write func(io.Writer) error) error { return write(s.send) }, Always: to.Manifest}
	if opt.Base = to.Base; opt.Base != nil {
		opt.Base.Entries = &farBase{ctx: ctx, server: s}
	}
	return &opt, events, nil
}

// storing tells all of a capture.
type storing struct {
	relay
	verbose bool
}

func (r *storing) LittleTempRoom(folder string, free, need int64) {
	r.tell("LittleTempRoom", folder, free, need)
}
func (r *storing) BaseAbsent(path string)           { r.tell("BaseAbsent", path) }
func (r *storing) Layered(l capture.Layer)          { r.tell("Layered", l) }
func (r *storing) Checked(c bootcheck.Report)       { r.tell("Checked", c) }
func (r *storing) Secrets(list []bootcheck.Secret)  { r.tell("Secrets", list) }
func (r *storing) ProfileLeftOut(name string)       { r.tell("ProfileLeftOut", name) }
func (r *storing) ProfileWillFail(a, b string)      { r.tell("ProfileWillFail", a, b) }
func (r *storing) Replace(path string)              { r.tell("Replace", path) }
func (r *storing) TokenEnds(at time.Time)           { r.tell("TokenEnds", at) }
func (r *storing) TokenEnded(path string)           { r.tell("TokenEnded", path) }
func (r *storing) Confirmed(path string, seen bool) { r.tell("Confirmed", path, seen) }
func (r *storing) AnswerLost(path string)           { r.tell("AnswerLost", path) }
func (r *storing) ProfileSaved(name string, is bool, before string) {
	r.tell("ProfileSaved", name, is, before)
}

func (r *storing) Walked(unreadable, changed, omitted []entry.Note) {
	r.tell("Walked", unreadable, changed, omitted)
}

func (r *storing) Captured(path string) {
	if r.verbose {
		r.tell("Captured", path)
	}
}

func (r *storing) Retry(n, most int, err error, wait time.Duration) {
	_ = r.server.send.message(&report{Retry: &retry{n, most, err.Error(), wait}})
}

func (r *storing) Sending(estimate func() int64, _ bool) {
	n := estimate()
	_ = r.server.send.message(&report{Walking: &walking{Sends: &n}})
}

func (r *storing) Walking(p capture.Progress) func() {
	_ = r.server.send.message(&report{Walking: &walking{Begins: true}})
	ended := r.relay.Walking(p)
	return func() {
		ended()
		_ = r.server.send.message(&report{Walking: &walking{Ends: true}})
	}
}

// Proxy finds the proxy of a request; see upload.Config.
type Proxy func(*http.Request) (*url.URL, error)
