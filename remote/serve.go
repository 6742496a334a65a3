package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"image-capture/capture"
	"image-capture/entry"
	"image-capture/manifest"
)

// Service is the side on the host.
type Service struct {
	// Mark is what begins the first line on stdout; see Options.Words.
	Mark string
	Hello
	// Prepare completes the options of a job.
	Prepare func(*capture.Options, Job) error
	// Proxy is for an upload from here.
	Proxy Proxy
	// Explain makes of an error what the user is told.
	Explain func(context.Context, error) *Error
}

// errGone ends all when nobody listens any more.
var errGone = errors.New("the other side is gone")

// Serve does what it is told on in, until that ends or is silent, and writes what comes of
// it to out. It closes nothing, and returns soon: what cannot be stopped must not keep the
// process alive.
func (s Service) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	closeOnExec()
	if _, err := io.WriteString(out, s.Mark+" agent\n"); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	srv := &server{Service: s, send: newSender(out), orders: make(chan order), base: make(chan *basePart, maxBatches)}
	_ = srv.send.keepAlive(func() { end(errGone) }) // for as long as the process lives
	if err := srv.send.message(&report{Hello: &s.Hello}); err != nil {
		end(errGone)
	}
	go srv.listen(ctx, in, end) // it may be in a read for ever: the process ends then
	ended := make(chan struct{})
	go func() { // waited for below, but not for ever
		defer close(ended)
		srv.work(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C:
		}
	}
	if srv.finished.Load() {
		return nil
	}
	return context.Cause(ctx)
}

// closeOnExec keeps what sh and sudo left open from the programs that are run here.
func closeOnExec() {
	names, _ := os.ReadDir("/proc/self/fd")
	for _, n := range names {
		if fd, err := strconv.Atoi(n.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

type server struct {
	Service
	send   *sender
	orders chan order
	opt    capture.Options // of the job
	origin capture.Origin
	// current cancels what is being done.
	current atomic.Pointer[context.CancelFunc]
	// feeding sends entries, whose answers it gets; nil when none are sent.
	feeding atomic.Pointer[feed]
	picked  capture.Selection // as far as it has come
	// base takes the entries of the base that a layer is over.
	base chan *basePart
	// total says that somebody wants to know how much there is to walk.
	total atomic.Bool
	// finished says that the other side wants no more.
	finished atomic.Bool
}

// listen reads orders. The end of in, or silence, ends all.
func (s *server) listen(ctx context.Context, in io.Reader, end context.CancelCauseFunc) {
	defer end(errGone)
	defer close(s.orders)
	watch := time.AfterFunc(silence, func() { end(errGone) })
	defer watch.Stop()
	recv := newReceiver(bufio.NewReader(in))
	for {
		var o order
		kind, _, err := recv.next(&o)
		if err != nil {
			return
		}
		watch.Reset(silence)
		switch {
		case kind != messageFrame:
		case o.Verb == cancel:
			if c := s.current.Load(); c != nil {
				(*c)()
			}
		case o.Verb == answered && o.Answer != nil:
			if f := s.feeding.Load(); f != nil {
				f.hear(o.Answer)
			}
		case o.Verb == based && o.Base != nil:
			select {
			case s.base <- o.Base:
			default: // nobody has asked for it
			}
		case o.Verb == total:
			s.total.Store(true)
		default:
			select {
			case s.orders <- o:
			case <-ctx.Done():
				return
			}
		}
	}
}

// work does what is ordered, one after the other.
func (s *server) work(ctx context.Context) {
	defer func() {
		if s.origin != nil {
			s.origin.Close()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case o, more := <-s.orders:
			if !more || o.Verb == end {
				s.finished.Store(more)
				return
			}
			d, err := s.do(ctx, o)
			if err != nil {
				d.Error = s.Explain(ctx, err)
			}
			if s.send.message(&report{Done: &d}) != nil {
				return
			}
		}
	}
}

func (s *server) do(ctx context.Context, o order) (d done, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.current.Store(&stop)
	defer s.current.Store(nil)
	if o.Verb == begin && o.Job != nil {
		opt := o.Job.Task.Options()
		opt.Host = s.Host
		if err := s.Prepare(&opt, *o.Job); err != nil {
			return d, err
		}
		s.opt, s.origin = opt, capture.Here(opt, &relay{server: s})
		return d, nil
	}
	if s.origin == nil {
		return d, &ProtocolError{"an order before the job"}
	}
	switch o.Verb {
	case ready:
		err = s.origin.Ready(ctx)
	case check:
		var c capture.Checked
		c, err = s.origin.Check(ctx)
		d.Checked = &c
	case estimate:
		d.Bytes = s.origin.Estimate(ctx)
	case hold:
		err = s.origin.Hold(ctx)
	case release:
		err = s.origin.Release(ctx)
	case preview:
		var f capture.Forecast
		f, err = s.origin.Preview(ctx)
		d.Forecast = &f
	case entries:
		like := manifest.Facts{}
		if o.Like != nil {
			like = *o.Like
		}
		var live capture.Live
		if live, err = s.origin.Entries(ctx, like); err == nil {
			err = s.feed(ctx, live)
			live.Close()
		}
	case store:
		d.Result, err = s.store(ctx, o.Upload)
	case foresee:
		d.Forecast, err = s.foresee(ctx, o.Upload)
	case only:
		err = s.pick(ctx, o.Only)
	case walk:
		b := &batch{send: func(list []entry.Member) error { return s.send.message(&report{Members: list}) }}
		var w capture.Walked
		if w, err = s.origin.Walk(ctx, s.send, o.Mark, nil, b.add); err == nil {
			err = b.flush()
		}
		d.Walked = &w
	default:
		err = &ProtocolError{"the order " + strconv.Quote(o.Verb)}
	}
	return d, err
}

// pick adds a piece to what is walked.
func (s *server) pick(ctx context.Context, piece *selected) error {
	if s.picked.Names == nil {
		s.picked = capture.Selection{Names: map[string]bool{}, Whole: map[string]bool{}}
	}
	if piece != nil {
		for _, name := range piece.Names {
			s.picked.Names[name] = true
		}
		for _, dir := range piece.Whole {
			s.picked.Whole[dir] = true
		}
	}
	return s.origin.Only(ctx, s.picked)
}

// encoded is a value as gob of its own.
func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}
