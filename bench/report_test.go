package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{1, 4}, 2.5},
		{[]float64{9, 1, 5}, 5},
		{[]float64{100, 1, 2, 3}, 2.5},
	} {
		in := append([]float64(nil), tc.values...)
		require.Equal(t, tc.want, median(tc.values), "%v", in)
		require.Equal(t, in, tc.values, "the order is the rounds' and stays")
	}
}

// TestPlace sets more labels at one point than there is room for above it.
func TestPlace(t *testing.T) {
	at := box{100, plotTop + 30, 50}
	var taken []box
	for range 8 {
		label := place(at, taken)
		require.False(t, label.hits(taken))
		require.Greater(t, label.y, float64(plotTop))
		require.Less(t, label.y, float64(plotHeight-plotBottom))
		require.Equal(t, at.x, label.x)
		taken = append(taken, label)
	}
	require.Equal(t, at, taken[0], "beside its dot where that is free")
	require.Equal(t, at, place(at, []box{{200, at.y, 50}}), "further right is no hindrance")
}

// walls makes samples of so many seconds.
func walls(seconds ...float64) []sample {
	var out []sample
	for _, s := range seconds {
		out = append(out, sample{wall: time.Duration(s * float64(time.Second))})
	}
	return out
}

func TestRatio(t *testing.T) {
	for _, tc := range []struct {
		name         string
		ours, theirs []sample
		want         float64
		ok           bool
	}{
		{"one round", walls(1), walls(2), 0.5, true},
		// The medians alone would give 10/8; in each round ours took half as long.
		{"a slow round hits both", walls(1, 10, 40), walls(2, 20, 80), 0.5, true},
		{"by round, not by rank", walls(1, 2, 3), walls(3, 2, 1), 1, true},
		{"a slow peer ran once", walls(2, 9, 9), walls(4), 0.5, true},
		{"no peer", walls(1, 2), nil, 0, false},
		{"not run", nil, walls(1), 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := ratio(tc.ours, tc.theirs, seconds)
			require.Equal(t, tc.ok, ok)
			require.InDelta(t, tc.want, got, 1e-9)
		})
	}
}

// fixture is a contest that has been held.
func fixture() *contest {
	s := func(wall, cpu float64, peak, size int64) sample {
		return sample{time.Duration(wall * 1e9), time.Duration(cpu * 1e9), peak << 20, size}
	}
	return &contest{
		rounds: 3, slowRounds: 1, tarBytes: 1_000_000_000, entries: 1234,
		rows: []*row{
			{contestant: contestant{name: "tar | zstd -3", command: "tar | zstd"}, entries: 1234,
				samples: []sample{s(4, 7, 60, 400e6), s(5, 7.5, 67, 400e6), s(6, 7.25, 61, 400e6)}},
			{contestant: contestant{name: "bsdtar", command: "bsdtar"}, out: "not installed: bsdtar"},
			{contestant: contestant{name: "tar | gzip -9", command: "tar | gzip", slow: true}, entries: 1234,
				samples: []sample{s(80, 81, 3, 410e6)}},
			{contestant: contestant{name: "ours", command: "ours", agent: true, peers: []string{"tar | zstd -3", "bsdtar", "tar | gzip -9"}}, entries: 1234,
				samples: []sample{s(3, 6, 150, 390e6), s(5, 6, 161, 390e6), s(3, 6, 159, 390e6)}},
			{contestant: contestant{name: "broken", command: "broken"}, out: "failed: exit status 2: no | such\nfile"},
		},
	}
}

func TestReport(t *testing.T) {
	for _, tc := range []struct {
		golden string
		change func(*contest)
	}{
		{"warm.md", func(*contest) {}},
		{"cold.md", func(c *contest) { c.cold = true; c.rows[0].entries = 1230; c.rows[3].entries = notListed }},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			c := fixture()
			tc.change(c)
			var got bytes.Buffer
			c.writeReport(&got, "root", 2, []string{"2 CPUs", "tar 1.0"}, 75*time.Second)
			path := filepath.Join("testdata", tc.golden)
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}
