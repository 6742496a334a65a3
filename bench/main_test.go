package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"image-capture/edit"

	"image-capture/archive"
	"image-capture/compress"
	"image-capture/rootfs"
	"image-capture/rootfs/roottest"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be what bench starts for a part alone.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && alone[os.Args[1]] != nil {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// need skips a test where a tool is missing; in CI it fails.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// fakeAgent takes the agent's flags and packs with tar.
const fakeAgent = `#!/bin/bash
[ "$1" = version ] && { echo fake-agent 1.0; exit; }
root=$1
while [ $# -gt 0 ]; do [ "$1" = --manifest ] && out=$2; shift; done
images=("${out%/*}"/../*)
[ ${#images[@]} = 1 ] || { echo images of other runs are left >&2; exit 9; }
exec tar -cz -C "$root" .
`

// setup makes a tree, an agent of the given text, and an empty -tmp.
func setup(t *testing.T, agentText string) (root, agent, tmp string) {
	t.Helper()
	need(t, "bash", "tar", "gzip", "wc")
	dir := t.TempDir()
	root, agent, tmp = filepath.Join(dir, "root"), filepath.Join(dir, "agent"), filepath.Join(dir, "t m p")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/hostname"), []byte("node\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "data"), bytes.Repeat([]byte("0123456789abcdef"), 1<<14), 0o644))
	require.NoError(t, os.WriteFile(agent, []byte(agentText), 0o755))
	require.NoError(t, os.Mkdir(tmp, 0o755))
	return root, agent, tmp
}

// isEmpty holds when nothing is left in a directory.
func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// tableRows are the rows of a report's table by name, as cells.
func tableRows(report string) map[string][]string {
	rows := map[string][]string{}
	for line := range strings.Lines(report) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "¦"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "¦", "|"))
		}
		rows[cells[2]] = cells[3 : len(cells)-1]
	}
	return rows
}

func TestBench(t *testing.T) {
	root, agent, tmp := setup(t, fakeAgent)
	report, svg := filepath.Join(t.TempDir(), "bench.md"), filepath.Join(t.TempDir(), "bench.svg")
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-agent", agent, "-root", root, "-tmp", tmp, "-runs", "2", "-o", report, "-plot", svg}, &stdout, &stderr)
	require.Zero(t, code, stderr.String())
	isEmpty(t, tmp)
	written, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Equal(t, stdout.String(), string(written))
	require.Contains(t, stdout.String(), "- fake-agent 1.0\n")
	require.Contains(t, stdout.String(), "4 entries") // ./ data etc/ etc/hostname

	rows := tableRows(stdout.String())
	picture, err := os.ReadFile(svg)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(picture, new(struct{})))
	require.Contains(t, string(picture), ">tar-zst, default</text>")
	require.NotRegexp(t, `\(again\)|alone`, string(picture))
	for _, c := range contestants {
		cells := rows[c.name]
		require.Len(t, cells, 7, c.name)
		missing := slices.ContainsFunc(c.tools, func(tool string) bool { _, err := exec.LookPath(tool); return err != nil })
		switch {
		case missing:
			require.Contains(t, cells[0], "not installed: ", c.name)
		case c.slow:
			require.Contains(t, cells[0], "(1 run)", c.name)
		default:
			require.Regexp(t, `^\d+\.\d\d \(\d+\.\d\d-\d+\.\d\d\)$`, cells[0], c.name)
		}
		require.Equal(t, c.timesItself, cells[5] == "" && cells[1] != "", c.name)
		if c.agent {
			require.Equal(t, len(c.peers), strings.Count(cells[3], " of ")+strings.Count(cells[3], "no "), c.name)
		}
	}
	// In turn: a round is over before the next begins.
	log := stderr.String()
	require.Less(t, strings.LastIndex(log, "warm-up:"), strings.Index(log, "round 1 of 2:"))
	require.Less(t, strings.LastIndex(log, "round 1 of"), strings.Index(log, "round 2 of 2:"))
	require.Equal(t, 1, strings.Count(log, "gzip -9:"), "no warm-up, one round")
}

