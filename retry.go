package main

import (
	"context"
	"errors"
	"time"

	"image-capture/upload"
)

// attempts calls try until it succeeds, a new attempt makes no sense, or there are
// none left.
func (e *endpoint) attempts(ctx context.Context, most int, try func(n int) error) error {
	for n := 1; ; n++ {
		err := try(n)
		var remote *upload.Error
		if err == nil || n >= most || !errors.As(err, &remote) || !remote.Retryable() && !ownPart(n, remote) {
			return err
		}
		wait := e.app.backoff(n, remote)
		e.app.term.warn("", "attempt %d of %d: %v; again in %s", n, most, err, wait.Round(100*time.Millisecond))
		select {
		case <-e.app.after(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// backoff is how long to wait after the nth failure: any time up to a bound that
// doubles, since a hundred machines that were started by one workflow fail at the
// same moment, and shall not come back at the same moment. What the endpoint
// wishes for comes on top, for the same reason.
func (a *app) backoff(n int, remote *upload.Error) time.Duration {
	first := 4 * time.Second
	if remote.Kind == upload.NoSpace {
		first = 30 * time.Second // until others' broken uploads are cleared away, or people do
	}
	const most = 2 * time.Minute
	bound := most
	if n < 6 {
		bound = min(first<<(n-1), most)
	}
	return remote.RetryAfter + a.jitter(bound)
}

// ownPart tells whether a name that is being uploaded may be so by an attempt of our
// own: the server has not given that one up yet after its connection broke. If it
// never does, the last error says so as it would at first.
func ownPart(n int, remote *upload.Error) bool { return n > 1 && remote.PartInTheWay() }
