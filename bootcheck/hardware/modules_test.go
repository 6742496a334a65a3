package hardware

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// names writes modules in one line, with a mark where one does not exist.
func names(mods []Module) string {
	var list []string
	for _, m := range mods {
		switch {
		case m.BuiltIn:
			list = append(list, m.Name+"(built in)")
		case !m.Exists():
			list = append(list, m.Name+"(missing)")
		default:
			list = append(list, m.Name)
		}
	}
	return strings.Join(list, " ")
}

func openFixture(t testing.TB, name string) *Modules {
	t.Helper()
	m, err := OpenModules(os.DirFS("testdata"), name)
	require.NoError(t, err)
	return m
}

// TestTargets says which real machines which of Debian's kernels has the drivers
// of.
func TestTargets(t *testing.T) {
	amd64, cloud := openFixture(t, "amd64"), openFixture(t, "cloud-amd64")
	for target, devices := range map[string][][3]string{
		"dell-r740": {
			{"1000:005d (of 1028:1f47)", "megaraid_sas", ""},
			{"1000:0016 (of 1028:1fcb)", "megaraid_sas", ""},
			{"8086:a182 (of 1028:0714)", "ahci", ""},
			{"8086:1572 (of 1028:1f9c)", "i40e", ""},
			{"14e4:165f (of 1028:0912)", "tg3", ""},
			{"scsi:t-0x00", "sd_mod", "sd_mod"},
			{"413c:a102", "cdc_ether", ""},
		},
		"hpe-dl380gen10": {
			{"9005:028f (of 103c:0654)", "smartpqi", ""},
			{"14e4:1657 (of 103c:22be)", "tg3", ""},
			{"14e4:16d7 (of 1590:020e)", "bnxt_en", ""},
			{"15b3:1017 (of 1590:0246)", "mlx5_core", "mlx5_core"},
			{"1077:2261 (of 1590:00f9)", "qla2xxx", ""},
			{"8086:0a54 (of 8086:4702)", "nvme", "nvme(built in)"},
			{"scsi:t-0x00", "sd_mod", "sd_mod"},
		},
		"mellanox-infiniband": {{"15b3:1017 (of 15b3:0008)", "mlx5_core", "mlx5_core"}, {"8086:201d (of 8086:0000)", "vmd", ""}},
		"kvm-virtio": {
			{"1af4:1042 (of 1af4:1100)", "virtio_pci", "virtio_pci"},
			{"1af4:1048 (of 1af4:1100)", "virtio_pci", "virtio_pci"},
			{"1af4:1041 (of 1af4:1100)", "virtio_pci", "virtio_pci"},
			{"8086:7010 (of 1af4:1100)", "ata_piix", "ata_piix"},
			{"virtio:d00000002v00001AF4", "virtio_blk", "virtio_blk"},
			{"virtio:d00000008v00001AF4", "virtio_scsi", "virtio_scsi"},
			{"virtio:d00000001v00001AF4", "virtio_net", "virtio_net"},
		},
		"vmware": {
			{"15ad:07c0 (of 15ad:07c0)", "vmw_pvscsi", "vmw_pvscsi"}, {"15ad:07e0 (of 15ad:07e0)", "ahci", ""},
			{"15ad:07b0 (of 15ad:07b0)", "vmxnet3", "vmxnet3"}, {"8086:7111 (of 15ad:1976)", "ata_piix", "ata_piix"},
		},
		"hyperv": {
			{"vmbus:d96361baa104294db60572e2ffb1dc7f", "hv_storvsc", "hv_storvsc"},
			{"vmbus:635161f83edfc546913ff2d2f965ed0e", "hv_netvsc", "hv_netvsc"},
		},
		"xen":       {{"xen:vbd", "xen_blkfront", "xen_blkfront"}, {"xen:vif", "xen_netfront", "xen_netfront"}},
		"aws-nitro": {{"1d0f:8061 (of 1d0f:0000)", "nvme", "nvme(built in)"}, {"1d0f:ec20 (of 1d0f:ec20)", "ena", "ena"}},
	} {
		var got [][3]string
		for _, d := range targets(t)[target].Devices {
			if d.Kind == Other {
				continue
			}
			with, err := amd64.Drivers(d)
			require.NoError(t, err)
			without, err := cloud.Drivers(d)
			require.NoError(t, err)
			got = append(got, [3]string{d.ID(), names(with), names(without)})
		}
		require.Equal(t, devices, got, target)
	}
}

