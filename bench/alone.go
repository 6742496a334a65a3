package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"image-capture/archive"
	"image-capture/rootfs"
)

// alone are the parts of image-capture that bench runs itself, by its first argument: in
// a process of its own, so that their memory is not counted to the contestants, each of
// which was bench before its execve.
var alone = map[string]func(args []string, stdout io.Writer) error{
	codecCommand:    codecAlone,
	pipelineCommand: pipelineAlone,
}

const (
	codecCommand    = "codec-alone"
	pipelineCommand = "pipeline-alone"
)

// parseFormat reads the name of a format and of a level.
func parseFormat(format, level string) (archive.Codec, archive.Level, error) {
	codec, ok := map[string]archive.Codec{"tgz": archive.Gzip, "tar-zst": archive.Zstd, "tar": archive.None}[format]
	if !ok {
		return 0, 0, fmt.Errorf("unknown format %q", format)
	}
	l, err := archive.ParseLevel(level)
	return codec, l, err
}

// agentGC is as the agent has it.
const agentGC = 40

// codecAlone compresses the tar of a file from memory, and prints for how many
// nanoseconds and to how many bytes. The args are format, level and file.
func codecAlone(args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return errors.New("takes a format, a level and a file")
	}
	codec, level, err := parseFormat(args[0], args[1])
	if err != nil {
		return err
	}
	tar, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	debug.SetGCPercent(agentGC)
	start := time.Now()
	size, err := archive.CodecAlone(tar, codec, level)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, time.Since(start).Nanoseconds(), size)
	return err
}

// pipelineAlone captures a tree to stdout without any digest and without a MANIFEST. The
// args are format, level and tree.
func pipelineAlone(args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return errors.New("takes a format, a level and a directory")
	}
	codec, level, err := parseFormat(args[0], args[1])
	if err != nil {
		return err
	}
	root, err := rootfs.Open(args[2])
	if err != nil {
		return err
	}
	defer root.Close()
	debug.SetGCPercent(agentGC)
	sum, err := archive.Write(context.Background(), stdout, root, archive.Options{
		Codec: codec, Level: level, SkipFileDigests: true, SkipImageDigests: true,
	})
	if err != nil {
		return err
	}
	if len(sum.Unreadable) > 0 {
		return fmt.Errorf("%s: %s", sum.Unreadable[0].Path, sum.Unreadable[0].Reason)
	}
	return nil
}
