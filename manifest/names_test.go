package manifest

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var vars = Vars{Tag: "centos-8", DStamp: "20201105-233755", Ident: "53fcfe709c"}

func TestExpand(t *testing.T) {
	long := strings.Repeat("n", 250)
	for _, c := range []struct {
		name            string
		template        Template
		format          Format
		image, manifest string
		err             string
	}{
		{name: "defaults",
			image:    "images/centos-8-rootfs-20201105-233755-53fcfe709c.tgz",
			manifest: "images/centos-8-MANIFEST-20201105-233755-53fcfe709c.txt"},
		{name: "zstd", format: TarZst, template: Template{RootFS: "a", Manifest: "b"},
			image: "images/a.tar.zst", manifest: "images/b.txt"},
		{name: "tar", format: Tar, template: Template{RootFS: "a.tar", Manifest: "b.txt"},
			image: "images/a.tar", manifest: "images/b.txt"},
		{name: "suffix not doubled", template: Template{RootFS: "a.tgz", Manifest: "a.txt"},
			image: "images/a.tgz", manifest: "images/a.txt"},
		{name: "suffix once", template: Template{RootFS: "a.tgz.tgz", Manifest: "a.txt.txt"},
			image: "images/a.tgz", manifest: "images/a.txt"},
		{name: "zstd suffix not doubled", format: TarZst, template: Template{RootFS: "a.tar.zst", Manifest: "b"},
			image: "images/a.tar.zst", manifest: "images/b.txt"},
		{name: "other extension", template: Template{RootFS: "x.raw", Manifest: "x.raw"},
			image: "images/x.raw.tgz", manifest: "images/x.raw.txt"},
		{name: "other extension, zstd", format: TarZst, template: Template{RootFS: "x.tgz", Manifest: "m"},
			image: "images/x.tgz.tar.zst", manifest: "images/m.txt"},
		{name: "same template", template: Template{RootFS: "x", Manifest: "x"},
			image: "images/x.tgz", manifest: "images/x.txt"},
		{name: "each given the other's suffix", template: Template{RootFS: "x.txt", Manifest: "x.txt.tgz"},
			image: "images/x.txt.tgz", manifest: "images/x.txt.tgz.txt"},
		{name: "braces", template: Template{RootFS: "${TAG}X${RS_IMAGE_IDENT}9", Manifest: "m$TAG$DSTAMP"},
			image: "images/centos-8X53fcfe709c9.tgz", manifest: "images/mcentos-820201105-233755.txt"},
		{name: "path with variables", template: Template{UploadPath: "my images/$TAG/${DSTAMP}/", RootFS: "r", Manifest: "m"},
			image: "my images/centos-8/20201105-233755/r.tgz", manifest: "my images/centos-8/20201105-233755/m.txt"},
		{name: "not ASCII", template: Template{RootFS: "bäckup", Manifest: "m"},
			image: "images/bäckup.tgz", manifest: "images/m.txt"},
		{name: "250 bytes", template: Template{RootFS: long[:246], Manifest: long[:246]},
			image: "images/" + long[:246] + ".tgz", manifest: "images/" + long[:246] + ".txt"},

		{name: "longer identifier", template: Template{RootFS: "$TAGX"},
			err: `image name "$TAGX": unknown variable $TAGX; there are $TAG, $DSTAMP and $RS_IMAGE_IDENT`},
		{name: "unknown in path", template: Template{UploadPath: "a/$HOME"}, err: `upload path "a/$HOME": unknown variable $HOME`},
		{name: "unknown in manifest", template: Template{Manifest: "${Y}"}, err: `manifest name "${Y}": unknown variable $Y`},
		{name: "unclosed", template: Template{RootFS: "a${TAG"}, err: "unclosed ${TAG"},
		{name: "unclosed at the end", template: Template{RootFS: "a${"}, err: "unclosed ${"},
		{name: "empty braces", template: Template{RootFS: "${}"}, err: "a $ without a variable"},
		{name: "default in braces", template: Template{RootFS: "${TAG:-x}"}, err: `"TAG:-x" is not the name of a variable`},
		{name: "two dollars", template: Template{RootFS: "a$$"}, err: "a $ without a variable"},
		{name: "dollar and digit", template: Template{RootFS: "a$1"}, err: "a $ without a variable"},
		{name: "last dollar", template: Template{RootFS: "a$"}, err: "a $ without a variable"},
		{name: "slash in a name", template: Template{RootFS: "a/b"}, err: "cannot hold a slash"},
		{name: "dots as a name", template: Template{Manifest: ".."}, err: `".." cannot be a name`},
		{name: "only a suffix", template: Template{RootFS: ".tgz"}, err: "empty name"},
		{name: "leading slash", template: Template{UploadPath: "/images"}, err: "begins with a slash"},
		{name: "only a slash", template: Template{UploadPath: "/"}, err: "empty name"},
		{name: "dot segment", template: Template{UploadPath: "a/./b"}, err: `"." cannot be a name`},
		{name: "dot dot segment", template: Template{UploadPath: "a/../b"}, err: `".." cannot be a name`},
		{name: "empty segment", template: Template{UploadPath: "a//b"}, err: "empty name"},
		{name: "two trailing slashes", template: Template{UploadPath: "a//"}, err: "empty name"},
		{name: "newline", template: Template{RootFS: "a\nb"}, err: "holds the invisible character U+000A"},
		{name: "right-to-left override", template: Template{RootFS: "a\u202egpj"}, err: "holds the invisible character U+202E"},
		{name: "backslash", template: Template{UploadPath: `a\b`}, err: "holds a backslash"},
		{name: "not UTF-8", template: Template{RootFS: "a\xff"}, err: "not valid UTF-8"},
		{name: "251 bytes", template: Template{RootFS: long[:247]}, err: "251 bytes with its suffix, the limit is 250"},
		{name: "long segment", template: Template{UploadPath: long + "123456"}, err: "a name of 256 bytes, the limit is 255"},
		{name: "long path", template: Template{UploadPath: strings.Repeat("a/", 600)}, err: "bytes with the file name, the limit is 1024"},
		{name: "format", format: 9, err: "unknown image format Format(9)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := c.template.Expand(vars, c.format)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, Names{c.image, c.manifest}, n)
		})
	}
}

