package bootcheck

import (
	"bytes"
	elffile "debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/hardware"
)

// Kernels of Debian 12, of which package hardware has the database, reduced.
const (
	full  = "6.1.0-56-amd64"
	cloud = "6.1.0-56-cloud-amd64"
)

// machine returns the target in a fixture of package hardware.
func machine(t testing.TB, name string) *hardware.Target {
	t.Helper()
	found, err := filepath.Glob("hardware/testdata/targets/" + name + ".*")
	require.NoError(t, err)
	require.Len(t, found, 1, name)
	f, err := os.Open(found[0])
	require.NoError(t, err)
	defer f.Close()
	target, err := hardware.ParseTarget(f)
	require.NoError(t, err)
	return target
}

// addKernel installs a kernel with its real database; the modules have the
// firmware that is named for them.
func (img memTree) addKernel(t testing.TB, version string, firmware map[string]string) {
	t.Helper()
	dir := "usr/lib/modules/" + version
	var text strings.Builder
	fmt.Fprintf(&text, "-- boot/vmlinuz-%s [fill] --\n-- boot/initrd.img-%s [initramfs=%s] --\n-- %s/kernel/ --\n", version, version, version, dir)
	img.add(t, txtar.Parse([]byte(text.String())))
	from := "hardware/testdata/" + strings.TrimPrefix(version, "6.1.0-56-")
	found, err := filepath.Glob(from + "/modules.*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(found), 4)
	for _, name := range found {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		img[path.Join(dir, filepath.Base(name))] = &node{mode: 0o644, data: data}
		if filepath.Base(name) != "modules.dep" {
			continue
		}
		for line := range strings.Lines(string(data)) {
			file, _, _ := strings.Cut(line, ":")
			module := strings.TrimSuffix(path.Base(file), ".ko")
			img[path.Join(dir, file)] = &node{mode: 0o644, data: moduleFile(strings.Fields(firmware[module])...)}
			for parent := path.Dir(path.Join(dir, file)); img[parent] == nil; parent = path.Dir(parent) {
				img[parent] = &node{mode: fs.ModeDir | 0o755}
			}
		}
	}
}

// moduleFile makes a module as far as modinfo(8) reads it: an ELF file with a
// .modinfo section.
func moduleFile(firmware ...string) []byte {
	info := "license=GPL\x00"
	for _, f := range firmware {
		info += "firmware=" + f + "\x00"
	}
	const names = "\x00.modinfo\x00.shstrtab\x00"
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	put(elffile.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elffile.ET_REL), Machine: uint16(elffile.EM_X86_64),
		Version: 1, Shoff: 64, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2})
	const content = 64 + 3*64
	put(elffile.Section64{})
	put(elffile.Section64{Name: 1, Type: uint32(elffile.SHT_PROGBITS), Off: content, Size: uint64(len(info))})
	put(elffile.Section64{Name: 10, Type: uint32(elffile.SHT_STRTAB), Off: content + uint64(len(info)), Size: uint64(len(names))})
	b.WriteString(info + names)
	return b.Bytes()
}

// initrd is an initramfs of a kernel with these modules, as a file of a fixture:
// the usual ones are in any that the fixtures make.
func initrd(version string, modules ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- boot/initrd.img-%s [initramfs=%s] --\n", version, version)
	for _, m := range modules {
		fmt.Fprintf(&b, "usr/lib/modules/%s/kernel/%s.ko: x\n", version, m)
	}
	return b.String()
}

// lines of one rule, without its name.
func ruleLines(t testing.TB, img memTree, opt Options, rule string) []string {
	t.Helper()
	report, err := Check(t.Context(), img, opt)
	require.NoError(t, err)
	var got []string
	for _, f := range report.Findings {
		if f.Rule == rule {
			line := strings.Join(strings.Fields(text([]Finding{f})), " ")
			got = append(got, strings.Replace(line, " "+rule, "", 1))
		}
	}
	return got
}

