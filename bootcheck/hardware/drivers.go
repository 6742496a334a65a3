package hardware

import (
	"slices"
	"strings"
)

// Drivers returns the modules that could serve a device: those that its modalias
// and its known driver lead to, and drivers that are built in. All of them
// exist; there is no driver when there is none. ata_generic is not among them:
// its alias is for every IDE controller, and it leaves them alone unless
// all_generic_ide=1 is set (see the kernel's ata_generic.c).
func (m *Modules) Drivers(d Device) ([]Module, error) {
	var list []Module
	add := func(mods ...Module) {
		for _, mod := range mods {
			if mod.Exists() && mod.Name != "ata_generic" && !slices.ContainsFunc(list, func(x Module) bool { return x.Name == mod.Name }) {
				list = append(list, mod)
			}
		}
	}
	if d.Modalias != "" {
		mods, err := m.Match(d.Modalias)
		if err != nil {
			return nil, err
		}
		add(mods...)
		steps := int(maxSteps)
		for _, name := range usual().match(strings.ReplaceAll(d.Modalias, "-", "_"), &steps) {
			if mod := m.module(name); mod.BuiltIn {
				add(mod)
			}
		}
	}
	if d.Driver != "" {
		name := Canonical(d.Driver)
		if module, ok := modulesOf[name]; ok {
			name = module
		}
		mods, err := m.Match(name) // an alias may name it too: mpt2sas became mpt3sas
		if err != nil {
			return nil, err
		}
		add(mods...)
	}
	return list, nil
}

// modulesOf has the modules of drivers which have another name than theirs.
var modulesOf = map[string]string{
	"vif": "xen_netfront", "vbd": "xen_blkfront", "virtio_pci_modern": "virtio_pci", "sd": "sd_mod",
	"mmcblk": "mmc_block", "storvsc": "hv_storvsc", "pvscsi": "vmw_pvscsi",
}

// usual are the devices that kernels have drivers built in for. Before Linux
// 6.18 a built-in driver left no list of its devices (MODULE_DEVICE_TABLE was
// for modules only), so modules.builtin says that it is there, and nothing what
// it is for.
func usual() *aliases {
	a := &aliases{}
	for _, x := range usualDrivers {
		a.add(x.pattern, x.module)
	}
	return a
}

var usualDrivers = []alias{
	{"virtio:d00000001v*", "virtio_net"},
	{"virtio:d00000002v*", "virtio_blk"},
	{"virtio:d00000008v*", "virtio_scsi"},
	{"pci:v00001AF4d*", "virtio_pci"},
	{"pci:v*d*sv*sd*bc01sc06i01*", "ahci"},
	{"pci:v*d*sv*sd*bc01sc08i02*", "nvme"},
	{"pci:v00008086d00007010sv*", "ata_piix"},
	{"pci:v00008086d00007111sv*", "ata_piix"},
	{"pci:v00008086d0000100Esv*", "e1000"},
	{"pci:v00008086d0000100Fsv*", "e1000"},
	{"pci:v00008086d000010D3sv*", "e1000e"},
	{"pci:v000015ADd000007C0sv*", "vmw_pvscsi"},
	{"pci:v000015ADd000007B0sv*", "vmxnet3"},
	{"pci:v00001D0Fd0000EC20sv*", "ena"},
	{"pci:v00001D0Fd0000EC21sv*", "ena"},
	{"scsi:t-0x00*", "sd_mod"},
	{"mmc:block", "mmc_block"},
	{"usb:*ic08isc06ip50*", "usb_storage"},
	{"xen:vbd", "xen_blkfront"},
	{"xen:vif", "xen_netfront"},
	{"vmbus:d96361baa104294db60572e2ffb1dc7f", "hv_storvsc"},
	{"vmbus:32264132cb86a2449b5c50d1417354f5", "hv_storvsc"},
	{"vmbus:635161f83edfc546913ff2d2f965ed0e", "hv_netvsc"},
}

// Unlisted returns the drivers of a kind that are built in and don't say what
// devices they are for, sorted: one of them may serve a device for which there
// is no module.
func (m *Modules) Unlisted(kind Kind) []string {
	if m.inside.hasBus("pci") {
		return nil
	}
	var list []string
	for name, file := range m.builtIn {
		known := slices.ContainsFunc(usualDrivers, func(x alias) bool { return x.module == name })
		if !known && !slices.Contains(noDrivers, name) && slices.ContainsFunc(places[kind],
			func(dir string) bool { return strings.HasPrefix(file, "kernel/drivers/"+dir+"/") }) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// places are where the kernel's sources have drivers of each kind.
var places = map[Kind][]string{
	Storage: {"ata", "scsi", "nvme/host", "message/fusion", "mmc/host", "ufs"},
	Network: {"net/ethernet", "infiniband/hw"},
}

// noDrivers are there too, and serve no device by themselves.
var noDrivers = []string{
	"libata", "libahci", "scsi_mod", "scsi_common", "sg", "st", "sr_mod", "ses", "nvme_core", "nvme_fabrics",
	"scsi_transport_fc", "scsi_transport_iscsi", "scsi_transport_sas", "scsi_transport_spi", "scsi_transport_srp",
	"scsi_dh_alua", "scsi_dh_emc", "scsi_dh_hp_sw", "scsi_dh_rdac", "raid_class",
	"ata_generic",
}
