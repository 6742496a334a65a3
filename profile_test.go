package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"image-capture/cli"
	"image-capture/manifest"
	"image-capture/upload/drptest"
)

// TestSaveProfile: the last step of a job. What is printed, written and stored is the
// same Profile.
func TestSaveProfile(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
	root, file := smallRoot(t), filepath.Join(t.TempDir(), "p.yaml")
	args := []string{root, "--check", "off", "--upload", "--save-profile", "golden debian"}
	r := runHere(t.Context(), env, append(args, "--profile", file)...)
	require.Zero(t, r.code, r.stderr)
	requireRules(t, r.stderr)
	require.Contains(t, r.stderr, "image-capture: created the Profile golden debian on the endpoint\n")
	stored, ok := s.Profile("golden debian")
	require.True(t, ok)
	_, printed, ok := strings.Cut(r.stdout, "\nProfile that deploys it:\n---\n")
	require.True(t, ok, r.stdout)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(written), printed)
	var p manifest.Profile
	require.NoError(t, yaml.Load([]byte(printed), &p))
	require.Equal(t, stored.Params, p.Params)
	require.Equal(t, stored.Meta, p.Meta)
	require.Equal(t, "tgz", stored.Params["image-deploy/image-type"])
	require.Equal(t, true, stored.Params["kexec-ok"])

	// A newer image of another format: the same Profile deploys that, by the other
	// deployer, and what people added is still there.
	stored.Params["partitioning"] = "custom"
	s.SetProfile(stored)
	before := p.Params["image-deploy/image-url"].(string)[len("{{ .ProvisionerURL }}/files/"):]
	r = runHere(t.Context(), env, append(args, "--format", "tar-zst", "--json")...)
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stderr, "updated the Profile golden debian on the endpoint: it deploys this image now, and deployed "+before+" before\n")
	var doc document
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &doc))
	require.Equal(t, "golden debian", doc.ProfileSaved)
	stored, _ = s.Profile("golden debian")
	require.Equal(t, map[string]any{
		"eikon/image-type": "tar-zst", "eikon/image-checksum": doc.SHA256, "eikon/image-url": "{{ .ProvisionerURL }}/files/" + doc.UploadTarball,
		"kexec-ok": true, "partitioning": "custom",
	}, stored.Params)
	require.Equal(t, "custom", stored.Params["partitioning"])

	// From files, later.
	dir := t.TempDir()
	image := filepath.Join(dir, "a.tgz")
	require.Zero(t, runHere(t.Context(), nil, root, "--check", "off", "--output", image).code)
	r = runHere(t.Context(), env, "upload", image, filepath.Join(dir, "a.MANIFEST.txt"), "--save-profile", "later", "--json")
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, `"profile_saved": "later"`)
	require.Contains(t, r.stdout, `"profile": {`)
	later, ok := s.Profile("later")
	require.True(t, ok)
	// The same image again is no other, and what this token may not see is not told.
	r = runHere(t.Context(), env, "upload", filepath.Join(dir, "a.MANIFEST.txt"), "--overwrite", "--save-profile", "later")
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stderr, "updated the Profile later on the endpoint: it deploys this image now\n")
	_, printed, ok = strings.Cut(r.stdout, "\nProfile that deploys it:\n---\n")
	require.True(t, ok, r.stdout)
	p = manifest.Profile{}
	require.NoError(t, yaml.Load([]byte(printed), &p))
	require.Equal(t, later.Params, p.Params, "as a capture prints it")
	env["RS_TOKEN"] = "a-token-that-makes-profiles-and-reads-none"
	s.Allow(env["RS_TOKEN"], drptest.Grant{Actions: []string{"post", "get", "list"}, Profiles: []string{"create", "update"}})
	r = runHere(t.Context(), env, append(args, "--tag", "new")...)
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stderr, "updated the Profile golden debian on the endpoint: it deploys this image now\n")
}