// Peers that are missing or fail are named, and the others go on.
func TestPeersThatCannot(t *testing.T) {
	root, agent, tmp := setup(t, fakeAgent)
	bin := t.TempDir()
	for _, tool := range []string{"bash", "tar", "gzip", "wc", "cat"} {
		path, err := exec.LookPath(tool)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(bin, tool)))
	}
	pigz := "#!/bin/bash\necho 'pigz: out of | luck' >&2\necho more >&2\nexit 3\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "pigz"), []byte(pigz), 0o755))
	t.Setenv("PATH", bin)
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-agent", agent, "-root", root, "-tmp", tmp, "-runs", "1", "-slow-runs", "0"}, &stdout, &stderr), stderr.String())
	rows := tableRows(stdout.String())
	require.Equal(t, "not installed: zstd", rows["tar | zstd -3"][0])
	require.Equal(t, "not installed: bsdtar", rows["bsdtar --zstd, level 3"][0])
	require.Equal(t, "failed: exit status 3: pigz: out of | luck", rows["tar | pigz -6"][0])
	require.Equal(t, "not run: -slow-runs 0", rows["tar | gzip -9"][0])
	require.Equal(t, "not installed: mksquashfs", rows["mksquashfs, zstd 3"][0])
	require.Regexp(t, `^no A, no B, \d+\.\d\d of [A-Z]$`, rows["image-capture tar-zst, default"][3])
	isEmpty(t, tmp)
}

func TestFails(t *testing.T) {
	for _, tc := range []struct {
		name, agent string
		args        func(root, tmp string) []string
		code        int
		want        string
	}{
		{"agent fails", "#!/bin/bash\necho agent: no >&2\nexit 4\n", nil, 1,
			"bench: run image-capture tar-zst, default: exit status 4: agent: no\n"},
		{"agent writes nothing", "#!/bin/bash\n", nil, 1, "nothing was written"},
		{"no agent", fakeAgent, func(root, tmp string) []string { return []string{"-agent", root + "/none"} }, 1, "no agent"},
		{"no root", fakeAgent, func(root, tmp string) []string { return []string{"-root", ""} }, 1, "-root is missing"},
		{"root is not there", fakeAgent, func(root, tmp string) []string { return []string{"-root", root + "/none"} }, 1, "no such file"},
		{"images in the tree", fakeAgent, func(root, tmp string) []string { return []string{"-tmp", root + "/etc"} }, 1, "would capture themselves"},
		{"images in the tree by a symlink", fakeAgent, func(root, tmp string) []string {
			if err := os.Symlink(root, tmp+"/link"); err != nil {
				panic(err)
			}
			return []string{"-tmp", tmp + "/link/etc"}
		}, 1, "would capture themselves"},
		{"unknown corpus", fakeAgent, func(root, tmp string) []string { return []string{"-corpus", "none"} }, 2, `no corpus is called "none"`},
		{"no rounds", fakeAgent, func(root, tmp string) []string { return []string{"-runs", "0"} }, 2, "-runs and -part from 1"},
		{"an argument", fakeAgent, func(root, tmp string) []string { return []string{"here"} }, 2, "takes flags only"},
		{"help", fakeAgent, func(root, tmp string) []string { return []string{"-h"} }, 0, "root (the tree at -root)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, agent, tmp := setup(t, tc.agent)
			args := []string{"-agent", agent, "-root", root, "-tmp", tmp, "-runs", "1", "-slow-runs", "0"}
			if tc.args != nil {
				args = append(args, tc.args(root, tmp)...)
			}
			var stdout, stderr bytes.Buffer
			require.Equal(t, tc.code, run(t.Context(), args, &stdout, &stderr), stderr.String())
			require.Contains(t, stderr.String(), tc.want)
			require.Empty(t, stdout.String())
			left, err := filepath.Glob(tmp + "/*/*")
			require.NoError(t, err)
			require.NotContains(t, strings.Join(left, " "), "bench.")
			inTree, err := os.ReadDir(root + "/etc")
			require.NoError(t, err)
			require.Len(t, inTree, 1)
		})
	}
}

// CPU and memory are of every process of a pipeline, not of the last or of bash.
func TestSampleOfPipeline(t *testing.T) {
	need(t, "bash", "head", "tr", "gzip", "cat")
	sh := shell{[]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}}
	idle, err := sh.run(t.Context(), "sleep 0.2 | cat", nil)
	require.NoError(t, err)
	busy, err := sh.run(t.Context(), `{ x=$(head -c 200000000 /dev/zero | tr '\0' a); echo ${#x}; } | cat | gzip -9 | cat`, nil)
	require.NoError(t, err)
	require.Greater(t, busy.peak, int64(200_000_000))
	require.Less(t, idle.peak, int64(200_000_000))
	require.GreaterOrEqual(t, idle.wall, 200*time.Millisecond)
	require.Greater(t, busy.cpu, 2*idle.cpu)

	_, err = sh.run(t.Context(), "false | cat", nil)
	require.EqualError(t, err, "exit status 1", "pipefail")
}

