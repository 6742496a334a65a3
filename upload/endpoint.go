package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	pathpkg "path"
	"time"
)

// Endpoint is a Client that tries again what breaks.
type Endpoint struct {
	client *Client
	opt    Attempts
}

// Attempts says how often something is tried, and who hears of it.
type Attempts struct {
	// Most is how often anything is tried in all; 0 means once.
	Most int
	// Events hears of what a person may want to see. Nil: nobody.
	Events Events
	// After and Jitter are time.After and a random time up to the given one, where they
	// are nil. Tests replace them.
	After  func(time.Duration) <-chan time.Time
	Jitter func(time.Duration) time.Duration
}

// NewEndpoint makes one of a client.
func NewEndpoint(client *Client, opt Attempts) *Endpoint {
	opt.Most = max(opt.Most, 1)
	if opt.Events == nil {
		opt.Events = Silent{}
	}
	if opt.After == nil {
		opt.After = time.After
	}
	if opt.Jitter == nil {
		opt.Jitter = rand.N[time.Duration]
	}
	return &Endpoint{client, opt}
}

// Once is the same endpoint, but each thing is tried once only: what went to a pipe
// cannot be made again.
func (e *Endpoint) Once() *Endpoint {
	once := *e
	once.opt.Most = 1
	return &once
}

