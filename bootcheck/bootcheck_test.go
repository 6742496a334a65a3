package bootcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the expected reports into testdata")

// fixture reads testdata/name.txtar: its image, the options that its comment
// asks for, and the report that it expects.
func fixture(t testing.TB, name string) (img memTree, opt Options, ar *txtar.Archive) {
	t.Helper()
	ar, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	require.NoError(t, err)
	require.Equal(t, "REPORT", ar.Files[0].Name)
	if strings.Contains(string(ar.Comment), "\ndeployer: eikon\n") {
		opt.Deployer = Eikon
	}
	for _, fw := range append(firmwares, Both) {
		if strings.Contains(string(ar.Comment), "\nfirmware: "+fw.String()+"\n") {
			opt.Firmware = fw
		}
	}
	img = memTree{}
	img.add(t, &txtar.Archive{Files: ar.Files[1:]})
	opt.Entries = img.entries()
	return img, opt, ar
}

func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			img, opt, ar := fixture(t, name)
			report, err := Check(t.Context(), img, opt)
			require.NoError(t, err)
			sys, err := json.Marshal(report.System)
			require.NoError(t, err)
			got := report.System.Tag() + " " + string(sys) + "\n" + text(report.Findings) + verdicts(report) + paths(report)
			if *update {
				ar.Files[0].Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(ar), 0o644))
				return
			}
			require.Equal(t, string(ar.Files[0].Data), got)
		})
	}
}

// Every rule says something about every image, in the order of the table.
func TestEveryRuleReports(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	check := func(img fs.FS, opt Options) {
		report, err := Check(t.Context(), img, opt)
		require.NoError(t, err)
		next := 0
		for _, f := range report.Findings {
			require.NotEmpty(t, f.Problem)
			for next < len(rules) && (next == 0 || rules[next-1].name != f.Rule) {
				require.Equal(t, rules[next].name, f.Rule)
				next++
			}
		}
		require.Equal(t, len(rules), next)
	}
	for _, deployer := range []Deployer{ImageDeploy, Eikon} {
		for _, file := range files {
			img, _, _ := fixture(t, strings.TrimSuffix(filepath.Base(file), ".txtar"))
			check(img, Options{Deployer: deployer})
		}
		check(memTree{}, Options{Deployer: deployer})
	}
}

