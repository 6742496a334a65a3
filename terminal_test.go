package main

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
		newTerminal(&out).fail(row.err, "")
		require.Equal(t, row.want, out.String())
	}
	var out bytes.Buffer
	newTerminal(&out).fail(errors.New("x"), "type y")
	require.Equal(t, "image-capture: x\nhint: type y\n", out.String())
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
		{nil, exitDone, ""},
		{errors.New("any"), exitFailed, ""},
		{usagef("type this", "wrong"), exitUsage, "type this"},
		{fmt.Errorf("wrapped: %w", &failure{exitCheck, errors.New("x"), "h"}), exitCheck, "h"},
		{fmt.Errorf("wrapped: %w", context.Canceled), exitInterrupted, ""},
		{&rootfs.NoMountError{Path: "./boot", Reason: "is no mount point"}, exitUsage, "findmnt"},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, exitFailed, "free some space"},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, exitFailed, "run as root"},
		{remote(upload.Refused, ""), exitRefused, "ExtraClaims"},
		{remote(upload.Taken, "File already uploading"), exitTaken, "drpcli files destroy images/x.part"},
		{remote(upload.Taken, "Cannot create directory"), exitTaken, "use another name"},
		{remote(upload.TooLarge, ""), exitEndpoint, "a proxy"},
		{remote(upload.NoSpace, ""), exitEndpoint, "free space on the endpoint's disk"},
		{remote(upload.TLS, ""), exitEndpoint, "speaks TLS"},
		{remote(upload.Broken, ""), exitEndpoint, "can be reached"},
		{remote(upload.Failed, ""), exitEndpoint, "log"},
		{&upload.Error{Kind: upload.TLS, Fingerprint: "AB:CD"}, exitEndpoint, "--fingerprint AB:CD"},
	} {
		code, hint := diagnose(row.err)
		require.Equal(t, row.code, code, "%v", row.err)
		require.Contains(t, hint, row.hint)
	}
}

// TestLinesAtOnce: lines of several goroutines stay whole.
func TestLinesAtOnce(t *testing.T) {
	var out bytes.Buffer
	term := newTerminal(&out)
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
	requireRules(t, out.String())
	require.Equal(t, 8*50*3, strings.Count(out.String(), "\n"))
}
