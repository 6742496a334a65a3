package bootcheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/rootfs"
)

// TestMenuLikeGRUB has 10_linux and grub-mkconfig_lib of Debian 12 and 13 make their menus
// of some /boots.
func TestMenuLikeGRUB(t *testing.T) {
	const v = "vmlinuz-6.1.0-50-amd64"
	many := func(ends string) (names string) { // each test of the older library is some processes
		for end := range strings.FieldsSeq(ends) {
			names += " " + v + end
		}
		return names
	}
	const initrd = " initrd.img-6.1.0-50-amd64 "
	boots := []string{
		v + initrd + many(".bak .orig .old .dpkg-old .dpkg-bak .rpmsave .rpmnew .sig a.old"), v + initrd + strings.TrimSpace(initrd) + ".save" + many(".save .old2 -bak ~ .efi.signed") + " vmlinuz-9/ README",
		v + initrd + many("_bak bak ~bak +x .1 .sig.bak"), v + " vmlinuz-bak-6.1.0-50-amd64 vmlinuz-6.1.0-9-amd64.bak vmlinuz-6.1.0-51-amd64.old vmlinuz-6.1.0-50-rt-amd64 vmlinuz-x-y" + initrd,
		"vmlinuz-6.8-rc1 vmlinuz-6.8 vmlinuz-6.1-amd64 vmlinuz-6.1+a-amd64 vmlinuz-6.2 kernel-6.2", "vmlinuz-6.8.0-git vmlinuz-6.8.0-trunk vmlinuz-6.8.0 vmlinux-6.1 kernel-6.1",
		"vmlinuz-7.1 initrd-7.1.img vmlinuz-7.2 initrd-7.2 vmlinuz-7.3 initramfs-7.3.img vmlinuz-7.4 initrd-7.4.gz vmlinuz-7.5.old initramfs-7.5.img",
	}
	for _, version := range []string{"12", "13"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			debian := realRoot(t, version)
			for _, boot := range boots {
				dir := t.TempDir()
				script, err := os.ReadFile(filepath.Join(debian, "etc/grub.d/10_linux"))
				require.NoError(t, err)
				files := map[string]string{"usr/lib/os-release": "ID=debian\n", "etc/grub.d/10_linux": string(script)}
				for name := range strings.FieldsSeq(boot) {
					if strings.HasSuffix(name, "/") {
						name += "x"
					}
					files["boot/"+name] = "x"
				}
				for name, text := range files {
					require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
				}
				want := realMenu(t, debian, dir)
				var got []string
				for { // the menu without its first, again and again
					root, err := rootfs.Open(dir)
					require.NoError(t, err)
					s, err := newSurvey(rootfs.Follow(root.FS()), Options{})
					require.NoError(t, err)
					first := s.firstOfMenu()
					if first == "" {
						root.Close()
						break
					}
					line := first
					if initramfs := s.menuInitramfs(first); initramfs != "" {
						line += " " + initramfs
					}
					got = append(got, line)
					root.Close()
					require.NoError(t, os.Remove(filepath.Join(dir, first)))
				}
				require.Equal(t, want, got)
			}
		})
	}
}