func TestCheckIsRepeatable(t *testing.T) {
	img, opt, _ := fixture(t, "alma8")
	first, err := Check(t.Context(), img, opt)
	require.NoError(t, err)
	for range 5 {
		again, err := Check(t.Context(), img, opt)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestCheckStopsWithTheContext(t *testing.T) {
	img, opt, _ := fixture(t, "debian12")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := Check(ctx, img, opt)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, report.Findings)
	require.Equal(t, "debian-12", report.System.Tag())
}

func TestReportSums(t *testing.T) {
	var r Report
	require.Equal(t, OK, r.Worst())
	r.Findings = []Finding{{Level: Warn}, {Level: OK}, {Level: Info}, {Level: Warn}}
	require.Equal(t, Warn, r.Worst())
	require.Equal(t, Counts{OK: 1, Info: 1, Warn: 2}, r.Counts())
}

func TestLevelAndDeployerTexts(t *testing.T) {
	for _, l := range []Level{OK, Info, Warn, Fail} {
		b, err := l.MarshalText()
		require.NoError(t, err)
		require.Equal(t, l.String(), string(b))
		var back Level
		require.NoError(t, back.UnmarshalText(b))
		require.Equal(t, l, back)
	}
	for _, d := range []Deployer{ImageDeploy, Eikon} {
		b, err := d.MarshalText()
		require.NoError(t, err)
		var back Deployer
		require.NoError(t, back.UnmarshalText(b))
		require.Equal(t, d, back)
	}
	require.Error(t, new(Level).UnmarshalText([]byte("bad")))
	require.Error(t, new(Deployer).UnmarshalText([]byte("curtin")))
	_, err := Level(9).MarshalText()
	require.Error(t, err)
	_, err = Deployer(9).MarshalText()
	require.Error(t, err)
	require.Equal(t, "level(9)", Level(9).String())
}

func TestFindingJSON(t *testing.T) {
	b, err := json.Marshal(Finding{Rule: "kernel", Level: Fail, Problem: "none"})
	require.NoError(t, err)
	require.JSONEq(t, `{"rule":"kernel","level":"fail","problem":"none"}`, string(b))
}

// What comes from the image cannot break out of a line, whatever it is.
func TestFindingsArePrintable(t *testing.T) {
	img := parse(t, `
-- etc/os-release [raw] --
"ID=\"x\x1b[31m\"\nPRETTY_NAME='a\u202eb\xffc\\d'\n"
-- usr/lib/modules/6.1\x1b[2J-1-\n/modules.dep --
-- boot/vmlinuz-6.1\x1b[2J-1-\n [fill] --
`)
	report, err := Check(t.Context(), img, Options{})
	require.NoError(t, err)
	all := text(report.Findings)
	require.Contains(t, all, `6.1\x1b[2J-1-\n`)
	require.Contains(t, all, `a\u202eb\xffc\d`)
	sys, err := json.Marshal(report.System)
	require.NoError(t, err)
	for _, out := range [][]byte{[]byte(all), sys} {
		for _, bad := range []string{"\x1b", "\u202e", "\xff"} {
			require.False(t, bytes.Contains(out, []byte(bad)))
		}
	}
	require.Equal(t, len(report.Findings), strings.Count(all, "\n"))
	require.Equal(t, []string{`6.1\x1b[2J-1-\n`}, report.System.Kernels)
	require.Equal(t, "x-x1b-31m", report.System.Tag())
}

// Nothing in an image makes the check hang, panic or leave its bounds.
func TestHostileImages(t *testing.T) {
	names := []string{
		"etc/os-release", "usr/lib/os-release", "etc/redhat-release", "etc/debian_version", "etc",
		"sbin/init", "bin/sh", "curtin", "curtin/finalize", "boot", "boot/vmlinuz-6.1.0-1-x", "boot/initrd.img-6.1.0-1-x",
		"usr/lib/modules", "usr/lib/modules/6.1.0-1-x", "usr/lib/modules/6.1.0-1-x/modules.dep",
		"boot/efi", "boot/efi/EFI", "boot/efi/EFI/debian", "boot/efi/EFI/BOOT/BOOTX64.EFI", "boot/efi/EFI/x/grub.cfg",
		"usr/lib/grub/x86_64-efi/modinfo.sh", "usr/lib/shim", "usr/lib/efi/shim", "usr/lib/efi/shim/1/EFI",
		"usr/bin/cloud-init", "etc/cloud/cloud.cfg", "etc/cloud/cloud.cfg.d", "etc/cloud/cloud.cfg.d/90_x.cfg",
		"etc/cloud/cloud-init.disabled", "etc/systemd/system/cloud-init.service", "etc/systemd/system/cloud-init.target.wants/cloud-init.service",
		"usr/lib/systemd/system-generators/cloud-init-generator", "etc/default/grub", "etc/default/grub.d", "etc/default/grub.d/x.cfg",
		"etc/kernel/cmdline", "boot/loader/entries", "boot/loader/entries/x.conf", "boot/grub/grub.cfg", "boot/grub2/grubenv",
		"usr/lib/grub/i386-pc", "usr/lib/grub/i386-pc/modinfo.sh", "usr/lib/grub/grub-multi-install", "usr/sbin/grub-install", "usr/bin/lsb_release",
		"usr/bin/efibootmgr", "usr/bin/python3", "var/lib/dpkg", "var/lib/dpkg/status", "etc/fstab", "curtin/curtin-hooks",
		"usr/lib/modules/6.1.0-1-x/pkgbase", "usr/share/kernel/x/kernel.release", "boot/extlinux.conf", "etc/init.d/cloud-init",
	}
	shapes := []string{
		" [fifo] --\n", " [char] --\n", " [socket] --\n", " [deny] --\n", " [size=3000000] --\n", " --\n", "/ --\n",
		" -> /nowhere --\n", " -> . --\n", " -> / --\n", " -> /dev/null --\n",
		" [raw] --\n\"\\x00\\x7fELF\\x02\\x01\\xff=\\xfe\\n[[[{{{*a&a!!\"\n",
	}
	for _, name := range names {
		for _, shape := range append(shapes, " -> "+filepath.Base(name)+" --\n") {
			img, opt, _ := fixture(t, "debian12")
			img.add(t, txtar.Parse([]byte("-- "+name+" [gone] --\n-- "+name+shape)))
			report, err := Check(t.Context(), img, opt)
			require.NoError(t, err)
			require.Equal(t, len(report.Findings), strings.Count(text(report.Findings), "\n"))
		}
	}
}
