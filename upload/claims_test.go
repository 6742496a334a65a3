package upload_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
)

func jwt(payload string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + e.EncodeToString([]byte(payload)) + "." + e.EncodeToString([]byte("signature"))
}

func TestCheckToken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	one := func(scope, action, specific string) string {
		return jwt(fmt.Sprintf(`{"exp":1800000001,"drp_claims":[{"scope":"x","action":"*","specific":"*"},{"scope":%q,"action":%q,"specific":%q}]}`, scope, action, specific))
	}
	for _, tc := range []struct {
		name, token string
		want        upload.TokenState
		expires     int64
	}{
		{"v3", "T2Zma2V5LW9wYXF1ZS10b2tlbg==", upload.Opaque, 0},
		{"none", "", upload.Opaque, 0},
		{"two dots, no base64", "a.b!.c", upload.Opaque, 0},
		{"two dots, no JSON", "YQ.YQ.YQ", upload.Opaque, 0},
		{"a list", jwt(`[]`), upload.Opaque, 0},
		{"null", jwt(`null`), upload.Opaque, 0},
		{"no claims", jwt(`{"sub":"x"}`), upload.Opaque, 0},
		{"claims of another form", jwt(`{"drp_claims":"all"}`), upload.Opaque, 0},
		{"null claims", jwt(`{"drp_claims":null}`), upload.Opaque, 0},
		{"roles", jwt(`{"drp_claims":[],"drp_roles":["superuser"]}`), upload.Opaque, 0},
		{"no roles", jwt(`{"drp_claims":[],"drp_roles":[]}`), upload.Lacking, 0},
		{"empty claims", jwt(`{"drp_claims":[]}`), upload.Lacking, 0},
		{"all", one("*", "*", "*"), upload.Granted, 1800000001},
		{"exact", one("files", "post", "/images/x.tgz"), upload.Granted, 1800000001},
		{"lists", one("machines, files", "get , post", "/a, /images/x.tgz"), upload.Granted, 1800000001},
		{"no leading slash", one("files", "post", "images/x.tgz"), upload.Lacking, 1800000001},
		{"a glob", one("files", "post", "/images/*"), upload.Lacking, 1800000001},
		{"another action", one("files", "get", "*"), upload.Lacking, 1800000001},
		{"another scope", one("isos", "post", "*"), upload.Lacking, 1800000001},
		{"a part of a word", one("files", "posts", "*"), upload.Lacking, 1800000001},
		{"expired now", jwt(`{"exp":1800000000,"drp_claims":[{"scope":"*","action":"*","specific":"*"}]}`), upload.Expired, 1800000000},
		{"expired, with a fraction", jwt(`{"exp":1.7e9}`), upload.Expired, 1700000000},
		{"expired, no claims", jwt(`{"exp":1700000000}`), upload.Expired, 1700000000},
		{"an expiry of another form", jwt(`{"exp":"soon","drp_claims":[]}`), upload.Lacking, 0},
		{"an expiry beyond all dates", jwt(`{"exp":1e300,"drp_claims":[]}`), upload.Lacking, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := upload.New(upload.Config{Token: tc.token})
			require.NoError(t, err)
			got := c.CheckToken(now, "post", "images/x.tgz")
			require.Equal(t, tc.want, got.State, "%s", got.State)
			require.Equal(t, "files post /images/x.tgz", got.Need)
			if tc.expires == 0 {
				require.True(t, got.Expires.IsZero())
			} else {
				require.Equal(t, tc.expires, got.Expires.Unix())
			}
		})
	}
}

func FuzzCheckToken(f *testing.F) {
	f.Add(jwt(`{"exp":1,"drp_claims":[{"scope":"files","action":"*","specific":"*"}]}`))
	f.Add("a.b.c")
	f.Add(jwt(`{"exp":1e400}`))
	f.Fuzz(func(t *testing.T, token string) {
		c, err := upload.New(upload.Config{Token: token})
		if err != nil {
			return
		}
		got := c.CheckToken(time.Now(), "post", "a")
		if got.State == upload.Expired {
			require.False(t, got.Expires.IsZero())
		}
		_, err = got.Expires.MarshalJSON()
		require.NoError(t, err)
	})
}
