package bootcheck

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDpkgStatus(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for _, c := range []struct {
		name, text string
		want       dpkgStatus
	}{
		{"nothing", "", dpkgStatus{}},
		{"one", "Package: a\nStatus: install ok installed\n", dpkgStatus{"a": "installed"}},
		{"no line end", "Package: a\nStatus: install ok installed", dpkgStatus{"a": "installed"}},
		{"carriage returns", "Package: a\r\nStatus: install ok installed\r\n\r\nPackage: b\r\nStatus: install ok unpacked\r\n", dpkgStatus{"a": "installed", "b": "unpacked"}},
		{"fields between", "Package: a\nPriority: optional\nStatus: hold ok half-configured\nDescription: x\n Package: b\n .\n Status: install ok installed\n", dpkgStatus{"a": "half-configured"}},
		{"removed", "Package: a\nStatus: deinstall ok config-files\n", dpkgStatus{"a": "config-files"}},
		{"two architectures", "Package: a\nStatus: install ok installed\nArchitecture: amd64\n\nPackage: a\nStatus: install ok unpacked\nArchitecture: i386\n", dpkgStatus{"a": "unpacked"}},
		{"two architectures, the other way round", "Package: a\nStatus: install ok unpacked\n\nPackage: a\nStatus: install ok installed\n", dpkgStatus{"a": "unpacked"}},
		{"no status", "Package: a\n\nPackage: b\nStatus: install ok installed\n", dpkgStatus{"b": "installed"}},
		{"no name", "Status: install ok installed\n\n\n\nPackage: b\n", dpkgStatus{}},
		{"a status of two words", "Package: a\nStatus: install installed\n", dpkgStatus{}},
		{"long lines", "Package: a\nDescription: " + long + "\nStatus: install ok installed\n\nPackage: " + long + "\nStatus: install ok unpacked\n", dpkgStatus{"a": "installed"}},
		{"a long line that ends in nothing", "Package: a\n" + strings.Repeat("y", 64<<10) + "\nStatus: install ok installed\n", dpkgStatus{"a": "installed"}},
		{"bytes", "Package: \xff\x00\nStatus: install ok installed\n\x00\x00\n", dpkgStatus{"\xff\x00": "installed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseDpkgStatus(strings.NewReader(c.text))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestDpkgStatusIsBounded(t *testing.T) {
	var b bytes.Buffer
	for i := range maxPackages + 10 {
		fmt.Fprintf(&b, "Package: p%d\nStatus: install ok installed\n\n", i)
	}
	got, err := parseDpkgStatus(&b)
	require.ErrorContains(t, err, "more than 100000 packages")
	require.LessOrEqual(t, len(got), maxPackages+1)
}

// dpkg itself is asked for the list of this machine's packages.
func TestDpkgStatusAsDpkgReadsIt(t *testing.T) {
	out, err := exec.Command("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n").Output()
	if err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skip("no dpkg-query, or no packages of its")
	}
	f, err := os.Open("/var/lib/dpkg/status")
	require.NoError(t, err)
	defer f.Close()
	got, err := parseDpkgStatus(f)
	require.NoError(t, err)
	want := dpkgStatus{}
	for line := range strings.Lines(string(out)) {
		name, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		if want[name] == "" || want[name] == "installed" {
			want[name] = state
		}
	}
	require.Equal(t, want, got)
	require.Greater(t, len(got), 50)
}

func FuzzDpkgStatus(f *testing.F) {
	f.Add([]byte("Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: install ok half-installed\n"))
	f.Add([]byte("Status: install ok installed\nPackage:\n\r\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseDpkgStatus(bytes.NewReader(data))
		require.NoError(t, err)
		for name, state := range got {
			require.NotEmpty(t, name)
			require.NotEmpty(t, state)
			require.NotContains(t, name+state, "\n")
		}
	})
}
