package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/nice"
	"image-capture/remote"
)

// loadOptions say how little of the host a capture takes.
type loadOptions struct{ nice bool }

func (o *loadOptions) add(g *groups, rates *rateOption) {
	s := g.group("Load (on the host)")
	s.BoolVar(&o.nice, "nice", false, "take processors and disks only when nobody else wants them (SCHED_IDLE, in an idle control group of its own where that can be, and the idle class of disks) (if not given: where ROOT is the / that runs)")
	rates.reads = true
	rates.add(g, s, "read at most `RATE` bytes of files per second, such as 50M (K, M and G are powers of 1024, as in curl), and send as many; read=RATE and send=RATE, with a comma between, limit one or set them apart")
}

// lower lowers the priority. The result is nil where it stays.
func (o *loadOptions) lower(a *App, g *groups, root string) *nice.Before {
	return lower(a, o.wish(g), root)
}

// wish is what the user said: yes, no, or nothing.
func (o *loadOptions) wish(g *groups) remote.Wish {
	switch {
	case !g.set("nice"):
		return remote.Default
	case o.nice:
		return remote.Yes
	}
	return remote.No
}

func lower(a *App, wish remote.Wish, root string) *nice.Before {
	if wish == remote.No || wish == remote.Default && !runs(root) {
		return nil
	}
	before, err := nice.Lower()
	if err != nil && wish == remote.Yes {
		a.term.warn("", "--nice: %v", err)
	}
	return before
}

// runs says whether a root is the one that this process runs on.
func runs(root string) bool {
	info, err := os.Stat(root)
	if err != nil {
		return false
	}
	own, err := os.Stat("/")
	return err == nil && os.SameFile(info, own)
}

// rateOption says how fast is read and sent.
type rateOption struct {
	text  string
	reads bool // the command reads a tree
}

func (o *rateOption) add(g *groups, s *pflag.FlagSet, what string) {
	s.StringVar(&o.text, "limit-rate", "", what)
	g.check(func() error {
		_, _, err := o.of()
		return err
	})
}

// of are bytes per second; 0 is no limit.
func (o *rateOption) of() (read, send int64, err error) {
	const hint = "give bytes per second, such as 50M; K, M and G are powers of 1024"
	if o.text == "" {
		return 0, 0, nil
	}
	for part := range strings.SplitSeq(o.text, ",") {
		what, rate, apart := strings.Cut(part, "=")
		if !apart {
			rate = what
		}
		n, err := parseRate(rate)
		switch {
		case err != nil:
			return 0, 0, usagef(hint, "--limit-rate: %w", err)
		case apart && (what != "read" || !o.reads) && what != "send":
			return 0, 0, usagef("write send=RATE, or read=RATE where a tree is read", "--limit-rate: %q limits nothing", what)
		case (what != "send" && read != 0) || (what != "read" && send != 0):
			return 0, 0, usagef("such as --limit-rate read=50M,send=20M", "--limit-rate: %q sets one twice", o.text)
		}
		if what != "send" {
			read = n
		}
		if what != "read" {
			send = n
		}
	}
	return read, send, nil
}

// parseRate reads a number of bytes per second as curl's --limit-rate does. At less
// than 1K not even a TLS handshake would end in time.
func parseRate(s string) (int64, error) {
	if s == "" {
		return 0, errors.New("a number is missing")
	}
	n, err := parseBytes(s)
	if err == nil && n < 1024 {
		return 0, fmt.Errorf("%q is less than 1K", s)
	}
	return n, err
}