// Do calls try until it succeeds, a new attempt makes no sense, or there are none
// left. try gets the number of the attempt, from 1.
func (e *Endpoint) Do(ctx context.Context, try func(n int) error) error {
	for n := 1; ; n++ {
		err := try(n)
		var remote *Error
		if err == nil || n >= e.opt.Most || !errors.As(err, &remote) || !remote.Retryable() && !ownPart(n, remote) {
			return err
		}
		wait := e.backoff(n, remote)
		e.opt.Events.Retry(n, e.opt.Most, err, wait)
		select {
		case <-e.opt.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// backoff is how long to wait after the nth failure: any time up to a bound that
// doubles, since a hundred machines that were started by one workflow fail at the
// same moment, and shall not come back at the same moment. What the endpoint
// wishes for comes on top, for the same reason.
func (e *Endpoint) backoff(n int, remote *Error) time.Duration {
	first := 4 * time.Second
	if remote.Kind == NoSpace {
		first = 30 * time.Second // until others' broken uploads are cleared away, or people do
	}
	const most = 2 * time.Minute
	bound := most
	if n < 6 {
		bound = min(first<<(n-1), most)
	}
	return remote.RetryAfter + e.opt.Jitter(bound)
}

// ownPart reports whether a name that is being uploaded may be so by an attempt of our
// own: the server has not given that one up yet after its connection broke. If it
// never does, the last error says so as it would at first.
func ownPart(n int, remote *Error) bool { return n > 1 && remote.PartInTheWay() }

// TokenError says that a readable token cannot do what is needed.
type TokenError struct {
	// Expired is when the token ended; zero when it lacks a claim.
	Expired time.Time
	// Need is the claim that is missing, such as "files post /images/x.tgz".
	Need string
}

func (e *TokenError) Error() string {
	if !e.Expired.IsZero() {
		return "the token expired at " + e.Expired.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("the token lacks the claim %q", e.Need)
}

// NameError says that a name on the endpoint cannot be stored to.
type NameError struct {
	Path   string
	Folder bool // it is one, and nothing can replace it; else it is a file
}

func (e *NameError) Error() string {
	if e.Folder {
		return e.Path + " is a folder on the endpoint"
	}
	return e.Path + " exists on the endpoint"
}

// MismatchError says that what the endpoint has is not what was sent.
type MismatchError struct {
	Path string
	Gone bool // there is nothing, though the endpoint said yes
	err  error
}

func (e *MismatchError) Error() string { return e.err.Error() }

// Unwrap returns the endpoint's own error, if there was one.
func (e *MismatchError) Unwrap() error { return e.err }

// soon is how long an image of some gigabytes may take, with its digest.
const soon = 30 * time.Minute

// Ready finds out, before anything is read, whether files can be stored: what a
// readable token grants, and whether the names are free. The error is a TokenError, a
// NameError, or an Error.
func (e *Endpoint) Ready(ctx context.Context, overwrite bool, paths ...string) error {
	for i, path := range paths {
		if err := e.Granted("post", path); err != nil {
			return err
		}
		if check := e.client.CheckToken(time.Now(), "post", path); i == 0 && !check.Expires.IsZero() && time.Until(check.Expires) < soon {
			e.opt.Events.TokenEnds(check.Expires)
		}
		if err := e.Do(ctx, func(int) error { return e.free(ctx, overwrite, path) }); err != nil {
			return err
		}
	}
	return nil
}

// Granted looks at what a readable token says of itself. Nil of one that cannot be
// read.
func (e *Endpoint) Granted(action, path string) error {
	switch check := e.client.CheckToken(time.Now(), action, path); check.State {
	case Expired:
		return &TokenError{Expired: check.Expires}
	case Lacking:
		return &TokenError{Need: check.Need}
	}
	return nil
}

// free looks whether a name can be stored to.
func (e *Endpoint) free(ctx context.Context, overwrite bool, path string) error {
	if !overwrite {
		found, err := e.client.Exists(ctx, path)
		if err == nil && found == Present {
			err = &NameError{Path: path}
		}
		return err
	}
	// A file may be replaced. A folder is not: the endpoint would say yes and store
	// nothing. What it can list the content of is one.
	in, err := e.client.Exists(ctx, path+"/.image-capture")
	if err != nil {
		return err
	}
	if in != Unknown {
		return &NameError{Path: path, Folder: true}
	}
	if old, err := e.client.Exists(ctx, path); err == nil && old == Present {
		e.opt.Events.Replace(path)
	}
	return nil
}

// Store sends a body once, as Client.Store does. Trying again is for the caller, who
// has to make the body again: see Do.
func (e *Endpoint) Store(ctx context.Context, path string, body io.Reader, size int64) error {
	_, err := e.client.Store(ctx, path, body, size)
	return err
}

// Seen compares what the endpoint has with a SHA-256 in hex, and tells nobody. It is
// false where this token cannot see it.
func (e *Endpoint) Seen(ctx context.Context, path, sum string) (verified bool, err error) {
	err = e.Do(ctx, func(int) (err error) {
		verified, err = e.client.Confirm(ctx, path, sum)
		return err
	})
	return verified, err
}

// Confirm compares what the endpoint has with what was sent, whose SHA-256 in hex is
// sum. The error is a MismatchError where it has something else, or nothing.
func (e *Endpoint) Confirm(ctx context.Context, path, sum string) (verified bool, err error) {
	err = e.Do(ctx, func(int) (err error) {
		verified, err = e.confirm(ctx, path, sum)
		return err
	})
	return verified, err
}

func (e *Endpoint) confirm(ctx context.Context, path, sum string) (bool, error) {
	ok, err := e.client.Confirm(ctx, path, sum)
	var remote *Error
	if errors.As(err, &remote) && remote.Kind == Failed && remote.Status == http.StatusOK {
		return false, &MismatchError{Path: path, err: err}
	}
	if err == nil && !ok {
		// It may not be there at all: the endpoint says yes to a name at which a folder
		// stands, and stores nothing.
		var found Existence
		found, err = e.client.Exists(ctx, path)
		if folder := pathpkg.Dir(path); err == nil && found == Unknown && folder != "." {
			// Nor does a folder that is not there tell what is in it.
			if above, ferr := e.client.Exists(ctx, folder); ferr == nil && above == Absent {
				found = Absent
			}
		}
		if found == Unknown && e.client.CheckToken(time.Now(), "get", path).State == Granted {
			found = Absent // this token would see it
		}
		if err == nil && found == Absent {
			return false, &MismatchError{Path: path, Gone: true, err: fmt.Errorf("the endpoint accepted %s, but does not have it", path)}
		}
	}
	if err != nil {
		return false, err
	}
	e.confirmed(path, ok)
	return ok, nil
}

// Arrived reports whether the endpoint has what was sent in spite of a connection
// that broke: all that was lost may be its answer. Sent again, the image would be
// there twice, once without a MANIFEST.
func (e *Endpoint) Arrived(ctx context.Context, failed error, path, sum string) bool {
	var remote *Error
	if !errors.As(failed, &remote) || remote.Kind != Broken {
		return false
	}
	ok, err := e.client.Confirm(ctx, path, sum)
	if ok = ok && err == nil; ok {
		e.opt.Events.AnswerLost(path)
	}
	return ok
}

// List returns the names in a folder; see Client.List.
func (e *Endpoint) List(ctx context.Context, folder string) (names []string, err error) {
	err = e.Do(ctx, func(int) (err error) {
		names, err = e.client.List(ctx, folder)
		return err
	})
	return names, err
}

// Delete deletes a file; one that is gone already is not a failure.
func (e *Endpoint) Delete(ctx context.Context, path string) error {
	return e.Do(ctx, func(int) error {
		err := e.client.Delete(ctx, path)
		var remote *Error
		if errors.As(err, &remote) && remote.Status == http.StatusNotFound {
			if found, ferr := e.client.Exists(ctx, path); ferr == nil && found == Absent {
				return nil
			}
		}
		return err
	})
}

// Exists looks once whether a name is in use; see Client.Exists.
func (e *Endpoint) Exists(ctx context.Context, path string) (Existence, error) {
	return e.client.Exists(ctx, path)
}

// Retire deletes a file that is about to be replaced. It is false where the file is, or
// may be, there still: this token may not delete it.
func (e *Endpoint) Retire(ctx context.Context, path string) (gone bool, err error) {
	found, err := e.client.Exists(ctx, path)
	switch {
	case err != nil || found == Absent:
		return found == Absent, err
	case e.client.CheckToken(time.Now(), "delete", path).State == Lacking:
		return false, nil
	}
	err = e.Delete(ctx, path)
	var remote *Error
	if errors.As(err, &remote) && (remote.Kind == Refused || remote.Status == http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SaveProfile creates a Profile, or changes the one of that name; see
// Client.SaveProfile.
func (e *Endpoint) SaveProfile(ctx context.Context, p Profile) error {
	// To look is for the message alone.
	old, _ := e.client.ProfileParams(ctx, p.Name)
	before, now := p.deploys(old), p.deploys(p.Params)
	if before == now {
		before = ""
	}
	var saved Saved
	err := e.Do(ctx, func(int) (err error) {
		saved, err = e.client.SaveProfile(ctx, p)
		return err
	})
	if err == nil {
		e.opt.Events.ProfileSaved(p.Name, saved.Created, before)
	}
	return err
}

// CannotSaveProfile returns the two claims of which a readable token has neither, so
// that a Profile cannot be stored; ok is false where it may be.
func (e *Endpoint) CannotSaveProfile(name string) (create, update string, ok bool) {
	c, u := e.client.CheckProfileToken(time.Now(), "create", name), e.client.CheckProfileToken(time.Now(), "update", name)
	return c.Need, u.Need, c.State == Lacking && u.State == Lacking
}

// confirmed reports what became of a file that the endpoint took.
func (e *Endpoint) confirmed(path string, verified bool) {
	if !verified && e.client.CheckToken(time.Now(), "get", path).State == Expired {
		e.opt.Events.TokenEnded(path)
		return
	}
	e.opt.Events.Confirmed(path, verified)
}
