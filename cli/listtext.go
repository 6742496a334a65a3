package cli

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"image-capture/entry"
)

// tarQuote escapes a name as GNU tar does in a UTF-8 locale: a backslash, control
// characters and bytes that are not UTF-8.
func tarQuote(s string) string {
	clean := true
	for _, r := range s {
		if r == '\\' || r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		i := strings.IndexByte("\a\b\f\n\r\t\v\\", s[0])
		switch {
		case n == 1 && i >= 0:
			b.WriteString(`\` + `abfnrtv\`[i:i+1])
		case (r != utf8.RuneError || n > 1) && strconv.IsPrint(r):
			b.WriteString(s[:n])
		default:
			for _, c := range []byte(s[:n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		s = s[n:]
	}
	return b.String()
}

// timeText is as tar -tv has it, in the time zone of whoever looks.
func timeText(t entry.Time) string {
	return time.Unix(t.Sec, int64(t.Nsec)).Local().Format("2006-01-02 15:04")
}

// listedEntry is an entry of list --json. docs/formats.md says what is in it.
type listedEntry struct {
	Path     string            `json:"path"`
	Type     string            `json:"type"`
	Mode     string            `json:"mode"`
	UID      uint32            `json:"uid"`
	GID      uint32            `json:"gid"`
	Size     int64             `json:"size"`
	Mtime    string            `json:"mtime"`
	Link     string            `json:"link,omitempty"`
	HardLink string            `json:"hardlink,omitempty"`
	Device   string            `json:"device,omitempty"`
	SHA256   string            `json:"sha256,omitempty"`
	Xattrs   map[string]string `json:"xattrs,omitempty"`
}

// entryDocument is one line of JSON.
func entryDocument(m *entry.Member) string {
	d := listedEntry{
		Path: entry.Printable(m.Path), Type: m.Type.String(), Mode: fmt.Sprintf("%04o", m.Perm), UID: m.UID, GID: m.GID, Size: m.Size,
		Mtime: time.Unix(m.Mtime.Sec, int64(m.Mtime.Nsec)).UTC().Format(time.RFC3339Nano),
		Link:  entry.Printable(m.Link), HardLink: entry.Printable(m.HardLink), SHA256: hex.EncodeToString(m.SHA256),
	}
	if m.Type == entry.CharDevice || m.Type == entry.BlockDevice {
		d.Device = fmt.Sprintf("%d,%d", m.Major, m.Minor)
	}
	for _, x := range m.Xattrs {
		if d.Xattrs == nil {
			d.Xattrs = map[string]string{}
		}
		d.Xattrs[entry.Printable(x.Name)] = base64.StdEncoding.EncodeToString([]byte(x.Value))
	}
	return jsonText(d)
}

// jsonText is a document in one line, with names as people write them.
func jsonText(doc any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc) // strings and numbers only
	return strings.TrimSuffix(b.String(), "\n")
}

func quoted(s string) string { return jsonText(entry.Printable(s)) }
