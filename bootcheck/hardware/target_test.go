package hardware

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseModalias(t *testing.T) {
	for _, c := range []struct {
		modalias string
		want     Device
		id       string
	}{
		{"pci:v00001000d00000016sv00001028sd00001FCBbc01sc04i00",
			Device{Bus: "pci", Vendor: 0x1000, Product: 0x16, SubVendor: 0x1028, SubProduct: 0x1fcb, Class: 0x010400, Kind: Storage}, "1000:0016 (of 1028:1fcb)"},
		{"pci:v00008086d00001572sv00000000sd00000000bc02sc00i00",
			Device{Bus: "pci", Vendor: 0x8086, Product: 0x1572, Class: 0x020000, Kind: Network}, "8086:1572"},
		{"pci:v000015B3d00001017sv000015B3sd00000008bc02sc07i00",
			Device{Bus: "pci", Vendor: 0x15b3, Product: 0x1017, SubVendor: 0x15b3, SubProduct: 8, Class: 0x020700, Kind: Network}, "15b3:1017 (of 15b3:0008)"},
		{"pci:v00001077d00002261sv00000000sd00000000bc0Csc04i00",
			Device{Bus: "pci", Vendor: 0x1077, Product: 0x2261, Class: 0x0c0400, Kind: Storage}, "1077:2261"},
		{"pci:v00008086d00002723sv00000000sd00000000bc02sc80i00", // a wireless card
			Device{Bus: "pci", Vendor: 0x8086, Product: 0x2723, Class: 0x028000, Kind: Network, Minor: true}, "8086:2723"},
		{"pci:v0000102Bd00000536sv00000000sd00000000bc03sc00i00",
			Device{Bus: "pci", Vendor: 0x102b, Product: 0x536, Class: 0x030000}, "102b:0536"},
		{"pci:v00008086", Device{Bus: "pci", Vendor: 0x8086}, "8086:0000"},
		{"pci:vXYZ", Device{Bus: "pci"}, "0000:0000"},
		{"virtio:d00000001v00001AF4", Device{Bus: "virtio", Vendor: 0x1af4, Product: 1, Kind: Network}, "virtio:d00000001v00001AF4"},
		{"virtio:d00000002v00001AF4", Device{Bus: "virtio", Vendor: 0x1af4, Product: 2, Kind: Storage}, "virtio:d00000002v00001AF4"},
		{"virtio:d00000008v00001AF4", Device{Bus: "virtio", Vendor: 0x1af4, Product: 8, Kind: Storage}, "virtio:d00000008v00001AF4"},
		{"virtio:d00000010v00001AF4", Device{Bus: "virtio", Vendor: 0x1af4, Product: 16}, "virtio:d00000010v00001AF4"},
		{"usb:v0781p5567d0126dc00dsc00dp00ic08isc06ip50in00",
			Device{Bus: "usb", Vendor: 0x781, Product: 0x5567, Class: 0x080650, Kind: Storage, Minor: true}, "0781:5567"},
		{"usb:v413CpA102d0000dc00dsc00dp00ic02isc06ip00in00",
			Device{Bus: "usb", Vendor: 0x413c, Product: 0xa102, Class: 0x020600, Kind: Network, Minor: true}, "413c:a102"},
		{"usb:v1604p10C0d0000dc09dsc00dp01ic09isc00ip00in00",
			Device{Bus: "usb", Vendor: 0x1604, Product: 0x10c0, Class: 0x090000, Minor: true}, "1604:10c0"},
		{"acpi:HISI0162:010701:", Device{Bus: "acpi", Class: 0x010701, Kind: Storage}, "acpi:HISI0162:010701:"},
		{"acpi:VMBUS:", Device{Bus: "acpi"}, "acpi:VMBUS:"},
		{"of:NethernetT(null)Cti,am654-cpsw-nuss", Device{Bus: "of", Kind: Network}, "of:NethernetT(null)Cti,am654-cpsw-nuss"},
		{"of:NmmcT(null)Cbrcm,bcm2711-emmc2", Device{Bus: "of", Kind: Storage}, "of:NmmcT(null)Cbrcm,bcm2711-emmc2"},
		{"of:NserialT(null)Carm,pl011", Device{Bus: "of"}, "of:NserialT(null)Carm,pl011"},
		{"scsi:t-0x00", Device{Bus: "scsi", Kind: Storage}, "scsi:t-0x00"},
		{"scsi:t-0x05", Device{Bus: "scsi"}, "scsi:t-0x05"},
		{"xen:vbd", Device{Bus: "xen", Kind: Storage}, "xen:vbd"},
		{"xen:vif", Device{Bus: "xen", Kind: Network}, "xen:vif"},
		{"mmc:block", Device{Bus: "mmc", Kind: Storage}, "mmc:block"},
		{"vmbus:635161f83edfc546913ff2d2f965ed0e", Device{Bus: "vmbus", Kind: Network}, "vmbus:635161f83edfc546913ff2d2f965ed0e"},
		{"vmbus:d96361baa104294db60572e2ffb1dc7f", Device{Bus: "vmbus", Kind: Storage}, "vmbus:d96361baa104294db60572e2ffb1dc7f"},
		{"platform:Fixed MDIO bus", Device{Bus: "platform"}, "platform:Fixed MDIO bus"},
		{"", Device{}, ""},
	} {
		c.want.Modalias = c.modalias
		d := ParseModalias(c.modalias)
		require.Equal(t, c.want, d, c.modalias)
		require.Equal(t, c.id, d.ID())
	}
	require.Equal(t, "storage network other", Storage.String()+" "+Network.String()+" "+Other.String())
	require.Equal(t, "tg3", Device{Driver: "tg3"}.ID())
}

