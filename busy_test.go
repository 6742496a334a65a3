package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busyTree is a tree in which a script writes all the time, and what it did.
type busyTree struct {
	dir string
	rnd *rand.Rand

	mu sync.Mutex
	// now are the contents of the files, ever the digests that each name had at any time.
	now  map[string][]byte
	ever map[string]map[[sha256.Size]byte]bool
	// touched is when each name was, from before to after.
	touched map[string][][2]time.Time
	count   int
}

// TestBusyTree captures a tree, time and again, in which files are appended to, truncated,
// written in place, replaced, renamed and deleted. Each image is valid; what it holds of a
// file is a content that the file had, or the file is among those that changed; and what is
// there was in no image by chance: only what the script touched meanwhile is told.
func TestBusyTree(t *testing.T) {
	b := &busyTree{dir: t.TempDir(), rnd: rand.New(rand.NewPCG(1, 2)), now: map[string][]byte{}, ever: map[string]map[[sha256.Size]byte]bool{}, touched: map[string][][2]time.Time{}}
	for i := range 400 {
		size := b.rnd.IntN(60_000)
		if i%20 == 1 {
			size = 3 << 20 // more than is read at once
		}
		name := fmt.Sprintf("d%d/f%03d", i%9, i)
		if i%4 == 0 {
			name = fmt.Sprintf("still%d/f%03d", i%9, i)
		}
		b.create(t, name, size)
	}
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				b.step(t)
			}
		}
	})
	defer writer.Wait()
	defer close(stop)
	told := 0
	for i := range 10 {
		told += b.capture(t, i)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Greater(t, b.count, 1000)
	require.Positive(t, told, "nothing changed while it was read: the test is none")
	t.Logf("%d steps, %d files told", b.count, told)
}

