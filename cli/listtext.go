package cli

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"image-capture/entry"
)

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
		Path: entry.Escape(m.Path), Type: m.Type.String(), Mode: fmt.Sprintf("%04o", m.Perm), UID: m.UID, GID: m.GID, Size: m.Size,
		Mtime: time.Unix(m.Mtime.Sec, int64(m.Mtime.Nsec)).UTC().Format(time.RFC3339Nano),
		Link:  entry.Escape(m.Link), HardLink: entry.Escape(m.HardLink), SHA256: hex.EncodeToString(m.SHA256),
	}
	if m.Type == entry.CharDevice || m.Type == entry.BlockDevice {
		d.Device = fmt.Sprintf("%d,%d", m.Major, m.Minor)
	}
	for _, x := range m.Xattrs {
		if d.Xattrs == nil {
			d.Xattrs = map[string]string{}
		}
		d.Xattrs[entry.Escape(x.Name)] = base64.StdEncoding.EncodeToString([]byte(x.Value))
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

// quotedName is a name as a string of JSON.
func quotedName(s string) string { return jsonText(entry.Escape(s)) }