// Where the text names the machine's devices.
const (
	perc   = "the machine's storage device 1000:0016 (of 1028:1fcb), pci:v00001000d00000016sv00001028sd00001FCBbc01sc04i00"
	modDir = "/usr/lib/modules/"
	more   = " [install linux-image-amd64 in place of linux-image-cloud-amd64]"
)

func TestTargetDrivers(t *testing.T) {
	const conf = "-- etc/modprobe.d/x.conf --\n"
	raid := "pci:v00001000d00000016sv00001028sd00001FCBbc01sc04i00\n"
	nic := "pci:v00008086d00001572sv00001028sd00001F9Cbc02sc00i00\n"
	both := raid + nic
	driven := "ok " + modDir + full + ": kernel " + full + " drives the machine's storage (megaraid_sas) and network (i40e)"
	i40e := "the machine's network device 8086:1572 (of 1028:1f9c), pci:v00008086d00001572sv00001028sd00001F9Cbc02sc00i00"

	for _, c := range []struct {
		name, kernels, target, edit string
		want                        []string
	}{
		{"drives all", full, both, "", []string{driven}},
		{"nothing for it", cloud, both, "", []string{
			"fail " + modDir + cloud + ": kernel " + cloud + " has no driver for " + perc + more + " {uefi bios}",
			"fail " + modDir + cloud + ": kernel " + cloud + " has no driver for " + i40e + more}},
		{"one of two kernels", full + " " + cloud, both, "", []string{driven,
			"fail " + modDir + cloud + ": kernel " + cloud + " has no driver for " + perc + "; another kernel drives it, and the clone starts this one" + more,
			"fail " + modDir + cloud + ": kernel " + cloud + " has no driver for " + i40e + "; another kernel drives it, and the clone starts this one" + more}},
		{"some of it", cloud, "pci:v000015B3d00001017sv00001590sd00000246bc02sc00i00\n" + raid, "", []string{
			"fail " + modDir + cloud + ": kernel " + cloud + " has no driver for " + perc + more + " {uefi bios}",
			"info " + modDir + cloud + ": kernel " + cloud + " drives of the machine only: network (mlx5_core)"}},
		{"no kernel", "", both, "-- usr/lib/modules [gone] --\n", []string{"info: not checked: there is no kernel"}},
		{"no storage known", full, nic, "", []string{"info: nothing is known of the machine's storage",
			"ok " + modDir + full + ": kernel " + full + " drives the machine's network (i40e)"}},
		{"nothing known", full, "platform:x\n", "", []string{"info: nothing is known of the machine's storage", "info: nothing is known of the machine's network"}},

		// built in
		{"built in", cloud, "pci:v00008086d00000A54sv00008086sd00004702bc01sc08i02\nvirtio:d00000001v00001AF4\n", "", []string{
			"ok " + modDir + cloud + ": kernel " + cloud + " drives the machine's storage (nvme) and network (virtio_net)"}},
		{"perhaps built in", cloud, raid + nic, "-- " + modDir[1:] + cloud + "/modules.builtin --\nkernel/drivers/scsi/aacraid/aacraid.ko\n", []string{
			"warn " + modDir + cloud + ": kernel " + cloud + " has no driver for " + perc + ", unless one that is built in serves it: aacraid" + more,
			"fail " + modDir + cloud + ": kernel " + cloud + " has no driver for " + i40e}},

		// kept out
		{"blacklisted", full, both, conf + "blacklist megaraid-sas\nblacklist i40e\n", []string{
			"fail /etc/modprobe.d/x.conf: module megaraid_sas is blacklisted, and drives " + perc + " [take that out of /etc/modprobe.d/x.conf] {uefi bios}",
			"fail /etc/modprobe.d/x.conf: module i40e is blacklisted, and drives " + i40e + " [take that out of /etc/modprobe.d/x.conf]"}},
		{"install", full, both, conf + "install megaraid_sas /bin/true\n", []string{
			"fail /etc/modprobe.d/x.conf: module megaraid_sas is kept from loading by an install command, and drives " + perc,
			"info " + modDir + full + ": kernel " + full + " drives of the machine only: network (i40e)"}},
		{"blacklisted for the kernel", full, both, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"quiet module_blacklist=megaraid_sas,x\"\n", []string{
			"fail /etc/default/grub: module megaraid_sas is forbidden by module_blacklist=, and drives " + perc, "info"}},
		{"blacklisted for dracut", full, both, "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=rd.driver.blacklist=i40e\n", []string{
			"fail /etc/default/grub: module i40e is blacklisted, and drives " + i40e, "info"}},
		{"blacklist of a need", full, both, conf + "blacklist scsi_mod\n", []string{driven}},
		{"install of a need", full, both, conf + "install scsi_mod /bin/false\n", []string{
			"fail /etc/modprobe.d/x.conf: module scsi_mod is kept from loading by an install command; megaraid_sas needs it to drive " + perc, "info"}},
		{"alias of modprobe.d", full, both, conf + "alias pci:v00001000d* mpt3sas\n", []string{
			"ok " + modDir + full + ": kernel " + full + " drives the machine's storage (mpt3sas) and network (i40e)"}},
		{"unreadable configuration", full, both, "-- etc/modprobe.d/x.conf [deny] --\n", []string{driven, "warn /etc/modprobe.d/x.conf: cannot be read: permission denied"}},

		// files
		{"module is gone", full, both, "-- " + modDir[1:] + full + "/kernel/drivers/scsi/megaraid [gone] --\n", []string{
			"fail " + modDir + full + "/kernel/drivers/scsi/megaraid/megaraid_sas.ko: module megaraid_sas is missing in spite of modules.dep; it is for " + perc +
				" [install kernel " + full + " again] {uefi bios}", "info"}},
		{"need is gone", full, both, "-- " + modDir[1:] + full + "/kernel/drivers/scsi/scsi_mod.ko --\n", []string{
			"fail " + modDir + full + "/kernel/drivers/scsi/scsi_mod.ko: module scsi_mod is missing in spite of modules.dep", "info"}},
		{"no aliases", full, both, "-- " + modDir[1:] + full + "/modules.alias [gone] --\n", []string{"warn " + modDir + full + "/modules.alias: cannot be read"}},
		{"indexes only", full, both, "-- " + modDir[1:] + full + "/modules.alias [gone] --\n-- " + modDir[1:] + full + "/modules.alias.bin [fill] --\n",
			[]string{"warn " + modDir + full + ": cannot be judged: modules: there is no modules.alias, and modules.alias.bin is not read"}},

		// initramfs
		{"disk not in the initramfs", full, "pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00\n" + nic, "", []string{
			"fail /boot/initrd.img-" + full + ": module vmw_pvscsi is not in it, and drives the machine's storage device 15ad:07c0 (of 15ad:07c0), " +
				"pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00 [update-initramfs -c -k " + full + "] {uefi bios}", "info"}},
		{"disk in the initramfs", full, "pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00\n" + nic, initrd(full, "vmw_pvscsi"), []string{"ok"}},
		{"network is not wanted there", full, both, initrd(full), []string{driven}},
		{"USB is not wanted there", full, nic + raid + "usb:v0781p5567d0126dc00dsc00dp00ic08isc06ip50in00\n", "", []string{
			"ok " + modDir + full + ": kernel " + full + " drives the machine's storage (megaraid_sas, usb_storage) and network (i40e)"}},
		{"broken initramfs", full, "pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00\n" + nic, "-- boot/initrd.img-" + full + " [fill] --\n", []string{"ok"}},

		// what is minor
		{"wireless", full, both + "pci:v00008086d00002723sv00000000sd00000000bc02sc80i00\n", "", []string{
			"warn " + modDir + full + ": kernel " + full + " has no driver for the machine's network device 8086:2723", "info"}},

		// by the driver's name
		{"by driver", full, `{"Networking":{"Interfaces":[{"Driver":"bnxt_en","Sys":{"IsPhysical":true}},{"Driver":"hns3","Sys":{"IsPhysical":true}}]}}`, "", []string{
			"info: nothing is known of the machine's storage",
			"fail " + modDir + full + ": kernel " + full + " has no driver for the machine's network device that hns3 drives",
			"info " + modDir + full + ": kernel " + full + " drives of the machine only: network (bnxt_en)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := debian(t)
			for _, version := range strings.Fields(c.kernels) {
				img.addKernel(t, version, nil)
			}
			img.add(t, txtar.Parse([]byte(c.edit)))
			target, err := hardware.ParseTarget(strings.NewReader(c.target))
			require.NoError(t, err)
			require.Equal(t, []string{"info: not judged by what is common: the machine is known, see target-drivers"},
				ruleLines(t, img, Options{Target: target}, "drivers"))
			got := ruleLines(t, img, Options{Target: target}, "target-drivers")
			require.Len(t, got, len(c.want), "%s", strings.Join(got, "\n"))
			for i := range got {
				require.True(t, strings.HasPrefix(got[i], c.want[i]), "got  %s\nwant %s", got[i], c.want[i])
			}
		})
	}
}

