package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"image-capture/compress"
)

// alone are the parts of image-capture that bench runs itself, by its first argument: in
// a process of its own, so that their memory is not counted to the contestants, each of
// which was bench before its execve.
var alone = map[string]func(args []string, stdout io.Writer) error{codecCommand: codecAlone}

const codecCommand = "codec-alone"

// codecAlone takes a format, a level and a file. It compresses the tar in the file from
// memory, as image-capture compresses its frames and with its garbage collector's
// setting, and prints for how many nanoseconds and to how many bytes: what a capture
// would take if nothing but the codec took time.
func codecAlone(args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("takes a format, a level and a file")
	}
	codec, ok := map[string]compress.Codec{"tgz": compress.Gzip, "tar-zst": compress.Zstd}[args[0]]
	if !ok {
		return fmt.Errorf("unknown format %q", args[0])
	}
	level, err := compress.ParseLevel(args[1])
	if err != nil {
		return err
	}
	tar, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	debug.SetGCPercent(40)
	start := time.Now()
	size, err := compressFrames(tar, codec, level)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, time.Since(start).Nanoseconds(), size)
	return err
}

// compressFrames compresses tar frame by frame, one worker a processor, and returns the
// size.
func compressFrames(tar []byte, codec compress.Codec, level compress.Level) (int64, error) {
	var g errgroup.Group
	var next, size atomic.Int64
	frame := int64(compress.FrameSize(codec))
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			c, err := compress.NewEncoder(codec, level)
			if err != nil {
				return err
			}
			var out []byte
			for {
				at := (next.Add(1) - 1) * frame
				if at >= int64(len(tar)) {
					return nil
				}
				if out, err = c.Encode(out[:0], tar[at:min(at+frame, int64(len(tar)))]); err != nil {
					return err
				}
				size.Add(int64(len(out)))
			}
		})
	}
	err := g.Wait()
	return size.Load(), err
}
