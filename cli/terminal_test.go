package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/cli/clitest"
	"image-capture/rootfs"
	"image-capture/upload"
)

// TestFail: an error is a line, joined ones are a line each, and a newline in a
// name begins none.
func TestFail(t *testing.T) {
	name := errors.New("open a\nb: no such file")
	for _, row := range []struct {
		err  error
		want string
	}{
		{name, "image-capture: open a\\nb: no such file\n"},
		{errors.Join(name, errors.New("second")), "image-capture: open a\\nb: no such file\nimage-capture: second\n"},
		{&failure{1, errors.Join(name, errors.New("second")), ""}, "image-capture: open a\\nb: no such file\nimage-capture: second\n"},
		{fmt.Errorf("%w and %w", name, name), "image-capture: open a\\nb: no such file and open a\\nb: no such file\n"},
	} {
		var out bytes.Buffer
		newTerminal(&out, os.Getenv).fail(ExitFailed, row.err, "")
		require.Equal(t, row.want, out.String())
	}
	var out bytes.Buffer
	newTerminal(&out, os.Getenv).fail(ExitFailed, errors.New("x"), "type y")
	require.Equal(t, "image-capture: x\nhint: type y\n", out.String())

	// In a task flags are Params; in the error only where it is about usage, as others name files.
	out.Reset()
	task := newTerminal(&out, os.Getenv)
	task.inTask = true
	task.fail(ExitUsage, errors.New("--fix needs the boot check, which --check off skips"), "add --ca-cert FILE (--insecure) or x--fix --none")
	task.fail(ExitFailed, errors.New("open --fix"), "")
	require.Equal(t, "image-capture: image-capture/fix needs the boot check, which image-capture/check off skips\n"+
		"hint: add image-capture/tls-ca FILE (image-capture/tls-insecure) or x--fix --none\nimage-capture: open --fix\n", out.String())
}

// TestLongNames: of a name of megabytes the start and the end are shown.
func TestLongNames(t *testing.T) {
	name := "start" + strings.Repeat("\n", 1<<20) + "end"
	for _, lines := range []bool{false, true} {
		var out bytes.Buffer
		term := newTerminal(&out, os.Getenv)
		term.json = lines
		term.fail(ExitFailed, fmt.Errorf("open %s: no such file", name), "")
		require.Less(t, out.Len(), 2*maxLine)
		require.Contains(t, out.String(), "open start")
		require.Contains(t, out.String(), "...")
		require.Contains(t, out.String(), "end: no such file")
	}
}

// TestDiagnose: one error, one exit code.
func TestDiagnose(t *testing.T) {
	remote := func(k upload.Kind, msg string) error {
		return fmt.Errorf("wrapped: %w", &upload.Error{Kind: k, Op: "store", Path: "images/x", Msg: msg})
	}
	for _, row := range []struct {
		err  error
		code int
		hint string
	}{
		{nil, ExitDone, ""},
		{errors.New("any"), ExitFailed, ""},
		{usagef("type this", "wrong"), ExitUsage, "type this"},
		{fmt.Errorf("wrapped: %w", &failure{ExitCheck, errors.New("x"), "h"}), ExitCheck, "h"},
		{fmt.Errorf("wrapped: %w", context.Canceled), ExitInterrupted, ""},
		{&rootfs.NoMountError{Path: "./boot", Reason: "is not a mount point"}, ExitUsage, "findmnt"},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, ExitFailed, "free some space"},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, ExitFailed, "run as root"},
		{remote(upload.Refused, ""), ExitRefused, "ExtraClaims"},
		{remote(upload.Taken, "File already uploading"), ExitTaken, "drpcli files destroy images/x.part"},
		{remote(upload.Taken, "Cannot create directory"), ExitTaken, "use another name"},
		{remote(upload.TooLarge, ""), ExitEndpoint, "a proxy"},
		{remote(upload.NoSpace, ""), ExitEndpoint, "free space on the endpoint's disk"},
		{remote(upload.TLS, ""), ExitEndpoint, "speaks TLS"},
		{remote(upload.Broken, ""), ExitEndpoint, "can be reached"},
		{remote(upload.Failed, ""), ExitEndpoint, "log"},
		{&upload.Error{Kind: upload.TLS, Fingerprint: "AB:CD"}, ExitEndpoint, "--fingerprint AB:CD"},
	} {
		d := diagnose(row.err)
		require.Equal(t, row.code, d.code, "%v", row.err)
		require.Contains(t, d.hint, row.hint)
	}
}

// TestLinesAtOnce: lines of several goroutines stay whole.
func TestLinesAtOnce(t *testing.T) {
	var out bytes.Buffer
	term := newTerminal(&out, os.Getenv)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				term.say("a line of %s", "some length")
				term.warn("a hint", "a warning")
			}
		})
	}
	wait.Wait()
	require.NoError(t, clitest.MessageRules(out.String()))
	require.Equal(t, 8*50*3, strings.Count(out.String(), "\n"))
}
