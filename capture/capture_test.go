package capture_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/durable"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
	"image-capture/upload"
	"image-capture/upload/drptest"
)

// seen notes what is reported on the way.
type seen struct {
	capture.Silent
	mounts   map[string]int
	retries  int
	walks    int
	checked  int
	stored   []string
	walked   [][]entry.Note
	replaced []string
}

func (s *seen) Mount(m rootfs.Mount)       { s.mounts[m.Path]++ }
func (s *seen) Checked(r bootcheck.Report) { s.checked++ }
func (s *seen) Replace(path string)        { s.replaced = append(s.replaced, path) }
func (s *seen) Retry(int, int, error, time.Duration) {
	s.retries++
}
func (s *seen) Walking(capture.Progress) func() { s.walks++; return func() {} }
func (s *seen) Confirmed(path string, _ bool)   { s.stored = append(s.stored, path) }
func (s *seen) Walked(unreadable, changed, omitted []entry.Note) {
	s.walked = append(s.walked, unreadable, changed, omitted)
}

func newSeen() *seen { return &seen{mounts: map[string]int{}} }

// tree makes a small root.
func tree(t *testing.T) capture.Tree {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/hostname"), []byte("vm\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "data"), make([]byte, 1<<20), 0o600))
	return capture.Tree{Root: root}
}

func endpoint(t *testing.T, s *drptest.Server, ev upload.Events, most int) *upload.Endpoint {
	t.Helper()
	client, err := upload.New(upload.Config{Endpoint: s.URL, Token: s.Token})
	require.NoError(t, err)
	return upload.NewEndpoint(client, upload.Attempts{Most: most, Events: ev, After: func(time.Duration) <-chan time.Time { return time.After(0) }})
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// TestRunHere: any program can capture to local files, without flags or a terminal.
func TestRunHere(t *testing.T) {
	dir := t.TempDir()
	ev := newSeen()
	res, err := capture.Run(t.Context(), capture.Options{
		Tree: tree(t), Format: manifest.TarZst, Check: capture.Off, Host: "host", Version: "1",
		Outputs: capture.Outputs{Image: filepath.Join(dir, "x.tar.zst"), Profile: filepath.Join(dir, "x.yaml")},
	}, ev)
	require.NoError(t, err)
	require.Equal(t, []string{"x.MANIFEST.txt", "x.tar.zst", "x.yaml"}, files(t, dir))
	require.True(t, res.Whole && res.Complete && res.Delivered)
	require.False(t, res.Stored || res.Verified)
	require.Equal(t, filepath.Join(dir, "x.MANIFEST.txt"), res.Manifest)
	require.EqualValues(t, 4, res.Facts.Entries)
	require.Equal(t, 1, ev.walks)
	info, err := os.Stat(filepath.Join(dir, "x.tar.zst"))
	require.NoError(t, err)
	require.Equal(t, res.Facts.Size, info.Size())
}

// TestRetryIsNew: an attempt that has to walk again begins with nothing of the one
// before: the image is the same as of one attempt, and nothing is reported twice.
func TestRetryIsNew(t *testing.T) {
	opt := capture.Options{
		Tree: tree(t), Names: manifest.Template{RootFS: "img", Manifest: "man"},
		Boot: bootcheck.Options{}, Check: capture.Warn, Fix: true,
	}
	run := func(faults ...drptest.Fault) (*drptest.Server, *seen, capture.Result) {
		s, ev := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: faults}), newSeen()
		opt.Endpoint = endpoint(t, s, ev, 4)
		res, err := capture.Run(t.Context(), opt, ev)
		require.NoError(t, err)
		require.True(t, res.Stored && res.Verified && res.Delivered)
		return s, ev, res
	}
	once, ev1, res1 := run()
	again, ev2, res2 := run(drptest.Fault{Method: "POST", Path: "img.tgz", After: 100, Drop: true, Times: 2})
	require.Equal(t, 1, ev1.walks)
	require.Equal(t, 3, ev2.walks)
	require.Equal(t, 2, ev2.retries)
	require.Equal(t, 1, ev2.checked)
	require.Equal(t, ev1.mounts, ev2.mounts)
	require.Len(t, ev2.walked, 3)
	require.Equal(t, res1.Facts.SHA256, res2.Facts.SHA256)
	require.Equal(t, res1.Facts.Edits, res2.Facts.Edits)
	require.NotEmpty(t, res2.Facts.Edits)
	require.NotEqual(t, res1.Facts.Ident, res2.Facts.Ident)
	for _, s := range []*drptest.Server{once, again} {
		list, err := s.Files()
		require.NoError(t, err)
		require.Equal(t, []string{"images/img.tgz", "images/man.txt"}, list)
	}
}