func TestExpandVars(t *testing.T) {
	n, err := Template{RootFS: "$TAG", Manifest: "m"}.Expand(Vars{Tag: "../$DSTAMP\n", DStamp: "d", Ident: "i"}, TGZ)
	require.NoError(t, err)
	require.Equal(t, "images/dstamp.tgz", n.Image, "a value is cleaned and not expanded again")
	for _, bad := range []string{"", "a/b", "a\r", "a b"} {
		_, err = Template{}.Expand(Vars{DStamp: bad, Ident: "i"}, TGZ)
		require.ErrorContains(t, err, "$DSTAMP")
		_, err = Template{}.Expand(Vars{DStamp: "d", Ident: bad}, TGZ)
		require.ErrorContains(t, err, "$RS_IMAGE_IDENT")
	}
}

func TestCleanTag(t *testing.T) {
	for in, want := range map[string]string{
		"centos-8":               "centos-8",
		"Red Hat  Linux/9.4":     "red-hat-linux-9.4",
		"ubuntu_24.04+x":         "ubuntu_24.04+x",
		"":                       "linux",
		"..":                     "linux",
		"../../etc":              "etc",
		"\x00\xff\n":             "linux",
		"$(reboot)`x`":           "reboot-x",
		"-rf":                    "rf",
		"a/-b":                   "a--b",
		strings.Repeat("A", 200): strings.Repeat("a", 64),
	} {
		require.Equal(t, want, CleanTag(in), "%q", in)
	}
}

func TestIdent(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := NewIdent()
		require.Regexp(t, `^[0-9a-f]{10}$`, s)
		require.False(t, seen[s])
		seen[s] = true
	}
}

func TestDStamp(t *testing.T) {
	at := time.Date(2020, 11, 6, 1, 37, 55, 999, time.FixedZone("", 2*3600))
	require.Equal(t, "20201105-233755", DStamp(at))
}

func TestFormat(t *testing.T) {
	for f, suffix := range map[Format]string{TGZ: ".tgz", TarZst: ".tar.zst", Tar: ".tar"} {
		back, err := ParseFormat(f.String())
		require.NoError(t, err)
		require.Equal(t, f, back)
		require.Equal(t, suffix, f.Suffix())
	}
	_, err := ParseFormat("zip")
	require.EqualError(t, err, `unknown image format "zip": use tgz, tar-zst or tar`)
}

func FuzzExpand(f *testing.F) {
	f.Add("images", "$TAG-rootfs", "${TAG}.txt", "centos-8", "d", "i", uint8(0))
	f.Add("a/../b", "x/y", "..", "../..", "\r", "..", uint8(1))
	f.Add("$RS_IMAGE_IDENT", "$RS_IMAGE_IDENT", "$RS_IMAGE_IDENT", "", "..", "..", uint8(2))
	ascii := regexp.MustCompile(`^[a-z0-9._+-]+$`)
	f.Fuzz(func(t *testing.T, dir, image, list, tag, stamp, ident string, format uint8) {
		clean := CleanTag(tag)
		require.Regexp(t, ascii, clean)
		require.LessOrEqual(t, len(clean), 64)
		require.Equal(t, clean, CleanTag(clean))

		n, err := Template{dir, image, list}.Expand(Vars{tag, stamp, ident}, Format(format%3))
		if err != nil {
			return
		}
		require.NotEqual(t, n.Image, n.Manifest)
		require.True(t, strings.HasSuffix(n.Image, Format(format%3).Suffix()))
		require.True(t, strings.HasSuffix(n.Manifest, ".txt"))
		for _, p := range []string{n.Image, n.Manifest} {
			require.Equal(t, path.Clean(p), p)
			require.True(t, utf8.ValidString(p))
			require.False(t, strings.HasPrefix(p, "/"))
			require.NotContains(t, strings.Split(p, "/"), "..")
			require.LessOrEqual(t, len(path.Base(p)), 250)
			require.LessOrEqual(t, len(p), 1024)
			require.Negative(t, strings.IndexFunc(p, unicode.IsControl))
		}
	})
}
