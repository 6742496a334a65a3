package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"image-capture/archive"
)

// codecCommand is the first argument of a run that only compresses a file, which bench
// starts itself: in a process of its own, so that the file in memory is not counted to
// the contestants, each of which was bench before its execve.
const codecCommand = "codec-alone"

// codecAlone compresses the tar of a file from memory, and prints for how many
// nanoseconds and to how many bytes. The args are format, level and file.
func codecAlone(args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("%s takes a format, a level and a file", codecCommand)
	}
	codec, ok := map[string]archive.Codec{"tgz": archive.Gzip, "tar-zst": archive.Zstd}[args[0]]
	if !ok {
		return fmt.Errorf("%s: unknown format %q", codecCommand, args[0])
	}
	level, err := archive.ParseLevel(args[1])
	if err != nil {
		return err
	}
	tar, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	debug.SetGCPercent(40) // as the agent does
	start := time.Now()
	size, err := archive.CodecAlone(tar, codec, level)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, time.Since(start).Nanoseconds(), size)
	return err
}
