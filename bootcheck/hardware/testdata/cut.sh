#!/usr/bin/env bash
# Cuts the fixtures amd64 and cloud-amd64 out of the databases of two real kernels:
#   apt-get download linux-image-6.1.0-56-amd64 linux-image-6.1.0-56-cloud-amd64
#   dpkg -x each into a folder, depmod -b FOLDER VERSION
# usage: cut.sh FOLDER/lib/modules/VERSION OUT
set -euo pipefail
from=$1 out=$2
keep="ahci libahci libata nvme nvme_core t10_pi megaraid_sas mpt3sas raid_class scsi_transport_sas scsi_transport_fc \
scsi_mod scsi_common sd_mod ses enclosure smartpqi hpsa ixgbe dca mdio i2c_algo_bit i40e ice bnxt_en mlx5_core mlxfw psample tls \
pci_hyperv_intf tg3 ptp pps_core libphy virtio_blk virtio_scsi virtio_net net_failover failover virtio_pci virtio_pci_modern_dev \
virtio_pci_legacy_dev virtio virtio_ring qla2xxx nvme_fc nvme_fabrics vmd hv_storvsc hv_netvsc hv_vmbus xen_blkfront \
xen_netfront vmw_pvscsi vmxnet3 ena ata_piix ata_generic pata_acpi r8169 realtek cdc_ether usbnet mii mmc_block mmc_core usb_storage \
usbcore usb_common e1000 e1000e fat vfat crc_t10dif crct10dif_generic crc64_rocksoft crc64"
mkdir -p "$out"
awk -v keep="$keep" '
	BEGIN { n = split(keep, k, " "); for (i = 1; i <= n; i++) want[k[i]] = 1 }
	FILENAME ~ /alias$/ { if (want[$NF] && (++seen[$NF] <= 40 || /vd\*|d\*sv\*|sc08i02|v\*d|00001017|000016D7|00007111|00007010|0000165F|0000005D/)) print > (out "/modules.alias") }
	FILENAME ~ /softdep$/ { if (want[$2]) print > (out "/modules.softdep") }
	FILENAME ~ /modules.dep$/ {
		file = $1; sub(/:$/, "", file)
		name = file; sub(/.*\//, "", name); sub(/\.ko.*/, "", name); gsub(/-/, "_", name)
		if (want[name]) for (i = 2; i <= NF; i++) need[$i] = 1
		line[++lines] = $0; of[lines] = file; named[lines] = name
	}
	END { for (i = 1; i <= lines; i++) if (want[named[i]] || need[of[i]]) print line[i] > (out "/modules.dep") }
	' out="$out" "$from"/modules.alias "$from"/modules.softdep "$from"/modules.dep
cp "$from/modules.builtin" "$out/"
# The aliases of what is built in, of a few: each ends in a zero byte.
tr '\0' '\n' <"$from/modules.builtin.modinfo" | grep -E '^(unix|xen_fbfront|sha1_generic|cxl_core|mq_deadline)\.' | tr '\n' '\0' >"$out/modules.builtin.modinfo"
