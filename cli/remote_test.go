package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/remote"
)

// TestHostCode: a host cannot choose an exit code that means something else to who runs
// this: success, or what stops and powers off a machine (DRP's 16, 32 and 64).
func TestHostCode(t *testing.T) {
	for _, code := range []int{-1, 0, 10, 16, 32, 64, 255, 256} {
		got, _, shown := conclude(t.Context(), &remote.Error{Code: code, Text: "no"})
		require.Equal(t, ExitFailed, got, code)
		require.EqualError(t, shown, "no")
	}
	got, _, _ := conclude(t.Context(), &remote.Error{Code: ExitCheck})
	require.Equal(t, ExitCheck, got)
}
