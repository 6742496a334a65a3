package remote

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/capture"
	"image-capture/entry"
)

// TestOddEntries: a host that sends other entries than a walk gives, or more than it was
// told to, is refused.
func TestOddEntries(t *testing.T) {
	fresh := func() *live {
		return &live{parts: make(chan *part, maxBatches), waiting: map[uint64]chan *digest{}}
	}
	of := func(typ entry.Type, names ...string) *report {
		p := &part{}
		for _, n := range names {
			p.Members = append(p.Members, entry.Member{Entry: entry.Entry{Path: n, Type: typ}})
		}
		return &report{Part: p}
	}
	var strange *ProtocolError
	for _, name := range []string{"", "/", "./", "etc", "/etc/passwd", "../x", "./..", "./a/../b", "./a//b", "./a/", "./a\x00b", "././a"} {
		taken, err := fresh().take(messageFrame, nil, of(entry.File, name))
		require.True(t, taken)
		require.ErrorAs(t, err, &strange, "%q", name)
		s := &sink{events: capture.Silent{}, add: func(*entry.Member) error { return nil }}
		require.ErrorAs(t, s.members(of(entry.File, name).Part.Members), &strange, "%q", name)
	}
	for _, name := range []string{".", "./a", "./...", "./a/b c\xff\n", "./-"} {
		_, err := fresh().take(messageFrame, nil, of(entry.File, name))
		require.NoError(t, err, "%q", name)
	}
	odd := map[string]*report{
		"none":       of(entry.File),
		"many":       of(entry.File, make([]string, maxBatch+1)...),
		"directory":  of(entry.Dir, "./a"),
		"nowhere":    of(entry.File, "./a"),
		"twice":      of(entry.File, "./a", "./b"),
		"not wanted": {Digest: &digest{Number: 1}},
	}
	odd["directory"].Part.Held = []int{0}
	odd["nowhere"].Part.Held = []int{1}
	odd["twice"].Part.Held = []int{1, 1}
	for name, r := range odd {
		_, err := fresh().take(messageFrame, nil, r)
		require.ErrorAs(t, err, &strange, name)
	}
	l := fresh()
	for range maxBatches {
		_, err := l.take(messageFrame, nil, of(entry.File, "./a"))
		require.NoError(t, err)
	}
	_, err := l.take(messageFrame, nil, of(entry.File, "./a"))
	require.ErrorAs(t, err, &strange, "nobody has taken one")
	l = fresh()
	l.all = mostEntries
	_, err = l.take(messageFrame, nil, of(entry.File, "./a"))
	require.ErrorAs(t, err, &strange, "no tree has so many")
}
