package upload

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"image-capture/entry"
)

const (
	redacted = "[redacted]"
	// gramSize is the length from which a part of a secret is hidden: shorter
	// parts are no use to anyone, and would be found in innocent words.
	gramSize = 8
	// wordSize is the length below which a secret, as in a trial, would be found in
	// every other word.
	wordSize = 4
)

// redactor takes secrets out of text that somebody else wrote.
//
// Servers and proxies cut, wrap, split and escape what they echo. So a secret is
// not looked up as a whole: text and secret are both reduced to their letters and
// digits, and each run of gramSize of these that occurs in a secret is hidden,
// with whatever stood between its characters. Secrets too short for that are
// looked up as they are, and those shorter than wordSize as words of their own.
type redactor struct {
	whole []string
	grams map[string]struct{}
}

func newRedactor(cfg Config) *redactor {
	r := &redactor{grams: map[string]struct{}{}}
	r.add(cfg.Token)
	r.add(cfg.Password)
	if cfg.Password != "" {
		r.add(basicAuth(cfg))
	}
	return r
}

func (r *redactor) add(secret string) {
	if secret == "" {
		return
	}
	quoted := strconv.Quote(secret)
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), quoted[1 : len(quoted)-1]} {
		r.whole = append(r.whole, form)
		letters, _ := alphanumeric(form)
		for i := 0; i+gramSize <= len(letters); i++ {
			r.grams[letters[i:i+gramSize]] = struct{}{}
		}
	}
}

// alphanumeric keeps the ASCII letters and digits of s, and reports where each was.
func alphanumeric(s string) (kept string, at []int) {
	b := make([]byte, 0, len(s))
	at = make([]int, 0, len(s))
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b = append(b, c)
			at = append(at, i)
		}
	}
	return string(b), at
}

// inWord says whether a part of a text is within a word.
func inWord(s string, from, to int) bool {
	before, _ := alphanumeric(s[max(0, from-1):from])
	after, _ := alphanumeric(s[to:min(len(s), to+1)])
	return before+after != ""
}

// userInfo finds credentials in a URL, such as a proxy's.
var userInfo = regexp.MustCompile(`://[^/@\s"']*@`)

// clean hides the secrets in s.
func (r *redactor) clean(s string) string {
	hidden := make([]bool, len(s))
	found := false
	hide := func(from, to int) {
		found = true
		for i := from; i < to; i++ {
			hidden[i] = true
		}
	}
	for _, w := range r.whole {
		for from, done := 0, 0; ; {
			i := strings.Index(s[from:], w)
			if i < 0 {
				break
			}
			from += i
			if len(w) < wordSize && inWord(s, from, from+len(w)) {
				from++
				continue
			}
			hide(max(from, done), from+len(w)) // matches may overlap
			done = from + len(w)
			from++
		}
	}
	if len(r.grams) > 0 {
		letters, at := alphanumeric(s)
		for i := 0; i+gramSize <= len(letters); i++ {
			if _, ok := r.grams[letters[i:i+gramSize]]; ok {
				hide(at[i], at[i+gramSize-1]+1)
			}
		}
	}
	for _, m := range userInfo.FindAllStringIndex(s, -1) {
		hide(m[0]+len("://"), m[1]-1)
	}
	if !found {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if !hidden[i] {
			b.WriteByte(s[i])
		} else if i == 0 || !hidden[i-1] {
			b.WriteString(redacted)
		}
	}
	return b.String()
}

// maxMessage bounds a message from a server, in bytes.
const maxMessage = 1024

// message makes text from elsewhere fit to be shown: secrets first, while they
// are still in one piece, then control characters, then the length.
func (r *redactor) message(s string) string {
	return bounded(entry.Printable(strings.TrimSpace(r.clean(s))), maxMessage)
}

// bounded cuts s to limit bytes, between characters.
func bounded(s string, limit int) string {
	const mark = "..."
	if len(s) <= limit {
		return s
	}
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// scrub returns err if nothing in its chain shows a secret, and otherwise an
// error with the same text, redacted, that still answers errors.Is.
func (r *redactor) scrub(err error) error {
	if err == nil || r.harmless(err) {
		return err
	}
	return &scrubbed{
		text: r.message(err.Error()),
		is:   func(target error) bool { return errors.Is(err, target) },
	}
}

// harmless looks at all that a formatter could print of err and what it wraps.
func (r *redactor) harmless(err error) bool {
	if err == nil {
		return true
	}
	for _, s := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if r.clean(s) != s {
			return false
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return r.harmless(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if !r.harmless(inner) {
				return false
			}
		}
	}
	return true
}

// scrubbed stands for an error whose text, or cause's text, held a secret. The
// cause is kept in a closure, where no formatter and no Unwrap can reach it.
type scrubbed struct {
	text string
	is   func(error) bool
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return e.is(target) }
