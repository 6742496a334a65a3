package bootcheck

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseOSRelease(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       Release
	}{
		{"empty", "", Release{}},
		{"plain", "ID=debian\nVERSION_ID=12\n", Release{ID: "debian", VersionID: "12"}},
		{"double quotes", `ID="rhel"` + "\nPRETTY_NAME=\"a \\\"b\\\" \\$c \\`d\\` \\\\ \\e\"\n", Release{ID: "rhel", PrettyName: `a "b" $c ` + "`d`" + ` \ \e`}},
		{"single quotes", `ID='rhel'` + "\nPRETTY_NAME='a \"b\" \\$c'\n", Release{ID: "rhel", PrettyName: `a "b" \$c`}},
		{"escapes without quotes", `PRETTY_NAME=a\ b\"`, Release{PrettyName: `a b"`}},
		{"joined", `ID=de"bi"'an'`, Release{ID: "debian"}},
		{"CRLF and BOM", "\ufeffID=debian\r\nVERSION_ID=\"12\"\r\n", Release{ID: "debian", VersionID: "12"}},
		{"comments and blanks", "# ID=x\n\n  ID=debian  \n\t#y\n", Release{ID: "debian"}},
		{"comment behind", "ID=debian # x\n", Release{ID: "debian"}},
		{"last one counts", "ID=a\nID=b\n", Release{ID: "b"}},
		{"upper case", "ID=Debian\nID_LIKE='A  b'\n", Release{ID: "debian", IDLike: []string{"a", "b"}}},
		{"quote left open", "ID=\"debian\nVERSION_ID=1\n", Release{ID: "debian", VersionID: "1"}},
		{"no keys", "=x\nI D=x\nID\n", Release{}},
		{"long line", "ID=" + strings.Repeat("x", maxLine) + "\nVERSION_ID=1\n", Release{VersionID: "1"}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, parseOSRelease(c.data)) })
	}
}

// sh(1) is the oracle for quotes and escapes.
func TestShellWordLikeShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	for _, word := range []string{
		`plain`, `"a b"`, `'a b'`, `a\ b`, `"a\"b"`, `"a\\b"`, `"a\'b"`, `'a\'`, `a"b"'c'd`, `"\$x"`, `""`, `''`, `\\`, "\"\\`\"", `"a\zb"`, `a\zb`,
	} {
		out, err := exec.Command(sh, "-c", "x="+word+"; printf %s \"$x\"").Output()
		require.NoError(t, err)
		got, rest := shellWord(word)
		require.Equal(t, string(out), got, word)
		require.Empty(t, rest)
	}
}

func TestParseOldRelease(t *testing.T) {
	for data, want := range map[string]Release{
		"CentOS release 6.10 (Final)\n":                                                {ID: "centos", VersionID: "6.10", PrettyName: "CentOS release 6.10 (Final)"},
		"Red Hat Enterprise Linux Server release 7.9 (Maipo)\n":                        {ID: "rhel", VersionID: "7.9", PrettyName: "Red Hat Enterprise Linux Server release 7.9 (Maipo)"},
		"Oracle Linux Server release 8.9\n":                                            {ID: "ol", VersionID: "8.9", PrettyName: "Oracle Linux Server release 8.9", IDLike: []string{"rhel"}},
		"SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n":     {ID: "sles", VersionID: "11", PrettyName: "SUSE Linux Enterprise Server 11 (x86_64)"},
		"DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_DESCRIPTION=\"Ubuntu x\"\n": {ID: "ubuntu", VersionID: "14.04", PrettyName: "Ubuntu x"},
		"something else\n": {},
		"":                 {},
	} {
		require.Equal(t, want, parseOldRelease(data), data)
	}
}

func TestParseDebianVersion(t *testing.T) {
	require.Equal(t, Release{ID: "debian", VersionID: "12", PrettyName: "Debian GNU/Linux 12.5"}, parseDebianVersion("12.5\n"))
	require.Equal(t, Release{ID: "debian", PrettyName: "Debian GNU/Linux trixie/sid"}, parseDebianVersion("trixie/sid\n"))
	require.Equal(t, Release{}, parseDebianVersion("\n"))
	require.Equal(t, Release{}, parseDebianVersion("\x00\x01"))
}

func TestTag(t *testing.T) {
	for want, rel := range map[string]Release{
		"centos-8":     {ID: "centos", VersionID: "8"},
		"debian":       {ID: "debian"},
		"linux":        {VersionID: "8"},
		"rhel-8.10":    {ID: "RHEL", VersionID: "8.10"},
		"etc-passwd-x": {ID: "../etc/passwd", VersionID: " x\n"},
		"a-1":          {ID: "a", VersionID: "-1-"},
	} {
		require.Equal(t, want, System{OS: rel}.Tag())
	}
}

