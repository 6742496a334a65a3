package upload

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The server answers 409 to a last name over 250 bytes, since it appends
// ".part" to it while it writes, and the kernel ends a name at 255 bytes.
const (
	maxLastName = 250
	maxName     = 255
)

// checkPath refuses what the server would refuse, or resolve to another place,
// before anything is sent. A path has no slash at either end.
func checkPath(p string) error {
	if p == "" {
		return fmt.Errorf("the path is empty")
	}
	if !utf8.ValidString(p) {
		return fmt.Errorf("path %q: not UTF-8, which the server's answers could not carry", p)
	}
	if strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") {
		return fmt.Errorf("path %q: begins or ends with a slash", p)
	}
	for _, r := range p {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return fmt.Errorf("path %q: has a control character", p)
		}
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		limit := maxName
		if i == len(segments)-1 {
			limit = maxLastName
		}
		switch {
		case s == "":
			return fmt.Errorf("path %q: has an empty segment", p)
		case s == "." || s == "..":
			return fmt.Errorf("path %q: has a segment %q", p, s)
		case len(s) > limit:
			return fmt.Errorf("path %q: the name %q has %d bytes, the limit is %d", p, s, len(s), limit)
		}
	}
	return nil
}

// escapePath escapes each segment for a URL and keeps the slashes.
func escapePath(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}
