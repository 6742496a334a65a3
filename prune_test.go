package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
	"image-capture/upload/drptest"
)

// TestPruneLooksAgain: a MANIFEST that arrives while prune reads the others may be
// that of an image that had none. So no image without MANIFEST is deleted then.
func TestPruneLooksAgain(t *testing.T) {
	for _, arrives := range []string{"", "about-x.txt", "about-x.txt.part"} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, Faults: []drptest.Fault{
			{Method: "GET", Path: "/api/v3/files", Skip: 1, Times: 1, Drop: true}, // the second list
		}})
		require.NoError(t, os.Mkdir(s.File("images"), 0o755))
		const image = "images/x-rootfs-20260101-000000-aaaaaaaaaa.tgz"
		require.NoError(t, os.WriteFile(s.File(image), nil, 0o600))
		env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
		var out, errs bytes.Buffer
		a := cli.New(nil, &out, &errs, func(k string) string { return env[k] })
		a.After = func(time.Duration) <-chan time.Time {
			if arrives != "" {
				require.NoError(t, os.WriteFile(s.File("images/"+arrives), nil, 0o600))
			}
			return time.After(0)
		}
		require.Zero(t, a.Run(t.Context(), []string{"prune", "--orphans", "--yes"}), errs.String())
		_, err := os.Stat(s.File(image))
		if arrives == "" {
			require.ErrorIs(t, err, os.ErrNotExist)
			continue
		}
		require.NoError(t, err, arrives)
		require.Contains(t, out.String(), "a MANIFEST arrived during this run and may belong to it; run prune again")
	}
}

// TestPruneLooksAtNamesTakenAgain: a MANIFEST whose image was gone may be that of one that
// came meanwhile, where a later capture can take the name. It is looked at once more.
func TestPruneLooksAtNamesTakenAgain(t *testing.T) {
	for _, comes := range []bool{false, true} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
		env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
		r := runHere(t.Context(), env, smallRoot(t), "--check", "off", "--upload", "--rootfs-name", "golden", "--manifest-name", "about")
		require.Zero(t, r.code, r.stderr)
		image, err := os.ReadFile(s.File("images/golden.tgz"))
		require.NoError(t, err)
		require.NoError(t, os.Remove(s.File("images/golden.tgz")))
		s.AddFault(drptest.Fault{Method: "GET", Path: "/api/v3/files", Skip: 1, Times: 1, Drop: true}) // the second list
		var out, errs bytes.Buffer
		a := cli.New(nil, &out, &errs, func(k string) string { return env[k] })
		a.After = func(time.Duration) <-chan time.Time {
			if comes {
				require.NoError(t, os.WriteFile(s.File("images/golden.tgz"), image, 0o600))
			}
			return time.After(0)
		}
		require.Zero(t, a.Run(t.Context(), []string{"prune", "--orphans", "--yes", "--older-than", "0s"}), errs.String())
		require.Zero(t, s.FaultsLeft())
		if !comes {
			require.NoFileExists(t, s.File("images/about.txt"))
			continue
		}
		require.FileExists(t, s.File("images/about.txt"), out.String())
		require.Contains(t, out.String(), "it changed during this run; run prune again")
	}
}