func TestElfMachine(t *testing.T) {
	for _, c := range []struct {
		want    string
		class   byte
		data    byte
		machine [2]byte
	}{
		{"x86_64", 2, 1, [2]byte{62, 0}}, {"aarch64", 2, 1, [2]byte{183, 0}}, {"riscv64", 2, 1, [2]byte{243, 0}},
		{"ppc64le", 2, 1, [2]byte{21, 0}}, {"ppc64", 2, 2, [2]byte{0, 21}}, {"s390x", 2, 2, [2]byte{0, 22}},
		{"i686", 1, 1, [2]byte{3, 0}}, {"armv7l", 1, 1, [2]byte{40, 0}}, {"loongarch64", 2, 1, [2]byte{2, 1}},
		{"", 2, 2, [2]byte{62, 0}}, {"", 2, 3, [2]byte{62, 0}}, {"", 1, 1, [2]byte{62, 0}}, {"", 2, 1, [2]byte{0, 0}},
	} {
		head := append([]byte("\x7fELF"), c.class, c.data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, c.machine[0], c.machine[1])
		require.Equal(t, c.want, elfMachine(head))
		require.Empty(t, elfMachine(head[:19]))
	}
}

func TestParseDatasources(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       []string
		set, bad   bool
	}{
		{"empty", "", nil, false, false},
		{"comments", "# datasource_list: [Ec2]\n", nil, false, false},
		{"flow", "datasource_list: [ NoCloud, 'None' ]\n", []string{"NoCloud", "None"}, true, false},
		{"block", "a: 1\ndatasource_list:\n  - Ec2\n  - NoCloud\n", []string{"Ec2", "NoCloud"}, true, false},
		{"scalar", "datasource_list: NoCloud\n", []string{"NoCloud"}, true, false},
		{"null", "datasource_list:\n", nil, false, false},
		{"tilde", "datasource_list: ~\n", nil, false, false},
		{"no name", "datasource_list: []\n", nil, true, false},
		{"mapping", "datasource_list: {a: b}\n", nil, true, false},
		{"deeper", "system_info:\n  datasource_list: [Ec2]\n", nil, false, false},
		{"alias", "x: &l [Ec2]\ndatasource_list: *l\n", []string{"Ec2"}, true, false},
		{"alias in the list", "x: &l Ec2\ndatasource_list: [*l, None]\n", []string{"Ec2", "None"}, true, false},
		{"twice", "datasource_list: [Ec2]\ndatasource_list: [None]\n", []string{"None"}, true, false},
		{"a list", "- datasource_list\n", nil, false, false},
		{"open bracket", "datasource_list: [Ec2\n", nil, false, true},
		{"tab", "a:\n\tb: 1\n", nil, false, true},
		{"control character", "a: \x01\n", nil, false, true},
		{"not UTF-8", "a: \xff\n", nil, false, true},
		{"deep", strings.Repeat("[", 200000), nil, false, true},
		{"billion laughs", "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ndatasource_list: *d\n", nil, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, set, err := parseDatasources([]byte(c.data))
			require.Equal(t, c.bad, err != nil, "%v", err)
			require.Equal(t, c.set, set)
			require.Equal(t, c.want, got)
		})
	}
}

func FuzzOSRelease(f *testing.F) {
	for _, s := range []string{
		"ID=debian\nVERSION_ID=\"12\"\nID_LIKE='a b'\n", "\ufeffID=\"a\\\"b\r\n", "DISTRIB_ID=Ubuntu\n",
		"CentOS Linux release 7.9.2009 (Core)\n", "12.5\n", "#\n=\nID=\\", "\x00\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		for _, rel := range []Release{parseOSRelease(data), parseOldRelease(data), parseDebianVersion(data)} {
			require.LessOrEqual(t, len(rel.ID)+len(rel.VersionID), 4*maxLine)
			require.NotContains(t, rel.ID+rel.VersionID+rel.PrettyName, "\n")
			p := rel.printable()
			for _, s := range append([]string{p.ID, p.VersionID, p.PrettyName}, p.IDLike...) {
				require.True(t, utf8.ValidString(s))
			}
			tag := System{OS: p}.Tag()
			require.Regexp(t, `^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`, tag)
		}
	})
}

func FuzzDatasources(f *testing.F) {
	for _, s := range []string{
		"datasource_list: [NoCloud, None]\n", "a: &a [x]\ndatasource_list: *a\n", "{", "- - - -", "? a\n: b\n", "<<: {a: 1}\n",
		"datasource_list: !!binary x\n", "--- a\n--- b\n", "%YAML 1.1\n---\na: b\n", "\xff\xfea\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		names, set, err := parseDatasources(data)
		if err != nil {
			require.False(t, set)
			require.LessOrEqual(t, len(err.Error()), 200)
		}
		if !set {
			require.Empty(t, names)
		}
	})
}

func FuzzShellWord(f *testing.F) {
	f.Add(`a"b\"c"'d' e`)
	f.Fuzz(func(t *testing.T, s string) {
		word, rest := shellWord(s)
		require.LessOrEqual(t, len(word)+len(rest), len(s))
	})
}
