package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Host is a host on which the program runs.
type Host struct {
	*shell
	Hello

	send *sender
	recv *receiver
	stop func() // giving signs of life
	// over is why there is no more to be had of the host.
	over error
}

// Connect brings the program to the host and starts it.
func Connect(ctx context.Context, opt Options) (*Host, error) {
	s, err := open(ctx, opt)
	if connect := (*ConnectError)(nil); errors.As(err, &connect) {
		connect.Try = slices.Concat([]string{program, "-T"}, opt.Args, opt.To.args(), []string{"true"})
	}
	if err != nil {
		return nil, err
	}
	h := &Host{shell: s}
	if err := h.start(ctx, opt); err != nil {
		s.connection.close(time.Second)
		return nil, err
	}
	return h, nil
}

func (h *Host) start(ctx context.Context, opt Options) error {
	m, err := h.look(ctx)
	if err != nil {
		return err
	}
	arch, known := architectures[m.arch]
	if !known {
		return &HostError{h.host, OtherArch, m.arch}
	}
	sudo := opt.Sudo && !m.root
	if sudo {
		if err := h.trySudo(ctx, m, opt); err != nil {
			return err
		}
	}
	prog, err := opt.Program(arch)
	if err != nil {
		return err
	}
	defer prog.Close()
	p, err := h.makePlace(ctx, m, arch)
	if err != nil {
		return err
	}
	if err := h.put(ctx, m, p, prog); err != nil {
		return err
	}
	command := p.path + " " + strings.Join(opt.Words, " ") + " " + h.mark
	if sudo {
		command = sudoCommand + " " + command
	}
	// sh stays, and says how the program ended, when that itself could not.
	if err := h.shell.send(command + `; r=$?; echo; echo "` + h.mark + ` $r"`); err != nil {
		return h.lost(-1)
	}
	if err := h.await(ctx, opt, sudo); err != nil {
		return err
	}
	h.send, h.recv = newSender(h.in), newReceiver(h.lines)
	h.stop = h.send.keepAlive(func() {})
	if err := h.greet(ctx, opt); err != nil {
		h.stop()
		return err
	}
	return nil
}

// await waits for the program's first line, and answers sudo meanwhile.
func (h *Host) await(ctx context.Context, opt Options, sudo bool) error {
	const glance = 100 * time.Millisecond
	until := time.Now().Add(silence)
	for {
		line, err := h.readLine(ctx, time.Now().Add(glance), &h.part)
		switch {
		case err == nil && strings.HasSuffix(line, h.mark+" agent"):
			return nil
		case err == nil:
			if code, ok := strings.CutPrefix(line, h.mark+" "); ok {
				return h.unstarted(code, sudo)
			}
		case ctx.Err() != nil:
			return err
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return h.lost(-1)
		case time.Now().After(until):
			return h.silent()
		case sudo:
			asked, err := h.answerSudo(ctx, opt)
			if err != nil {
				return err
			}
			if asked {
				until = time.Now().Add(silence)
			}
		}
	}
}

// unstarted says why the program has ended before its first line.
func (h *Host) unstarted(code string, sudo bool) error {
	h.connection.close(time.Second) // after that all of stderr is here
	if sudo {
		return &SudoError{Host: h.host, Said: strings.TrimPrefix(h.errs.said(), "sudo: ")}
	}
	detail := "status " + code
	if said := h.errs.said(); said != "" {
		detail += ", " + said
	}
	return &HostError{h.host, NoStart, detail}
}

// greet hears what the program says of itself.
func (h *Host) greet(ctx context.Context, opt Options) error {
	for {
		var r report
		kind, _, err := h.next(ctx, &r)
		switch {
		case err != nil:
			return err
		case kind == messageFrame && r.Hello != nil:
			h.Hello = *r.Hello
			if h.Version != opt.Version {
				return &HostError{h.host, OtherAgent, fmt.Sprintf("%s, and this is %s", h.errs.clean(h.Version), opt.Version)}
			}
			return nil
		case kind != aliveFrame:
			return &ProtocolError{"no greeting"}
		}
	}
}

// next reads a frame, which must come in time; it is long after ctx has ended that no
// more is waited for.
func (h *Host) next(ctx context.Context, r *report) (kind byte, image []byte, err error) {
	if h.over != nil {
		return 0, nil, h.over
	}
	wait := silence
	if ctx.Err() != nil {
		wait = patience
	}
	if err := h.out.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = h.out.SetReadDeadline(time.Now().Add(patience)) })
	defer stop()
	kind, image, err = h.recv.next(r)
	var strange *ProtocolError
	switch {
	case err == nil && kind == shellLine:
		h.over = h.ended()
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.over = h.silent()
	case errors.As(err, &strange):
		h.over = err
	case err != nil:
		h.over = h.lost(-1)
	}
	return kind, image, h.over
}

// ended reads from sh how the program has ended.
func (h *Host) ended() error {
	line, err := h.readLine(context.Background(), time.Now().Add(patience), &h.part)
	code, ok := strings.CutPrefix(line, h.mark+" ")
	status, aerr := strconv.Atoi(code)
	if err != nil || !ok || aerr != nil {
		status = -1
	}
	return h.lost(status)
}

// silent says that nothing came for too long.
func (h *Host) silent() error {
	h.connection.close(0)
	return &LostError{Host: h.host, Status: -1, Silent: true}
}

// Close ends the program on the host, and the connection.
func (h *Host) Close() {
	h.stop()
	if h.over == nil {
		_ = h.send.message(&order{Verb: end}) // the end of its stdin says the same
	}
	h.connection.close(patience)
}

// Name is the host as the user named it.
func (h *Host) Name() string { return h.host }
