package remote

import (
	"context"
	"io"
	"strings"
	"time"

	"image-capture/entry"
)

// sudoCommand asks on stderr, and reads the answer as a line of stdin: never from an
// argument or the environment, which others can see. It reads that only if it asks; with
// NOPASSWD the line would be for the command. So the answer goes out when it has asked.
const sudoCommand = `sudo -S -p 'password for sudo:'`

// trySudo finds out whether sudo will ask, before anything is sent.
func (h *Host) trySudo(ctx context.Context, m machine, opt Options) error {
	if !m.has("sudo") {
		return &HostError{h.host, NoTool, "sudo"}
	}
	text, status, err := h.ask(ctx, `sudo -n true 2>&1`)
	if err != nil || status == 0 {
		return err
	}
	if strings.Contains(text, "must have a tty") {
		return &SudoError{Host: h.host, Said: strings.TrimPrefix(lastLine(text), "sudo: ")}
	}
	if opt.Ask == nil {
		return &SudoError{Host: h.host, Terminal: true}
	}
	return nil
}

// answerSudo answers what sudo asks on stderr: a text that no end of a line follows.
func (h *Host) answerSudo(ctx context.Context, opt Options) (asked bool, err error) {
	const moment = 300 * time.Millisecond // or it is the beginning of a line
	prompt := h.errs.prompt(moment)
	if prompt == "" {
		return false, nil
	}
	if opt.Ask == nil {
		return true, &SudoError{Host: h.host, Terminal: true}
	}
	answer, err := opt.Ask(ctx, h.host+": "+entry.Printable(strings.TrimSpace(prompt))+" ")
	if err != nil {
		return true, err
	}
	h.errs.keep(answer)
	if _, err := io.WriteString(h.in, answer+"\n"); err != nil {
		return true, h.lost(-1)
	}
	return true, nil
}