// database is a small kernel, as a folder of modules.
func database(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys["m/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

const smallDep = "kernel/a/a-one.ko.xz: kernel/b/b.ko.zst kernel/c/c.ko\n" +
	"kernel/b/b.ko.zst:\nkernel/c/c.ko:\n/lib/modules/1/d.ko: /lib/modules/1/e.ko.gz\nkernel/r8169.ko:\n" +
	"not a module: x\nno colon\nkernel/../../../../etc/passwd.ko:\n"

func TestModules(t *testing.T) {
	m, err := OpenModules(database(
		"modules.dep", smallDep,
		"modules.alias", "# Aliases\nalias usb:v1*[a-c]-* a_one\r\nalias platform:Fixed MDIO bus c\nalias stale:x nobody\nalias\nalias  x\nalias bad[ c\nalias pci:* b\nalias b2-x b\nalias pci:* a-one\nalias pci:* b\nalias ord:x* c\nalias ord:* b\nalias ord2:* b\nalias ord2:x* c\nalias in-side2 c\n",
		"modules.softdep", "# x\nsoftdep r8169 ignored pre: realtek post: b\nsoftdep b\nsoftdep c gcm\nsoftdep r8169 pre: second\n",
		"modules.builtin", "kernel/drivers/ata/ahci.ko\nkernel/x/in-side.ko\nkernel/x/in-side2.ko\n\nkernel/drivers/scsi/aacraid.ko\nkernel/drivers/ata/libata.ko\nkernel/drivers/net/ethernet/intel/e1000e.ko\nkernel/drivers/net/ethernet/intel/igb.ko\n",
		"modules.builtin.modinfo", "in_side.alias=in:*\x00in_side.license=GPL\x00bad\x00.alias=\x00",
	), "m")
	require.NoError(t, err)
	for query, want := range map[string]string{
		"a-one": "a_one", "a_one": "a_one", "b2_x": "b", "pci:x": "b a_one", "stale:x": "nobody(missing)",
		"usb:v12b_x": "a_one", "usb:v12d-x": "", "platform:Fixed MDIO bus": "c", "platform:Fixed": "",
		"ord:xy": "c b", "ord2:xy": "b c", "in_side2": "c",
		"in:y": "in_side(built in)", "in-side": "in_side(built in)", "ahci": "ahci(built in)", "d": "d", "bad[": "", "x": "", "": "", "passwd": "passwd",
		strings.Repeat("x", 5000): "",
	} {
		mods, err := m.Match(query)
		require.NoError(t, err)
		require.Equal(t, want, names(mods), query)
	}

	one, ok := m.Lookup("a-one")
	require.True(t, ok)
	require.Equal(t, "m/kernel/a/a-one.ko.xz", one.File)
	require.Equal(t, "b c", names(m.Needs(one)))
	old, ok := m.Lookup("d")
	require.True(t, ok)
	require.Equal(t, "lib/modules/1/d.ko", old.File)
	require.Equal(t, "e(missing)", names(m.Needs(old)))
	out, _ := m.Lookup("passwd")
	require.Equal(t, "m/etc/passwd.ko", out.File, "a path does not lead out of the folder")
	_, ok = m.Lookup("nobody")
	require.False(t, ok)
	r8169, _ := m.Lookup("r8169")
	require.Equal(t, []string{"realtek", "b"}, m.Wants(r8169))
	require.Empty(t, m.Wants(one))

	// Of what is built in, what is known well is found by its device.
	for modalias, want := range map[string]string{
		"pci:v00008086d0000A182sv00001028sd00000714bc01sc06i01": "b a_one ahci(built in)",
		"scsi:t-0x00": "", "vmbus:635161f83edfc546913ff2d2f965ed0e": "",
	} {
		mods, err := m.Drivers(ParseModalias(modalias))
		require.NoError(t, err)
		require.Equal(t, want, names(mods))
	}
	for driver, want := range map[string]string{"ahci": "ahci(built in)", "a-one": "a_one", "tg3": "", "vif": "", "nobody": "", "stale:x": ""} {
		mods, err := m.Drivers(Device{Driver: driver})
		require.NoError(t, err)
		require.Equal(t, want, names(mods), driver)
	}
	require.Equal(t, []string{"aacraid"}, m.Unlisted(Storage))
	require.Equal(t, []string{"igb"}, m.Unlisted(Network))
	require.Empty(t, m.Unlisted(Other))

	// Linux 6.18 lists the devices of what is built in.
	m.inside.add("pci:v*d*sv*sd*bc01sc06i01*", "ahci")
	require.Empty(t, m.Unlisted(Storage))
}

func TestModulesErrors(t *testing.T) {
	for _, c := range []struct {
		name, open, match string
		fsys              fs.FS
	}{
		{"nothing", "modules: stat m/modules.dep: file does not exist", "", fstest.MapFS{}},
		{"no aliases", "", "modules: stat m/modules.alias: file does not exist", database("modules.dep", "")},
		{"indexes only", "", "modules: there is no modules.alias, and modules.alias.bin is not read",
			database("modules.dep", "", "modules.alias.bin", "\xb0\x07\xf4\x57")},
		{"too long", "modules: m/modules.alias is longer than 16777216 bytes", "",
			database("modules.dep", "", "modules.alias", strings.Repeat("alias a b\n", 2<<20))},
		{"FIFO", "modules: open m/modules.alias: not a regular file", "",
			fstest.MapFS{"m/modules.dep": {}, "m/modules.alias": {Mode: fs.ModeNamedPipe}}},
		{"folder", "modules: open m/modules.dep: not a regular file", "", fstest.MapFS{"m/modules.dep/x": {}}},
	} {
		m, err := OpenModules(c.fsys, "m")
		if c.open != "" {
			require.ErrorContains(t, err, strings.Replace(c.open, "stat ", "", 1)[:9], c.name)
			require.Contains(t, strings.Replace(err.Error(), "open m/modules.dep: file", "stat m/modules.dep: file", 1), c.open, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		_, err = m.Match("pci:x")
		require.Contains(t, strings.Replace(err.Error(), "open m/modules.alias: file", "stat m/modules.alias: file", 1), c.match, c.name)
		_, err = m.Drivers(ParseModalias("pci:x"))
		require.Error(t, err)
	}
}

// TestHostileGlob: what takes other matchers years, and a database that is full
// of it.
func TestHostileGlob(t *testing.T) {
	bomb := strings.Repeat("*a", 1000) + "b"
	steps := int(maxSteps)
	require.False(t, glob(bomb, strings.Repeat("a", 4000), &steps))
	require.Positive(t, steps)

	m, err := OpenModules(database("modules.dep", "", "modules.alias", strings.Repeat("alias "+bomb+" x\n", 5000)), "m")
	require.NoError(t, err)
	_, err = m.Match(strings.Repeat("a", 4000))
	require.ErrorContains(t, err, "takes too long to look up")
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, yes, no string // what does and does not match, between blanks
	}{
		{"a*b", "ab axb abab", "a b abx xab"},
		{"*a*", "a xa ax bab", "b bb"},
		{"a?c", "abc a*c", "ac abbc"},
		{"[a-c]x", "ax bx cx", "dx x -x"},
		{"[!a-c]x", "dx -x !x", "ax bx x"},
		{"[^ac]x", "bx", "ax cx"},
		{"[a-]x", "ax -x", "bx"},
		{"[]a]x", "]x ax", "bx"},
		{`[\]a]x`, "]x ax", `\x bx`},
		{`a\*b`, "a*b", `axb a\*b`},
		{"a[b", "a[b", "ab"},
		{`a\`, `a\`, "a"},
	} {
		steps := int(maxSteps)
		for s := range strings.FieldsSeq(c.yes) {
			require.True(t, glob(c.pattern, s, &steps), "%s %s", c.pattern, s)
		}
		for s := range strings.FieldsSeq(c.no) {
			require.False(t, glob(c.pattern, s, &steps), "%s %s", c.pattern, s)
		}
	}
}

// slow is glob by the book.
func slow(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return slow(p[1:], s) || s != "" && slow(p, s[1:])
	case s == "":
		return false
	}
	steps := int(maxSteps)
	n := one(p, s[0], &steps)
	return n > 0 && slow(p[n:], s[1:])
}

func FuzzGlob(f *testing.F) {
	for _, p := range []string{"a*b?c[0-9]", "[!a-c]*", "[^]]", `\*x`, "[", "a[b", "***", "", "*[a-]*"} {
		f.Add(p, "aXbYc7")
		f.Add(p, "")
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 12 || len(s) > 12 {
			return
		}
		steps := int(maxSteps)
		require.Equal(t, slow(p, s), glob(p, s, &steps), "%q %q", p, s)
	})
}

func FuzzModules(f *testing.F) {
	f.Add([]byte(smallDep), []byte("alias pci:* b\nalias x[-a] c\n"), []byte("softdep a pre: b\n"), []byte("kernel/x.ko\n"), []byte("x.alias=y*\x00"), "pci:x")
	f.Add([]byte("kernel/\xa1/0.ko:\n"), []byte(""), []byte(""), []byte(""), []byte(""), "0")
	f.Fuzz(func(t *testing.T, dep, alias, soft, builtin, modinfo []byte, query string) {
		m, err := OpenModules(database("modules.dep", string(dep), "modules.alias", string(alias), "modules.softdep", string(soft),
			"modules.builtin", string(builtin), "modules.builtin.modinfo", string(modinfo)), "m")
		require.NoError(t, err)
		mods, err := m.Match(query)
		if err != nil {
			return
		}
		for _, mod := range mods {
			require.NotEmpty(t, mod.Name)
			if mod.File != "" {
				// Trees have names that are no UTF-8.
				require.True(t, fs.ValidPath(strings.ToValidUTF8(mod.File, "?")), "%q", mod.File)
			}
			m.Needs(mod)
			m.Wants(mod)
		}
		_, _ = m.Drivers(ParseModalias(query))
		m.Unlisted(Storage)
	})
}
