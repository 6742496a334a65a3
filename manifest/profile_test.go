package manifest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"image-capture/entry"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestProfileNoLayers(t *testing.T) {
	for _, p := range []ProfileParams{
		{Path: "images/l.tgz", Under: []Under{{}}},
		{Path: "images/l.tgz", Under: []Under{{Path: "images/a.tar.zst", Format: TarZst}}},
		{Path: "images/l.tar.zst", Format: TarZst, SHA256: sum, Under: []Under{{Path: "images/a.tgz"}}},
		{Path: "images/l.tgz", Eikon: true, SHA256: sum, Under: []Under{{Path: "images/a.tgz"}}},
	} {
		_, err := NewProfile(p)
		var none *NoLayersError
		require.ErrorAs(t, err, &none)
	}
}

func TestProfile(t *testing.T) {
	for name, p := range map[string]ProfileParams{
		"profile-tgz.yaml": {Name: "my-image-deploy", Path: "images/rhel-tarball-20190827-184435-cf99cd80eb.tgz",
			Endpoint: "https://192.168.124.1:8092"},
		"profile-tgz-template.yaml": {Path: "images/centos-8-rootfs-20201105-233755-53fcfe709c.tgz", SHA256: sum, Title: "CentOS: \"8\"\nx"},
		"profile-tar-zst.yaml":      {Path: "my images/8-{{x}}+ä.tar.zst", Format: TarZst, SHA256: sum, Endpoint: "https://[fe80::1%25eth0]:8092/"},
		"profile-ubuntu.yaml":       {Path: "images/a.tgz", Endpoint: "drp.example.com", Ubuntu: true},
		"profile-ubuntu-hooks.yaml": {Path: "images/a.tgz", Endpoint: "drp.example.com", Ubuntu: true, Hooks: true},
		"profile-tgz-eikon.yaml":    {Path: "images/a.tgz", Endpoint: "drp.example.com", Eikon: true, SHA256: sum, Ubuntu: true},
		"profile-layers.yaml":       {Path: "images/l2.tgz", Endpoint: "drp.example.com", Under: []Under{{Path: "images/a.tgz"}, {Path: "my images/l1.tgz"}}},
		"profile-layers-deletions.yaml": {Path: "images/l2.tgz", Endpoint: "drp.example.com", Ubuntu: true,
			Under: []Under{{Path: "images/a.tgz"}, {Path: "my images/l1.tgz", Deleted: []entry.Note{{Path: "./gone"}}}}},
		"profile-tar.yaml": {Path: "images/a.tar", Format: Tar, SHA256: sum, Endpoint: "drp.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := NewProfile(p)
			require.NoError(t, err)
			b, err := doc.YAML()
			require.NoError(t, err)
			golden(t, name, b)
			var back struct {
				Name   string
				Params map[string]any
			}
			require.NoError(t, yaml.Unmarshal([]byte(strings.Replace(string(b), "Name:", "name:", 1)), &back))
			// The server's own rule, models.ValidName.
			require.Regexp(t, regexp.MustCompile(`^\pL+([- _.]+|\pN+|\pL+)+$`), back.Name)
		})
	}
}

func TestHooksArchive(t *testing.T) {
	for _, row := range []struct {
		p    ProfileParams
		want string
	}{
		{ProfileParams{Path: "images/l.tgz", Under: []Under{{Path: "images/a.tgz"}}, NeedsHooks: true}, "images/l-hooks.tgz"},
		{ProfileParams{Path: "images/l.tgz", Under: []Under{{Path: "images/a.tgz"}}}, ""},
		{ProfileParams{Path: "images/l.tgz", NeedsHooks: true}, ""},
		{ProfileParams{Path: "images/l.tgz", Under: []Under{{}}, NeedsHooks: true}, ""},
		{ProfileParams{Path: "images/l.tgz", Eikon: true, Under: []Under{{Path: "images/a.tgz"}}, NeedsHooks: true}, ""},
	} {
		require.Equal(t, row.want, row.p.HooksArchive())
	}
}

