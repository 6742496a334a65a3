package initramfs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// entry is an entry of an archive that is made by hand; what is zero comes out as a
// file with one link.
type entry struct {
	name, data string
	mode       uint32
	ino, links uint32
	magic      string // "070701" if empty
	sum        uint32
	size       uint32 // in the header, if not 0
}

func (e entry) String() string {
	if e.magic == "" {
		e.magic = "070701"
	}
	if e.mode == 0 {
		e.mode = 0o100644
	}
	if e.links == 0 {
		e.links = 1
	}
	size := uint32(len(e.data))
	if e.size != 0 {
		size = e.size
	}
	s := e.magic
	for _, n := range []uint32{e.ino, e.mode, 0, 0, e.links, 0, size, 0, 0, 0, 0, uint32(len(e.name) + 1), e.sum} {
		s += fmt.Sprintf("%08X", n)
	}
	return fill(fill(s+e.name+"\x00", 4)+e.data, 4)
}

// archive is an archive of entries, with its trailer.
func archive(entries ...entry) string {
	var s strings.Builder
	for _, e := range append(entries, entry{name: "TRAILER!!!"}) {
		s.WriteString(e.String())
	}
	return s.String()
}

// files makes entries of names, and of names with their content after "=".
func files(names ...string) []entry {
	var entries []entry
	for _, name := range names {
		name, data, _ := strings.Cut(name, "=")
		entries = append(entries, entry{name: name, data: data})
	}
	return entries
}

// fill puts zeros behind s, up to a multiple of n bytes.
func fill(s string, n int) string { return s + zeros((n-len(s)%n)%n) }

func zeros(n int) string { return strings.Repeat("\x00", n) }

// need skips a test where a tool is not there, but for CI.
func need(t testing.TB, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip(err)
	}
}

// pipe runs a shell command on in, and returns what it says.
func pipe(t testing.TB, dir, in, command string) string {
	t.Helper()
	for _, part := range strings.Split(command, "|") {
		need(t, strings.Fields(part)[0])
	}
	cmd := exec.Command("bash", "-o", "pipefail", "-c", command)
	cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(in), append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "%s: %s", command, errs.String())
	return out.String()
}

// tree writes files below a new directory: "name", "name=content", "dir/",
// "link->target", "name==other" for a hard link.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, s := range names {
		name, data, _ := strings.Cut(s, "=")
		name, target, link := strings.Cut(name, "->")
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case link:
			require.NoError(t, os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			require.NoError(t, os.MkdirAll(path, 0o755))
		case strings.HasPrefix(data, "="):
			require.NoError(t, os.Link(filepath.Join(dir, data[1:]), path))
		default:
			require.NoError(t, os.WriteFile(path, []byte(data), 0o644))
		}
	}
	return dir
}
