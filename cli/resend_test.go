package cli

import (
	"context"
	"os"
	"syscall"
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

// TestDeviceHint: root, too, may not open the disk of a container.
func TestDeviceHint(t *testing.T) {
	err := unopened(&os.PathError{Op: "open", Path: "/dev/null", Err: syscall.EPERM})
	code, hint, _ := conclude(context.Background(), err)
	require.Equal(t, ExitFailed, code)
	require.ErrorContains(t, err, "/dev/null is a device")
	require.NotContains(t, hint, asRoot)
}

// TestProfileHint: only a capture prints the Profile.
func TestProfileHint(t *testing.T) {
	require.NotContains(t, notCapturing.Replace(profileClaims), "printed")
}
