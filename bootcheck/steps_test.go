package bootcheck

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestCompareVersions: GRUB's menu is sorted by "sort -V", which is the oracle.
func TestCompareVersions(t *testing.T) {
	list := strings.Fields(`6.1.0-50-amd64 6.1.0-9-amd64 6.1.0-50-cloud-amd64 6.1.0-50-rt-amd64 5.14.0-427.el9.x86_64 5.14.0-427.13.1.el9_4.x86_64 5.14.0-70.el9.x86_64
		4.18.0-553.el8_10.x86_64 6.8.0-60-generic 6.8.0-59-generic 6.8.0-060800rc1-generic 6.8~rc1 6.8 6.8.1 6.08 linux linux-lts 6.4.0-150600.21-default 6.4.0-150600.23.47-default 10.0 9.9 a1 a01b`)
	slices.SortStableFunc(list, compareVersions)
	cmd := exec.Command("sort", "-s", "-V")
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdin = strings.NewReader(strings.Join(list, "\n") + "\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, strings.Fields(string(out)), list)
}

// TestPath: the answer follows what the clone reads, and not what else is in the image.
func TestPath(t *testing.T) {
	const (
		older   = "-- boot/vmlinuz-5.10.0-1-amd64 [fill] --\n-- usr/lib/modules/5.10.0-1-amd64/modules.dep [fill] --\n"
		newer   = "-- boot/vmlinuz-6.12.0-1-amd64 [fill] --\n-- usr/lib/modules/6.12.0-1-amd64/modules.dep [fill] --\n"
		oldFile = "-- boot/initrd.img-5.10.0-1-amd64 "
		newFile = "-- boot/initrd.img-6.12.0-1-amd64 "
		last    = "-- etc/default/grub --\nGRUB_DEFAULT=2\n"
		wrong   = "[initramfs=1.0] --\n"
	)
	for _, c := range []struct {
		name, on, edit string
		answer         Answer
		step, why      string // of the first step that does not go on
	}{
		{"whole", deb, "", Yes, "", ""},
		{"an older kernel without an initramfs", deb, older, Yes, "", ""},
		{"an older kernel with a broken initramfs", deb, older + oldFile + wrong, Yes, "", ""},
		{"an older kernel with an empty initramfs", deb, older + oldFile + "--\n", Yes, "", ""},
		{"a newer kernel without an initramfs", deb, newer, No, stepInitramfs, "kernel 6.12.0-1-amd64 has no initramfs, and the clone starts..."},
		{"a newer kernel without an initramfs, hooks", hooks + deb, newer, Yes, "", ""},
		{"a newer kernel with a broken initramfs", deb, newer + newFile + wrong, No, stepInitramfs, "/boot/initrd.img-6.12.0-1-amd64 has no modules of kernel 6.1..."},
		{"a newer kernel with an empty initramfs", deb, newer + newFile + "--\n", No, stepInitramfs, "/boot/initrd.img-6.12.0-1-amd64 is empty or leads nowhere"},
		{"a newer kernel without its list of modules", deb, "-- boot/vmlinuz-6.12.0-1-amd64 [fill] --\n-- usr/lib/modules/6.12.0-1-amd64/kernel/x.ko [fill] --\n", No, stepKernel, "/usr/lib/modules/6.12.0-1-amd64 has no modules.dep"},
		{"it is not known which kernel", deb, newer + last, Yes, "", ""},
		{"it is not known which kernel, one broken", deb, older + oldFile + wrong + last, No, stepInitramfs, "/boot/initrd.img-5.10.0-1-amd64 has no modules of kernel 5.1..."},
		{"the loader comes before the kernel", bios + deb, newer + "-- usr/lib/grub/i386-pc [gone] --\n", No, stepFirmware, "no BIOS boot loader, and 1 more"},
		{"of the RHEL family the remembered one", "rhel9", "-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=true\nGRUB_DEFAULT=saved\n-- boot/loader/entries [gone] --\n-- boot/loader/entries/a.conf --\nlinux /vmlinuz-5.14.0-427.el9.x86_64\n-- boot/loader/entries/b.conf --\nlinux /vmlinuz-6.0\n-- boot/grub2/grubenv --\nsaved_entry=a\n-- boot/vmlinuz-6.0 [fill] --\n-- usr/lib/modules/6.0/modules.dep --\n", Yes, "", ""},
		{"of the RHEL family the last by name", "rhel9", "-- etc/default/grub --\nGRUB_ENABLE_BLSCFG=true\n-- boot/loader/entries [gone] --\n-- boot/loader/entries/a.conf --\nlinux /vmlinuz-5.14.0-427.el9.x86_64\n-- boot/loader/entries/b.conf --\nlinux /vmlinuz-6.0\n-- boot/vmlinuz-6.0 [fill] --\n-- usr/lib/modules/6.0/modules.dep --\n", No, stepInitramfs, "kernel 6.0 has no initramfs, and the clone starts this one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			words := strings.Fields(c.on)
			img, opt, _ := fixture(t, words[len(words)-1])
			at := 0
			if words[0]+" " == hooks {
				addHooks(img)
			}
			if words[0]+" " == bios {
				at = 1
			}
			img.add(t, txtar.Parse([]byte(c.edit)))
			report, err := Check(t.Context(), img, opt)
			require.NoError(t, err)
			v := report.Verdicts[at]
			require.Equal(t, c.answer, v.Answer, v.Why)
			require.Equal(t, steps, namesOf(v.Path))
			i := slices.IndexFunc(v.Path, func(step Step) bool { return step.Answer != Yes })
			if c.step == "" {
				require.Negative(t, i)
				return
			}
			require.Equal(t, c.step, v.Path[i].Name)
			require.Equal(t, c.why, v.Why)
		})
	}
}

func namesOf(list []Step) (names []string) {
	for _, step := range list {
		names = append(names, step.Name)
	}
	return names
}
