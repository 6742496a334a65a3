package manifest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vbatts/go-mtree/pkg/govis"
)

// govisFlags are gomtree's DefaultVisFlags.
const govisFlags = govis.VisWhite | govis.VisOctal | govis.VisGlob

// checkVis compares with gomtree's encoder, and goes back with ours and theirs.
func checkVis(t *testing.T, s string) {
	t.Helper()
	want, err := govis.Vis(s, govisFlags)
	require.NoError(t, err)
	got := appendVis(nil, s, visWord)
	require.Equal(t, want, string(got), "%q", s)
	back, err := govis.Unvis(string(got), govisFlags)
	require.NoError(t, err)
	require.Equal(t, s, back)
	for _, p := range []*plain{visWord, visKey, visText} {
		v := appendVis(nil, s, p)
		require.NotContains(t, string(v), "\n")
		back, err := unvis(v, p)
		require.NoError(t, err, "%q", v)
		require.Equal(t, s, back)
	}
}

func TestVis(t *testing.T) {
	for i := range 256 {
		checkVis(t, string([]byte{byte(i)}))
		for j := range 256 {
			checkVis(t, string([]byte{byte(i), byte(j)}))
		}
	}
	for _, s := range []string{"", "./a b", "n\new", "*?[]#=", `\040`, `\\`, "\xff\xfe", "ä\u202e", strings.Repeat("\x00", 99)} {
		checkVis(t, s)
	}
	require.Equal(t, `a\040b\075\043`, string(appendVis(nil, "a b=#", visKey)))
	require.Equal(t, `a b=# \012\303\244\\`, string(appendVis(nil, "a b=# \nä\\", visText)))
}

func TestUnvisStrict(t *testing.T) {
	for _, s := range []string{`\`, `a\`, `\0`, `\04`, `\400`, `\048`, `\n`, `\s`, `\M-a`, `\^A`, `\x41`, `\141`, `\134`, " ", "\n", "*", "#", "ä", "\x7f"} {
		_, err := unvis(s, visWord)
		require.Error(t, err, "%q", s)
	}
	_, err := unvis("=", visKey)
	require.Error(t, err)
	_, err = unvis(`\075`, visWord)
	require.Error(t, err)
}

func FuzzVis(f *testing.F) {
	f.Add("./a b\n\\\xff#*")
	f.Fuzz(func(t *testing.T, s string) {
		checkVis(t, s)
		for _, p := range []*plain{visWord, visKey, visText} {
			if u, err := unvis(s, p); err == nil {
				require.Equal(t, s, string(appendVis(nil, u, p)), "one text for one name")
			}
		}
	})
}