func TestProfileURL(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                                "{{ .ProvisionerURL }}/files/images/a%20b.tgz",
		"https://127.0.0.1:8092":          "{{ .ProvisionerURL }}/files/images/a%20b.tgz",
		"https://[::1]:8092":              "{{ .ProvisionerURL }}/files/images/a%20b.tgz",
		"localhost":                       "{{ .ProvisionerURL }}/files/images/a%20b.tgz",
		"https://0.0.0.0:8092":            "{{ .ProvisionerURL }}/files/images/a%20b.tgz",
		"https://10.0.0.1:8092":           "http://10.0.0.1:8091/files/images/a%20b.tgz",
		"https://user:secret@10.0.0.1":    "http://10.0.0.1:8091/files/images/a%20b.tgz",
		"10.0.0.1":                        "http://10.0.0.1:8091/files/images/a%20b.tgz",
		"drp:8092":                        "http://drp:8091/files/images/a%20b.tgz",
		"https://[2001:db8::1]:8092":      "http://[2001:db8::1]:8091/files/images/a%20b.tgz",
		"2001:db8::1":                     "http://[2001:db8::1]:8091/files/images/a%20b.tgz",
		"[2001:db8::1]:8092":              "http://[2001:db8::1]:8091/files/images/a%20b.tgz",
		"https://[fe80::1%25eth0]:8092/x": "http://[fe80::1%25eth0]:8091/files/images/a%20b.tgz",
	} {
		u, err := ProfileParams{Path: "images/a b.tgz", Endpoint: endpoint}.url()
		require.NoError(t, err, endpoint)
		require.Equal(t, want, u, endpoint)
	}
}

func TestProfileErrors(t *testing.T) {
	good := ProfileParams{Path: "images/a.tar", Format: Tar, SHA256: sum}
	require.True(t, ProfileParams{Endpoint: "https://LocalHost:8092"}.IsLoopback())
	require.False(t, ProfileParams{Endpoint: "https://10.0.0.1:8092"}.IsLoopback())
	require.False(t, ProfileParams{}.IsLoopback())
	for want, change := range map[string]func(*ProfileParams){
		"begins with a slash":        func(p *ProfileParams) { p.Path = "/images/a.tar" },
		`".." cannot be a name`:      func(p *ProfileParams) { p.Path = "../a.tar" },
		`empty name`:                 func(p *ProfileParams) { p.Path = "" },
		`"a/b" is not a valid name`:  func(p *ProfileParams) { p.Name = "a/b" },
		`"1a" is not a valid name`:   func(p *ProfileParams) { p.Name = "1a" },
		`sha256sum ""`:               func(p *ProfileParams) { p.SHA256 = "" },
		`sha256sum "E3`:              func(p *ProfileParams) { p.SHA256 = strings.ToUpper(sum) },
		"unknown image format":       func(p *ProfileParams) { p.Format = 3 },
		"endpoint: not a URL":        func(p *ProfileParams) { p.Endpoint = "https://x:secret@{{y}}" },
		`endpoint: "" is not a host`: func(p *ProfileParams) { p.Endpoint = "https://:8092" },
		`endpoint: "a<b" is no`:      func(p *ProfileParams) { p.Endpoint = "http://a<b" },
	} {
		p := good
		change(&p)
		_, err := NewProfile(p)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestProfileName(t *testing.T) {
	for path, want := range map[string]string{
		"images/centos-8.tgz": "centos-8",
		"images/8-ä b.tgz":    "image-8---b",
		"a/x.tgz":             "image-x",
		"a/'\"$.tgz":          "image-",
		"a/x+y.raw.tgz":       "x-y.raw",
	} {
		require.Equal(t, want, ProfileParams{Path: path}.name())
		require.Regexp(t, profileName, ProfileParams{Path: path}.name())
	}
}

// TestDeployed reads back what NewProfile writes, and what people write.
func TestDeployed(t *testing.T) {
	for _, p := range []ProfileParams{
		{Path: "images/a b?.tgz", Format: TGZ}, {Path: "images/x.tar.zst", Format: TarZst, SHA256: strings.Repeat("0", 64), Endpoint: "https://192.0.2.1:8092"},
		{Path: "l/up.tgz", Format: TGZ, Under: []Under{{Path: "l/base.tgz", Format: TGZ}, {Path: "l/mid.tgz", Format: TGZ}}},
		{Path: "l/up.tgz", Format: TGZ, Under: []Under{{Path: "l/base.tgz", Format: TGZ}}, NeedsHooks: true},
	} {
		doc, err := NewProfile(p)
		require.NoError(t, err)
		text, err := json.Marshal(doc.Params) // as an endpoint answers
		require.NoError(t, err)
		var params map[string]any
		require.NoError(t, json.Unmarshal(text, &params))
		require.Equal(t, p.Path, Deployed(params))
	}
	for _, row := range []struct {
		params map[string]any
		want   string
	}{
		{nil, ""},
		{map[string]any{"image-deploy/image-url": 1, "image-deploy/additional-tarballs": "x"}, ""},
		{map[string]any{"eikon/image-url": "https://u:secret@web.test/a.tgz?sig=secret"}, "https://web.test/a.tgz"},
		{map[string]any{"image-deploy/image-url": "http://h/files/a.tgz", "image-deploy/additional-tarballs": []any{map[string]any{"index": "10_mine", "uri": "files/mine.tgz"}}}, "a.tgz"},
	} {
		require.Equal(t, row.want, Deployed(row.params))
	}
}
