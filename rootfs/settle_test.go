package rootfs

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// churn calls f until the test ends.
func churn(t *testing.T, f func(i int)) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				f(i)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
}

// TestListingSettles replaces names by rename while they are listed, as programs save
// their files: none may be missing without a word. A tmpfs forgets some then.
func TestListingSettles(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "rootfs")
	if err != nil {
		dir = t.TempDir()
	}
	defer os.RemoveAll(dir)
	const files = 6000
	for i := range files {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/f%d", dir, i), nil, 0o644))
	}
	r := open(t, dir)
	list := func() (names map[string]int, unsettled bool) {
		names = map[string]int{}
		require.NoError(t, r.Walk(context.Background(), WalkOptions{}, func(n Node) error {
			n.Release()
			names[n.Path]++
			unsettled = unsettled || n.Unsettled
			return nil
		}))
		return names, unsettled
	}
	names, unsettled := list()
	require.Len(t, names, 1+files)
	require.False(t, unsettled)

	churn(t, func(i int) {
		_ = os.WriteFile(dir+"/new", nil, 0o644)
		_ = os.Rename(dir+"/new", fmt.Sprintf("%s/f%d", dir, i*37%files))
	})
	told := false
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; i < 5 || !told && time.Now().Before(deadline); i++ {
		names, unsettled = list()
		told = told || unsettled
		for name, n := range names {
			require.Equal(t, 1, n, name)
		}
		for i := range files {
			if names[fmt.Sprintf("./f%d", i)] == 0 {
				require.True(t, unsettled, "f%d is missing", i)
			}
		}
	}
	require.True(t, told, "what changes all the time does not settle")
}

// TestListedTwice: a name counts once, however often getdents gives it.
func TestListedTwice(t *testing.T) {
	l := &listing{names: []byte("baabb")}
	for i := range l.names {
		l.items = append(l.items, listed{offset: uint32(i), length: 1})
	}
	l.items = append(l.items, listed{offset: 1, length: 2})
	l.sort()
	var names []string
	for _, item := range l.items {
		names = append(names, string(l.name(item)))
	}
	require.Equal(t, []string{"a", "aa", "b"}, names)
}
