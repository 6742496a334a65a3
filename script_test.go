package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/cli/clitest"
	"image-capture/rootfs/roottest"
	"image-capture/upload/drptest"
)

// TestScript runs the scripts of testdata/script. Besides testscript's own
// commands they have those of scriptCommands.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUpScript,
		Cmds:                scriptCommands,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
	})
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exit":    cmdExit,
	"need":    cmdNeed,
	"drp":     cmdDRP,
	"fault":   cmdFault,
	"revoke":  cmdRevoke,
	"drplog":  cmdLog,
	"drpls":   cmdList,
	"tree":    cmdTree,
	"hostile": cmdHostile,
	"edit":    cmdEdit,
	"secret":  cmdSecret,
	"ls":      cmdLs,
	"gomtree": cmdGomtree,
	"tmpfs":   cmdTmpfs,
	"loopfs":  cmdLoopfs,

	"loopmount": cmdLoopmount,
	"lvmfs":     cmdLvmfs,
}

// double is the endpoint of a script.
type double struct {
	*drptest.Server
	secrets []string
}

type stateKey struct{}

// state is what a script's commands share.
type state struct {
	t   testing.TB
	drp *double
}

func of(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

func setUpScript(env *testscript.Env) error {
	env.Values[stateKey{}] = &state{t: env.T().(testing.TB)}
	// Nothing of the machine's own environment may have a say.
	for _, k := range []string{"RS_ENDPOINT", "RS_ENDPOINTS", "RS_TOKEN", "RS_KEY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		env.Setenv(k, "")
	}
	env.Setenv("LC_ALL", "C.UTF-8")
	env.Setenv("NL", "\n") // for names that a script cannot write
	env.Setenv("ESC", "\x1b")
	env.Setenv("GOCOVERDIR", os.Getenv("GOCOVERDIR"))
	env.Setenv("GORACE", "exitcode=66")
	return nil
}

var canMount = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "mount-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if unix.Mount("none", dir, "tmpfs", 0, "size=64k") != nil {
		return false
	}
	return unix.Unmount(dir, 0) == nil
})

// cmdNeed ends the script, as skipped or, where CI is "true", as failed, unless this
// machine has what is named: root (devices and foreign owners can be made), mount
// (filesystems can be mounted), or a tool.
func cmdNeed(ts *testscript.TestScript, neg bool, args []string) {
	for _, what := range args {
		switch what {
		case "root":
			roottest.NeedRoot(of(ts).t)
		case "mount":
			roottest.Need(of(ts).t, canMount(), "the right to mount")
		default:
			_, err := exec.LookPath(what)
			roottest.Need(of(ts).t, err == nil, what)
		}
	}
}

// cmdExit is "exit CODE COMMAND ...": it runs a command and wants exactly that
// exit code. Whatever the program says must keep the rules of its messages, hold
// no secret, and it leaves no temp file.
func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND [ARG ...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, and %d was expected", code, want)
	}
	if args[1] != "image-capture" {
		return
	}
	if err := clitest.MessageRules(ts.ReadFile("stderr")); err != nil {
		ts.Fatalf("stderr: %v", err)
	}
	for _, name := range []string{"stdout", "stderr"} {
		checkSecrets(ts, name, ts.ReadFile(name))
	}
	if slices.Contains(args, "--json") {
		// One document, whatever happens, and nothing beside it.
		d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
		var doc any
		ts.Check(d.Decode(&doc))
		if _, err := d.Token(); err != io.EOF {
			ts.Fatalf("stdout has more than one document")
		}
	}
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(p, ".tmp") && d.Type().IsRegular() || strings.Contains(d.Name(), "image-capture.")) {
			return fmt.Errorf("%s was left behind", p)
		}
		return nil
	}))
}

func requireRules(t testing.TB, stderr string) {
	t.Helper()
	require.NoError(t, clitest.MessageRules(stderr))
}

