package capture

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutdated(t *testing.T) {
	const ours = "#!/bin/sh\n# image-capture-hooks: 3\n"
	require.True(t, outdated([]byte(ours), 4))
	require.False(t, outdated([]byte(ours), 3))
	require.False(t, outdated([]byte(ours), 2))
	require.False(t, outdated([]byte("#!/bin/sh\n"), 4))
}