// TestSaveProfileFails: the image is stored and known as whole whatever becomes of
// its Profile, and the exit code and the document say what is missing.
func TestSaveProfileFails(t *testing.T) {
	const token = "bm90LXRoZS1kZWZhdWx0LXRva2VuLWJ1dC1hLW5hcnJvdy1vbmU="
	for _, row := range []struct {
		name  string
		grant drptest.Grant
		fault *drptest.Fault
		there *drptest.Profile
		code  int
		want  string
		hint  string
	}{
		{"no claim", drptest.Grant{}, nil, nil, cli.ExitRefused, "403 Forbidden: Cannot access /api/v3/profiles; Requires: profiles create", `scope profiles, action "create, update"`},
		{"token ended", drptest.Grant{Requests: 8}, nil, nil, cli.ExitRefused, "403 Forbidden: Unable to authenticate: invalid token [redacted]", "profiles"},
		{"of a content pack", drptest.Grant{Profiles: []string{"create", "update"}}, nil, &drptest.Profile{Name: "golden", ReadOnly: true}, cli.ExitTaken, "409 Conflict: readonly", "another name"},
		{"not valid", drptest.Grant{Profiles: []string{"create"}}, &drptest.Fault{Method: "POST", Path: "/profiles", Status: 422, Messages: []string{"eikon/image-url: no"}}, nil, cli.ExitEndpoint, "422 Unprocessable Entity: eikon/image-url: no", "log"},
		{"broken for good", drptest.Grant{Profiles: []string{"create"}}, &drptest.Fault{Method: "POST", Path: "/profiles", Drop: true}, nil, cli.ExitEndpoint, "save profile golden", "reached"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			row.grant.Actions = []string{"post", "get", "list"}
			opts := drptest.Options{TLS: drptest.Plain, Tokens: map[string]drptest.Grant{token: row.grant}}
			if row.fault != nil {
				opts.Faults = []drptest.Fault{*row.fault}
			}
			s := drptest.New(t, opts)
			if row.there != nil {
				s.SetProfile(*row.there)
			}
			env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": token}
			r := runHere(t.Context(), env, smallRoot(t), "--check", "off", "--upload", "--save-profile", "golden", "--json")
			require.Equal(t, row.code, r.code, r.stderr)
			requireRules(t, r.stderr)
			require.NotContains(t, r.stderr+r.stdout, token[:12])
			require.Contains(t, r.stderr, ", but the Profile golden is not: save profile golden")
			require.Contains(t, r.stderr, row.want)
			_, hint, _ := strings.Cut(r.stderr, "hint: ")
			require.Contains(t, hint, row.hint)
			var doc document
			require.NoError(t, json.Unmarshal([]byte(r.stdout), &doc))
			require.Equal(t, row.code, doc.ExitCode)
			require.True(t, doc.Stored && doc.Verified && doc.Complete)
			require.Empty(t, doc.ProfileSaved)
			require.Equal(t, "golden", doc.Profile.Name)
			require.Contains(t, doc.Error, row.want)
			v := runHere(t.Context(), nil, "verify", s.File(doc.UploadTarball), s.File(doc.UploadManifest))
			require.Zero(t, v.code, v.stderr)
			require.Empty(t, names(t, "."))
		})
	}
}

// TestSaveProfileUsage: what is wrong is told before anything is read.
func TestSaveProfileUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	env := map[string]string{"RS_ENDPOINT": "http://127.0.0.1:1", "RS_TOKEN": "a-token-of-somebody"}
	r := runHere(t.Context(), env, smallRoot(t), "--save-profile", "golden")
	require.Equal(t, cli.ExitUsage, r.code)
	require.Contains(t, r.stderr, "hint: add --upload")
	for _, name := range []string{"1st", "a/b", "x", "a\nb", "a:b"} {
		r = runHere(t.Context(), env, smallRoot(t), "--upload", "--save-profile", name)
		require.Equal(t, cli.ExitUsage, r.code, name)
		require.Contains(t, r.stderr, "is not a valid name for a Profile")
		requireRules(t, r.stderr)
	}
	require.Empty(t, names(t, "."))
}

// TestSaveProfileOfSomethingIncomplete: it would deploy what lacks something.
func TestSaveProfileOfSomethingIncomplete(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": s.Token}
	root := smallRoot(t)
	log := filepath.Join(root, "log")
	require.NoError(t, os.WriteFile(log, make([]byte, 4<<20), 0o600))
	stop := appending(t, log)
	r := runHere(t.Context(), env, root, "--check", "off", "--upload", "--strict", "--save-profile", "golden")
	stop()
	require.Equal(t, cli.ExitIncomplete, r.code, r.stderr)
	require.Contains(t, r.stderr, "the Profile golden is not stored, because the image is incomplete")
	_, ok := s.Profile("golden")
	require.False(t, ok)
	require.Contains(t, r.stdout, "Name: golden\n")
}

// TestWarnProfile: a readable token tells early what will be missing; the image is
// stored all the same.
func TestWarnProfile(t *testing.T) {
	s := drptest.New(t, drptest.Options{TLS: drptest.Plain})
	token := readableToken([]string{"post", "get"}, farAway)
	env := map[string]string{"RS_ENDPOINT": s.URL, "RS_TOKEN": token}
	r := runHere(t.Context(), env, smallRoot(t), "--check", "off", "--upload", "--save-profile", "golden")
	require.Equal(t, cli.ExitRefused, r.code)
	require.Contains(t, r.stderr, `warning: the token lacks the claims "profiles create *" and "profiles update golden": the image will be stored, the Profile will not`)
}