// checkSecrets looks for any part of the script's secrets.
func checkSecrets(ts *testscript.TestScript, where, text string) {
	d := of(ts).drp
	if d == nil {
		return
	}
	const part = 10
	for _, s := range d.secrets {
		for i := 0; i+part <= len(s); i++ {
			if strings.Contains(text, s[i:i+part]) {
				ts.Fatalf("%s holds a part of a token or password: %q", where, s[i:i+part])
			}
		}
	}
}

// cmdSecret is "secret FILE ...": no file may hold a part of a token or password.
func cmdSecret(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		checkSecrets(ts, name, ts.ReadFile(name))
	}
}

// cmdDRP is "drp [OPTION ...]": it starts an endpoint for the rest of the script, in
// place of an earlier one, and sets RS_ENDPOINT, RS_TOKEN, DRP_DIR (where it keeps
// files), DRP_CA (a PEM file) and DRP_FINGERPRINT. Options: plain, self (the default) or
// ca; claims=post,get; jwt (a token that can be read) with expires=SECONDS;
// user; get-denied=STATUS; post-denied=STATUS; etag; nodigest; swallow; refuse-expect.
func cmdDRP(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	opts := drptest.Options{Dir: filepath.Join(s.t.TempDir(), "files")}
	ts.Check(os.Mkdir(opts.Dir, 0o755))
	grant := drptest.Grant{Actions: []string{"*"}}
	token, user := drptest.DefaultToken, false
	jwt, expires := false, time.Hour
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		number, _ := strconv.Atoi(value)
		switch key {
		case "plain":
			opts.TLS = drptest.Plain
		case "self":
			opts.TLS = drptest.SelfSigned
		case "ca":
			opts.TLS = drptest.CASigned
		case "claims":
			grant.Actions = strings.Split(value, ",")
		case "jwt":
			jwt = true
		case "expires":
			expires = time.Duration(number) * time.Second
		case "user":
			user = true
		case "get-denied":
			opts.GetDenied = number
		case "post-denied":
			opts.PostDenied = number
		case "etag":
			opts.ETag = true
		case "nodigest":
			opts.NoDigest = true
		case "swallow":
			opts.SwallowContinue = true
		case "refuse-expect":
			opts.RefuseExpect = true
		default:
			ts.Fatalf("drp: no option %q", key)
		}
	}
	if jwt {
		token = readableToken(grant.Actions, time.Now().Add(expires))
	}
	opts.Tokens = map[string]drptest.Grant{token: grant}
	server, err := drptest.Start(opts)
	ts.Check(err)
	s.drp = &double{server, []string{token, drptest.DefaultPassword}}
	ts.Defer(func() { ts.Check(server.Close()) })
	ts.Setenv("RS_ENDPOINT", server.URL)
	ts.Setenv("RS_TOKEN", token)
	ts.Setenv("RS_KEY", "")
	if user {
		ts.Setenv("RS_TOKEN", "")
		ts.Setenv("RS_KEY", drptest.DefaultUser+":"+drptest.DefaultPassword)
	}
	ts.Setenv("DRP_DIR", server.Dir)
	ts.Setenv("DRP_FINGERPRINT", server.Fingerprint)
	ca := filepath.Join(s.t.TempDir(), "ca.pem")
	ts.Check(os.WriteFile(ca, server.CAPEM, 0o600))
	ts.Setenv("DRP_CA", ca)
}

// cmdFault is "fault [NAME=VALUE ...]", or "fault clear": a drptest.Fault by the
// names of its fields, in lower case.
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if len(args) == 1 && args[0] == "clear" {
		s.drp.ClearFaults()
		return
	}
	var f drptest.Fault
	v := reflect.ValueOf(&f).Elem()
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		// An answer that echoes the token, as the real server's do.
		value = strings.ReplaceAll(value, "TOKEN", s.drp.secrets[0])
		if key == "message" {
			f.Messages = append(f.Messages, value)
			continue
		}
		field := v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, key) })
		if !field.IsValid() {
			ts.Fatalf("a fault has no %q", key)
		}
		switch field.Kind() {
		case reflect.String:
			field.SetString(value)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Int64, reflect.Int:
			n, err := strconv.ParseInt(value, 0, 64)
			ts.Check(err)
			field.SetInt(n)
		default:
			ts.Fatalf("cannot set %q of a fault", key)
		}
	}
	s.drp.AddFault(f)
}

