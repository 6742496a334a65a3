package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"image-capture/cli"
	"image-capture/rootfs/roottest"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the program, too: scripts run it as a process
// of its own, with real exit codes, signals and files.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"image-capture": func() {
		a := cli.New(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
		a.After = func(time.Duration) <-chan time.Time { return time.After(time.Millisecond) }
		os.Exit(run(a))
	}})
}

// document is what tests look at in that of capture --json, as a script of a user reads it.
type document struct {
	ExitCode       int    `json:"exit_code"`
	Error          string `json:"error"`
	UploadTarball  string `json:"upload_tarball"`
	UploadManifest string `json:"upload_manifest"`
	SHA256         string `json:"sha256sum"`
	Stored         bool   `json:"stored"`
	Verified       bool   `json:"verified"`
	Complete       bool   `json:"complete"`
	Profile        struct {
		Name   string
		Meta   map[string]string
		Params map[string]any
	} `json:"profile"`
	ProfileSaved string `json:"profile_saved"`
}

// result of a run inside the test's process.
type ran struct {
	code           int
	stdout, stderr string
}

// smallRoot is a root with one file in it: an empty one is refused.
func smallRoot(t testing.TB) string {
	return roottest.Tree{"etc/hostname": roottest.File("vm\n")}.Make(t)
}

// runHere runs the program in this process.
func runHere(ctx context.Context, env map[string]string, args ...string) ran {
	var out, errs bytes.Buffer
	a := cli.New(strings.NewReader(""), &out, &errs, func(k string) string { return env[k] })
	a.After = func(time.Duration) <-chan time.Time { return time.After(time.Millisecond) }
	code := a.Run(ctx, args)
	return ran{code, out.String(), errs.String()}
}

