package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"image-capture/archive"
	"image-capture/edit"
	"image-capture/rootfs"
)

// alone are the parts of image-capture that bench runs itself, by its first argument: in
// a process of its own, so that their memory is not counted to the contestants, each of
// which was bench before its execve.
var alone = map[string]func(args []string, stdout io.Writer) error{
	codecCommand:    part("file", codecAlone),
	pipelineCommand: part("directory", pipelineAlone),
}

const (
	codecCommand    = "codec-alone"
	pipelineCommand = "pipeline-alone"
)

// part reads the args, which are format, level and the path of what is compressed, and
// sets the garbage collector as the agent does.
func part(what string, run func(codec archive.Codec, level archive.Level, path string, stdout io.Writer) error) func([]string, io.Writer) error {
	return func(args []string, stdout io.Writer) error {
		if len(args) != 3 {
			return fmt.Errorf("takes a format, a level and a %s", what)
		}
		codec, ok := map[string]archive.Codec{"tgz": archive.Gzip, "tar-zst": archive.Zstd, "tar": archive.None}[args[0]]
		if !ok {
			return fmt.Errorf("unknown format %q", args[0])
		}
		level, err := archive.ParseLevel(args[1])
		if err != nil {
			return err
		}
		debug.SetGCPercent(40)
		return run(codec, level, args[2], stdout)
	}
}

// codecAlone compresses the tar of a file from memory, and prints for how many
// nanoseconds and to how many bytes.
func codecAlone(codec archive.Codec, level archive.Level, file string, stdout io.Writer) error {
	tar, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	start := time.Now()
	size, err := archive.CodecAlone(tar, codec, level)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, time.Since(start).Nanoseconds(), size)
	return err
}

// pipelineAlone captures a tree to stdout without any digest and without a MANIFEST.
func pipelineAlone(codec archive.Codec, level archive.Level, tree string, stdout io.Writer) error {
	root, err := rootfs.Open(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	sum, err := archive.Write(context.Background(), stdout, edit.NewTree(root, nil, nil), archive.Options{
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
