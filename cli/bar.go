package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/cheggaaa/pb/v3"
)

// progress tells now and then how far a transfer is.
type progress struct {
	term    *terminal
	verb    string           // "captured", "sent", "read"
	now     func() time.Time // replaced by tests
	done    func() (bytes int64, entries int64)
	total   func() int64 // 0 while unknown
	start   time.Time
	bar     *pb.ProgressBar
	stopped chan struct{}
	wait    sync.WaitGroup
}

const lineInterval = 10 * time.Second

// startProgress reports until stop is called. Mode is that of --progress.
func startProgress(t *terminal, mode, verb string, done func() (int64, int64), total func() int64) *progress {
	p := &progress{term: t, verb: verb, now: time.Now, done: done, total: total, stopped: make(chan struct{})}
	p.start = p.now()
	switch {
	case mode == "json":
	case !t.tty && mode != "off": // a job log takes no carriage returns
		mode = "lines"
	case mode == "auto":
		mode = "bar"
	}
	if t.quiet || mode == "off" {
		return p
	}
	interval := lineInterval
	if mode == "json" {
		interval = time.Second
	}
	if mode == "bar" {
		interval = 200 * time.Millisecond
		p.bar = pb.New64(0).SetTemplateString(`{{string . "verb"}} {{counters . }} {{bar . }} {{percent . "%.0f%%" "" }} {{speed . }} {{rtime . "%s left" "" ""}}`)
		p.bar.Set("verb", verb).Set(pb.Bytes, true).Set(pb.Static, true).SetWriter(t.w)
		p.bar.Start()
		t.mu.Lock()
		t.redraw = true
		t.mu.Unlock()
	}
	p.wait.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.tick()
			case <-p.stopped:
				return
			}
		}
	})
	return p
}

func (p *progress) tick() {
	bytes, entries := p.done()
	if p.term.json {
		p.report(bytes, entries, p.total())
		return
	}
	if p.bar == nil {
		p.term.say("%s", p.text(bytes, entries, p.total()))
		return
	}
	total := p.total()
	if total > 0 {
		p.bar.SetTotal(max(total, bytes))
	}
	p.bar.SetCurrent(bytes)
	p.term.mu.Lock()
	p.bar.Write()
	p.term.mu.Unlock()
}

// stop ends the reports; the line of a bar is cleared.
func (p *progress) stop() {
	close(p.stopped)
	p.wait.Wait()
	if p.term.json && !p.term.quiet {
		p.tick() // where it ended
	}
	if p.bar != nil {
		p.bar.Finish()
		p.term.mu.Lock()
		p.term.redraw = false
		fmt.Fprint(p.term.w, "\r\x1b[K")
		p.term.mu.Unlock()
	}
}

// text is one line of the job log: bytes, entries, rate, and, where the total is
// known, percent and the time left.
func (p *progress) text(bytes, entries, total int64) string {
	elapsed := p.now().Sub(p.start)
	rate := float64(bytes) / max(elapsed.Seconds(), 0.001)
	s := fmt.Sprintf("%s %s", p.verb, bytesText(bytes))
	if entries > 0 {
		s += fmt.Sprintf(" in %d entries", entries)
	}
	s += fmt.Sprintf(", %s/s", bytesText(int64(rate)))
	if total > 0 && rate > 0 {
		// The total is what the filesystem says is in use, or what was counted a
		// moment ago: the end is near, not here.
		s += fmt.Sprintf(", %d %%", min(99, int64(100*float64(bytes)/float64(total))))
		const forever = 1000 * time.Hour // a stall, more likely
		if left := float64(max(0, total-bytes)) / rate; left < forever.Seconds() {
			s += fmt.Sprintf(", about %s left", time.Duration(left*float64(time.Second)).Round(time.Second))
		}
	}
	return s
}

// bytesText writes a number of bytes for people, in units of 1024.
func bytesText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), "KMGTPE"
	i := -1
	for v >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
