package upload

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"image-capture/entry"
)

// Kind says what went wrong, as far as a caller would act on it.
type Kind uint8

// The kinds of Error.
const (
	// Refused: 401, 403, or 404 of the API to a POST. The token is expired, foreign, or
	// lacks the claim; or the password is wrong.
	Refused Kind = iota + 1
	// Taken: 409. The name is in use, or cannot be made there; see
	// Error.PartInTheWay.
	Taken
	// TooLarge: 413, from a proxy as a rule.
	TooLarge
	// NoSpace: 507, the server's disk is full.
	NoSpace
	// Failed: any other status, an answer that makes no sense, or something else
	// stored than was sent.
	Failed
	// Broken: no connection, or it broke, stalled, or timed out.
	Broken
	// TLS: the peer's certificate was not accepted, or the handshake failed.
	TLS
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Refused:
		return "refused"
	case Taken:
		return "taken"
	case TooLarge:
		return "too large"
	case NoSpace:
		return "no space"
	case Failed:
		return "failed"
	case Broken:
		return "broken"
	case TLS:
		return "tls"
	}
	return "unknown"
}

// Error is what the endpoint, or the way to it, did to a request. All its text is
// free of secrets and control characters.
//
// Two things are not an Error: the caller's own context, whose cause is wrapped,
// and an error from reading the caller's body, which is returned as it is.
type Error struct {
	Kind Kind
	// Op is "store", "confirm", "look for", "open", "read", "fetch", "list", "delete" or
	// "save profile".
	Op string
	// Path is the file; for "open" the URL without its query, for "save profile" the
	// Profile's name.
	Path string
	// Endpoint is the URL of the endpoint that was asked; "" for "open".
	Endpoint string
	// Status is the HTTP status, or 0 if no answer came.
	Status int
	// Msg is the server's message, of at most 1 KiB, or what happened. It may be
	// empty.
	Msg string
	// RetryAfter is how long the server wishes not to be asked again, from 0, which
	// is also for no such wish, to MaxRetryAfter.
	RetryAfter time.Duration
	// Fingerprint is set for TLS when a certificate was seen: its SHA-256, as
	// Config.Fingerprint takes it.
	Fingerprint string
	// NoAPI says that what answered is no API: its 404 is not one of the API's errors.
	NoAPI bool
	// Password says that a user and a password were sent, and no token.
	Password bool
	// Err is the cause, if there is one beneath this package.
	Err error
}

// Error tells the operation, the path, the status and the message, and where nothing
// answered, who was asked.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Op, entry.Printable(e.Path))
	if e.Status == 0 && e.Endpoint != "" {
		b.WriteString(": " + entry.Printable(e.Endpoint))
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if t := http.StatusText(e.Status); t != "" {
			b.WriteString(" " + t)
		}
	}
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same request may succeed if it is sent again
// after a while, by itself. A full disk may: what broken uploads left there goes,
// and the server also says 507 for a body that it could not read. A refusal, a
// taken name, a distrusted certificate and a stored file that differs stay what
// they are.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case Broken, NoSpace:
		return true
	case Failed:
		switch e.Status {
		case http.StatusRequestTimeout, http.StatusTooManyRequests:
			return true
		case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
			return false
		}
		return e.Status >= 500
	}
	return false
}

// PartInTheWay reports that the server holds PATH.part: another upload of this
// path is running, or a server that was killed left it behind. In the latter case
// each later POST is refused until PATH.part is deleted.
func (e *Error) PartInTheWay() bool {
	return e.Kind == Taken && strings.Contains(strings.ToLower(e.Msg), "already uploading")
}

// kindOf sorts a status. For the 404, see Refused.
func kindOf(status int, method string) Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Refused
	case http.StatusNotFound:
		if method == http.MethodPost {
			return Refused
		}
	case http.StatusConflict:
		return Taken
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusInsufficientStorage:
		return NoSpace
	}
	return Failed
}

// MaxRetryAfter bounds what a server may wish for: an hour's rest would look like
// a program that hangs.
const MaxRetryAfter = 5 * time.Minute

// retryAfter reads the header Retry-After, seconds or a date (RFC 9110, 10.2.3). A
// date is compared with the server's own, where it gives one: clocks differ, most
// of all on machines that were just installed.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(0, at.Sub(now)), MaxRetryAfter)
}
