// Package remote captures a tree on another host, on which nothing is installed, through
// the user's own ssh: its configuration, agent, jump hosts and known hosts.
//
// A line that every login shell understands starts sh there, which takes orders from its
// stdin. The program goes over the same connection into memory (/dev/shm, or a memfd where
// nothing there may be executed), is checked by size and SHA-256, has no name any more
// before it runs, and serves as the capture.Origin of a capture that runs here: it judges
// and walks the tree; image, entries and events come back as frames of one stream. Image
// and MANIFEST are stored from here, so that no token goes to the host.
//
// The host ends what it does when nobody listens any more: the program watches its stdin,
// on which a sign of life comes every few seconds, and its own end is told in the stream,
// since exit status 255 of ssh can mean anything (see ssh(1)).
//
// Not supported: hosts without a POSIX shell, head, and one of sha256sum, openssl and
// python3; hosts where no memory may be executed; other systems than Linux.
package remote

import (
	"context"
	"io"
	"time"

	"image-capture/capture"
)

// Options say which host, and how it is reached.
type Options struct {
	To Destination
	// Args are for ssh, before all others: what they set counts.
	Args []string
	// Secrets are the environment variables that ssh does not get: its configuration may
	// send any to the host (SendEnv).
	Secrets []string
	// Sudo runs the program as root where the user is another.
	Sudo bool
	// Ask asks the user for what sudo wants to know, and does not show the answer. nil:
	// there is nobody to ask.
	Ask func(ctx context.Context, prompt string) (string, error)
	// Program opens the program for an architecture, as Go names it. The command of it
	// that serves is Words; each is a word that no shell changes.
	Program func(arch string) (Program, error)
	Words   []string
	// Say is given the lines that ssh, sudo and the host write to stderr. It is called
	// by a goroutine of its own.
	Say func(line string)
	// Version is that of this program; the host must run the same.
	Version string
}

// Program is an executable file.
type Program interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Job is what the host is for.
type Job struct {
	Task capture.Task
	// TargetSelf says that the check is for the host itself.
	TargetSelf bool
	// Nice says whether the program takes the lowest priority.
	Nice Wish
}

// Wish is what a user wants.
type Wish int8

// The wishes.
const (
	Default Wish = iota // what the program finds best
	Yes
	No
)

// Hello is what the program on the host says first.
type Hello struct {
	Version string
	Host    string // its name
	UID     int    // that it runs by
}

const (
	// aliveEvery is how often each side tells the other that it lives.
	aliveEvery = 5 * time.Second
	// silence is after how long without a word the other side is taken for dead. It is
	// longer than a laptop takes to change networks.
	silence = 3 * time.Minute
	// patience is how long something that was told to end may take.
	patience = 20 * time.Second
)
