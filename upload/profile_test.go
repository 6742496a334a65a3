package upload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestSaveProfile(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	c := pinned(t, s)
	tgz := upload.Profile{
		Name: "my image 1.0", Meta: map[string]string{"color": "purple"},
		Params:   map[string]any{"image-deploy/image-url": "http://h/1.tgz", "kexec-ok": true, "a~b": "x"},
		Obsolete: []string{"image-deploy/image-url", "eikon/image-url"},
	}
	saved, err := c.SaveProfile(ctx, tgz)
	require.NoError(t, err)
	require.True(t, saved.Created)
	p, ok := s.Profile("my image 1.0")
	require.True(t, ok)
	require.Equal(t, tgz.Params, p.Params)
	require.Equal(t, tgz.Meta, p.Meta)

	// What people added stays, the older image's own params are changed, those of the
	// other deployer go.
	p.Description, p.Meta = "mine", map[string]string{"color": "red"}
	p.Params["partitioning"] = "custom"
	p.Params["eikon/image-url"] = "http://h/0.tar.zst"
	s.SetProfile(p)
	tgz.Params = map[string]any{"image-deploy/image-url": "http://h/2.tgz", "a~b": "y"}
	saved, err = c.SaveProfile(ctx, tgz)
	require.NoError(t, err)
	require.False(t, saved.Created)
	p, _ = s.Profile("my image 1.0")
	require.Equal(t, map[string]any{"image-deploy/image-url": "http://h/2.tgz", "a~b": "y", "kexec-ok": true, "partitioning": "custom"}, p.Params)
	require.Equal(t, "mine", p.Description)
	require.Equal(t, "red", p.Meta["color"])

	// A second time, after an answer that was lost.
	tgz.Name = "second"
	s.AddFault(drptest.Fault{Method: "POST", Path: "/profiles", Lost: true, Times: 1})
	_, err = c.SaveProfile(ctx, tgz)
	require.True(t, failure(t, err, upload.Broken).Retryable())
	saved, err = c.SaveProfile(ctx, tgz)
	require.NoError(t, err)
	require.False(t, saved.Created)
}

func TestSaveProfileIsRefused(t *testing.T) {
	const token = "bm90LXRoZS1kZWZhdWx0LXRva2VuLWJ1dC1hLW5hcnJvdy1vbmU="
	profile := upload.Profile{Name: "golden", Params: map[string]any{"x": "y"}}
	for _, row := range []struct {
		name   string
		claims []string
		there  *drptest.Profile
		fault  *drptest.Fault
		kind   upload.Kind // 0: it works
		msg    string
	}{
		{name: "no claim", kind: upload.Refused, msg: "Requires: profiles create"},
		{name: "no claim, one there", there: &drptest.Profile{}, kind: upload.Refused, msg: "Requires: profiles create"},
		{name: "create only, new", claims: []string{"create"}},
		{name: "create only, one there", claims: []string{"create"}, there: &drptest.Profile{}, kind: upload.Refused, msg: "Requires: profiles patch golden"},
		{name: "update only, new", claims: []string{"update"}, kind: upload.Refused, msg: "Requires: profiles create"},
		{name: "update only, one there", claims: []string{"update"}, there: &drptest.Profile{}},
		{name: "of a content pack", claims: []string{"create", "update"}, there: &drptest.Profile{ReadOnly: true}, kind: upload.Taken, msg: "readonly: cannot be changed"},
		{name: "not valid there", claims: []string{"create"}, fault: &drptest.Fault{Status: 422, Messages: []string{"x: must be a number, " + token}}, kind: upload.Failed, msg: "x: must be a number, [redacted]"},
		{name: "busy", claims: []string{"create"}, fault: &drptest.Fault{Status: 503}, kind: upload.Failed, msg: "Service Unavailable"},
		{name: "no such API", fault: &drptest.Fault{Status: 404}, kind: upload.Refused, msg: "Not Found"},
	} {
		t.Run(row.name, func(t *testing.T) {
			opts := drptest.Options{Tokens: map[string]drptest.Grant{token: {Actions: []string{"post"}, Profiles: row.claims}}}
			if row.fault != nil {
				opts.Faults = []drptest.Fault{*row.fault}
			}
			s := drptest.New(t, opts)
			if row.there != nil {
				row.there.Name, row.there.Params = "golden", map[string]any{}
				s.SetProfile(*row.there)
			}
			_, err := pinned(t, s, func(cfg *upload.Config) { cfg.Token = token }).SaveProfile(ctx, profile)
			if row.kind == 0 {
				require.NoError(t, err)
				p, _ := s.Profile("golden")
				require.Equal(t, "y", p.Params["x"])
				return
			}
			e := failure(t, err, row.kind)
			require.Contains(t, e.Msg, row.msg)
			require.Equal(t, "golden", e.Path)
		})
	}
}

// TestProfileShared keeps what others have in a list.
func TestProfileShared(t *testing.T) {
	const token = "a-token"
	ours := func(item any) bool { m, _ := item.(map[string]any); return m["index"] == "ours" }
	mine, theirs := map[string]any{"index": "ours"}, map[string]any{"index": "theirs"}
	for _, row := range []struct{ there, put, want any }{
		{nil, []map[string]any{mine}, []any{mine}},
		{[]any{theirs, mine}, []map[string]any{mine}, []any{theirs, mine}},
		{[]any{mine, theirs}, nil, []any{theirs}},
		{[]any{mine}, nil, nil},
		{nil, nil, nil},
	} {
		s := drptest.New(t, drptest.Options{Tokens: map[string]drptest.Grant{token: {Profiles: []string{"update"}}}})
		there := drptest.Profile{Name: "golden", Params: map[string]any{}}
		if row.there != nil {
			there.Params["list"] = row.there
		}
		s.SetProfile(there)
		put := upload.Profile{Name: "golden", Params: map[string]any{"x": "y"}, Shared: map[string]func(any) bool{"list": ours}}
		if row.put != nil {
			put.Params["list"] = row.put
		}
		_, err := pinned(t, s, func(cfg *upload.Config) { cfg.Token = token }).SaveProfile(ctx, put)
		require.NoError(t, err)
		p, _ := s.Profile("golden")
		require.Equal(t, row.want, p.Params["list"])
	}
}

func TestProfileNames(t *testing.T) {
	s := drptest.New(t, drptest.Options{})
	for _, name := range []string{"", ".", "..", "a/b", "Name:golden", `a\b`} {
		_, err := pinned(t, s).SaveProfile(ctx, upload.Profile{Name: name})
		require.ErrorContains(t, err, "is not a valid name for a Profile", name)
	}
	require.Empty(t, s.Requests())
}

// TestProfileParams: what a token may not see is as if it were not there.
func TestProfileParams(t *testing.T) {
	const token = "a-token"
	s := drptest.New(t, drptest.Options{})
	s.Allow(token, drptest.Grant{Profiles: []string{"create"}})
	s.SetProfile(drptest.Profile{Name: "my image", Params: map[string]any{"x": "y"}})
	all, none := pinned(t, s), pinned(t, s, func(cfg *upload.Config) { cfg.Token = token })
	params, err := all.ProfileParams(ctx, "my image")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"x": "y"}, params)
	for name, c := range map[string]*upload.Client{"other": all, "my image": none} {
		params, err = c.ProfileParams(ctx, name)
		require.NoError(t, err)
		require.Nil(t, params)
	}
	s.AddFault(drptest.Fault{Method: "GET", Path: "/profiles/my image", Status: 503, Times: 1})
	_, err = all.ProfileParams(ctx, "my image")
	require.Equal(t, 503, failure(t, err, upload.Failed).Status)
}