// The codec alone makes what is in the image, but for the seek table of zstd.
func TestCodecAlone(t *testing.T) {
	root, err := rootfs.Open(roottest.Hostile(t))
	require.NoError(t, err)
	defer root.Close()
	write := func(codec compress.Codec, level compress.Level) []byte {
		var out bytes.Buffer
		_, err := archive.Write(t.Context(), &out, edit.NewTree(root, nil, nil), archive.Options{Codec: codec, Level: level})
		require.NoError(t, err)
		return out.Bytes()
	}
	tar := filepath.Join(t.TempDir(), "tar")
	require.NoError(t, os.WriteFile(tar, write(compress.None, 0), 0o600))
	for format, codec := range map[string]compress.Codec{"tgz": compress.Gzip, "tar-zst": compress.Zstd} {
		for name, level := range map[string]compress.Level{"default": compress.Default, "fast": compress.Fast} {
			var stdout, stderr bytes.Buffer
			require.Zero(t, run(t.Context(), []string{codecCommand, format, name, tar}, &stdout, &stderr), stderr.String())
			var took, size int64
			_, err := fmt.Sscan(stdout.String(), &took, &size)
			require.NoError(t, err)
			img := write(codec, level)
			if codec == compress.Zstd {
				require.True(t, bytes.HasPrefix(img[size:], []byte("\x5e\x2a\x4d\x18")), name)
			} else {
				env := compress.NewEnvelope(codec)
				require.EqualValues(t, len(img)-len(env.Head())-len(env.Tail()), size, name)
			}
		}
	}
}

func TestAloneRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"codec-alone: takes a format":           {"codec-alone", "tgz"},
		`codec-alone: unknown format "zip"`:     {"codec-alone", "zip", "default", "x"},
		`unknown level "good"`:                  {"codec-alone", "tgz", "good", "x"},
		"codec-alone: open /none: no such file": {"codec-alone", "tgz", "fast", "/none"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, 1, run(t.Context(), args, io.Discard, &stderr))
		require.Contains(t, stderr.String(), want)
	}
}

// A cancelled run takes its whole pipeline with it, and drops the images.
func TestCancel(t *testing.T) {
	root, agent, tmp := setup(t, "#!/bin/bash\nsleep 20 | sleep 20\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	start := time.Now()
	require.Equal(t, 1, run(ctx, []string{"-agent", agent, "-root", root, "-tmp", tmp}, &stdout, &stderr))
	require.Less(t, time.Since(start), 15*time.Second)
	require.True(t, strings.HasSuffix(stderr.String(), "bench: context deadline exceeded\n"), stderr.String())
	isEmpty(t, tmp)

	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start = time.Now()
	sh := shell{[]string{"PATH=" + os.Getenv("PATH")}}
	_, err := sh.run(ctx, "sleep 15 | sleep 15", nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 10*time.Second)
}

// Each row can be run, and is compared with rows that there are.
func TestContestants(t *testing.T) {
	need(t, "bash")
	seen := map[string]bool{}
	for _, c := range slices.Concat(contestants, readers) {
		require.False(t, seen[c.name], "%s is there twice", c.name)
		seen[c.name] = true
		require.NoError(t, exec.Command("bash", "-n", "-c", c.command).Run(), c.name)
		if !c.noImage {
			require.Contains(t, c.command, `"$OUT"`)
		}
		require.Regexp(t, `"\$(ROOT|TREES/[^"]*)"`, c.command)
		for _, tool := range c.tools {
			require.Regexp(t, `(^|[|&;] )`+tool+` `, c.command)
		}
		require.Equal(t, c.agent || c.timesItself, len(c.tools) == 0, c.name)
		require.Equal(t, c.agent, len(c.peers) > 0, c.name)
	}
	for _, c := range slices.Concat(contestants, readers) {
		for _, peer := range c.peers {
			require.True(t, seen[peer], "%s has no peer %s", c.name, peer)
		}
	}
}