// TestRulesOfMenus: a copy beside a kernel, of each family whose menu begins with it.
func TestRulesOfMenus(t *testing.T) {
	const rule = "initramfs"
	const v = "boot/vmlinuz-6.1.0-50-amd64"
	const bad = "fail /" + v + ".bak: is the first kernel of the menu that grub-mkconfig makes, and there is no initramfs of that name [move it out of /boot, or name it vmlinuz-VERSION.old, which comes after its kernel and has its initramfs] {uefi bios} => drop /" + v + ".bak"
	kept := func(name string) string { return "-- " + name + " [fill] --\n" }
	for _, c := range []ruleCase{
		{"Debian", rule, deb, kept(v + ".bak"), []string{"ok", bad}},
		{"Debian, hooks", rule, hooks + deb, kept(v + ".bak"), []string{"ok", bad}},
		{"Debian, Eikon", rule, eikon + deb, kept(v + ".bak"), []string{"ok", bad}},
		{"Debian 13", rule, "debian13", kept("boot/vmlinuz-7.0.save"), []string{"ok", "fail /boot/vmlinuz-7.0.save:"}},
		{"Ubuntu", rule, "ubuntu2404", kept("boot/vmlinuz-99-generic.orig"), []string{"ok", "ok", "fail /boot/vmlinuz-99-generic.orig:"}},
		{"SUSE", rule, "sles15", kept("boot/vmlinuz-99-default.bak"), []string{"ok", "fail /boot/vmlinuz-99-default.bak:"}},
		{"Enterprise Linux 7", rule, "centos7", kept("boot/vmlinuz-99.el7.x86_64.bak"), []string{"ok", "fail /boot/vmlinuz-99.el7.x86_64.bak:"}},
		{"boot entries", rule, "rocky9", kept("boot/vmlinuz-99.x86_64.bak"), []string{"ok"}},
		{"a menu of other scripts", rule, "arch", kept("boot/vmlinuz-linux.bak"), []string{"ok"}},
		{"that GRUB knows as old", rule, deb, kept(v + ".old"), []string{"ok"}},
		{"that GRUB leaves out", rule, deb, kept(v + ".dpkg-bak"), []string{"ok"}},
		{"of an older kernel", rule, deb, kept("boot/vmlinuz-5.10.0-1-amd64.bak"), []string{"ok"}},
		{"with an initramfs", rule, deb, kept(v+".bak") + kept("boot/initrd.img-6.1.0-50-amd64.bak"), []string{"ok"}},
		{"another place of the menu", rule, deb, kept(v+".bak") + "-- etc/default/grub --\nGRUB_DEFAULT=\"1>2\"\n", []string{"ok"}},
	} {
		t.Run(c.name, c.run)
	}
}

// TestMenuVerdict: such a copy is in the answer, and --fix does away with it.
func TestMenuVerdict(t *testing.T) {
	img, opt, _ := fixture(t, deb)
	img.add(t, txtar.Parse([]byte("-- boot/vmlinuz-6.1.0-50-amd64.bak [fill] --\n")))
	report, err := Check(t.Context(), img, opt)
	require.NoError(t, err)
	v := report.Verdicts[0]
	require.Equal(t, No, v.Answer)
	require.Equal(t, "the menu begins with vmlinuz-6.1.0-50-amd64.bak, which has no initramfs", v.Why)
	i := slices.IndexFunc(v.Path, func(step Step) bool { return step.Name == stepKernel })
	require.Equal(t, "/boot/vmlinuz-6.1.0-50-amd64.bak", v.Path[i].File)
	fixed(t, img, report)
	report, err = Check(t.Context(), img, opt)
	require.NoError(t, err)
	require.Equal(t, Yes, report.Verdicts[0].Answer)
}

// realMenu returns the kernels of the menu that the 10_linux of dir makes with the library
// of a Debian root, each with its initramfs.
func realMenu(t *testing.T, debian, dir string) (menu []string) {
	const script = `
	lib=$1 dir=$2
	. "$lib/usr/share/grub/grub-mkconfig_lib"
	grub_probe=true
	make_system_path_relative_to_its_root() { echo "${1#"$dir"}"; }
	prepare_grub_to_access_device() { :; }
	eval "$(sed -e 's/^\. .*grub-mkconfig_lib"//' -e "s# /boot/# $dir/boot/#g" -e "s# /vmlinu# $dir/vmlinu#g" -e 's/^machine=.*/machine=x86_64/' "$dir/etc/grub.d/10_linux")"`
	cmd := exec.Command("sh", "-c", script, "sh", debian, dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GRUB_DEVICE=/dev/sda1", "GRUB_DEVICE_UUID=1-2", "GRUB_FS=ext2", "GRUB_DISABLE_RECOVERY=true", "pkgdatadir=" + debian + "/usr/share/grub", "datarootdir=/usr/share"}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(strings.ReplaceAll(line, dir+"/", ""))
		if image, ok := strings.CutPrefix(line, "Found linux image: "); ok {
			menu = append(menu, image)
		} else if initramfs, ok := strings.CutPrefix(line, "Found initrd image: "); ok {
			menu[len(menu)-1] += " " + initramfs
		}
	}
	return menu
}

// realRoot returns the Debian root of a version that make root makes.
func realRoot(t *testing.T, version string) string {
	dir, err := filepath.Abs("../build/debian-" + version)
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(dir, "etc/grub.d/10_linux")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no build/debian-" + version + ": the roots come before the tests")
		}
		t.Skip("no build/debian-" + version + ": make root")
	}
	return dir
}