// did records that a name gets a content, nil for none, by op.
func (b *busyTree) did(t *testing.T, name string, content []byte, op func() error) {
	from := time.Now()
	b.mu.Lock()
	if content != nil {
		if b.ever[name] == nil {
			b.ever[name] = map[[sha256.Size]byte]bool{}
		}
		b.ever[name][sha256.Sum256(content)] = true
	}
	b.mu.Unlock()
	if err := op(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if content != nil {
		b.now[name] = content
	} else {
		delete(b.now, name)
	}
	b.touched[name] = append(b.touched[name], [2]time.Time{from, time.Now()})
	b.count++
}

func (b *busyTree) path(name string) string { return filepath.Join(b.dir, name) }

func (b *busyTree) noise(n int) []byte {
	p := make([]byte, n)
	for i := 0; i < n; i += 8 {
		v := b.rnd.Uint64()
		for k := i; k < min(i+8, n); k++ {
			p[k] = byte(v >> (8 * (k - i)))
		}
	}
	return p
}

func (b *busyTree) create(t *testing.T, name string, size int) {
	content := b.noise(size)
	b.did(t, name, content, func() error {
		if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(b.path(name), content, 0o644)
	})
}

// step does one thing to a file. Each is one system call that changes a content, so that
// what a reader sees between two is a content that was recorded.
func (b *busyTree) step(t *testing.T) {
	var names []string
	b.mu.Lock()
	for name := range b.now {
		if name[0] == 'd' {
			names = append(names, name)
		}
	}
	b.mu.Unlock()
	slices.Sort(names)
	name := names[b.rnd.IntN(len(names))]
	old := b.now[name] // nobody else writes it
	switch b.rnd.IntN(6) {
	case 0:
		// Not beyond a page, which would be two steps to a reader.
		more := b.noise(1 + b.rnd.IntN(4096-len(old)%4096))
		b.did(t, name, slices.Concat(old, more), func() error { return b.write(name, more, os.O_APPEND, 0) })
	case 1:
		size := b.rnd.IntN(len(old) + 1)
		b.did(t, name, old[:size:size], func() error { return os.Truncate(b.path(name), int64(size)) })
	case 2:
		if len(old) < 4096 {
			return
		}
		// A page: readers see all of it, or nothing.
		at := b.rnd.IntN(len(old)/4096) * 4096
		content, page := slices.Clone(old), b.noise(4096)
		copy(content[at:], page)
		b.did(t, name, content, func() error { return b.write(name, page, 0, int64(at)) })
	case 3:
		other := name + ".new"
		content := b.noise(len(old))
		b.did(t, other, []byte{}, func() error { return os.WriteFile(b.path(other), nil, 0o644) })
		b.did(t, other, content, func() error { return b.write(other, content, 0, 0) })
		b.move(t, other, name)
	case 4:
		other := fmt.Sprintf("d%d/moved%d", b.rnd.IntN(9), b.count)
		b.move(t, name, other)
	case 5:
		if len(names) > 250 {
			b.did(t, name, nil, func() error { return os.Remove(b.path(name)) })
		} else {
			b.create(t, fmt.Sprintf("d%d/made%d", b.rnd.IntN(9), b.count), 0)
		}
	}
}

// move renames. In the moment between, either name is as before.
func (b *busyTree) move(t *testing.T, from, to string) {
	content := b.now[from]
	b.did(t, to, content, func() error {
		b.did(t, from, nil, func() error { return os.Rename(b.path(from), b.path(to)) })
		return nil
	})
}

func (b *busyTree) write(name string, p []byte, flag int, at int64) error {
	f, err := os.OpenFile(b.path(name), os.O_WRONLY|flag, 0)
	if err != nil {
		return err
	}
	if flag == os.O_APPEND {
		_, err = f.Write(p)
	} else {
		_, err = f.WriteAt(p, at)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// capture captures the tree and judges the image by what the script did; the result is how
// many files are told to have changed.
func (b *busyTree) capture(t *testing.T, n int) int {
	out := t.TempDir()
	image := filepath.Join(out, "image.tar")
	b.mu.Lock()
	before := maps.Clone(b.now)
	b.mu.Unlock()
	from := time.Now()
	p := startProgram(t, out, nil, nil, b.dir, "--check", "off", "--format", "tar", "--output", image)
	require.Zero(t, p.wait().ExitStatus(), p.stderr.String())
	to := time.Now()

	text, err := os.ReadFile(filepath.Join(out, "image.MANIFEST.txt"))
	require.NoError(t, err)
	told := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "# changed: ./"); ok {
			name, _, _ := strings.Cut(rest, ": ")
			told[name] = true
		}
	}
	verified, err := exec.Command("image-capture", "verify", image).CombinedOutput()
	require.NoError(t, err, string(verified))
	dir := filepath.Join(out, "tree")
	require.NoError(t, os.Mkdir(dir, 0o755))
	unpacked, err := exec.Command("tar", "-xf", image, "-C", dir).CombinedOutput()
	require.NoError(t, err, string(unpacked))
	require.Empty(t, string(unpacked))

	b.mu.Lock()
	defer b.mu.Unlock()
	during := func(name string) bool {
		return slices.ContainsFunc(b.touched[name], func(at [2]time.Time) bool { return at[1].After(from) && at[0].Before(to) })
	}
	for name := range told {
		require.True(t, during(name) || !strings.Contains(name, "/"), "capture %d: %s is told, and nobody touched it", n, name)
	}
	there := map[string]bool{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		there[name] = true
		content, err := os.ReadFile(path)
		if err == nil && !told[name] && !strings.HasSuffix(name, ".new") { // which is written in many steps
			require.True(t, b.ever[name][sha256.Sum256(content)], "capture %d: %s never had this content of %d bytes, and nobody says so", n, name, len(content))
		}
		return err
	}))
	for name := range before {
		require.True(t, there[name] || during(name), "capture %d: %s was there all the time, and is not in the image", n, name)
	}
	return len(told)
}
