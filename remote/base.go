package remote

import (
	"context"
	"errors"
	"io"

	"image-capture/capture"
	"image-capture/compare"
	"image-capture/entry"
)

// basePart are the next entries of a base.
type basePart struct {
	Members []entry.Member
	Ended   bool // no more come
}

// supply gives a host the entries of a base, as many parts as it wants.
type supply struct {
	send  *sender
	base  compare.Stream // nil: there is none
	ended bool
}

// give sends parts. What is wrong with the base is an error of this side.
func (s *supply) give(parts int) error {
	if s.base == nil || parts < 0 || parts > maxBatches {
		return &ProtocolError{"a wish for a base that it was not told of"}
	}
	for ; parts > 0 && !s.ended; parts-- {
		if err := s.part(); err != nil {
			return err
		}
	}
	return nil
}

func (s *supply) part() error {
	sent := false
	b := &batch{send: func(list []entry.Member) error {
		sent = true
		_ = s.send.message(&order{Verb: based, Base: &basePart{list, s.ended}}) // a broken connection is noticed by who reads
		return nil
	}}
	for !sent {
		m, err := s.base.Next()
		if errors.Is(err, io.EOF) {
			s.ended = true
			return b.send(b.list)
		}
		if err != nil {
			return &capture.BaseError{Err: err}
		}
		if err := b.add(m); err != nil {
			return err
		}
	}
	return nil
}

// farBase are the entries of a base that the other side has.
type farBase struct {
	ctx    context.Context
	server *server
	asked  bool
	now    *basePart
	at     int
}

// Next is for compare.Stream.
func (b *farBase) Next() (*entry.Member, error) {
	for b.now == nil || b.at == len(b.now.Members) {
		if b.now != nil && b.now.Ended {
			return nil, io.EOF
		}
		want := 1
		if !b.asked {
			b.asked, want = true, maxBatches // so many are on their way from then on
		}
		if err := b.server.send.message(&report{Wanted: want}); err != nil {
			return nil, err
		}
		select {
		case b.now = <-b.server.base:
			b.at = 0
		case <-b.ctx.Done():
			return nil, context.Cause(b.ctx)
		}
	}
	m := &b.now.Members[b.at]
	b.at++
	return m, nil
}
