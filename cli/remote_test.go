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

// TestTyped: what is to be done on a host is a line for here.
func TestTyped(t *testing.T) {
	to, err := remote.ParseDestination("ssh://admin@server:2222/mnt")
	require.NoError(t, err)
	o := &remoteOptions{to: &to, ssh: []string{"ProxyJump=jump", "-Fmy config"}}
	require.Equal(t, `ssh -o ProxyJump=jump '-Fmy config' -p 2222 admin@server 'lvremove -f vg/x'`, o.typed("lvremove -f vg/x"))
	o = &remoteOptions{to: &remote.Destination{Host: "::1"}, sudo: true}
	require.Equal(t, `ssh -t ::1 'sudo sh -c '\''umount /x'\'''`, o.typed("umount /x"))
}
