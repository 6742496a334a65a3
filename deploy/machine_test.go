package deploy

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine is what the hooks find: see testdata/machine.sh.
type machine struct {
	t        *testing.T
	dir      string
	nodes    []string
	links    []string // NAME TARGET in /dev
	mounts   []string // DIR DEVICE SUBDIR
	blkid    []string // DEVICE TAG VALUE
	fstab    []string // curtin's
	cmdline  string
	env      map[string]string
	firmware string
}

const (
	uuidRoot = "aaaaaaaa-0000-4000-8000-000000000001"
	uuidBoot = "aaaaaaaa-0000-4000-8000-000000000002"
	uuidESP  = "AAAA-0003"
	uuidSwap = "aaaaaaaa-0000-4000-8000-000000000004"
	uuidLUKS = "aaaaaaaa-0000-4000-8000-000000000005"
	espGUID  = "eeeeeeee-0000-4000-8000-000000000001"
	// biosBoot is the GPT type of a BIOS boot partition, see the GRUB manual.
	biosBoot = "21686148-6449-6e6f-744e-656564454649"
)

// needRoot skips where there are no mount namespaces; in CI that is a failure.
func needRoot(t *testing.T) {
	t.Helper()
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no mount namespaces: %v", err)
		}
		t.Skipf("no mount namespaces: %v", err)
	}
}

func newMachine(t *testing.T, firmware string) *machine {
	m := &machine{t: t, dir: t.TempDir(), firmware: firmware, env: map[string]string{},
		cmdline: "BOOT_IMAGE=vmlinuz0 root=/sledgehammer.iso console=tty0 console=ttyS1,115200 provisioner.web=http://192.0.2.1:8091 BOOTIF=01-52-54-00-00-00-01\n"}
	for _, d := range []string{"sys/class/block", "sys/firmware", "sys/fs/btrfs", "run", "state"} {
		m.mkdir(d)
	}
	if firmware == "uefi" {
		m.mkdir("sys/firmware/efi/efivars")
		m.write("sys/firmware/efi/fw_platform_size", "64\n")
	}
	m.write("run/calls", "")
	// The network, the firmware's setup, an entry of the system that was on this disk
	// before, and one of a system on another disk.
	m.write("run/nvram", "0003,0001,0002,0004\n"+
		"Boot0001* debian\tHD(1,GPT,dddddddd-0000-4000-8000-000000000001,0x800,0x100000)/File(\\EFI\\debian\\shimx64.efi)\n"+
		"Boot0002* debian\tHD(1,GPT,cccccccc-0000-4000-8000-000000000001,0x800,0x100000)/File(\\EFI\\debian\\shimx64.efi)\n"+
		"Boot0003* UEFI PXEv4 (MAC:525400000001)\tPciRoot(0x0)/Pci(0x3,0x0)/MAC(525400000001,1)\n"+
		"Boot0004* UiApp\tFvFile(462caa21-7614-4503-836e-8ab6f4662331)\n")
	m.write("run/esp-guid", espGUID)
	m.nodes = append(m.nodes, "sdz1")
	m.links = append(m.links, "disk/by-partuuid/cccccccc-0000-4000-8000-000000000001 ../../sdz1")
	return m
}

func (m *machine) mkdir(name string) {
	require.NoError(m.t, os.MkdirAll(filepath.Join(m.dir, name), 0o755))
}

func (m *machine) write(name, text string) {
	m.mkdir(filepath.Dir(name))
	require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o644))
}

func (m *machine) link(name, to string) {
	m.mkdir(filepath.Dir(name))
	require.NoError(m.t, os.Symlink(to, filepath.Join(m.dir, name)))
}

// disk makes a disk with a partition table: "gpt" or "dos".
func (m *machine) disk(name, table string) {
	m.mkdir("sys/devices/pci/block/" + name + "/slaves")
	m.link("sys/class/block/"+name, "../../devices/pci/block/"+name)
	m.nodes = append(m.nodes, name)
	m.links = append(m.links, "disk/by-id/ata-"+name+" ../../"+name)
	m.tag(name, "PTTYPE", table)
}

func (m *machine) partition(disk string, n int, tags ...string) {
	name := fmt.Sprintf("%s%d", disk, n)
	if strings.HasPrefix(disk, "nvme") {
		name = fmt.Sprintf("%sp%d", disk, n)
	}
	dir := "sys/devices/pci/block/" + disk + "/" + name
	m.mkdir(dir + "/slaves")
	m.write(dir+"/partition", fmt.Sprintln(n))
	m.link("sys/class/block/"+name, "../../devices/pci/block/"+disk+"/"+name)
	m.nodes = append(m.nodes, name)
	m.tag(name, tags...)
}

