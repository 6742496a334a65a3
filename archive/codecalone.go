package archive

import (
	"runtime"
	"sync/atomic"

	"image-capture/compress"

	"golang.org/x/sync/errgroup"
)

// CodecAlone compresses tar as Write compresses its frames, one worker a processor,
// and returns the size: what a capture would take if nothing but the codec took time.
// It is for benchmarks.
func CodecAlone(tar []byte, codec compress.Codec, level compress.Level) (int64, error) {
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