// cmdRevoke makes the endpoint forget the token.
func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	of(ts).drp.Revoke(of(ts).drp.secrets[0])
}

// cmdLog is "drplog": to stdout, a line for each request so far: method, path, status,
// "body" when one was read, the scheme of authorisation.
func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	for _, r := range of(ts).drp.Requests() {
		body := "-"
		if r.BodyRead > 0 {
			body = "body"
		}
		fmt.Fprintf(ts.Stdout(), "%s %s %d %s %s\n", r.Method, strings.TrimPrefix(r.Path, "/api/v3/files"), r.Status, body, r.Auth)
	}
}

// cmdList is "drpls NAME ...": exactly these files are stored, .part files included.
func cmdList(ts *testscript.TestScript, neg bool, args []string) {
	of(ts).drp.Requests() // wait until it has cleaned up
	got, err := of(ts).drp.Files()
	ts.Check(err)
	if strings.Join(got, " ") != strings.Join(args, " ") {
		ts.Fatalf("the endpoint has %q, and %q were expected", got, args)
	}
}

// cmdLs is "ls DIR NAME ...": exactly these names are in a directory, hidden ones
// included, but for the harness's own.
func cmdLs(ts *testscript.TestScript, neg bool, args []string) {
	list, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, e := range list {
		if e.Name() != ".tmp" {
			got = append(got, e.Name())
		}
	}
	if strings.Join(got, " ") != strings.Join(args[1:], " ") {
		ts.Fatalf("%s has %q, and %q were expected", args[0], got, args[1:])
	}
}

// cmdTree is "tree DIR NAME": it makes the tree of testdata/NAME.txtar. A name is
// "path", "path/" for a directory, "path -> target" for a symbolic link; words in
// brackets after it are a mode in octal, elf=NUMBER (the file gets the header of a
// program for that e_machine), and size=BYTES of noise.
func cmdTree(ts *testscript.TestScript, neg bool, args []string) {
	ar, err := txtar.ParseFile(filepath.Join("testdata", args[1]+".txtar"))
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, f := range ar.Files {
		name, words, _ := strings.Cut(strings.TrimSuffix(f.Name, "]"), " [")
		name, target, isLink := strings.Cut(name, " -> ")
		full := filepath.Join(dir, name)
		ts.Check(os.MkdirAll(filepath.Dir(full), 0o755))
		if isLink {
			ts.Check(os.Symlink(target, full))
			continue
		}
		if strings.HasSuffix(name, "/") {
			ts.Check(os.MkdirAll(full, 0o755))
			continue
		}
		mode, data := uint64(0o644), f.Data
		for word := range strings.FieldsSeq(words) {
			key, value, _ := strings.Cut(word, "=")
			number, _ := strconv.ParseUint(value, 0, 32)
			switch key {
			case "elf":
				mode = 0o755
				data = append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
				data[16], data[18], data[19] = 3, byte(number), byte(number>>8)
			case "size":
				data = randomBytes(name, int(number))
			case "initramfs":
				data = clitest.Initramfs(map[string][]byte{"init": []byte("#!/bin/sh\n"), "noise": randomBytes(name, int(number))})
			default:
				mode, err = strconv.ParseUint(word, 8, 32)
				ts.Check(err)
			}
		}
		ts.Check(os.WriteFile(full, data, 0o600))
		ts.Check(os.Chmod(full, fs.FileMode(mode)))
	}
}

// randomBytes is content that does not compress, the same for the same name.
func randomBytes(name string, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data)
	return data
}

// cmdHostile is "hostile DIR": the tree of everything that tar can carry.
func cmdHostile(ts *testscript.TestScript, neg bool, args []string) {
	made := roottest.Hostile(of(ts).t)
	ts.Check(os.Rename(made, ts.MkAbs(args[0])))
}