// debian is the fixture of Debian 12 without its kernel.
func debian(t testing.TB) memTree {
	t.Helper()
	img, _, _ := fixture(t, "debian12")
	img.add(t, txtar.Parse([]byte("-- usr/lib/modules [gone] --\n-- boot [gone] --\n")))
	return img
}

// TestTargetMachines: which of two kernels starts which real machine.
func TestTargetMachines(t *testing.T) {
	early := []string{"vmd", "sd_mod", "virtio_pci", "qla2xxx", "vmw_pvscsi", "hv_storvsc", "xen_blkfront", "ata_piix"}
	for name, want := range map[string][2]bool{ // by the full kernel, by the cloud's
		"dell-r740": {true, false}, "hpe-dl380gen10": {true, false}, "mellanox-infiniband": {true, false}, "gohai": {true, false},
		"kvm-virtio": {true, true}, "vmware": {true, false}, "hyperv": {true, true}, "xen": {true, true}, "aws-nitro": {true, true},
	} {
		for i, version := range []string{full, cloud} {
			img := debian(t)
			img.addKernel(t, version, nil)
			img.add(t, txtar.Parse([]byte(initrd(version, early...))))
			report, err := Check(t.Context(), img, Options{Target: machine(t, name)})
			require.NoError(t, err)
			works := true
			for _, f := range report.Findings {
				works = works && (f.Rule != "target-drivers" || f.Level < Fail)
			}
			require.Equal(t, want[i], works, "%s %s\n%s", name, version, strings.Join(ruleLines(t, img, Options{Target: machine(t, name)}, "target-drivers"), "\n"))
		}
	}
}

