package cli

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/capture"
)

// TestInterruptedHint: what an interrupted upload leaves may be NAME.part too, in the folder
// that was given, on the endpoint that was given.
func TestInterruptedHint(t *testing.T) {
	stopped := &capture.InterruptedError{Maybe: []string{"gold/a b/x.tgz"}}
	code, hint, _ := conclude(context.Background(), &againError{error: stopped, endpoint: " --endpoint https://h:8092"})
	require.Equal(t, ExitInterrupted, code)
	require.Contains(t, hint, "image-capture prune --orphans --parts --upload-path 'gold/a b' --endpoint https://h:8092 lists, after a day,")
	_, hint, _ = conclude(context.Background(), &capture.InterruptedError{Stored: "images/x.tgz"})
	require.Contains(t, hint, "image-capture prune --orphans --parts lists")
}
