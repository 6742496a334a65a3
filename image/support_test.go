package image_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"image-capture/edit"

	"github.com/stretchr/testify/require"

	"image-capture/archive"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"
)

// capture writes an image of a tree.
func capture(t testing.TB, dir string, opt archive.Options) ([]byte, *archive.Summary, []entry.Member) {
	t.Helper()
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var members []entry.Member
	opt.Member = func(m *entry.Member) error { members = append(members, *m); return nil }
	var out bytes.Buffer
	sum, err := archive.Write(context.Background(), &out, edit.NewTree(root, nil, nil), opt)
	require.NoError(t, err)
	return out.Bytes(), sum, members
}

// run runs a tool that we did not write and returns what it prints.
func run(t testing.TB, stdin []byte, name string, args ...string) string {
	t.Helper()
	_, err := exec.LookPath(name)
	roottest.Need(t, err == nil, name)
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	require.NoError(t, cmd.Run(), "%s %s\n%s%s", name, strings.Join(args, " "), stdout.String(), stderr.String())
	return stdout.String() + stderr.String()
}
