package remote

import (
	"fmt"
	"strings"
)

// Error is one of the program on the host. Code and Hint are what that program makes of
// it. All is as the host sent it, but for the length and what was typed for sudo: Code may
// be any number.
type Error struct {
	Code int
	Text string
	Hint string
}

func (e *Error) Error() string { return e.Text }

// ConnectError says that ssh made no connection, or that the user could not log in.
type ConnectError struct {
	Host   string
	Status int    // of ssh, -1 when a signal ended it
	Said   string // its last line on stderr
	// Try is a command that shows whether ssh comes there.
	Try []string
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("no connection to %s: %s", e.Host, e.said())
}

func (e *ConnectError) said() string {
	if e.Said == "" {
		return fmt.Sprintf("ssh ended with status %d and said nothing", e.Status)
	}
	return strings.TrimPrefix(e.Said, "ssh: ")
}

// ShellError says that a login gives no shell in which a program can be run.
type ShellError struct {
	Host string
	Kind Refusal
	Said string // its last words
}

// Refusal is why there is no shell.
type Refusal string

// The refusals.
const (
	NoLogin    Refusal = "the account has no login shell (nologin)"
	Restricted Refusal = "the login shell is restricted"
	Forced     Refusal = "the login runs a command of its own (ForceCommand, command= in authorized_keys, or a login shell that is none)"
	NoSh       Refusal = "there is no sh"
	Subsystem  Refusal = "the login is for file transfers only (SFTP)"
)

func (e *ShellError) Error() string {
	s := fmt.Sprintf("nothing can be run on %s: %s", e.Host, e.Kind)
	if e.Said != "" {
		s += fmt.Sprintf("; it says %q", e.Said)
	}
	return s
}

// HostError says that the host lacks what a program needs to run there.
type HostError struct {
	Host    string
	Problem Problem
	Detail  string
}

// Problem is what a host lacks.
type Problem string

// The problems.
const (
	OtherSystem Problem = "its system is not Linux"
	OtherArch   Problem = "there is no program for its architecture"
	NoTool      Problem = "it lacks a tool"
	NoMemory    Problem = "there is no memory that a program can run from"
	Damaged     Problem = "the program arrived damaged"
	NoStart     Problem = "the program does not start"
	OtherAgent  Problem = "the program is of another version"
)

func (e *HostError) Error() string {
	s := fmt.Sprintf("%s: %s", e.Host, e.Problem)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// SudoError says that sudo does not let the user run the program. Terminal says that it
// would ask for a password, and nobody is there to give it.
type SudoError struct {
	Host     string
	Said     string
	Terminal bool
}

func (e *SudoError) Error() string {
	switch {
	case e.Terminal:
		return fmt.Sprintf("%s: sudo wants a password, and there is no terminal to ask for it", e.Host)
	case e.Said == "":
		return fmt.Sprintf("%s: sudo refuses", e.Host)
	}
	return fmt.Sprintf("%s: sudo refuses: %s", e.Host, e.Said)
}

// LostError says that the connection broke, or the program on the host ended, before all
// was done.
type LostError struct {
	Host string
	// Status is how the program ended as sh says it, 128 and the signal for a signal; -1
	// when the connection broke first.
	Status int
	Said   string // the last line on stderr
	Silent bool   // the host said nothing any more
}

func (e *LostError) Error() string {
	var s string
	switch {
	case e.Silent:
		return fmt.Sprintf("%s is silent: no sign of life for %s", e.Host, silence)
	case e.Status > 128:
		s = fmt.Sprintf("the program on %s was killed by signal %d", e.Host, e.Status-128)
	case e.Status >= 0:
		s = fmt.Sprintf("the program on %s ended with status %d", e.Host, e.Status)
	default:
		s = fmt.Sprintf("the connection to %s broke", e.Host)
	}
	if e.Said != "" {
		s += ": " + e.Said
	}
	return s
}

// ProtocolError says that the host sent what no program of ours sends.
type ProtocolError struct{ What string }

func (e *ProtocolError) Error() string { return "the host sent " + e.What }

// DigestError says that the image that arrived is not the one that was sent.
type DigestError struct{ Host string }

func (e *DigestError) Error() string {
	return fmt.Sprintf("the image that arrived is not the one that %s has made", e.Host)
}
