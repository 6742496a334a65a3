package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTreemap: boxes have the area that their bytes ask for, lie in the drawing, and
// overlap none beside them.
func TestTreemap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var parts []part
		total := 0.0
		for i := range 1 + r.IntN(60) {
			n := 1 + r.Int64N(1<<r.IntN(30))
			total += float64(n)
			parts = append(parts, part{name: fmt.Sprint(i), title: fmt.Sprint(i, " ", n), bytes: n})
		}
		parts = append(parts, part{name: "none"})
		w, h := 200+r.Float64()*1000, 200+r.Float64()*1000
		boxes := treemap(parts, w, h)
		area := 0.0
		for i, b := range boxes {
			var id, bytes int
			_, err := fmt.Sscan(b.Title, &id, &bytes)
			require.NoError(t, err)
			require.InDelta(t, float64(bytes)/total*w*h, b.W*b.H, 0.001*w*h)
			require.True(t, b.X > -0.01 && b.Y > -0.01 && b.X+b.W < w+0.01 && b.Y+b.H < h+0.01, "%+v is not in %vx%v", b, w, h)
			area += b.W * b.H
			for _, other := range boxes[:i] {
				x := math.Min(b.X+b.W, other.X+other.W) - math.Max(b.X, other.X)
				y := math.Min(b.Y+b.H, other.Y+other.H) - math.Max(b.Y, other.Y)
				require.False(t, x > 0.01 && y > 0.01, "%+v and %+v overlap", b, other)
			}
		}
		require.InDelta(t, w*h, area, 0.02*w*h)
	}
	require.Empty(t, treemap(nil, 10, 10))
}
