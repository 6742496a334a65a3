package main

import (
	"fmt"
	"slices"
)

// contestant is one way to turn a tree into an image: a row of the table.
type contestant struct {
	name string
	// command is what bash runs, with these variables set: ROOT, the tree; OUT, the
	// file to write; TREES, what a corpus made; CPUS, how many there are; AGENT, the binary; BENCH, this one.
	command string
	// tools are the programs that command needs from PATH.
	tools []string
	// slow contestants run in fewer rounds, and without a warm-up.
	slow bool
	// agent is set for what is measured, clear for what it is measured against.
	agent bool
	// peers names the contestants that this one is compared with.
	peers []string
	// corpora are those in which it takes part, all when there are none.
	corpora []string
	// timesItself is set where command prints what it took, as codecAlone does.
	timesItself bool
	// unplotted is set where the picture leaves it out.
	unplotted bool
	// noImage is set where the archive goes nowhere, noTar where it is no tar.
	noImage, noTar bool
}

// tarCommand is GNU tar to stdout, with all that an image has to keep.
const tarCommand = `tar --xattrs --acls --sparse -cf - -C "$ROOT" .`

// contestants are the table's rows, in the order in which they run: what is
// compared stands close together, so that little drift comes between.
var contestants = []contestant{
	piped("zstd", "zstd -3", `zstd -3 -T"$CPUS"`),
	bsdtar,
	agent("tar-zst", "default", "", "tar | zstd -3", "bsdtar --zstd, level 3", "codec alone, tar-zst, default"),
	onRoot(codecOf("tar-zst", "default")),
	onRoot(agent("tar-zst", "default", " --file-digests=false", "image-capture tar-zst, default")),
	onRoot(digested(piped("zstd", "zstd -3", `zstd -3 -T"$CPUS"`))),
	onRoot(digested(bsdtar)),
	onRoot(again(agent("tar-zst", "default", "", "tar | zstd -3, md5sum, sha256sum", "bsdtar --zstd, level 3, md5sum, sha256sum"))),
	piped("zstd", "zstd -1", `zstd -1 -T"$CPUS"`),
	agent("tar-zst", "fast", "", "tar | zstd -1"),
	onRoot(digested(piped("zstd", "zstd -1", `zstd -1 -T"$CPUS"`))),
	onRoot(again(agent("tar-zst", "fast", "", "tar | zstd -1, md5sum, sha256sum"))),
	onRoot(piped("zstd", "zstd -7", `zstd -7 -T"$CPUS"`)),
	onRoot(agent("tar-zst", "better", "", "tar | zstd -7")),
	onRoot(piped("pigz", "pigz -6", `pigz -6 -p"$CPUS"`)),
	onRoot(agent("tgz", "default", "", "tar | pigz -6", "tar | gzip -9", "codec alone, tgz, default")),
	onRoot(codecOf("tgz", "default")),
	onRoot(slow(piped("gzip", "gzip -9", `gzip -9`))),
	onRoot(agent("tgz", "best", "", "tar | gzip -9")),
	onRoot(piped("pigz", "pigz -1", `pigz -1 -p"$CPUS"`)),
	onRoot(agent("tgz", "fast", "", "tar | pigz -1")),
	{
		name:    "mksquashfs, zstd 3",
		command: `mksquashfs "$ROOT" "$OUT" -comp zstd -Xcompression-level 3 -processors "$CPUS" -noappend -no-progress -quiet`,
		tools:   []string{"mksquashfs"}, corpora: []string{"root"}, noTar: true,
	},
	{name: "tar to nowhere", command: tarCommand + ` | cat > /dev/null`, tools: []string{"tar", "cat"}, noImage: true},
	{
		name:    "image-capture tar, to nowhere",
		command: agentCommand("tar", "default", "") + ` > /dev/null`,
		agent:   true, noImage: true, peers: []string{"tar to nowhere"},
	},
}

var bsdtar = contestant{
	name:    "bsdtar --zstd, level 3",
	command: `bsdtar --zstd --options "zstd:compression-level=3,zstd:threads=$CPUS" -cf - -C "$ROOT" . > "$OUT"`,
	tools:   []string{"bsdtar"},
}

// piped is GNU tar through a compressor.
func piped(tool, name, compress string) contestant {
	return contestant{
		name:    "tar | " + name,
		command: tarCommand + " | " + compress + ` > "$OUT"`,
		tools:   []string{"tar", tool},
	}
}

// digested is a peer that makes the two digests of the image too, which image-capture
// cannot leave out.
func digested(c contestant) contestant {
	pipeline := c.command[:len(c.command)-len(` > "$OUT"`)]
	c.name += ", md5sum, sha256sum"
	// bash waits for children that it started so, and counts them.
	c.command = `mkfifo "$OUT.a" "$OUT.b"; md5sum < "$OUT.a" > "$OUT.md5" & sha256sum < "$OUT.b" > "$OUT.sha256" & ` +
		pipeline + ` | tee "$OUT.a" "$OUT.b" > "$OUT"; status=$?; wait; exit $status`
	c.tools = append(slices.Clone(c.tools), "md5sum", "sha256sum", "tee")
	return c
}

func slow(c contestant) contestant {
	c.slow = true
	return c
}

// onRoot leaves a contestant out of the corpora that are about reading.
func onRoot(c contestant) contestant {
	c.corpora = []string{"root"}
	return c
}

// again is a contestant a second time, close to other peers.
func again(c contestant) contestant {
	c.name += " (again)"
	c.unplotted = true
	return c
}

// agent is the agent at work as in a job: its digests and its MANIFEST are on. Its
// excludes are off, so that it reads what the peers read.
func agent(format, level, flags string, peers ...string) contestant {
	return contestant{
		name:    fmt.Sprintf("image-capture %s, %s%s", format, level, flags),
		command: agentCommand(format, level, flags) + ` > "$OUT"`,
		agent:   true,
		peers:   peers,
	}
}

// codecOf is the codec without all the rest, on the bytes that the agent compresses.
func codecOf(format, level string) contestant {
	return contestant{
		name: fmt.Sprintf("codec alone, %s, %s", format, level),
		command: agentCommand("tar", level, "") + ` > "$OUT" && "$BENCH" ` +
			fmt.Sprintf(`%s %s %s "$OUT"`, codecCommand, format, level),
		timesItself: true, noTar: true, unplotted: true,
	}
}

func agentCommand(format, level, flags string) string {
	return fmt.Sprintf(`"$AGENT" "$ROOT" --format %s --level %s%s --output - --manifest "$OUT.txt" --check off --quiet --default-excludes=false --overwrite`,
		format, level, flags)
}

// in says whether the contestant takes part.
func (c contestant) in(corpus string) bool {
	return len(c.corpora) == 0 && corpus != imagesCorpus || slices.Contains(c.corpora, corpus)
}
