package manifest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The defaults of the Image Builder content pack's params
// image-builder/upload-path, upload-rootfs-name and upload-manifest-name.
const (
	DefaultUploadPath = "images"
	DefaultRootFS     = "$TAG-rootfs-$DSTAMP-$RS_IMAGE_IDENT"
	DefaultManifest   = "$TAG-MANIFEST-$DSTAMP-$RS_IMAGE_IDENT"
)

const (
	manifestSuffix = ".txt"
	// While it stores NAME, the server keeps NAME.part beside it, and a directory
	// entry has at most 255 bytes: a longer name is answered with 409.
	maxName    = 255 - len(".part")
	maxSegment = 255
	// The server prefixes its own folder; the sum must stay below PATH_MAX.
	maxPath = 1024
	maxTag  = 64
)

// Vars are the values of a template's variables.
type Vars struct {
	Tag    string // $TAG: the OS, like "centos-8"; cleaned by CleanTag
	DStamp string // $DSTAMP: when, as DStamp gives it
	Ident  string // $RS_IMAGE_IDENT: which capture, as NewIdent gives it
}

// Names are the two paths of one capture under the endpoint's files/, without a
// leading slash, like "images/centos-8-rootfs-20201105-233755-53fcfe709c.tgz".
type Names struct {
	Image, Manifest string
}

// Template reports how the names are made. A variable is $NAME or ${NAME}; a $ that
// begins neither is an error, and nothing stands for a literal $. An empty field
// means the default of the content pack.
type Template struct {
	UploadPath string // folder under files/
	RootFS     string // file name of the image, with or without its suffix
	Manifest   string // file name of the MANIFEST, with or without ".txt"
}

// Expand makes the names. The image ends in the suffix of its format and the
// MANIFEST in ".txt", once: given already, it is not doubled, and any other
// extension stays in front of it ("x.raw" becomes "x.raw.tgz"). The two can
// therefore never be equal.
//
// It refuses unknown variables, file names with a slash, and upload paths with a
// leading slash or a segment that is empty, "." or ".."; in both whatever is not
// printable UTF-8, and backslashes. A file name is at most 250 bytes, a path 1024.
func (t Template) Expand(v Vars, format Format) (Names, error) {
	if !format.valid() {
		return Names{}, fmt.Errorf("unknown image format %v", format)
	}
	vars := map[string]string{"TAG": CleanTag(v.Tag), "DSTAMP": v.DStamp, "RS_IMAGE_IDENT": v.Ident}
	for _, name := range []string{"DSTAMP", "RS_IMAGE_IDENT"} {
		if err := checkWord(vars[name]); err != nil {
			return Names{}, fmt.Errorf("$%s %q: %w", name, vars[name], err)
		}
	}
	t = Template{cmp.Or(t.UploadPath, DefaultUploadPath), cmp.Or(t.RootFS, DefaultRootFS), cmp.Or(t.Manifest, DefaultManifest)}
	dir, err := expandDir(t.UploadPath, vars)
	if err != nil {
		return Names{}, fmt.Errorf("upload path %q: %w", t.UploadPath, err)
	}
	image, err := expandName(t.RootFS, format.Suffix(), vars)
	if err != nil {
		return Names{}, fmt.Errorf("image name %q: %w", t.RootFS, err)
	}
	list, err := expandName(t.Manifest, manifestSuffix, vars)
	if err != nil {
		return Names{}, fmt.Errorf("manifest name %q: %w", t.Manifest, err)
	}
	n := Names{Image: dir + "/" + image, Manifest: dir + "/" + list}
	for _, p := range []string{n.Image, n.Manifest} {
		if len(p) > maxPath {
			return Names{}, fmt.Errorf("upload path %q: %d bytes with the file name, the limit is %d", t.UploadPath, len(p), maxPath)
		}
	}
	return n, nil
}

func expandDir(template string, vars map[string]string) (string, error) {
	dir, err := expandVars(template, vars)
	if err != nil {
		return "", err
	}
	dir = strings.TrimSuffix(dir, "/")
	return dir, checkUploadPath(dir)
}

