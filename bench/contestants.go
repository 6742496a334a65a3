package main

import (
	"context"
	"fmt"
	"slices"
)

// contestant is one way to turn a root into a compressed image: a row of the table.
type contestant struct {
	name string
	// command is what bash runs, with these variables set: ROOT, the tree; OUT, the
	// file to write; CPUS, how many there are; AGENT, the binary.
	command string
	// tools are the programs that command needs from PATH.
	tools []string
	// slow contestants run in fewer rounds, and without a warm-up.
	slow bool
	// agent is set for what is measured, clear for what it is measured against.
	agent bool
	// peers names the contestants that this one is compared with.
	peers []string
}

// tarCommand is GNU tar to stdout, with all that an image has to keep.
const tarCommand = `tar --xattrs --acls --sparse -cf - -C "$ROOT" .`

// contestants is the table's rows, in the order in which they run: what is compared
// stands close together, so that little drift comes between.
var contestants = []contestant{
	piped("zstd", "zstd -3", `zstd -3 -T"$CPUS"`),
	{
		name:    "bsdtar --zstd, level 3",
		command: `bsdtar --zstd --options "zstd:compression-level=3,zstd:threads=$CPUS" -cf "$OUT" -C "$ROOT" .`,
		tools:   []string{"bsdtar"},
	},
	agent("tar-zst", "default", "tar | zstd -3", "bsdtar --zstd, level 3"),
	piped("zstd", "zstd -1", `zstd -1 -T"$CPUS"`),
	agent("tar-zst", "fast", "tar | zstd -1"),
	piped("pigz", "pigz -6", `pigz -6 -p"$CPUS"`),
	agent("tgz", "default", "tar | pigz -6", "tar | gzip -9"),
	slow(piped("gzip", "gzip -9", `gzip -9`)),
	piped("pigz", "pigz -1", `pigz -1 -p"$CPUS"`),
	agent("tgz", "fast", "tar | pigz -1"),
}

// piped is GNU tar through a compressor.
func piped(tool, name, compress string) contestant {
	return contestant{
		name:    "tar | " + name,
		command: tarCommand + " | " + compress + ` > "$OUT"`,
		tools:   []string{"tar", tool},
	}
}

func slow(c contestant) contestant {
	c.slow = true
	return c
}

// agent is the agent at work as in a job: its digests and its MANIFEST are not
// switched off, as they cannot be. Its excludes are off, so that it reads what the
// peers read.
func agent(format, level string, peers ...string) contestant {
	return contestant{
		name: fmt.Sprintf("image-capture %s, %s", format, level),
		command: fmt.Sprintf(`"$AGENT" "$ROOT" --format %s --level %s --output - --manifest "$OUT.txt" --check off --quiet --default-excludes=false --overwrite > "$OUT"`,
			format, level),
		agent: true,
		peers: peers,
	}
}

// corpus is a tree to capture.
type corpus struct {
	name, what string
	// prepare returns the tree's path. What it has to make, it makes in dir, which
	// is dropped at the end.
	prepare func(ctx context.Context, dir string, o options) (string, error)
}

// corpora are the values of -corpus; the first is the default.
var corpora = []corpus{
	{"root", "the tree at -root", func(_ context.Context, _ string, o options) (string, error) {
		if o.root == "" {
			return "", fmt.Errorf("-root is missing: name the tree to capture")
		}
		return o.root, nil
	}},
}

// findCorpus returns the corpus of a name.
func findCorpus(name string) (corpus, error) {
	i := slices.IndexFunc(corpora, func(c corpus) bool { return c.name == name })
	if i < 0 {
		return corpus{}, fmt.Errorf("no corpus is called %q", name)
	}
	return corpora[i], nil
}
