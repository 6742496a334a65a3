package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// imagesCorpus is the corpus of what reads images in place of making them.
const imagesCorpus = "images"

// readers are the rows about images that are there: in TREES are a.tgz and b.tar.zst of the
// tree at ROOT, and changed, the tree with one file of a hundred changed, of which base.tgz
// and tar's snapshot file "snar" know the state before.
var readers = []contestant{
	reader("gzip -dc", `gzip -dc "$TREES/a.tgz" > /dev/null`, "gzip"),
	reading("verify, tgz", `verify "$TREES/a.tgz" --quiet > /dev/null`, "gzip -dc"),
	reading("check, tgz", `check "$TREES/a.tgz" --json > /dev/null || [ $? = 3 ]`, "gzip -dc"),
	reader("zstd -dc", `zstd -dcq "$TREES/b.tar.zst" > /dev/null`, "zstd"),
	reading("verify, tar-zst", `verify "$TREES/b.tar.zst" --quiet > /dev/null`, "zstd -dc"),
	reader("tar -x, tgz", `mkdir "$OUT.d" && tar --xattrs '--xattrs-include=*' -Sxpzf "$TREES/a.tgz" -C "$OUT.d"`, "tar"),
	reading("extract, tgz", `extract "$TREES/a.tgz" -C "$OUT.d" --quiet > /dev/null`, "tar -x, tgz"),
	reader("zstd | tar -x", `mkdir "$OUT.d" && zstd -dcq "$TREES/b.tar.zst" | tar --xattrs '--xattrs-include=*' -Sxpf - -C "$OUT.d"`, "zstd", "tar"),
	reader("bsdtar -x", `export LC_ALL=C.UTF-8; mkdir "$OUT.d" && bsdtar -xpf "$TREES/b.tar.zst" -C "$OUT.d"`, "bsdtar"),
	reading("extract, tar-zst", `extract "$TREES/b.tar.zst" -C "$OUT.d" --quiet > /dev/null`, "zstd | tar -x", "bsdtar -x"),
	reader("tar -t, tgz", `tar -tzf "$TREES/a.tgz" > /dev/null`, "tar"),
	reading("list, tgz", `list "$TREES/a.tgz" --quiet > /dev/null`, "tar -t, tgz"),
	reader("tar -d, tar-zst", `tar -d --zstd -f "$TREES/b.tar.zst" -C "$ROOT"`, "tar"),
	reading("diff with the tree, tar-zst", `diff "$TREES/b.tar.zst" "$ROOT" --default-excludes=false --quiet > /dev/null`, "tar -d, tar-zst"),
	sized(reader("tar --listed-incremental | zstd -3", `cp "$TREES/snar" "$OUT.snar" && tar --listed-incremental="$OUT.snar" --xattrs --acls --sparse -cf - -C "$TREES/changed" . | zstd -q -3 -T"$CPUS" > "$OUT"`, "tar", "zstd")),
	sized(reading("full capture of the changed tree", changedCommand(""), "tar --listed-incremental | zstd -3")),
	sized(reading("layer of the changed tree", changedCommand(` --base "$TREES/base.tgz"`), "tar --listed-incremental | zstd -3", "image-capture, full capture of the changed tree")),
}

func reader(name, command string, tools ...string) contestant {
	return contestant{name: name, command: command, tools: tools, corpora: []string{imagesCorpus}, noImage: true, unplotted: true}
}

func reading(name, command string, peers ...string) contestant {
	return contestant{name: "image-capture, " + name, command: `"$AGENT" ` + command, agent: true, peers: peers, corpora: []string{imagesCorpus}, noImage: true, unplotted: true}
}

// sized is for who writes an image, of what the tree does not say.
func sized(c contestant) contestant {
	c.noImage, c.noTar = false, true
	return c
}

func changedCommand(flags string) string {
	return `"$TREES/changed" --format tar-zst` + flags + ` --output - --manifest "$OUT.txt" --check off --quiet --default-excludes=false > "$OUT"`
}

// makeImages makes in dir what the readers read.
func makeImages(ctx context.Context, dir string, o options) (string, error) {
	if o.root == "" {
		return "", errNoRoot
	}
	const plain = `"$AGENT" "$ROOT" --check off --quiet --default-excludes=false --output `
	script := fmt.Sprintf(`%s "$TREES/a.tgz" && %s "$TREES/b.tar.zst" --format tar-zst &&
		cp -a --reflink=auto "$ROOT" "$TREES/changed" &&
		"$AGENT" "$TREES/changed" --check off --quiet --default-excludes=false --output "$TREES/base.tgz" &&
		tar --listed-incremental="$TREES/snar" --xattrs --acls --sparse -cf - -C "$TREES/changed" . | cat > /dev/null &&
		find "$TREES/changed" -type f -size -1000k | sort | awk 'NR %% 100 == 0' | tr '\n' '\0' | xargs -0 -r sh -c 'for f; do echo changed >> "$f"; done' sh`, plain, plain)
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", script+" > /dev/null")
	cmd.Env = append(os.Environ(), "AGENT="+o.agent, "ROOT="+filepath.Clean(o.root), "TREES="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return o.root, nil
}