func expandName(template, suffix string, vars map[string]string) (string, error) {
	name, err := expandVars(template, vars)
	if err != nil {
		return "", err
	}
	for strings.HasSuffix(name, suffix) {
		name = strings.TrimSuffix(name, suffix)
	}
	if strings.Contains(name, "/") {
		return "", errors.New("a file name cannot hold a slash; the upload path names the folder")
	}
	if err := checkSegment(name); err != nil {
		return "", err
	}
	name += suffix
	if len(name) > maxName {
		return "", fmt.Errorf("%d bytes with its suffix, the limit is %d", len(name), maxName)
	}
	return name, nil
}

// expandVars replaces each variable once: what a value holds is not looked at
// again.
func expandVars(template string, vars map[string]string) (string, error) {
	var b strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		braced := strings.HasPrefix(after, "{")
		if braced {
			after = after[1:]
		}
		n := identLen(after)
		name := after[:n]
		rest = after[n:]
		switch {
		case braced && !strings.Contains(after, "}"):
			return "", fmt.Errorf("unclosed ${%s", name)
		case braced && !strings.HasPrefix(rest, "}"):
			return "", fmt.Errorf("%q is not the name of a variable", after[:strings.IndexByte(after, '}')])
		case n == 0:
			return "", errors.New("a $ without a variable; write $NAME or ${NAME}")
		}
		if braced {
			rest = rest[1:]
		}
		value, ok := vars[name]
		if !ok {
			return "", fmt.Errorf("unknown variable $%s; there are $TAG, $DSTAMP and $RS_IMAGE_IDENT", name)
		}
		b.WriteString(value)
	}
}

// identLen returns the length of the identifier [A-Za-z_][A-Za-z0-9_]* that s
// begins with.
func identLen(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// checkUploadPath checks a path under files/.
func checkUploadPath(p string) error {
	if strings.HasPrefix(p, "/") {
		return errors.New("begins with a slash; it is relative to the endpoint's files/")
	}
	for segment := range strings.SplitSeq(p, "/") {
		if err := checkSegment(segment); err != nil {
			return err
		}
	}
	return nil
}

func checkSegment(s string) error {
	switch {
	case s == "":
		return errors.New("empty name")
	case s == ".", s == "..":
		return fmt.Errorf("%q cannot be a name", s)
	case len(s) > maxSegment:
		return fmt.Errorf("a name of %d bytes, the limit is %d", len(s), maxSegment)
	case !utf8.ValidString(s):
		return errors.New("not valid UTF-8")
	case strings.Contains(s, `\`):
		// Some clients and servers take it for a slash.
		return errors.New("holds a backslash")
	}
	for _, r := range s {
		// IsPrint leaves out what hides or reorders text on a screen too (Cf).
		if !unicode.IsPrint(r) {
			return fmt.Errorf("holds the invisible character %U", r)
		}
	}
	return nil
}

func checkWord(s string) error {
	if s == "" {
		return errors.New("empty")
	}
	for i := range len(s) {
		if c := s[i]; !tagByte(c) && (c < 'A' || c > 'Z') {
			return fmt.Errorf("holds the byte %q", c)
		}
	}
	return nil
}

func tagByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '+' || c == '-'
}

// CleanTag makes a tag of what an os-release file says, which anyone may have
// written: lower case, of the bytes [a-z0-9._+-], beginning and ending in a
// letter or digit, 1 to 64 bytes. Every run of other bytes becomes one "-".
// Nothing left gives "linux".
func CleanTag(s string) string {
	b := make([]byte, 0, min(len(s), maxTag))
	for i := 0; i < len(s) && len(b) < maxTag; i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		switch {
		case alnum, tagByte(c) && len(b) > 0:
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != '-':
			b = append(b, '-')
		}
	}
	return cmp.Or(strings.TrimRight(string(b), "._+-"), "linux")
}

// DStamp formats t as YYYYMMDD-HHMMSS in UTC.
func DStamp(t time.Time) string { return t.UTC().Format("20060102-150405") }

// NewIdent returns 10 hexadecimal digits that no other capture has: the beginning
// of the SHA-256 of a random (version 4) UUID.
func NewIdent() string {
	var u [16]byte
	rand.Read(u[:]) // never fails; see crypto/rand
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	sum := sha256.Sum256(fmt.Appendf(nil, "%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
	return hex.EncodeToString(sum[:5])
}