// virtual makes a device of dm or md on others.
func (m *machine) virtual(name, dmName, dmUUID string, slaves []string, tags ...string) {
	dir := "sys/devices/virtual/block/" + name
	m.mkdir(dir + "/slaves")
	m.link("sys/class/block/"+name, "../../devices/virtual/block/"+name)
	m.nodes = append(m.nodes, name)
	for _, s := range slaves {
		m.link(dir+"/slaves/"+s, "../../../../../class/block/"+s)
	}
	if dmName == "" {
		m.write(dir+"/md/metadata_version", "1.2\n")
	} else {
		m.write(dir+"/dm/name", dmName+"\n")
		m.write(dir+"/dm/uuid", dmUUID+"\n")
		m.links = append(m.links, "mapper/"+dmName+" ../"+name)
	}
	m.tag(name, tags...)
}

// tag says what blkid knows: TAG, VALUE, ...
func (m *machine) tag(name string, tags ...string) {
	for i := 0; i+1 < len(tags); i += 2 {
		m.blkid = append(m.blkid, "/dev/"+name+" "+tags[i]+" "+tags[i+1])
		if link := "disk/by-uuid/" + tags[i+1] + " ../../"; tags[i] == "UUID" && !slices.ContainsFunc(m.links, func(l string) bool { return strings.HasPrefix(l, link) }) {
			m.links = append(m.links, link+name)
		}
	}
}

// mount mounts a device below the target, and in curtin's fstab.
func (m *machine) mount(dir, device, typ, uuid, sub string) {
	m.mounts = append(m.mounts, dir+" "+device+" "+sub)
	opts := "defaults"
	if sub != "" {
		opts = "subvol=" + sub
	}
	m.fstab = append(m.fstab, fmt.Sprintf("/dev/disk/by-uuid/%s %s %s %s 0 1", uuid, dir, typ, opts))
}

