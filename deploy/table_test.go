package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFamilies: the hooks' list of families is the one in Go.
func TestFamilies(t *testing.T) {
	_, rest, ok := strings.Cut(string(Hooks()[0].Content), "families() {\n\tcat <<'END'\n")
	require.True(t, ok)
	list, _, ok := strings.Cut(rest, "\nEND\n")
	require.True(t, ok)
	var want []string
	for _, d := range Distributions() {
		want = append(want, fmt.Sprintf("%s %s %s", d.ID, d.Family, d.EFIDir))
	}
	require.Equal(t, want, strings.Split(list, "\n"))
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		id   string
		like []string
		want Distribution
		ok   bool
	}{
		{"rhel", []string{"fedora"}, Distribution{"rhel", RHEL, "redhat"}, true},
		{"virtuozzo", []string{"rhel", "centos"}, Distribution{"rhel", RHEL, "redhat"}, true},
		{"neon", []string{"ubuntu", "debian"}, Distribution{"ubuntu", Debian, "ubuntu"}, true},
		{"arch", nil, Distribution{"arch", Generic, "arch"}, false},
	} {
		got, ok := Find(c.id, c.like...)
		require.Equal(t, c.want, got)
		require.Equal(t, c.ok, ok)
	}
}

// TestVariant: what each generation takes a distribution for, as seen with curtin's own
// get_distroinfo.
func TestVariant(t *testing.T) {
	for _, c := range []struct {
		id, like string
		want     string // for each generation, oldest first
	}{
		{"debian", "", "debian debian debian debian debian"},
		{"ubuntu", "debian", "ubuntu ubuntu ubuntu ubuntu ubuntu"},
		{"linuxmint", "ubuntu debian", "- - ubuntu ubuntu ubuntu"},
		{"rocky", "rhel centos fedora", "- - rhel rocky rocky"},
		{"almalinux", "rhel centos fedora", "- - rhel rhel almalinux"},
		{"ol", "fedora", "- - fedora fedora ol"},
		{"amzn", "fedora", "- - fedora fedora fedora"},
		{"opensuse-leap", "suse opensuse", "- - suse suse suse"},
		{"alpine", "", "- - - - -"},
	} {
		var got []string
		for _, g := range Generations() {
			name, _, ok := g.Variant(c.id, strings.Fields(c.like)...)
			if !ok {
				name = "-"
			}
			got = append(got, name)
		}
		require.Equal(t, c.want, strings.Join(got, " "), c.id)
	}
}

func TestParseGeneration(t *testing.T) {
	for _, g := range Generations() {
		got, err := ParseGeneration(string(g.Generation))
		require.NoError(t, err)
		require.Equal(t, g, got)
	}
	_, err := ParseGeneration("19.3")
	require.EqualError(t, err, `curtin "19.3" is none of 20.2-rackn, 20.2, 22.1, 23.1, 2026-07`)
}

// TestNeedsMet: the images of the tests that deploy have what the table asks for.
func TestNeedsMet(t *testing.T) {
	for root, arch := range map[string]string{"debian12": "amd64", "debian12-arm64": "arm64", "debian13-modules": "amd64", "ubuntu2404": "amd64", "rocky8": "amd64",
		"alma9": "amd64", "rhel9-arm64": "arm64", "rhel10": "amd64", "fedora42": "amd64", "amzn2023": "amd64", "amzn2023-removable": "amd64", "sles15": "amd64", "leap15-modules": "amd64"} {
		head, files := readRoot(t, root)
		for _, firmware := range []Firmware{BIOS, UEFI} {
			for _, n := range HooksNeed(familyOf(files), firmware, arch) {
				if n.Fatal && n.When == Always {
					require.True(t, met(n, head, files), "%s %s: %s", root, firmware, n.Name)
				}
			}
		}
	}
	require.Nil(t, HooksNeed(Debian, BIOS, "arm64"))
}