func TestTargetFirmware(t *testing.T) {
	const (
		qla    = "pci:v00001077d00002261sv00001590sd000000F9bc0Csc04i00\n"
		bnxt   = "pci:v000014E4d000016D7sv00001590sd0000020Ebc02sc00i00\n"
		tg3    = "pci:v000014E4d0000165Fsv00001028sd00000912bc02sc00i00\n"
		rtl    = "pci:v000010ECd00008168sv00001028sd00000912bc02sc00i00\n"
		qlaIn  = "usr/lib/firmware/ql2500_fw.bin: x\n"
		qlaKo  = modDir + full + "/kernel/drivers/scsi/qla2xxx/qla2xxx.ko"
		device = "the machine's storage device 1077:2261 (of 1590:00f9), " + "pci:v00001077d00002261sv00001590sd000000F9bc0Csc04i00"
	)
	wants := map[string]string{"qla2xxx": "ql2400_fw.bin ql2500_fw.bin", "tg3": "tigon/tg3.bin"}
	early := initrd(full, "qla2xxx")
	for _, c := range []struct {
		name, target, edit string
		want               []string
	}{
		{"none wanted", bnxt, "", []string{"info: nothing", "ok"}},
		{"none there", qla, early, []string{"info: nothing",
			"warn " + qlaKo + ": may ask for firmware (ql2400_fw.bin, ql2500_fw.bin), of which there is none; it drives " + device + " [install firmware-qlogic]", "ok"}},
		{"in both", qla, early + qlaIn + "-- usr/lib/firmware/ql2500_fw.bin [fill] --\n", []string{"info: nothing", "ok"}},
		{"packed", qla, early + qlaIn + "-- usr/lib/firmware/updates/ql2500_fw.bin.zst [fill] --\n", []string{"info: nothing", "ok"}},
		{"not in the initramfs", qla, early + "-- usr/lib/firmware/ql2500_fw.bin [fill] --\n", []string{"info: nothing",
			"warn /boot/initrd.img-" + full + ": has module qla2xxx, and not the firmware that it may ask for (ql2500_fw.bin) [update-initramfs", "ok"}},
		{"of old hardware only", tg3, "", []string{"info: nothing", "info " + modDir + full + "/kernel/drivers/net/ethernet/broadcom/tg3.ko: may ask for firmware (tigon/tg3.bin)", "ok"}},
		{"unreadable module", bnxt, "-- " + modDir[1:] + full + "/kernel/drivers/net/ethernet/broadcom/bnxt/bnxt_en.ko [fill] --\n", []string{"info: nothing",
			"info " + modDir + full + "/kernel/drivers/net/ethernet/broadcom/bnxt/bnxt_en.ko: it is not known which firmware it asks for: firmware of module bnxt_en: ", "ok"}},
		{"soft dependency", rtl, "", []string{"info: nothing", "ok"}},
		{"soft dependency is missing", rtl, "-- " + modDir[1:] + full + "/modules.dep --\nkernel/drivers/net/ethernet/realtek/r8169.ko:\n", []string{"info: nothing",
			"warn " + modDir + full + "/kernel/drivers/net/ethernet/realtek/r8169.ko: asks for module realtek, which kernel " + full + " does not have", "ok"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := debian(t)
			img.addKernel(t, full, wants)
			img.add(t, txtar.Parse([]byte(c.edit)))
			target, err := hardware.ParseTarget(strings.NewReader(c.target))
			require.NoError(t, err)
			got := ruleLines(t, img, Options{Target: target}, "target-drivers")
			require.Len(t, got, len(c.want), "%s", strings.Join(got, "\n"))
			for i := range got {
				require.True(t, strings.HasPrefix(got[i], c.want[i]), "got  %s\nwant %s", got[i], c.want[i])
			}
		})
	}
}

