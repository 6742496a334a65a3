package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// corpus is a tree to capture.
type corpus struct {
	name, what string
	// prepare returns the tree's path. What it has to make, it makes in dir, which
	// is dropped at the end.
	prepare func(ctx context.Context, dir string, o options) (string, error)
}

// corpora are the values of -corpus; the first is the default. What is made is the
// same each time.
var corpora = []corpus{
	{"root", "the tree at -root", func(_ context.Context, _ string, o options) (string, error) {
		if o.root == "" {
			return "", errNoRoot
		}
		return o.root, nil
	}},
	{imagesCorpus, "images of the tree at -root, to read", makeImages},
	{"small", "200,000 files of 1 KiB", func(ctx context.Context, dir string, o options) (string, error) {
		return dir, smallFiles(ctx, dir, 200_000/o.part)
	}},
	{"disks", "two disks of 1.5 GB, as of virtual machines, each an ext4 with the tree at -root", func(ctx context.Context, dir string, o options) (string, error) {
		if o.root == "" {
			return "", errNoRoot
		}
		return dir, disks(ctx, dir, o.root, 2, 1500<<20/int64(o.part))
	}},
	{"big", "three files of 1 GB: text, noise, zeros and repetitions", func(ctx context.Context, dir string, o options) (string, error) {
		return dir, bigFiles(ctx, dir, 3, 1_000_000_000/int64(o.part))
	}},
	{"sparse", "a file of 20 GiB with 20 MB of data in it", func(ctx context.Context, dir string, o options) (string, error) {
		return dir, sparseFile(ctx, filepath.Join(dir, "disk.raw"), 20<<30, 20_000_000/int64(o.part))
	}},
}

var errNoRoot = errors.New("-root is missing: name the tree to capture")

// findCorpus returns the corpus of a name.
func findCorpus(name string) (corpus, error) {
	i := slices.IndexFunc(corpora, func(c corpus) bool { return c.name == name })
	if i < 0 {
		return corpus{}, fmt.Errorf("no corpus is called %q", name)
	}
	return corpora[i], nil
}

// words are what text is made of: some are frequent, most are not, as in a real one.
type words struct {
	random *rand.Rand
	list   []string
}

func newWords(seed uint64) *words {
	w := &words{random: rand.New(rand.NewPCG(seed, 0))}
	for range 4096 {
		word := make([]byte, 2+w.random.IntN(9))
		for i := range word {
			word[i] = "etaoinshrdlcumwfgypbvkjxqz_/.-0123456789"[min(w.random.IntN(40), w.random.IntN(40))]
		}
		w.list = append(w.list, string(word))
	}
	return w
}

// fill writes text.
func (w *words) fill(b []byte) {
	for n := 0; n < len(b); {
		i := min(w.random.IntN(len(w.list)), w.random.IntN(len(w.list)), w.random.IntN(len(w.list)))
		n += copy(b[n:], w.list[i])
		if n < len(b) {
			b[n] = " \n"[min(w.random.IntN(8), 1)^1]
			n++
		}
	}
}

// noise writes what cannot be compressed.
func (w *words) noise(b []byte) {
	for i := 0; i < len(b); i += 8 {
		v := w.random.Uint64()
		for k := i; k < min(i+8, len(b)); k++ {
			b[k] = byte(v)
			v >>= 8
		}
	}
}

// smallFiles makes files of 1 KiB of text, a hundred in a directory.
func smallFiles(ctx context.Context, dir string, n int) error {
	w, buf := newWords(1), make([]byte, 1024)
	var sub string
	for i := range n {
		if i%100 == 0 {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			sub = filepath.Join(dir, fmt.Sprintf("%04d", i/100))
			if err := os.Mkdir(sub, 0o755); err != nil {
				return err
			}
		}
		w.fill(buf)
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("%02d.conf", i%100)), buf, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bigFiles makes files in runs of 1 MiB: text, zeros that are no holes, what cannot
// be compressed, and repetitions of what came before.
func bigFiles(ctx context.Context, dir string, n int, size int64) error {
	const run = 1 << 20
	w := newWords(2)
	past := make([][]byte, 8)
	for i := range past {
		past[i] = make([]byte, run)
		w.fill(past[i])
	}
	for i := range n {
		err := writeRuns(ctx, filepath.Join(dir, fmt.Sprintf("disk%d.raw", i)), size, run, func(b []byte) error {
			switch k := w.random.IntN(10); {
			case k < 5:
				w.fill(b)
			case k < 6:
				clear(b)
			case k < 8:
				w.noise(b)
			default:
				copy(b, past[w.random.IntN(len(past))])
				return nil
			}
			copy(past[w.random.IntN(len(past))], b)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// disks makes n files that hold a filesystem with the tree in it; its free space is zeros
// that are no holes, as on a disk that was cleared.
func disks(ctx context.Context, dir, tree string, n int, size int64) error {
	for i := range n {
		name := filepath.Join(dir, fmt.Sprintf("disk%d.raw", i))
		// No random ids, and one date: the disks are the same while the tree is, access
		// times included.
		id := fmt.Sprintf("00000000-0000-0000-0000-%012d", i+1)
		mke2fs := exec.CommandContext(ctx, "mke2fs", "-q", "-F", "-t", "ext4", "-U", id, "-E", "hash_seed="+id,
			"-d", tree, name, strconv.FormatInt(size>>10, 10)+"k")
		mke2fs.Env = append(os.Environ(), "E2FSPROGS_FAKE_TIME=1700000000")
		if out, err := mke2fs.CombinedOutput(); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			return fmt.Errorf("mke2fs: %w: %s", err, bytes.TrimSpace(out))
		}
		made, err := os.Open(name)
		if err != nil {
			return err
		}
		err = writeRuns(ctx, name+".full", size, 1<<20, func(b []byte) error {
			_, err := io.ReadFull(made, b)
			return err
		})
		if err = errors.Join(err, made.Close()); err != nil {
			return err
		}
		if err := os.Rename(name+".full", name); err != nil {
			return err
		}
	}
	return nil
}

// writeRuns writes a file of size bytes, run by run.
func writeRuns(ctx context.Context, name string, size int64, run int, fill func([]byte) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, run)
	for done := int64(0); done < size; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b := buf[:min(int64(run), size-done)]
		if err := fill(b); err != nil {
			return err
		}
		if _, err := f.Write(b); err != nil {
			return err
		}
		done += int64(len(b))
	}
	return nil
}

// sparseFile makes a file of size bytes, most of it holes, with data in pieces of
// 64 KiB at places spread over it.
func sparseFile(ctx context.Context, name string, size, data int64) (err error) {
	const piece = 64 << 10
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	w, buf := newWords(3), make([]byte, piece)
	n := max(data/piece, 1)
	for i := range n {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.fill(buf)
		if _, err := f.WriteAt(buf, i*(size/n)/piece*piece); err != nil {
			return err
		}
	}
	return nil
}