func TestParseList(t *testing.T) {
	target, err := ParseTarget(strings.NewReader("\xef\xbb\xbfxen:vbd\r\n\r\n  xen:vif \nxen:vbd\n\nplatform:Fixed MDIO bus"))
	require.NoError(t, err)
	require.Equal(t, []Device{ParseModalias("xen:vbd"), ParseModalias("xen:vif"), ParseModalias("platform:Fixed MDIO bus")}, target.Devices)
	require.False(t, target.Partial)

	for _, c := range []struct{ text, err string }{
		{"", "target: no modalias in it"},
		{" \r\n\n", "target: no modalias in it"},
		{"\v", `target: line 1: "\v" is not a modalias: it has a character that is not printable ASCII`},
		{"xen:vbd\n\n/sys/devices/vbd-768/modalias:xen:vbd\n", `target: line 3: "/sys/devices/vbd-768/modalias:xen:vbd" is not a modalias: "/sys/devices/vbd-768" is no bus`},
		{"xen:vbd\nmegaraid_sas\n", `target: line 2: "megaraid_sas" is not a modalias: it has no bus before a colon`},
		{":x\n", `target: line 1: ":x" is not a modalias: it has no bus before a colon`},
		{"xen:vbd\nxen:\x1b[2J\n", `target: line 2: "xen:\x1b[2J" is not a modalias: it has a character that is not printable ASCII`},
		{"xen:" + strings.Repeat("x", 5000), "target: line 1: longer than 4096 bytes"},
		{"[1]", `target: line 1: "[1]" is not a modalias: it has no bus before a colon`},
	} {
		_, err := ParseTarget(strings.NewReader(c.text))
		require.EqualError(t, err, c.err)
	}
	_, err = ParseTarget(strings.NewReader(strings.Repeat("xen:vbd\n", 3<<20)))
	require.EqualError(t, err, "target is longer than 16777216 bytes")

	var many strings.Builder
	for i := range maxDevices + 1 {
		many.WriteString("x:" + strings.Repeat("y", i%4000) + strings.Repeat("z", i/4000) + "\n")
	}
	_, err = parseMany(many.String())
	require.EqualError(t, err, "line 16385: more than 16384 devices")
}