func TestFirmwarePackage(t *testing.T) {
	for _, c := range []struct{ id, name, want string }{
		{"debian", "bnx2x/bnx2x-e2-7.13.21.0.fw", "install firmware-bnx2x"}, {"debian", "bnx2/bnx2-mips-09-6.2.1b.fw", "install firmware-bnx2"},
		{"debian", "ql2500_fw.bin", "install firmware-qlogic"}, {"debian", "intel/ice/ddp/ice.pkg", "install firmware-misc-nonfree"},
		{"ubuntu", "ql2500_fw.bin", "install linux-firmware"}, {"rhel", "x", "install linux-firmware"},
		{"sles", "x", "install kernel-firmware-all"}, {"void", "x", ""},
	} {
		s := survey{system: System{OS: Release{ID: c.id}}}
		require.Equal(t, c.want, s.firmwarePackage(c.name), "%s %s", c.id, c.name)
	}
}

// TestDrivers: the common drivers, without a target.
func TestDrivers(t *testing.T) {
	const dir = modDir + full
	for _, c := range []struct {
		name, kernels, edit string
		want                []string
	}{
		{"both kernels", full + " " + cloud, "", []string{
			"ok " + dir + ": kernel " + full + " has the drivers for the disks of physical servers",
			"ok " + dir + ": kernel " + full + " has the drivers for the network of physical servers",
			"ok " + dir + ": kernel " + full + " has the drivers for virtual machines (virtio)",
			"warn " + modDir + cloud + ": kernel " + cloud + " lacks most of the drivers for the disks of physical servers: no ahci, megaraid_sas, mpt3sas, smartpqi, hpsa" + more,
			"warn " + modDir + cloud + ": kernel " + cloud + " lacks most of the drivers for the network of physical servers: no ixgbe, i40e, ice, bnxt_en, tg3" + more,
			"ok " + modDir + cloud + ": kernel " + cloud + " has the drivers for virtual machines (virtio)"}},
		{"few are missing", full, "-- " + dir[1:] + "/modules.dep [drivers=.ko.xz] --\n", []string{"ok", "ok", "ok"}},
		{"one is missing", full, "-- " + dir[1:] + "/modules.dep --\nkernel/ahci.ko.xz:\nkernel/nvme.ko:\nkernel/megaraid-sas.ko.zst:\nx/mpt3sas.ko:\nx/smartpqi.ko:\n" +
			"x/virtio-net.ko:\n-- " + dir[1:] + "/modules.builtin --\nkernel/virtio_blk.ko\nkernel/virtio_scsi.ko\n", []string{
			"info " + dir + ": kernel " + full + " lacks some of the drivers for the disks of physical servers: no hpsa",
			"warn " + dir + ": kernel " + full + " has none of the drivers for the network of physical servers: no ixgbe, i40e, ice, bnxt_en, mlx5_core, tg3 [install a newer kernel",
			"ok"}},
		{"no kernel", "", "", []string{"info: not checked: there is no kernel"}},
		{"blacklisted", full, "-- etc/modprobe.d/x.conf --\nblacklist nvme\n-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"modprobe.blacklist=virtio_net\"\n", []string{
			"warn /etc/modprobe.d/x.conf: module nvme is blacklisted, and drives the disks of physical servers", "ok",
			"warn /etc/default/grub: module virtio_net is blacklisted, and drives virtual machines (virtio)"}},
		{"blacklisted within another word", full, "-- etc/kernel/cmdline --\ndyndbg=\"file a.c +p; modprobe.blacklist=nvme +p\" 'modprobe.blacklist=ahci,virtio_net'\n", []string{
			"warn /etc/kernel/cmdline: module ahci is blacklisted, and drives the disks of physical servers", "ok",
			"warn /etc/kernel/cmdline: module virtio_net is blacklisted, and drives virtual machines (virtio)"}},
		{"another architecture", full, "-- usr/lib/systemd/systemd [elfbe=22] --\n", []string{"info: not checked: it is not known which drivers"}},
		{"unreadable", full, "-- " + dir[1:] + "/modules.builtin [deny] --\n", []string{"warn " + dir + "/modules.builtin: cannot be read: permission denied"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := debian(t)
			for _, version := range strings.Fields(c.kernels) {
				img.addKernel(t, version, nil)
			}
			img.add(t, txtar.Parse([]byte(c.edit)))
			got := ruleLines(t, img, Options{}, "drivers")
			require.Len(t, got, len(c.want), "%s", strings.Join(got, "\n"))
			for i := range got {
				require.True(t, strings.HasPrefix(got[i], c.want[i]), "got  %s\nwant %s", got[i], c.want[i])
			}
		})
	}
}