// cmdEdit is "edit FILE REGEXP REPLACEMENT": the first match is replaced; there must be one.
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	name := ts.MkAbs(args[0])
	text := ts.ReadFile(args[0])
	at := regexp.MustCompile(args[1]).FindStringIndex(text)
	if at == nil {
		ts.Fatalf("%s has no %s", name, args[1])
	}
	ts.Check(os.WriteFile(name, []byte(text[:at[0]]+args[2]+text[at[1]:]), 0o644))
}

// gomtree is the tool as go.mod pins it.
var gomtree = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "gomtree").Output()
	return strings.TrimSpace(string(out)), err
})

// cmdGomtree is "gomtree ARG ...".
func cmdGomtree(ts *testscript.TestScript, neg bool, args []string) {
	tool, err := gomtree()
	if err != nil {
		roottest.Need(of(ts).t, false, "go tool gomtree")
	}
	if err := ts.Exec(tool, args...); (err == nil) == neg {
		ts.Fatalf("gomtree: %v", err)
	}
}

// cmdLoopfs is "loopfs TYPE SIZE DIR": it makes a filesystem in a file and mounts it at a
// directory, for the rest of the script.
func cmdLoopfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: loopfs TYPE SIZE DIR")
	}
	image := filepath.Join(of(ts).t.TempDir(), "disk")
	dir := ts.MkAbs(args[2])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(ts.Exec("truncate", "-s", args[1], image))
	ts.Check(ts.Exec("mkfs."+args[0], "-q", image))
	ts.Check(ts.Exec("mount", "-o", "loop", image, dir))
	ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// cmdLvmfs is "lvmfs TYPE SIZE DIR NAME [POOL]": it is loopfs, and makes what is mounted a
// logical volume vg-0/NAME, a thin one in POOL, of the stand-in snapshot/testdata/lvm.py,
// which is in front of PATH then. $LVM has its state, 64 MiB are free.
func cmdLvmfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: lvmfs TYPE SIZE DIR NAME [POOL]")
	}
	cmdLoopfs(ts, false, args[:3])
	if dir := ts.MkAbs("lvm"); ts.Getenv("LVM") == "" {
		program, err := filepath.Abs("snapshot/testdata/lvm.py")
		ts.Check(err)
		bin := filepath.Join(of(ts).t.TempDir(), "bin")
		ts.Check(os.MkdirAll(bin, 0o755))
		ts.Check(os.MkdirAll(dir, 0o755))
		for _, name := range []string{"lvs", "lvcreate", "lvremove", "lvadd"} {
			ts.Check(os.Symlink(program, filepath.Join(bin, name)))
		}
		ts.Setenv("PATH", bin+":"+ts.Getenv("PATH"))
		ts.Setenv("LVM", dir)
		ts.Check(os.WriteFile(filepath.Join(dir, "free"), []byte(strconv.Itoa(64<<20)), 0o644))
		ts.Defer(func() { // what a failed script has left
			list, _ := exec.Command("losetup", "-nO", "NAME,BACK-FILE").Output()
			for line := range strings.Lines(string(list)) {
				if device, file, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(strings.TrimSpace(file), dir+"/") {
					_ = exec.Command("losetup", "-d", device).Run()
				}
			}
		})
	}
	source, err := exec.Command("findmnt", "-no", "SOURCE", ts.MkAbs(args[2])).Output()
	ts.Check(err)
	ts.Check(ts.Exec("lvadd", append([]string{args[3], strings.TrimSpace(string(source))}, args[4:]...)...))
}

// cmdLoopmount is "loopmount OLD DIR OPTIONS": the filesystem that is mounted at OLD is
// mounted at DIR too.
func cmdLoopmount(ts *testscript.TestScript, neg bool, args []string) {
	old, dir := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	source, err := exec.Command("findmnt", "-no", "SOURCE", "--nofsroot", old).Output()
	ts.Check(err)
	ts.Check(ts.Exec("mount", "-o", args[2], strings.TrimSpace(string(source)), dir))
	ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// cmdTmpfs is "tmpfs DIR SIZE": a filesystem of that size, until the script's end.
func cmdTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount("none", dir, "tmpfs", 0, "size="+args[1]))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
}