// layouts are the disks that images are deployed to. Each has what both firmwares need.
var layouts = map[string]func(m *machine){
	"mbr": func(m *machine) {
		m.disk("sda", "dos")
		m.partition("sda", 1, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
		m.partition("sda", 2, "TYPE", "ext4", "UUID", uuidRoot)
		m.mount("/", "/dev/sda2", "ext4", uuidRoot, "")
		m.mountESP("/dev/sda1")
	},
	"simple": func(m *machine) {
		m.disk("sda", "gpt")
		m.bios("sda")
		m.partition("sda", 2, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
		m.partition("sda", 3, "TYPE", "ext4", "UUID", uuidRoot)
		m.mount("/", "/dev/sda3", "ext4", uuidRoot, "")
		m.mountESP("/dev/sda2")
	},
	"boot": func(m *machine) { // xfs, /boot of its own, swap
		m.disk("nvme0n1", "gpt")
		m.bios("nvme0n1")
		m.partition("nvme0n1", 2, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
		m.partition("nvme0n1", 3, "TYPE", "ext4", "UUID", uuidBoot)
		m.partition("nvme0n1", 4, "TYPE", "swap", "UUID", uuidSwap)
		m.partition("nvme0n1", 5, "TYPE", "xfs", "UUID", uuidRoot)
		m.mount("/", "/dev/nvme0n1p5", "xfs", uuidRoot, "")
		m.mount("/boot", "/dev/nvme0n1p3", "ext4", uuidBoot, "")
		m.mountESP("/dev/nvme0n1p2")
	},
	"lvm": func(m *machine) {
		m.disk("sda", "gpt")
		m.bios("sda")
		m.partition("sda", 2, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
		m.partition("sda", 3, "TYPE", "ext4", "UUID", uuidBoot)
		m.partition("sda", 4, "TYPE", "LVM2_member")
		m.virtual("dm-0", "my--vg-root", "LVM-abc", []string{"sda4"}, "TYPE", "ext4", "UUID", uuidRoot)
		m.virtual("dm-1", "my--vg-swap", "LVM-def", []string{"sda4"}, "TYPE", "swap", "UUID", uuidSwap)
		// As curtin names a volume.
		m.links = append(m.links, "disk/by-id/dm-uuid-LVM-def ../../dm-1")
		m.fstab = append(m.fstab, "/dev/disk/by-id/dm-uuid-LVM-def none swap sw 0 0")
		m.mount("/", "/dev/mapper/my--vg-root", "ext4", uuidRoot, "")
		m.mount("/boot", "/dev/sda3", "ext4", uuidBoot, "")
		m.mountESP("/dev/sda2")
	},
	"md": func(m *machine) {
		for _, d := range []string{"sda", "sdb"} {
			m.disk(d, "gpt")
			m.bios(d)
			m.partition(d, 2, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
			m.partition(d, 3, "TYPE", "linux_raid_member")
		}
		m.virtual("md0", "", "", []string{"sda3", "sdb3"}, "TYPE", "ext4", "UUID", uuidRoot)
		m.mount("/", "/dev/md0", "ext4", uuidRoot, "")
		m.mountESP("/dev/sda2")
		m.write("state/mdadm.conf", "ARRAY /dev/md0 metadata=1.2 UUID=11111111:22222222:33333333:44444444\n")
	},
	"btrfs": func(m *machine) { // on two disks
		m.disk("sda", "gpt")
		m.bios("sda")
		m.partition("sda", 2, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
		m.partition("sda", 3, "TYPE", "btrfs", "UUID", uuidRoot)
		m.disk("sdb", "gpt")
		m.partition("sdb", 1, "TYPE", "btrfs", "UUID", uuidRoot)
		m.link("sys/fs/btrfs/"+uuidRoot+"/devices/sda3", "../../../../class/block/sda3")
		m.link("sys/fs/btrfs/"+uuidRoot+"/devices/sdb1", "../../../../class/block/sdb1")
		m.mount("/", "/dev/sda3", "btrfs", uuidRoot, "@")
		m.mount("/home", "/dev/sda3", "btrfs", uuidRoot, "@home")
		m.mountESP("/dev/sda2")
	},
	"luks": func(m *machine) {
		m.disk("sda", "gpt")
		m.bios("sda")
		m.partition("sda", 2, "TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID)
		m.partition("sda", 3, "TYPE", "ext4", "UUID", uuidBoot)
		m.partition("sda", 4, "TYPE", "crypto_LUKS", "UUID", uuidLUKS)
		m.virtual("dm-0", "cryptroot", "CRYPT-LUKS2-abc-cryptroot", []string{"sda4"}, "TYPE", "ext4", "UUID", uuidRoot)
		m.mount("/", "/dev/mapper/cryptroot", "ext4", uuidRoot, "")
		m.mount("/boot", "/dev/sda3", "ext4", uuidBoot, "")
		m.mountESP("/dev/sda2")
		m.write("state/crypttab", "cryptroot UUID="+uuidLUKS+" none luks\n")
	},
	"mpath": func(m *machine) {
		m.disk("sda", "gpt")
		m.disk("sdb", "gpt")
		m.virtual("dm-0", "mpatha", "mpath-3600508b400105e210000900000490000", []string{"sda", "sdb"}, "PTTYPE", "gpt")
		for i, tags := range [][]string{{"PART_ENTRY_TYPE", biosBoot}, {"TYPE", "vfat", "UUID", uuidESP, "PARTUUID", espGUID}, {"TYPE", "ext4", "UUID", uuidRoot}} {
			n := i + 1
			m.virtual(fmt.Sprintf("dm-%d", n), fmt.Sprintf("mpatha-part%d", n), fmt.Sprintf("part%d-mpath-3600508b400105e210000900000490000", n), []string{"dm-0"}, tags...)
			m.link(fmt.Sprintf("sys/devices/virtual/block/dm-0/holders/dm-%d", n), fmt.Sprintf("../../../../../class/block/dm-%d", n))
		}
		m.mount("/", "/dev/mapper/mpatha-part3", "ext4", uuidRoot, "")
		m.mountESP("/dev/mapper/mpatha-part2")
	},
}

func (m *machine) bios(disk string) { m.partition(disk, 1, "PART_ENTRY_TYPE", biosBoot) }

// mountESP: curtin makes and mounts an ESP only on a machine that was booted by UEFI.
func (m *machine) mountESP(device string) {
	if m.firmware == "uefi" {
		m.mount("/boot/efi", device, "vfat", uuidESP, "")
	}
}

// applets of busybox-static stand in for the image's coreutils and shell.
var applets = strings.Fields("sh cat cp rm mkdir mv ls test chmod grep sed readlink pwd uname tr cut sleep env printf true false find ln touch basename dirname awk sort")

// unpack makes the image of a file in testdata/roots, with stand-ins for its tools.
func (m *machine) unpack(name string) {
	head, files := readRoot(m.t, name)
	for name, text := range files {
		switch to, isLink := strings.CutPrefix(text, "-> "); {
		case isLink:
			m.link("root/"+name, strings.TrimSpace(to))
		case text == "" && name != "etc/machine-id":
			m.write("root/"+name, "this is "+filepath.Base(name)+"\n")
		default:
			m.write("root/"+name, text)
		}
	}
	busybox, err := exec.LookPath("busybox")
	require.NoError(m.t, err)
	text, err := os.ReadFile(busybox)
	require.NoError(m.t, err)
	m.write("root/usr/bin/busybox", string(text))
	require.NoError(m.t, os.Chmod(filepath.Join(m.dir, "root/usr/bin/busybox"), 0o755))
	m.link("root/bin", "usr/bin")
	m.link("root/lib", "usr/lib")
	for _, a := range applets {
		if a != "uname" || head["machine"] == "" {
			m.link("root/usr/bin/"+a, "busybox")
		}
	}
	if head["machine"] != "" {
		m.script("root/usr/bin/uname", "#!/bin/sh\necho "+head["machine"]+"\n")
	}
	standin, err := os.ReadFile("testdata/standin.sh")
	require.NoError(m.t, err)
	for _, tool := range strings.Fields(head["tools"]) {
		m.script("root/usr/sbin/"+tool, string(standin))
	}
	m.write("root/etc/hostname", "gold\n")
	m.mkdir("root/var/log")
	for _, f := range Hooks() {
		m.write("root/"+f.Path, string(f.Content))
		require.NoError(m.t, os.Chmod(filepath.Join(m.dir, "root", f.Path), f.Mode))
	}
}

func (m *machine) script(name, text string) {
	m.write(name, text)
	require.NoError(m.t, os.Chmod(filepath.Join(m.dir, name), 0o755))
}

// readRoot reads a txtar file: "key: value" lines at the top, then files.
func readRoot(t *testing.T, name string) (head, files map[string]string) {
	text, err := os.ReadFile("testdata/roots/" + name + ".txtar")
	require.NoError(t, err)
	head, files = map[string]string{}, map[string]string{}
	current := ""
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "-- "); ok {
			current = strings.TrimSuffix(n, " --\n")
			files[current] = ""
		} else if current != "" {
			files[current] += line
		} else if key, value, ok := strings.Cut(line, ": "); ok {
			head[key] = strings.TrimSpace(value)
		}
	}
	return head, files
}

// run starts the hooks as curtin does, or a shell with them and arguments. It returns
// the exit status and what was printed, without the place of the test in it.
func (m *machine) run(shell string, args ...string) (status, out string) {
	standin, err := os.ReadFile("testdata/standin.sh")
	require.NoError(m.t, err)
	m.script("standin.sh", string(standin))
	target := filepath.Join(m.dir, "target")
	if len(m.fstab) > 0 {
		m.write("state/fstab", strings.Join(m.fstab, "\n")+"\n")
	}
	env := map[string]string{"TARGET_MOUNT_POINT": target, "OUTPUT_FSTAB": m.dir + "/state/fstab", "WORKING_DIR": m.dir + "/state",
		"OUTPUT_NETWORK_CONFIG": m.dir + "/state/network", "CONFIG": m.dir + "/state/config"}
	if shell == "exec" {
		args = []string{"exec"}
	} else {
		env = map[string]string{}
	}
	maps.Copy(env, m.env)
	var lines, expected []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		lines = append(lines, k+"='"+env[k]+"'")
	}
	for _, mt := range m.mounts {
		expected = append(expected, strings.TrimSuffix(target+strings.Fields(mt)[0], "/"))
	}
	m.write("env", strings.Join(lines, "\n")+"\n")
	m.write("expected", strings.Join(expected, "\n")+"\n")
	m.write("mounts", strings.Join(m.mounts, "\n")+"\n")
	m.write("nodes", strings.Join(m.nodes, "\n")+"\n")
	m.write("links", strings.Join(m.links, "\n")+"\n")
	m.write("run/blkid", strings.Join(m.blkid, "\n")+"\n")
	m.write("cmdline", m.cmdline)
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "testdata/machine.sh", m.dir, shell}, args...)...)
	text, err := cmd.CombinedOutput()
	require.NoError(m.t, err, "%s", text)
	require.Empty(m.t, m.read("mounted"), "mounts are left behind")
	return strings.TrimSpace(m.read("status")), strings.ReplaceAll(m.read("out"), m.dir, "")
}

func (m *machine) read(name string) string {
	text, err := os.ReadFile(filepath.Join(m.dir, name))
	require.NoError(m.t, err)
	return string(text)
}

// tree reads files and links below a folder, but no log, no busybox.
func (m *machine) tree(name string) map[string]string {
	files := map[string]string{}
	top := filepath.Join(m.dir, name)
	require.NoError(m.t, filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(p, top)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case rel == "/var/log/image-capture-hooks.log" || strings.HasSuffix(rel, "/busybox"):
		case d.Type() == fs.ModeSymlink:
			to, err := os.Readlink(p)
			files[rel] = "-> " + to + "\n"
			return err
		case d.Type().IsRegular():
			text, err := os.ReadFile(p)
			files[rel] = fmt.Sprintf("%o\n%s", info.Mode().Perm(), text)
			return err
		}
		return nil
	}))
	return files
}