// TestUsage goes through what is refused before anything is looked at, let alone
// written: each with exit code 2 and with words that name the flag.
func TestUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	root := smallRoot(t)
	require.NoError(t, os.WriteFile("list", []byte("a\n[[:nonsense:]]\n"), 0o600))
	require.NoError(t, os.WriteFile("empty", nil, 0o600))
	require.NoError(t, os.WriteFile("manifest", []byte("#mtree\n"), 0o600))
	require.NoError(t, os.WriteFile("token", []byte("a-token\n"), 0o600))
	require.NoError(t, os.WriteFile("big", make([]byte, 1<<20+1), 0o600))
	long := strings.Repeat("n", 251)
	for _, row := range []struct {
		args string // words, of which ROOT is a directory, LONG a name of 251 bytes
		want string // in stderr
	}{
		{"", "takes one argument, the root"},
		{"ROOT ROOT", "takes one argument, the root, and these are "},
		{"x.tgz ROOT", "hint: the image goes after --output"},
		{"ROOT --ouput x", "hint: did you mean --output?"},
		{"ROOT --token x", "hint: put the token into RS_TOKEN, or into a file that --token-file names"},
		{"capture", "takes one argument, the root"},
		{"--nonsense ROOT", "unknown flag: --nonsense"},
		{"capture ROOT --jobs x", "--jobs"},
		{"capture ROOT --jobs -1", "--jobs"},
		{"capture ROOT --jobs 257", "at most 256"},
		{"capture ROOT --attempts 0", "--attempts"},
		{"capture ROOT --format tgx", "--format"},
		{"capture ROOT --level 9", "--level"},
		{"capture ROOT --check maybe", "--check is \"maybe\": it must be one of warn, enforce, off"},
		{"capture ROOT --progress fast", "--progress is \"fast\""},
		{"capture ROOT/none", "none: no such file or directory"},
		{"capture empty", "empty"},
		{"capture ROOT --upload-path ../x", "../x"},
		{"capture ROOT --upload-path /x", "/x"},
		{"capture ROOT --upload-path a//b", "a//b"},
		{"capture ROOT --rootfs-name a/b", "a/b"},
		{"capture ROOT --rootfs-name a\x1bb", `a\x1bb`},
		{"capture ROOT --rootfs-name a\\b --upload --endpoint http://h:1 --token-file token", "--rootfs-name: image name \"a\\\\b\": holds a backslash\nhint: such as gold-$DSTAMP"},
		{"capture ROOT --upload-path a\\b", "--upload-path: upload path \"a\\\\b\": holds a backslash\nhint: such as --upload-path images/gold; no slash"},
		{"verify ssh://h/d/x.tgz", "hint: ssh h cat /d/x.MANIFEST.txt >./x.MANIFEST.txt && ssh h cat /d/x.tgz | image-capture verify - ./x.MANIFEST.txt\n"},
		{"verify empty ssh://h/m.txt", "hint: ssh h cat /m.txt | image-capture verify empty -\n"},
		{"capture ROOT --rootfs-name LONG", "nnn"},
		{"capture ROOT --manifest-name LONG", "nnn"},
		{"capture ROOT --rootfs-name $HOST", "$HOST"},
		{"capture ROOT --manifest-name $", "$"},
		{"capture ROOT --tag A/B", "--tag"},
		{"capture ROOT --exclude *", "--exclude"},
		{"capture ROOT --exclude /etc", "--exclude"},
		{"capture ROOT --exclude-from none", "--exclude-from"},
		{"capture ROOT --exclude-from list", "list"},
		{"capture ROOT --include-mount ./none", "./none"},
		{"capture ROOT --output - --json", "--json and --output - both write to stdout"},
		{"capture ROOT --output ROOT", "is a directory"},
		{"capture ROOT --output x.tgz --manifest -", "--manifest cannot go to stdout"},
		{"capture ROOT --output x.tgz --profile -", "--profile cannot go to stdout"},
		{"capture ROOT --output x.tgz --base list --deletions -", "--deletions cannot go to stdout"},
		{"capture ROOT --output x.tgz --result -", "--result cannot go to stdout"},
		{"capture ROOT --upload --save-profile p", "digits, spaces and - _ . follow, at least one"},
		{"capture ROOT --output x.tgz --manifest ./x.tgz", "x.tgz"},
		{"capture ROOT --output x.tgz --profile x.MANIFEST.txt", "x.MANIFEST.txt"},
		{"capture ROOT --upload", "no endpoint is given"},
		{"capture ROOT --upload --endpoint http://h:1", "no token is given"},
		{"capture ROOT --upload --endpoint h:1 --token-file token", "does not begin with https:// or http://"},
		{"capture ROOT --upload --endpoint http://h:1 --token-file none", "--token-file"},
		{"capture ROOT --upload --endpoint http://h:1 --token-file empty", "empty"},
		{"capture ROOT --upload --endpoint http://h:1 --token-file big", "larger than 1 MiB"},
		{"capture ROOT --upload --endpoint https://h:1 --token-file token --ca-cert list", "PEM"},
		{"capture ROOT --upload --endpoint https://h:1 --token-file token --fingerprint ab", "ingerprint"},
		{"capture ROOT --upload --endpoint https://h:1 --token-file token --insecure --fingerprint " + strings.Repeat("ab", 32), "ingerprint"},
		{"check", "check takes one argument"},
		{"check ROOT ROOT", "check takes one argument"},
		{"check ROOT --format tgx", "--format"},
		{"check ROOT --level best", "unknown flag: --level"},
		{"check ROOT/none", "no such file"},
		{"upload", "upload takes an image and its MANIFEST"},
		{"upload a b c", "upload takes an image and its MANIFEST"},
		{"upload a b --progress fast", "--progress"},
		{"upload a b --attempts 0", "--attempts"},
		{"upload empty none", "none"},
		{"upload empty empty", "empty"},
		{"upload a b --output c", "unknown flag: --output"},
		{"list", "list takes an image or its MANIFEST"},
		{"list empty --sort name", "--sort"},
		{"list empty ../a", "not a path from the root of the image"},
		{"cat empty", "cat takes an image, and paths of files in it"},
		{"cat empty ./", "is the root of the image"},
		{"verify", "verify takes an image and its MANIFEST"},
		{"verify a b c", "verify takes an image and its MANIFEST"},
		{"verify empty", "no MANIFEST found for empty: "},
		{"verify -", "an image from stdin needs its MANIFEST"},
		{"verify - -", "stdin"},
		{"verify none.tgz", "none.tgz: no such file"},
		{"upload none.tgz none.txt --json", "none.tgz: no such file"},
		{"verify a b --json --progress fast", "--progress"},
		{"prune --older-than 3x --json", "is not an age"},
		{"check ROOT --json --frobnicate", "unknown flag"},
		{"verify empty ROOT", "is a directory"},
		{"verify a b --progress fast", "--progress"},
		{"verify empty empty --insecure --fingerprint " + strings.Repeat("ab", 32), "ingerprint"},
		{"version --nonsense", "unknown flag"},
		{"version x", "version takes no argument"},
		{"list http://user:hunter2@h:1/x.tgz", "hint: write it as https://HOST/PATH, without user and password"},
		{"capture ROOT --base https://user:hunter2@h:1/x.tgz -o x.tgz", "hint: write it as https://HOST/PATH, without"},
		{"extract https://user:hunter2@h:1/x.tgz -C new --json", "the URL holds a user name or password\nhint: "},
		{"capture ROOT --exclude-from list", "hint: each line is a pattern"},
		{"capture ROOT --exclude-from none", "hint: name a file that is there"},
		{"capture ROOT --tag ü --check off", "hint: such as --tag web-12"},
		{"capture ROOT --upload --files-url foo", "--files-url: the URL of the endpoint's files is not like"},
		{"capture ROOT --add-curtin foo", "hint: it is one of --add-curtin=true, --add-curtin=dir, --add-curtin=false"},
		{"capture ROOT --generalize foo -o x.tgz", "hint: image-capture operations lists what may follow --generalize="},
		{"prune --endpoint https://h:1 --token-file list", "--token-file list: the token has a space"},
		{"EMPTY", "argument 1 is empty"},
		{"extract empty EMPTY", "argument 2 is empty"},
		{"extract manifest -C new", "hint: image-capture extract IMAGE --manifest manifest"},
		{"report manifest -o new", "manifest is a MANIFEST, and the contents are in the image"},
	} {
		var args []string
		for _, w := range strings.Fields(row.args) {
			args = append(args, strings.NewReplacer("EMPTY", "", "ROOT", root, "LONG", long).Replace(w))
		}
		got := runHere(t.Context(), nil, args...)
		require.Equal(t, cli.ExitUsage, got.code, "%s: %s", row.args, got.stderr)
		require.Contains(t, got.stderr, row.want, row.args)
		if strings.Contains(row.args, "--json") {
			var doc document
			require.NoError(t, json.Unmarshal([]byte(got.stdout), &doc), "one document, whatever happens")
			require.Equal(t, cli.ExitUsage, doc.ExitCode)
		} else {
			require.Empty(t, got.stdout, row.args)
		}
		requireRules(t, got.stderr)
		names, err := os.ReadDir(".")
		require.NoError(t, err)
		require.Len(t, names, 5, "%s: something was written", row.args)
	}
}

