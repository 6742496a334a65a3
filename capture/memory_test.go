package capture

import (
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"image-capture/manifest"
)

func TestMemoryLimit(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for name, c := range map[string]struct {
		system fstest.MapFS
		limit  int64
		what   string
	}{
		"none":      {fstest.MapFS{}, math.MaxInt64, ""},
		"version 2": {fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/memory.max": file("5000\n")}, 5000, "the control group (/sys/fs/cgroup/a/memory.max)"},
		"lower":     {fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("4000\n"), "sys/fs/cgroup/a/memory.max": file("5000\n")}, 4000, "the control group (/sys/fs/cgroup/a/b/memory.max)"},
		"container": {fstest.MapFS{"proc/self/cgroup": file("0::/../../x\n"), "sys/fs/cgroup/memory.max": file("7000\n")}, 7000, "the control group (/sys/fs/cgroup/memory.max)"},
		"version 1": {fstest.MapFS{"proc/self/cgroup": file("5:cpu,cpuacct:/y\n4:memory:/x\n"), "sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("6000\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")},
			6000, "the control group (/sys/fs/cgroup/memory/x/memory.limit_in_bytes)"},
		"nonsense": {fstest.MapFS{"proc/self/cgroup": file("x\n\n::\n"), "sys/fs/cgroup/memory.max": file("many\n")}, math.MaxInt64, ""},
	} {
		limit, what := memoryLimit(c.system)
		require.Equal(t, c.limit, limit, name)
		require.Equal(t, c.what, what, name)
	}

	small := fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("104857600\n")}
	require.NoError(t, Options{Format: manifest.TGZ, Jobs: 2}.enoughMemory(small))
	require.EqualError(t, Options{Format: manifest.TarZst, Jobs: 2}.enoughMemory(small),
		"the control group (/sys/fs/cgroup/memory.max) allows 100 MiB of memory, and a capture with 2 jobs takes 138 MiB")
}
