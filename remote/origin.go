package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"fmt"
	"hash"
	"io"
	"reflect"
	"slices"
	"sync/atomic"

	"image-capture/capture"
	"image-capture/entry"
)

// origin is a tree on a host.
type origin struct {
	host   *Host
	events capture.Events
}

// Origin is the tree of a job on the host. It is for one goroutine at a time, and there is
// one in the life of a Host.
func (h *Host) Origin(ctx context.Context, job Job, events capture.Events) (capture.Origin, error) {
	o := &origin{h, events}
	_, err := o.call(ctx, order{Verb: begin, Job: &job}, nil)
	return o, err
}

func (o *origin) Ready(ctx context.Context) error {
	_, err := o.call(ctx, order{Verb: ready}, nil)
	return err
}

func (o *origin) Check(ctx context.Context) (capture.Checked, error) {
	d, err := o.call(ctx, order{Verb: check}, nil)
	if d.Checked == nil {
		d.Checked = &capture.Checked{}
	}
	return whole(*d.Checked), err
}

// whole puts back what gob leaves out: lists are empty in documents, and not null.
func whole(c capture.Checked) capture.Checked {
	if c.System.Kernels == nil {
		c.System.Kernels = []string{}
	}
	if c.Report != nil {
		c.Report.System = c.System
	}
	return c
}

func (o *origin) Estimate(ctx context.Context) int64 {
	d, _ := o.call(ctx, order{Verb: estimate}, nil) // what fails here fails again
	return d.Bytes
}

func (o *origin) Hold(ctx context.Context) error {
	_, err := o.call(ctx, order{Verb: hold}, nil)
	return err
}

// Release is done by the host itself where the connection is gone.
func (o *origin) Release(ctx context.Context) error {
	if o.host.over != nil {
		return nil
	}
	_, err := o.call(context.WithoutCancel(ctx), order{Verb: release}, nil)
	return err
}

// Walk walks on the host. What is never captured is known there: skip has files of this
// machine.
func (o *origin) Walk(ctx context.Context, w io.Writer, mark capture.Mark, _ map[entry.FileID]string, add func(*entry.Member) error) (capture.Walked, error) {
	s := &sink{out: w, sum: sha256.New(), add: add, events: o.events, far: &far{host: o.host}}
	ended := o.events.Walking(s.far)
	defer ended()
	d, err := o.call(ctx, order{Verb: walk, Mark: mark}, s.take)
	if err != nil {
		return capture.Walked{}, err
	}
	if d.Walked == nil {
		return capture.Walked{}, &ProtocolError{"no result of a walk"}
	}
	if d.Walked.Size != s.size || !bytes.Equal(d.Walked.SHA256, s.sum.Sum(nil)) || d.Walked.Entries != s.entries {
		return capture.Walked{}, &DigestError{o.host.host}
	}
	return *d.Walked, nil
}

func (o *origin) Preview(ctx context.Context) (capture.Forecast, error) {
	d, err := o.call(ctx, order{Verb: preview}, nil)
	if d.Forecast == nil {
		d.Forecast = &capture.Forecast{}
	}
	return *d.Forecast, err
}

// Close leaves the host as it is: it is its owner's to close.
func (o *origin) Close() {}

// sink takes what comes of a walk.
type sink struct {
	out     io.Writer
	sum     hash.Hash
	size    int64
	entries int64
	add     func(*entry.Member) error
	events  capture.Events
	far     *far
}

func (s *sink) take(kind byte, image []byte, r *report) (bool, error) {
	switch {
	case kind == imageFrame:
		return true, s.image(image)
	case r.Members != nil:
		return true, s.members(r.Members)
	case r.Progress != nil:
		s.far.progress(r.Progress)
		return true, nil
	}
	return false, nil
}

func (s *sink) image(p []byte) error {
	s.sum.Write(p)
	s.size += int64(len(p))
	_, err := s.out.Write(p)
	return err
}

func (s *sink) members(list []entry.Member) error {
	for i := range list {
		if err := rightName(list[i].Path); err != nil {
			return err
		}
		s.events.Captured(list[i].Path)
		if err := s.add(&list[i]); err != nil {
			return err
		}
		s.entries++
	}
	return nil
}

// far is how far a walk on the host is.
type far struct {
	host                  *Host
	bytes, entries, whole atomic.Int64
	asked                 atomic.Bool
}

func (f *far) progress(p *progress) {
	f.bytes.Store(p.Bytes)
	f.entries.Store(p.Entries)
	f.whole.Store(p.Total)
}

func (f *far) Done() (bytes, entries int64) { return f.bytes.Load(), f.entries.Load() }

// Total has the host find out how much there is, once somebody wants to know.
func (f *far) Total() int64 {
	if !f.asked.Swap(true) {
		_ = f.host.send.message(&order{Verb: total}) // a broken connection is noticed by the walk
	}
	return f.whole.Load()
}

// taker takes what an order gives, and says whether that was for it.
type taker func(kind byte, image []byte, r *report) (taken bool, err error)

// call gives an order and takes what comes until it is done. When this side fails, or ctx
// ends, the host is told, and what is under way is passed over.
func (o *origin) call(ctx context.Context, what order, t taker) (done, error) {
	h := o.host
	if h.over != nil {
		return done{}, h.over
	}
	stopHost := func() { _ = h.send.message(&order{Verb: cancel}) }
	if err := h.send.message(&what); err != nil {
		return done{}, h.lost(-1)
	}
	sent := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(sent)
		stopHost()
	})
	defer func() {
		if !stop() {
			<-sent // or it would stop what is ordered next
		}
	}()
	ctx, fail := context.WithCancelCause(ctx) // of this side
	defer fail(nil)
	for {
		var r report
		kind, image, err := h.next(ctx, &r)
		switch {
		case err != nil && ctx.Err() != nil:
			return done{}, context.Cause(ctx)
		case err != nil:
			return done{}, err
		case ctx.Err() != nil && r.Done == nil:
			continue
		case r.Event != nil && slices.Contains(told, r.Event.Method):
			err = tell(o.events, told, r.Event)
		case r.Done == nil && kind != aliveFrame:
			taken := false
			if t != nil {
				taken, err = t(kind, image, &r)
			}
			if !taken && err == nil && r.Progress == nil {
				err = &ProtocolError{"what nobody has asked for"}
			}
		case r.Done != nil && ctx.Err() != nil:
			return *r.Done, context.Cause(ctx)
		case r.Done != nil && r.Done.Error != nil:
			return *r.Done, h.errs.error(r.Done.Error)
		case r.Done != nil:
			return *r.Done, nil
		}
		if err != nil {
			fail(err)
			stopHost()
		}
	}
}

// tell calls the method of an event, one of those that may be called.
func tell(events capture.Events, may []string, e *event) error {
	m := reflect.ValueOf(events).MethodByName(e.Method)
	if !slices.Contains(may, e.Method) || m.Type().NumIn() != len(e.Args) {
		return &ProtocolError{fmt.Sprintf("the event %q", e.Method)}
	}
	var args []reflect.Value
	for i, text := range e.Args {
		arg := reflect.New(m.Type().In(i))
		one := &receiver{dec: gob.NewDecoder(bytes.NewReader(text))}
		if err := one.decode(arg.Interface()); err != nil {
			return err
		}
		args = append(args, arg.Elem())
	}
	m.Call(args)
	return nil
}
