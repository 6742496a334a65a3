package cli

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"image-capture/entry"
	"image-capture/remote"
)

// hostPath is how scp and rsync name a file on another host.
var hostPath = regexp.MustCompile(`^(?:([^@/:\s]+)@)?(\[[0-9A-Fa-f:.%]+\]|[^@/:\s\[\]]+):(.*)$`)

// farther is what an argument names on another host.
type farther struct {
	url  url.URL // ssh://, as a root is named
	path string  // of a file, as a shell there has it
}

// elsewhere reads an argument that names something on another host, by ssh:// or as scp
// does; not ok for what is here, or at an URL.
func elsewhere(arg string) (f farther, ok bool) {
	for _, scheme := range []string{remote.Scheme, "scp://", "sftp://"} {
		if rest, has := strings.CutPrefix(arg, scheme); has {
			u, err := url.Parse(remote.Scheme + rest)
			if err != nil {
				return elsewhere(rest) // a path right after the colon is no port
			}
			return farther{*u, u.Path}, true
		}
	}
	m := hostPath.FindStringSubmatch(arg)
	if m == nil || strings.HasPrefix(m[3], "//") {
		return f, false
	}
	if _, err := os.Lstat(arg); !errors.Is(err, fs.ErrNotExist) {
		return f, false
	}
	f = farther{url.URL{Scheme: "ssh", Host: m[2], Path: "/" + strings.TrimPrefix(m[3], "/")}, m[3]}
	if m[1] != "" {
		f.url.User = url.User(m[1])
	}
	_, err := remote.ParseDestination(f.url.String())
	return f, err == nil
}

// image says whether the name is one of an image or a MANIFEST.
func (f farther) image() bool {
	return strings.HasSuffix(f.path, ".tgz") || strings.Contains(f.path, ".tar") || strings.HasSuffix(f.path, ".txt")
}

// fetch is the command that writes the file to stdout here.
func (f farther) fetch() string {
	words := "ssh "
	if port := f.url.Port(); port != "" {
		words += "-p " + port + " "
	}
	login := f.url.Hostname()
	if name := f.url.User.Username(); name != "" {
		login = name + "@" + login
	}
	cat := "cat " + entry.ShellWord(f.path)
	if strings.HasSuffix(cat, "'") { // the shell there reads it once more
		cat = entry.ShellWord(cat)
	}
	return words + entry.ShellWord(login) + " " + cat
}

// bring is the command that makes a file here of it: of a tree an image.
func (f farther) bring() string {
	if f.image() {
		return f.fetch() + " >" + entry.ShellWord("./"+path.Base(f.path))
	}
	return "image-capture " + entry.ShellWord(f.url.String()) + " -o server.tgz"
}

// takesHosts are the commands that take a tree on another host.
var takesHosts = []string{"capture", "check", "diff"}

// notElsewhere refuses arguments that name something on another host, where the command
// takes none, or not so: the hint is what to type.
func notElsewhere(cmd string, args []string) error {
	read := args
	switch cmd {
	case "capture", "check", "diff", "verify", "report", "upload":
	case "list", "cat", "extract":
		read = args[:min(1, len(args))] // the others name what is in the image
	default:
		return nil
	}
	takes := slices.Contains(takesHosts, cmd)
	for i, arg := range read {
		f, ok := elsewhere(arg)
		switch written := entry.ShellWord(f.url.String()); {
		case !ok, takes && strings.HasPrefix(arg, remote.Scheme):
		case takes && !f.image():
			return usagef("write "+written, "%s: a root on another host is written as ssh://[user@]host[:port]/[root]", arg)
		case !f.image():
			hint := f.bring()
			if cmd == "report" {
				hint += " && image-capture report server.tgz -o report.html"
			}
			return usagef(hint, "%s does not look at other hosts: capture %s first", cmd, arg)
		default:
			return usagef(piped(cmd, f, slices.Delete(slices.Clone(args), i, i+1)), "%s is on another host, and %s reads files of this machine", arg, cmd)
		}
	}
	return nil
}

// piped is a command with an image of another host; others are its other arguments.
func piped(cmd string, f farther, others []string) string {
	if cmd == "upload" || cmd == "capture" {
		return f.bring()
	}
	if cmd == "verify" {
		return pipedVerify(f, others)
	}
	words := []string{f.fetch(), "| image-capture", cmd, "-"}
	for _, o := range others {
		if _, far := elsewhere(o); !far {
			words = append(words, entry.ShellWord(o))
		}
	}
	more := map[string]string{"report": "-o report.html", "extract": "-C root"}[cmd]
	return strings.TrimSpace(strings.Join(append(words, more), " "))
}

// pipedVerify has the MANIFEST brought here first, where it is not here: stdin is for one.
func pipedVerify(f farther, others []string) string {
	if len(others) == 1 {
		m, far := elsewhere(others[0])
		switch {
		case !far && strings.HasSuffix(f.path, ".txt"):
			return f.fetch() + " | image-capture verify " + words(others[0]) + " -"
		case !far:
			return f.fetch() + " | image-capture verify - " + words(others[0])
		}
		return m.bring() + " && " + f.fetch() + " | image-capture verify - " + words("./"+path.Base(m.path))
	}
	m := farther{f.url, manifestOf(f.path)}
	return m.bring() + " && " + f.fetch() + " | image-capture verify - " + words("./"+path.Base(m.path))
}