func TestMoreDrivers(t *testing.T) {
	for _, c := range []struct{ id, arch, version, want string }{
		{"debian", "x86_64", "6.1.0-56-cloud-amd64", "install linux-image-amd64 in place of linux-image-cloud-amd64"},
		{"debian", "aarch64", "6.1.0-56-cloud-arm64", "install linux-image-arm64 in place of linux-image-cloud-arm64"},
		{"debian", "x86_64", "6.1.0-56-amd64", "install a newer kernel, or the driver as a DKMS package"},
		{"ubuntu", "x86_64", "6.8.0-60-generic", "install linux-modules-extra-6.8.0-60-generic, or linux-image-generic"},
		{"rhel", "x86_64", "5.14.0-503.el9.x86_64", "install kernel-modules-5.14.0-503.el9.x86_64 and kernel-modules-extra-5.14.0-503.el9.x86_64"},
		{"centos", "x86_64", "3.10.0-1160.el7.x86_64", ""},
		{"sles", "x86_64", "6.4.0-150600.21-default", "install kernel-default in place of kernel-default-base"},
		{"void", "x86_64", "6.1", ""},
	} {
		s := survey{system: System{OS: Release{ID: c.id}, Arch: c.arch}}
		require.Equal(t, c.want, s.moreDrivers(kernel{version: c.version}), "%s", c.version)
	}
}
