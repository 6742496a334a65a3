package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// median is the middle of values, or the mean of the middle two. There must be one.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// each takes one figure of every sample.
func each(samples []sample, figure func(sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = figure(s)
	}
	return out
}

func seconds(s sample) float64    { return s.wall.Seconds() }
func cpuSeconds(s sample) float64 { return s.cpu.Seconds() }
func bytesOf(s sample) float64    { return float64(s.size) }
func peakBytes(s sample) float64  { return float64(s.peak) }

// ratio is the median of ours/theirs over the rounds in which both ran: a round's
// runs are close in time, so what slows the machine down for a while falls out.
func ratio(ours, theirs []sample, figure func(sample) float64) (float64, bool) {
	n := min(len(ours), len(theirs))
	if n == 0 {
		return 0, false
	}
	ratios := make([]float64, n)
	for i := range n {
		ratios[i] = figure(ours[i]) / figure(theirs[i])
	}
	return median(ratios), true
}

// letter is how a row is called in other rows.
func letter(i int) string { return string(rune('A' + i)) }

// cell makes text safe inside a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ").Replace(s)
}

// writeTable writes the rows as a Markdown table.
func writeTable(w io.Writer, rows []*row, tarBytes int64) {
	fmt.Fprintln(w, "| | what | seconds: median (min-max) | MB/s of tar | size, MB | time : peer's | size : peer's | CPU s | peak MiB |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	for i, r := range rows {
		cells := []string{letter(i), r.name}
		if len(r.samples) == 0 {
			cells = append(cells, cmp.Or(r.out, "not run"), "", "", "", "", "", "")
		} else {
			wall := each(r.samples, seconds)
			m := median(wall)
			span := fmt.Sprintf("%.2f (%.2f-%.2f)", m, slices.Min(wall), slices.Max(wall))
			if len(wall) == 1 {
				span = fmt.Sprintf("%.2f (1 run)", m)
			}
			cpu, peak := fmt.Sprintf("%.2f", median(each(r.samples, cpuSeconds))), fmt.Sprintf("%.0f", slices.Max(each(r.samples, peakBytes))/(1<<20))
			if r.timesItself {
				cpu, peak = "", "" // they are of more than what is timed
			}
			cells = append(cells, span,
				fmt.Sprintf("%.0f", float64(tarBytes)/1e6/m),
				size(r),
				ratios(rows, r, seconds, "%.2f of %s"),
				ratios(rows, r, bytesOf, "%.3f of %s"),
				cpu, peak)
		}
		for j := range cells {
			cells[j] = cell(cells[j])
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// size is a row's in MB, empty where there is no image.
func size(r *row) string {
	if r.noImage {
		return ""
	}
	return fmt.Sprintf("%.1f", median(each(r.samples, bytesOf))/1e6)
}

// ratios is a row's ratios to its peers, each with the peer's letter.
func ratios(rows []*row, r *row, figure func(sample) float64, format string) string {
	var out []string
	for i, peer := range rows {
		if !slices.Contains(r.peers, peer.name) {
			continue
		}
		if v, ok := ratio(r.samples, peer.samples, figure); ok && math.IsNaN(v) {
			continue // neither makes an image
		} else if ok {
			out = append(out, fmt.Sprintf(format, v, letter(i)))
		} else {
			out = append(out, "no "+letter(i))
		}
	}
	return strings.Join(out, ", ")
}

// writeReport writes where and how it was measured, the table, what the figures
// mean, and the commands.
func (c *contest) writeReport(w io.Writer, corpus string, cpus int, host []string, took time.Duration) {
	fmt.Fprintf(w, "Corpus `%s`: %d entries, %.1f MB as GNU tar writes it. Rounds: %d (slow contestants %d), in turn",
		corpus, c.entries, float64(c.tarBytes)/1e6, c.rounds, c.slowRounds)
	if c.cold {
		fmt.Fprint(w, "; caches dropped before each run (cold)")
	} else {
		fmt.Fprint(w, ", after a warm-up; the tree is in the page cache (warm) if it fits")
	}
	fmt.Fprintf(w, ". In all %s.\n\n", took.Round(time.Second))
	for _, line := range host {
		fmt.Fprintf(w, "- %s\n", line)
	}
	fmt.Fprintln(w)
	writeTable(w, c.rows, c.tarBytes)
	fmt.Fprint(w, `
MB is 10^6 bytes. A ratio below 1 is in favour of image-capture: "0.80 of A" in time is the median, over the rounds, of its seconds by those of A in
the same round. CPU seconds (median) are those of all processes; the peak (of all runs) is that of the largest process: a pipeline as a whole takes more.

Unless a name says otherwise, all digests of image-capture are on (md5 and sha256 of the image, sha256 of each file), and it writes its MANIFEST. The peers do
none of this, but where md5sum and sha256sum are named. No image is synced to the disk. "Codec alone" compresses, in as many jobs, the tar of image-capture
from memory.

`)
	fmt.Fprintln(w, c.entriesNote())
	fmt.Fprintf(w, "\nThe commands (`bash -o pipefail -c`; CPUS=%d; AGENT is image-capture):\n\n", cpus)
	for i, r := range c.rows {
		fmt.Fprintf(w, "    %s  %s\n", letter(i), r.command)
	}
}

// entriesNote says whether all archives hold what the tree holds.
func (c *contest) entriesNote() string {
	var other []string
	for i, r := range c.rows {
		switch {
		case len(r.samples) == 0 || r.entries == c.entries:
		case r.noImage || r.noTar:
		case r.entries == notListed:
			other = append(other, "tar cannot list "+letter(i))
		default:
			other = append(other, fmt.Sprintf("%s holds %d", letter(i), r.entries))
		}
	}
	if len(other) == 0 {
		return fmt.Sprintf("Each archive holds the tree's %d entries, as `tar -t` lists them.", c.entries)
	}
	return fmt.Sprintf("**Maybe not the same work:** the tree has %d entries, as `tar -t` lists them; %s.", c.entries, strings.Join(other, ", "))
}