// TestHelp: help is not an error, goes to stdout, and each command's lists its flags
// and the exit codes.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}, {"help", "capture"}, {"capture", "--help"}} {
		got := runHere(t.Context(), nil, args...)
		require.Zero(t, got.code)
		require.Empty(t, got.stderr)
		for _, want := range []string{
			"Commands:", "capture    ROOT", "verify     IMAGE [MANIFEST]", "--upload-path", "RS_TOKEN", "--one-file-system",
			"Exit codes:\n  0  done\n", "  9  interrupted\n",
		} {
			require.Contains(t, got.stdout, want, args)
		}
		for line := range strings.Lines(got.stdout) {
			require.LessOrEqual(t, len(line), 121, line)
		}
	}
	for command, flag := range map[string]string{"check": "--add-curtin", "upload": "--attempts", "verify": "--ca-cert", "version": ""} {
		got := runHere(t.Context(), nil, command, "--help")
		require.Zero(t, got.code)
		require.Contains(t, got.stdout, flag)
		require.Contains(t, got.stdout, "image-capture "+command)
	}
}

// TestExitCodes: a DRP runner takes 16, 32, 64 and 128 and up for orders.
func TestExitCodes(t *testing.T) {
	help := runHere(t.Context(), nil, "--help").stdout
	for code := cli.ExitDone; code <= cli.ExitInterrupted; code++ {
		require.Contains(t, help, "\n  "+string(rune('0'+code))+"  ")
		require.Less(t, code, 16)
	}
}

func TestVersion(t *testing.T) {
	got := runHere(t.Context(), nil, "version")
	require.Zero(t, got.code)
	require.Regexp(t, `^image-capture \S+\n$`, got.stdout)
}

// TestSecretsInEndpoint: a password in the endpoint's URL is refused, and not
// repeated.
func TestSecretsInEndpoint(t *testing.T) {
	for _, env := range []map[string]string{
		{"RS_ENDPOINT": "https://user:hunter2secret@host:8092"},
		{"RS_ENDPOINT": "https://user:hunter2secret@host:8092", "RS_TOKEN": "t"},
		{"RS_ENDPOINT": "https://host:8092/?token=hunter2secret", "RS_TOKEN": "t"},
		{"RS_ENDPOINT": "https://host:8092", "RS_KEY": "hunter2secret"},
	} {
		got := runHere(t.Context(), env, smallRoot(t), "--upload")
		require.Equal(t, cli.ExitUsage, got.code, got.stderr)
		require.NotContains(t, got.stderr, "hunter2secret")
	}
}

// TestInterruptedBefore: a context that has ended gives 9 and nothing else.
func TestInterruptedBefore(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := signal.NotifyContext(t.Context(), os.Interrupt)
	cancel()
	got := runHere(ctx, nil, "capture", smallRoot(t), "--check", "off")
	require.Equal(t, cli.ExitInterrupted, got.code)
	require.Equal(t, "image-capture: interrupted, nothing is left behind\n", got.stderr)
	names, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, names)
}

// names are those of a folder, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := []string{}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}