// parseMany is parseList without the bound of the text.
func parseMany(text string) (*Target, error) {
	target := &Target{}
	return target, target.parseList([]byte(text))
}

// TestIDE: a controller that virtual machines have beside their real one is
// minor, but not where it is the only one.
func TestIDE(t *testing.T) {
	const ide = "pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80"
	for _, c := range []struct {
		text  string
		minor bool
	}{
		{ide, false},
		{ide + "\nscsi:t-0x00", false}, // its own disk
		{ide + "\nusb:v0781p5567d0126dc00dsc00dp00ic08isc06ip50in00", false},
		{ide + "\nvirtio:d00000002v00001AF4", true},
	} {
		target, err := ParseTarget(strings.NewReader(c.text))
		require.NoError(t, err)
		require.Equal(t, c.minor, target.Devices[0].Minor, c.text)
	}
}

func TestInventory(t *testing.T) {
	data, err := os.ReadFile("testdata/targets/gohai.json")
	require.NoError(t, err)
	bare := string(data)
	want := []Device{
		{Kind: Network, Driver: "bnxt_en", Bus: "pci"},
		{Kind: Network, Driver: "virtio_net", Bus: "virtio"},
		{Kind: Network, Driver: "cdc_ether", Bus: "usb", Minor: true},
		{Kind: Storage, Driver: "megaraid_sas", Bus: "pci"},
	}
	for _, text := range []string{
		bare,
		`{"gohai-inventory": ` + bare + `, "inventory/data": {}}`,
		"\n" + `{"Name": "m1", "Params": {"gohai-inventory": ` + bare + `}}`,
	} {
		target, err := ParseTarget(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, target.Devices)
		require.True(t, target.Partial)
	}
	for _, c := range []struct{ text, err string }{
		{`{`, "target: inventory: unexpected end of JSON input"},
		{`{"a": 1}`, "target: inventory: it has no Networking: not what drpcli gohai prints"},
		{`{"Params": {"a": 1}}`, "target: inventory: it has no Networking: not what drpcli gohai prints"},
		{`{"Params": {"gohai-inventory": "x"}}`, "target: inventory: gohai-inventory is no object"},
		{`{"Networking": []}`, "target: inventory: it has no Networking: not what drpcli gohai prints"},
		{`{"Networking": {"Interfaces": [1, {"Driver": 7}, {"Sys": []}]}}`,
			"target: inventory: it names no driver of a network interface or of a storage controller"},
		{`{"Networking": {"Interfaces": [{"Driver": "` + strings.Repeat("x", 5000) + `", "Sys": {"IsPhysical": true}}]}}`,
			"target: inventory: the name of a driver is longer than 4096 bytes"},
		{strings.Repeat(`{"a":`, 20000), "exceeded max depth"},
	} {
		_, err := ParseTarget(strings.NewReader(c.text))
		require.ErrorContains(t, err, c.err)
	}
}

