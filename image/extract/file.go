package extract

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"

	"image-capture/entry"
)

const (
	// maxWaiting bounds the content that waits to be written, in bytes.
	maxWaiting = 32 << 20
	// maxJobs bounds the files that wait to be written.
	maxJobs = 128
	// pieceSize is how much content is handed over at once.
	pieceSize = 1 << 20
	smallSize = 64 << 10
)

// pool are the workers and what waits for them.
type pool struct {
	rootFD int
	jobs   chan *job
	wait   sync.WaitGroup
	room   *semaphore.Weighted // bytes
	small  sync.Pool
	big    sync.Pool

	busyMu sync.Mutex
	busy   map[string]*job // by path
}

// job is a file to write.
type job struct {
	in      *folder
	name    string
	m, want *entry.Member
	// A small file is read whole: runs are its data, in buf.
	runs []piece
	buf  []byte
	more chan piece // the data of another, closed after the last
	// whole says that all data came; for the worker it is valid when more is closed.
	whole bool
	done  chan struct{}
}

// piece is a run of data.
type piece struct {
	off  int64
	data []byte
}

func (x *extraction) startWorkers() {
	x.rootFD, _ = unix.Openat(x.stack[0].fd, ".", dirFlags, 0)
	x.jobs, x.busy = make(chan *job, maxJobs), map[string]*job{}
	x.room = semaphore.NewWeighted(maxWaiting)
	for range max(1, x.opt.Workers) {
		x.wait.Go(func() {
			sum := sha256.New()
			for j := range x.jobs {
				x.write(j, sum)
			}
		})
	}
}

func (x *extraction) endWorkers() {
	close(x.jobs)
	x.wait.Wait()
}

// waitFor waits until a file that is being written is complete.
func (x *extraction) waitFor(path string) {
	x.busyMu.Lock()
	j := x.busy[path]
	x.busyMu.Unlock()
	if j != nil {
		<-j.done
	}
}

// waitForAll waits until no file is being written.
func (x *extraction) waitForAll() {
	x.busyMu.Lock()
	all := slices.Collect(maps.Values(x.busy))
	x.busyMu.Unlock()
	for _, j := range all {
		<-j.done
	}
}

// buffer returns room for n bytes, at most pieceSize.
func (x *extraction) buffer(n int) ([]byte, error) {
	p, size := &x.big, pieceSize
	if n <= smallSize {
		p, size = &x.small, smallSize
	}
	if err := x.room.Acquire(x.ctx, int64(size)); err != nil {
		return nil, context.Cause(x.ctx)
	}
	if b, ok := p.Get().(*[]byte); ok {
		return (*b)[:0], nil
	}
	return make([]byte, 0, size), nil
}

func (x *extraction) free(b []byte) {
	size := cap(b)
	if size == smallSize {
		x.small.Put(&b)
	} else {
		x.big.Put(&b)
	}
	x.room.Release(int64(size))
}

// file reads the content of a file and has it written. Only what ends the extraction is an
// error.
func (x *extraction) file(in *folder, name string, m, want *entry.Member) error {
	x.in.LeaveDigests()
	if want != nil && want.SparseSHA256 != nil {
		// Only the reader sees the map as it is stored.
		x.in.TakeDigests()
	}
	j := &job{in: in, name: name, m: m, want: want, done: make(chan struct{})}
	in.refs.Add(1)
	x.busyMu.Lock()
	x.busy[m.Path] = j
	x.busyMu.Unlock()
	if m.Size <= pieceSize {
		err := x.readWhole(j)
		x.jobs <- j
		return err
	}
	j.more = make(chan piece, 4)
	x.jobs <- j // it begins before all of it is read
	err := x.read(j)
	close(j.more)
	return err
}

// readWhole reads the content of a small file.
func (x *extraction) readWhole(j *job) error {
	if j.m.Size > 0 {
		b, err := x.buffer(int(j.m.Size))
		if err != nil {
			return err
		}
		j.buf = b
	}
	at := 0
	for {
		off, data, err := x.in.Data(pieceSize)
		if err == io.EOF {
			j.whole = true
			return nil
		}
		if err != nil {
			return err
		}
		j.buf = append(j.buf, data...) // never more than the size of the file
		if n := len(j.runs); n > 0 && j.runs[n-1].off+int64(len(j.runs[n-1].data)) == off {
			j.runs[n-1].data = j.buf[at-len(j.runs[n-1].data) : len(j.buf)]
		} else {
			j.runs = append(j.runs, piece{off, j.buf[at:]})
		}
		at = len(j.buf)
	}
}

// read hands over the content of a big file.
func (x *extraction) read(j *job) error {
	for {
		off, data, err := x.in.Data(pieceSize)
		if err == io.EOF {
			j.whole = true
			return nil
		}
		if err != nil {
			return err
		}
		b, err := x.buffer(len(data))
		if err != nil {
			return err
		}
		j.more <- piece{off, append(b, data...)}
	}
}

// write makes a file. It is for the workers.
func (x *extraction) write(j *job, sum hash.Hash) {
	err := x.writeNew(j, sum)
	if j.more != nil {
		for p := range j.more { // what was not taken
			x.free(p.data)
		}
	}
	if j.buf != nil {
		x.free(j.buf)
	}
	switch {
	case errors.Is(err, errCut):
	case errors.Is(err, unix.EEXIST):
		x.problem(Exists, j.m.Path, nil)
	case err != nil:
		x.problem(NotMade, j.m.Path, err)
	default:
		x.count(j.m.Path)
	}
	x.release(j.in)
	x.busyMu.Lock()
	if x.busy[j.m.Path] == j {
		delete(x.busy, j.m.Path)
	}
	x.busyMu.Unlock()
	close(j.done)
}

// errCut is that the content did not come to its end, which the reader reports.
var errCut = errors.New("content is cut off")
