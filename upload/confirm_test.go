package upload_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

func TestConfirm(t *testing.T) {
	data := "the image"
	digest := sum([]byte(data))
	limited := map[string]drptest.Grant{drptest.DefaultToken: {Actions: []string{"post"}}}
	header := func(name, value string) drptest.Options {
		return drptest.Options{NoDigest: true, Faults: []drptest.Fault{{Method: "HEAD", Header: map[string]string{name: value}}}}
	}
	for _, tc := range []struct {
		name     string
		opts     drptest.Options
		verified bool
		kind     upload.Kind
		status   int
		retry    bool
	}{
		{name: "header", verified: true},
		{name: "entity tag", opts: drptest.Options{ETag: true}, verified: true},
		{name: "weak entity tag", opts: header("ETag", `W/"SHA256:`+strings.ToUpper(digest)+`"`), verified: true},
		{name: "bare entity tag", opts: header("ETag", "sha256:"+digest), verified: true},
		{name: "bad header, good tag", opts: drptest.Options{NoDigest: true, Faults: []drptest.Fault{{Header: map[string]string{"X-DRP-SHA256SUM": "none", "ETag": `"SHA256:` + digest + `"`}}}}, verified: true},
		{name: "upper case", opts: header("X-DRP-SHA256SUM", strings.ToUpper(digest)), verified: true},
		{name: "no digest", opts: drptest.Options{NoDigest: true}},
		{name: "another kind of tag", opts: header("ETag", `"5f3-61a"`)},
		{name: "short digest", opts: header("X-DRP-SHA256SUM", digest[:40])},
		{name: "no get claim", opts: drptest.Options{Tokens: limited}},
		{name: "no get claim, newer server", opts: drptest.Options{Tokens: limited, GetDenied: 403}},
		{name: "other digest", opts: header("X-DRP-SHA256SUM", sum(nil)), kind: upload.Failed, status: 200},
		{name: "other tag", opts: header("ETag", `"SHA256:`+sum(nil)+`"`), kind: upload.Failed, status: 200},
		{name: "unauthorised", opts: drptest.Options{Faults: []drptest.Fault{{Status: 401}}}, kind: upload.Refused, status: 401},
		{name: "unavailable", opts: drptest.Options{Faults: []drptest.Fault{{Status: 503}}}, kind: upload.Failed, status: 503, retry: true},
		{name: "dropped", opts: drptest.Options{Faults: []drptest.Fault{{Drop: true}}}, kind: upload.Broken, retry: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := drptest.New(t, tc.opts)
			plant(t, s, "m/b", data)
			verified, err := pinned(t, s).Confirm(ctx, "m/b", digest)
			require.Equal(t, tc.verified, verified)
			if tc.kind == 0 {
				require.NoError(t, err)
			} else {
				e := failure(t, err, tc.kind)
				require.Equal(t, tc.status, e.Status)
				require.Equal(t, tc.retry, e.Retryable())
			}
			require.Equal(t, "HEAD", s.Requests()[0].Method)
		})
	}
}

func TestConfirmFindsCorruption(t *testing.T) {
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Method: "POST", Corrupt: true}}})
	c := pinned(t, s)
	_, err := c.Store(ctx, "a", strings.NewReader("data"), 4)
	require.NoError(t, err)
	verified, err := c.Confirm(ctx, "a", strings.ToUpper(sum([]byte("data"))))
	require.False(t, verified)
	e := failure(t, err, upload.Failed)
	require.Contains(t, e.Msg, "but "+sum([]byte("data"))+" was sent")
	require.False(t, e.Retryable())

	_, err = c.Confirm(ctx, "a", "abc")
	require.EqualError(t, err, `confirm: "abc" is not a SHA-256 in hex`)
}

func TestExists(t *testing.T) {
	all := drptest.Grant{Actions: []string{"*"}}
	get := drptest.Grant{Actions: []string{"get", "post"}}
	list := drptest.Grant{Actions: []string{"list"}}
	post := drptest.Grant{Actions: []string{"post"}}
	for _, tc := range []struct {
		name  string
		grant drptest.Grant
		path  string
		want  upload.Existence
		heads int
	}{
		{"file", all, "m/b", upload.Present, 0},
		{"empty file", all, "m/empty", upload.Present, 0},
		{"folder", all, "m", upload.Present, 0},
		{"not there", all, "m/c", upload.Absent, 0},
		{"not there, at the top", all, "c", upload.Absent, 0},
		{"not there, nor its folder", all, "n/c", upload.Unknown, 0},
		{"a prefix of a name", all, "m/empt", upload.Absent, 0},
		{"file, get only", get, "m/b", upload.Present, 0},
		{"not there, get only", get, "m/c", upload.Unknown, 0},
		{"file, list only", list, "m/b", upload.Present, 0},
		{"not there, list only", list, "m/c", upload.Absent, 0},
		{"file, post only", post, "m/b", upload.Unknown, 0},
	} {
		for _, denied := range []int{403, 404} {
			t.Run(tc.name, func(t *testing.T) {
				s := drptest.New(t, drptest.Options{GetDenied: denied, Tokens: map[string]drptest.Grant{drptest.DefaultToken: tc.grant}})
				plant(t, s, "m/b", strings.Repeat("data", 1<<16))
				plant(t, s, "m/empty", "")
				got, err := pinned(t, s).Exists(ctx, tc.path)
				require.NoError(t, err)
				require.Equal(t, tc.want, got, "%s", got)
				for _, r := range s.Requests() {
					require.Equal(t, "GET", r.Method, "a HEAD would cost a digest")
				}
				require.Equal(t, "bytes=0-0", s.Requests()[0].Range)
			})
		}
	}
}

func TestExistsFails(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults []drptest.Fault
		kind   upload.Kind
	}{
		{"unauthorised", []drptest.Fault{{Status: 401}}, upload.Refused},
		{"unavailable", []drptest.Fault{{Status: 503}}, upload.Failed},
		{"unavailable for the list", []drptest.Fault{{Skip: 1, Status: 503}}, upload.Failed},
		{"no list", []drptest.Fault{{Skip: 1, Status: 200, Raw: `{"a":1}`}}, upload.Failed},
		{"a list of something", []drptest.Fault{{Skip: 1, Status: 200, Raw: `["a",{}]`}}, upload.Failed},
		{"half a list", []drptest.Fault{{Skip: 1, Status: 200, Raw: `["a","b"`}}, upload.Broken},
		{"dropped", []drptest.Fault{{Skip: 1, Drop: true}}, upload.Broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := drptest.New(t, drptest.Options{Faults: tc.faults})
			got, err := pinned(t, s).Exists(ctx, "c")
			failure(t, err, tc.kind)
			require.Equal(t, upload.Unknown, got)
		})
	}
	s := drptest.New(t, drptest.Options{Faults: []drptest.Fault{{Skip: 1, Status: 200, Raw: "null"}}})
	got, err := pinned(t, s).Exists(ctx, "c")
	require.NoError(t, err)
	require.Equal(t, upload.Absent, got)
}
