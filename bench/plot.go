package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// The picture, in pixels: time to the right, logarithmic, as gzip -9 takes sixty
// times as long as zstd -1; size upwards. Down and left is better.
const (
	plotWidth, plotHeight = 960, 560
	plotLeft, plotRight   = 70, 30
	plotTop, plotBottom   = 40, 60
)

// dot is a contestant in the picture.
type dot struct {
	name    string
	seconds float64
	mb      float64
	agent   bool
}

// plot draws the rows that made an image, as SVG.
func plot(rows []*row, tarBytes int64) []byte {
	var dots []dot
	for _, r := range rows {
		if r.noImage || r.unplotted || len(r.samples) == 0 {
			continue
		}
		dots = append(dots, dot{strings.TrimPrefix(r.name, "image-capture "), median(each(r.samples, seconds)), median(each(r.samples, bytesOf)) / 1e6, r.agent})
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, plotHeight)
	if len(dots) > 0 {
		drawDots(&b, dots)
	}
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15">time against size, %.0f MB of tar; filled: image-capture, hollow: its peers; lower left is better</text>`+"\n", plotLeft, float64(tarBytes)/1e6)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func drawDots(b *bytes.Buffer, dots []dot) {
	lowX, highX, lowY, highY := math.Inf(1), 0.0, math.Inf(1), 0.0
	for _, d := range dots {
		lowX, highX = min(lowX, d.seconds), max(highX, d.seconds)
		lowY, highY = min(lowY, d.mb), max(highY, d.mb)
	}
	lowX, highX = lowX/1.25, highX*1.6
	edge := max((highY-lowY)*0.08, highY*0.01)
	lowY, highY = lowY-edge, highY+edge
	x := func(s float64) float64 {
		return plotLeft + math.Log(s/lowX)/math.Log(highX/lowX)*(plotWidth-plotLeft-plotRight)
	}
	y := func(mb float64) float64 {
		return plotHeight - plotBottom - (mb-lowY)/(highY-lowY)*(plotHeight-plotTop-plotBottom)
	}
	for _, s := range ticks(lowX, highX) {
		fmt.Fprintf(b, `<line x1="%[1]f" y1="%[2]d" x2="%[1]f" y2="%[3]d" stroke="#dddddd"/>`+"\n", x(s), plotTop, plotHeight-plotBottom)
		fmt.Fprintf(b, `<text x="%f" y="%d" text-anchor="middle">%g s</text>`+"\n", x(s), plotHeight-plotBottom+18, s)
	}
	step := math.Pow(10, math.Floor(math.Log10(highY-lowY)))
	for (highY-lowY)/step < 4 {
		step /= 2
	}
	for mb := math.Ceil(lowY/step) * step; mb <= highY; mb += step {
		fmt.Fprintf(b, `<line x1="%[1]d" y1="%[2]f" x2="%[3]d" y2="%[2]f" stroke="#dddddd"/>`+"\n", plotLeft, y(mb), plotWidth-plotRight)
		fmt.Fprintf(b, `<text x="%d" y="%f" text-anchor="end">%g MB</text>`+"\n", plotLeft-6, y(mb), mb)
	}
	var taken []box
	for _, d := range dots {
		fill, stroke := "none", "#666666"
		if d.agent {
			fill, stroke = "#1f6feb", "#1f6feb"
		}
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="5" fill="%s" stroke="%s" stroke-width="1.5"/>`+"\n", x(d.seconds), y(d.mb), fill, stroke)
		label := place(box{x(d.seconds) + 9, y(d.mb) + 4, float64(len(d.name)) * 6.4}, taken)
		taken = append(taken, label)
		if math.Abs(label.y-4-y(d.mb)) > 14 {
			fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="0.5"/>`+"\n", x(d.seconds), y(d.mb), label.x-1, label.y-4, stroke)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", label.x, label.y, stroke, escape(d.name))
	}
}

// place moves a label up or down, the nearest first, to where it hits no other and is
// within the picture.
func place(label box, taken []box) box {
	for shift := 0.0; shift <= 140; shift += 14 {
		for _, dy := range []float64{-shift, shift} {
			moved := box{label.x, label.y + dy, label.width}
			if moved.y > plotTop+10 && moved.y < plotHeight-plotBottom && !moved.hits(taken) {
				return moved
			}
		}
	}
	return label
}

// box is where a label stands: its lower left corner, and its width.
type box struct{ x, y, width float64 }

func (b box) hits(others []box) bool {
	for _, o := range others {
		if math.Abs(b.y-o.y) < 13 && b.x < o.x+o.width && o.x < b.x+b.width {
			return true
		}
	}
	return false
}

// ticks are 1, 2 and 5 of each decade between low and high.
func ticks(low, high float64) []float64 {
	var out []float64
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade <= high; decade *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if t := decade * m; low <= t && t <= high {
				out = append(out, t)
			}
		}
	}
	return out
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a Buffer takes all
	return b.String()
}
