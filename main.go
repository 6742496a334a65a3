// Image-capture turns a mounted Linux root into an image that Digital Rebar
// Provision can deploy, and stores it on an endpoint. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"image-capture/cli"
)

func main() { os.Exit(run(cli.New(os.Stdin, os.Stdout, os.Stderr, os.Getenv))) }

// run runs the program as a process: with its memory and its signals.
func run(app *cli.App) int {
	// Most of the heap is a fixed set of buffers: collecting early costs little and keeps the
	// peak low. Of this nothing is touched; with it a small heap is not collected at each MiB.
	defer runtime.KeepAlive(make([]byte, 32<<20))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40)
	}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of stdout that goes away is an error to report
	if cli.Watches(os.Args[1:]) {
		signal.Ignore(append(signals, syscall.SIGHUP)...) // it outlives the capture that they are for
		return app.Run(context.Background(), os.Args[1:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// The first signal asks to stop, a later one kills; timeout(1) sends each twice at once.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	return app.Run(ctx, os.Args[1:])
}