// TestErrorsByType: callers tell errors apart by their types.
func TestErrorsByType(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken.tgz")
	require.NoError(t, os.WriteFile(taken, nil, 0o600))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	small := tree(t)
	for name, row := range map[string]struct {
		ctx    context.Context
		opt    capture.Options
		target any
	}{
		"root":    {t.Context(), capture.Options{Tree: capture.Tree{Root: filepath.Join(dir, "none")}}, new(*capture.OptionError)},
		"exclude": {t.Context(), capture.Options{Tree: capture.Tree{Root: dir, Exclude: []string{"*"}}}, new(*capture.OptionError)},
		"mount":   {t.Context(), capture.Options{Tree: capture.Tree{Root: dir, IncludeMounts: []string{"x"}}}, new(*rootfs.NoMountError)},
		"check":   {t.Context(), capture.Options{Tree: small, Check: capture.Enforce}, new(*capture.CheckError)},
		"tag":     {t.Context(), capture.Options{Tree: small, Check: capture.Off, Tag: "A B"}, new(*capture.OptionError)},
		"taken":   {t.Context(), capture.Options{Tree: small, Check: capture.Off, Outputs: capture.Outputs{Image: taken}}, new(*durable.ExistsError)},
		"name":    {t.Context(), capture.Options{Tree: small, Check: capture.Off, Outputs: capture.Outputs{Image: filepath.Join(dir, "x.tar.zst")}}, new(*capture.FormatNameError)},
		"place":   {t.Context(), capture.Options{Tree: small, Check: capture.Off, Outputs: capture.Outputs{Image: filepath.Join(dir, "no/x.tgz")}}, new(*durable.PlaceError)},
	} {
		_, err := capture.Run(row.ctx, row.opt, nil)
		require.Error(t, err, name)
		require.True(t, errors.As(err, row.target), "%s: %v", name, err)
		require.Equal(t, []string{"taken.tgz"}, files(t, dir), name)
	}
	_, err := capture.Run(cancelled, capture.Options{Tree: small, Check: capture.Off, Outputs: capture.Outputs{Image: filepath.Join(dir, "x.tgz")}}, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"taken.tgz"}, files(t, dir))
}

// TestKeptHere: an image that could not be sent is whole here, and the error says
// where.
func TestKeptHere(t *testing.T) {
	dir := t.TempDir()
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{{Method: "POST", Path: "img.tgz", After: 100, Drop: true}}})
	image := filepath.Join(dir, "x.tgz")
	res, err := capture.Run(t.Context(), capture.Options{
		Tree: tree(t), Check: capture.Off, Names: manifest.Template{RootFS: "img", Manifest: "man"},
		Endpoint: endpoint(t, s, nil, 2), Outputs: capture.Outputs{Image: image},
	}, nil)
	var unsent *capture.UnsentError
	require.ErrorAs(t, err, &unsent)
	require.Equal(t, image, unsent.Image)
	require.Empty(t, unsent.Stored)
	require.Equal(t, []string{"x.MANIFEST.txt", "x.tgz"}, files(t, dir))
	require.True(t, res.Whole && !res.Stored && !res.Delivered)
	// It is what its MANIFEST says, and can be sent later.
	f, err := os.Open(unsent.Manifest)
	require.NoError(t, err)
	defer f.Close()
	m, err := manifest.Parse(f)
	require.NoError(t, err)
	for err == nil {
		_, err = m.Next()
	}
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, res.Facts.SHA256, m.Facts().SHA256)
}