// TestNeedsMissed: an image that lacks a need that is fatal is one that the hooks refuse.
func TestNeedsMissed(t *testing.T) {
	needRoot(t)
	for _, root := range []string{"debian12", "alma9", "sles15"} {
		_, files := readRoot(t, root)
		for _, firmware := range []Firmware{BIOS, UEFI} {
			for _, n := range HooksNeed(familyOf(files), firmware, "amd64") {
				layout := map[When]string{Always: "simple", OnLVM: "lvm", OnMD: "md", OnLUKS: "luks", Rebuild: "lvm"}[n.When]
				if !n.Fatal || (firmware == BIOS && n.Name != "loader for BIOS") {
					continue
				}
				t.Run(root+"/"+string(firmware)+"/"+n.Name, func(t *testing.T) {
					t.Parallel()
					m := newMachine(t, string(firmware))
					layouts[layout](m)
					m.unpack(root)
					for _, means := range n.Any {
						for _, c := range means.Commands {
							_ = os.Remove(filepath.Join(m.dir, "root/usr/sbin", c))
						}
						for _, f := range means.Files {
							for name := range files {
								if matches(f, name) {
									_ = os.Remove(filepath.Join(m.dir, "root", name))
								}
							}
						}
					}
					status, out := m.run("exec")
					require.Equal(t, "1", status, out)
					require.Contains(t, out, "curtin-hooks: error: ")
				})
			}
		}
	}
}

func familyOf(files map[string]string) Family {
	text := files["etc/os-release"] + files["usr/lib/os-release"]
	var id string
	var like []string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch value = strings.Trim(value, `"`); key {
		case "ID":
			id = value
		case "ID_LIKE":
			like = strings.Fields(value)
		}
	}
	d, _ := Find(id, like...)
	return d.Family
}

// matches: /lib is a link to usr/lib in all of them.
func matches(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	also, _ := path.Match(pattern, strings.TrimPrefix(name, "usr/"))
	return ok || also
}

func met(n Need, head, files map[string]string) bool {
	for _, means := range n.Any {
		good := true
		for _, c := range means.Commands {
			good = good && strings.Contains(" "+head["tools"]+" ", " "+c+" ")
		}
		for _, pattern := range means.Files {
			found := false
			for name := range files {
				found = found || matches(pattern, name)
			}
			good = good && found
		}
		if good {
			return true
		}
	}
	return false
}

func TestHooksVersion(t *testing.T) {
	for text, want := range map[string]int{
		string(Hooks()[0].Content):                        Version,
		"#!/bin/sh\n# image-capture-hooks: 7\n":           7,
		"#!/bin/sh\n# image-capture-hooks: new\n":         0,
		"#!/bin/sh\n# image-capture-hooks: -1\n":          0,
		"#!/usr/bin/env python3\nprint('mine')\n":         0,
		"#!/bin/sh\n\n\n\n\n\n# image-capture-hooks: 7\n": 0,
		"": 0,
	} {
		n, ours := HooksVersion([]byte(text))
		require.Equal(t, want > 0, ours, text)
		if ours {
			require.Equal(t, want, n)
		}
	}
	require.Contains(t, string(Hooks()[0].Content), fmt.Sprintf("\nVERSION=%d\n", Version))
}

// TestTarball: GNU tar unpacks it, and it is the same each time.
func TestTarball(t *testing.T) {
	var a, b bytes.Buffer
	require.NoError(t, Tarball(&a))
	require.NoError(t, Tarball(&b))
	require.Equal(t, a.Bytes(), b.Bytes())
	zr, err := gzip.NewReader(bytes.NewReader(a.Bytes()))
	require.NoError(t, err)
	tr := tar.NewReader(zr)
	var names []string
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		names = append(names, fmt.Sprintf("%s %o %d:%d", h.Name, h.Mode, h.Uid, h.Gid))
	}
	require.Equal(t, []string{"./curtin/ 755 0:0", "./curtin/curtin-hooks 755 0:0", "./curtin/image-capture-hooks.conf 644 0:0"}, names)
	dir := t.TempDir()
	cmd := exec.Command("tar", "-xzpf", "-", "-C", dir)
	cmd.Stdin = &a
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, f := range Hooks() {
		text, err := os.ReadFile(filepath.Join(dir, f.Path))
		require.NoError(t, err)
		require.Equal(t, f.Content, text)
	}
}

// TestShellcheck: the script is POSIX sh.
func TestShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip(err)
	}
	names := []string{filepath.Join(t.TempDir(), "curtin-hooks"), "testdata/machine.sh", "testdata/standin.sh", "testdata/loop.sh"}
	require.NoError(t, os.WriteFile(names[0], Hooks()[0].Content, 0o755))
	out, err := exec.Command("shellcheck", append([]string{"-s", "sh"}, names...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