// TestSelf reads a /sys tree with a RAID controller, one without disks, NVMe, an
// interface of the network, and what has no modalias.
func TestSelf(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	link := func(target, name string) {
		t.Helper()
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.Symlink(target, name))
	}
	const (
		raid = "pci:v00001000d00000016sv00001028sd00001FCBbc01sc04i00"
		ahci = "pci:v00008086d0000A182sv00001028sd00000714bc01sc06i01"
		nvme = "pci:v00008086d00000A54sv00008086sd00004702bc01sc08i02"
		nic  = "pci:v00008086d00001572sv00001028sd00001F9Cbc02sc00i00"
	)
	pci := "devices/pci0000:00/"
	write(pci+"0000:00:01.0/modalias", raid+"\n")
	link("../../../bus/pci/drivers/megaraid", pci+"0000:00:01.0/driver")
	link("../../../../module/megaraid_sas", "bus/pci/drivers/megaraid/module")
	write(pci+"0000:00:01.0/host0/target0:0:0/0:0:0:0/modalias", "scsi:t-0x00\n")
	write(pci+"0000:00:01.0/host0/target0:0:0/0:0:0:0/block/sda/size", "1\n")
	write(pci+"0000:00:02.0/modalias", ahci+"\n")
	write(pci+"0000:00:02.0/ata1/host1/target1:0:0/1:0:0:0/modalias", "scsi:t-0x05\n")
	write(pci+"0000:00:02.0/ata1/host1/target1:0:0/1:0:0:0/block/sr0/size", "1\n")
	write(pci+"0000:00:03.0/modalias", nvme+"\n")
	link("../../../bus/pci/drivers/nvme", pci+"0000:00:03.0/driver") // built in: no module
	write("bus/pci/drivers/nvme/uevent", "")
	write(pci+"0000:00:03.0/nvme/nvme0/nvme0c0n1/size", "1\n")
	write(pci+"0000:00:03.1/modalias", nvme+"\n")
	link("../../../bus/pci/drivers/nvme2", pci+"0000:00:03.1/driver")
	write(pci+"0000:00:03.1/nvme/nvme1/nvme1n1/size", "1\n")
	write(pci+"0000:00:03.2/modalias", nvme+"\n") // without a disk
	write(pci+"0000:00:03.2/nvme/nvme2/hwmon4/name", "nvme\n")
	write(pci+"0000:00:04.0/modalias", nic+"\n")
	write(pci+"0000:00:04.1/modalias", nic+"\n")
	write("devices/platform/empty/modalias", "\n")
	write("devices/virtual/block/loop0/modalias", "xen:vbd\n")
	link("../../..", "devices/platform/empty/loop")

	target, err := Self(os.DirFS(root))
	require.NoError(t, err)
	type row struct {
		modalias, driver string
		minor            bool
	}
	var got []row
	for _, d := range target.Devices {
		got = append(got, row{d.Modalias, d.Driver, d.Minor})
	}
	require.Equal(t, []row{
		{raid, "megaraid_sas", false},
		{"scsi:t-0x00", "", false},
		{ahci, "", true},
		{"scsi:t-0x05", "", false},
		{nvme, "nvme", false},
		{nvme, "nvme2", false},
		{nvme, "", true},
		{nic, "", false},
	}, got)

	_, err = Self(os.DirFS(filepath.Join(root, "bus")))
	require.EqualError(t, err, "read this machine's devices: none has a modalias")
}

// TestSelfHere reads the machine that runs the tests.
func TestSelfHere(t *testing.T) {
	if _, err := os.Stat("/sys/devices"); err != nil {
		t.Skip("no /sys")
	}
	target, err := Self(os.DirFS("/sys"))
	if err != nil {
		require.ErrorContains(t, err, "none has a modalias")
		return
	}
	t.Logf("%d devices", len(target.Devices))
	for _, d := range target.Devices {
		require.NoError(t, plausible([]byte(d.Modalias)))
		require.NotEmpty(t, d.Bus)
	}
}

func FuzzParseTarget(f *testing.F) {
	f.Add([]byte("xen:vbd\r\n\npci:v00001000d00000016sv00001028sd00001FCBbc01sc04i00\n"))
	f.Add([]byte(`{"Networking":{"Interfaces":[{"Driver":"tg3","Sys":{"IsPhysical":true,"BusAddress":"pci0000:00/0000:00:1c.0"}}]}}`))
	f.Add([]byte(`{"Params":{"gohai-inventory":{"Networking":{},"Storage":[{"Class":"storage","Configuration":{"Driver":"ahci"}}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		target, err := ParseTarget(strings.NewReader(string(data)))
		require.Equal(t, err != nil, target == nil)
		if err != nil {
			return
		}
		require.NotEmpty(t, target.Devices)
		for _, d := range target.Devices {
			require.True(t, d.Modalias != "" || d.Driver != "")
			_ = d.ID()
		}
	})
}
