// Command bench compares image-capture with its peers on one tree: GNU tar through
// zstd, pigz and gzip, and bsdtar. It needs Linux, bash and GNU tar; a peer that is
// not installed, or fails, is named in the table.
//
//	go run ./bench -agent ./image-capture -root DIR
//	go run ./bench -agent ./image-capture -corpus small
//
// It prints a Markdown table with medians, ratios, sizes, CPU seconds and peak
// memory, and with -plot draws time against size. Each contestant is a shell pipeline
// that writes a file; they run in turn. Two kinds of rows are parts of image-capture:
// "codec alone" compresses from memory what it compresses, and "--file-digests=false"
// leaves out the digest of each file.
// The tree should hold still and have nothing mounted in it: peers read into every
// mount, image-capture does not; and all of it must be readable, so run it as root.
//
// Limits: the peak is that of a pipeline's largest process, and no lower than what
// bench itself takes (a few MiB), as Linux also counts what a process was before its
// execve. image-capture waits until the image is on the disk, which the peers do not:
// -tmp on a tmpfs leaves the disk out. On a host that does other work the spread
// (min-max) says how far to trust a figure.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type options struct {
	agent, root    string
	corpus         corpus
	tmp, output    string
	runs, slowRuns int
	plot           string
	part           int
	cold           bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 done, 1 failed, 2 usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && alone[args[0]] != nil {
		if err := alone[args[0]](args[1:], stdout); err != nil {
			fmt.Fprintf(stderr, "bench: %s: %v\n", args[0], err)
			return 1
		}
		return 0
	}
	o := options{corpus: corpora[0]}
	var names []string
	for _, c := range corpora {
		names = append(names, c.name+" ("+c.what+")")
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.agent, "agent", "./image-capture", "`file` of the image-capture binary")
	f.StringVar(&o.root, "root", "", "`directory` to capture")
	f.Func("corpus", "`name` of what to capture: "+strings.Join(names, ", ")+" (default "+o.corpus.name+")", func(name string) (err error) {
		o.corpus, err = findCorpus(name)
		return err
	})
	f.StringVar(&o.tmp, "tmp", "build/bench", "`directory` for the images, each dropped after its run")
	f.StringVar(&o.output, "o", "", "write the table to `file` too")
	f.IntVar(&o.runs, "runs", 5, "rounds")
	f.IntVar(&o.slowRuns, "slow-runs", 1, "rounds of slow contestants, such as gzip -9; 0 leaves them out")
	f.StringVar(&o.plot, "plot", "", "draw time against size to `file`, as SVG")
	f.IntVar(&o.part, "part", 1, "make what a corpus makes `N` times smaller")
	f.BoolVar(&o.cold, "cold", false, "drop the caches before each run; as root")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0 || o.runs < 1 || o.slowRuns < 0 || o.part < 1:
		fmt.Fprintln(stderr, "bench: takes flags only, -runs and -part from 1 and -slow-runs from 0")
		return 2
	}
	if err := o.bench(ctx, stdout, log.New(stderr, "bench: ", 0)); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

func (o options) bench(ctx context.Context, stdout io.Writer, log *log.Logger) (err error) {
	if o.agent, err = filepath.Abs(o.agent); err != nil {
		return err
	}
	if _, err := exec.LookPath(o.agent); err != nil {
		return fmt.Errorf("no agent: %w", err)
	}
	if err := os.MkdirAll(o.tmp, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.tmp, "bench.*")
	if err != nil {
		return err
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	if dir, err = realPath(dir); err != nil {
		return err
	}
	images, trees := filepath.Join(dir, "images"), filepath.Join(dir, "trees")
	for _, d := range []string{images, trees} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	root, err := o.corpus.prepare(ctx, trees, o)
	if err != nil {
		return fmt.Errorf("corpus %s: %w", o.corpus.name, err)
	}
	if root, err = realPath(root); err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, images); err != nil || filepath.IsLocal(rel) {
		return fmt.Errorf("-tmp %s is in the tree %s: the images would capture themselves", o.tmp, root)
	}

	self, err := os.Executable()
	if err != nil {
		return err
	}
	cpus := runtime.NumCPU()
	c := &contest{
		shell: shell{[]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "AGENT=" + o.agent, "BENCH=" + self, "ROOT=" + root, "TREES=" + trees, fmt.Sprintf("CPUS=%d", cpus)}},
		dir:   images, rounds: o.runs, slowRounds: o.slowRuns, cold: o.cold, logf: log.Printf,
	}
	for _, entry := range slices.Concat(contestants, readers) {
		if entry.in(o.corpus.name) {
			c.rows = append(c.rows, &row{contestant: entry})
		}
	}
	start := time.Now()
	if err := c.run(ctx); err != nil {
		return err
	}
	var report bytes.Buffer
	c.writeReport(&report, o.corpus.name, cpus, host(ctx, c.shell), time.Since(start))
	if _, err := stdout.Write(report.Bytes()); err != nil {
		return err
	}
	if o.output != "" {
		if err := os.WriteFile(o.output, report.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if o.plot != "" {
		return os.WriteFile(o.plot, plot(c.rows, c.tarBytes), 0o644)
	}
	return nil
}

// realPath is a path without symlinks, from the root.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// host says what the figures were measured on and with, a line each.
func host(ctx context.Context, sh shell) []string {
	model := "unknown processor"
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // without it the model is unknown
	for line := range strings.Lines(string(cpuinfo)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var info unix.Sysinfo_t
	var uts unix.Utsname
	machine := fmt.Sprintf("%d CPUs, %s", runtime.NumCPU(), model)
	if unix.Sysinfo(&info) == nil {
		machine += fmt.Sprintf(", %.1f GiB of memory", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	if unix.Uname(&uts) == nil {
		machine += fmt.Sprintf(", Linux %s %s", unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Machine[:]))
	}
	lines := []string{machine}
	for _, command := range []string{`"$AGENT" version`, "tar --version", "bsdtar --version", "zstd --version", "pigz --version", "gzip --version", "mksquashfs -version"} {
		var out bytes.Buffer
		// One that cannot say is missing, and the table says so; pigz says it on stderr.
		if _, err := sh.run(ctx, command+" 2>&1", &out); err == nil {
			first, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
			lines = append(lines, strings.Trim(first, "* "))
		}
	}
	return lines
}
