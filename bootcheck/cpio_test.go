package bootcheck

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// drivers are modules that a generic kernel has, and whether its initramfs does.
var drivers = []struct {
	path  string
	early bool
}{
	{"ata/ahci", true}, {"nvme/host/nvme", true}, {"scsi/megaraid/megaraid_sas", true}, {"scsi/mpt3sas/mpt3sas", true},
	{"scsi/smartpqi/smartpqi", true}, {"scsi/hpsa", true}, {"block/virtio_blk", true}, {"scsi/virtio_scsi", true},
	{"net/ethernet/intel/ixgbe/ixgbe", false}, {"net/ethernet/intel/i40e/i40e", false}, {"net/ethernet/intel/ice/ice", false},
	{"net/ethernet/broadcom/bnxt/bnxt_en", false}, {"net/ethernet/mellanox/mlx5/core/mlx5_core", false},
	{"net/ethernet/broadcom/tg3", false}, {"net/virtio_net", false},
}

// modulesDep returns depmod's list of the drivers, see modules.dep(5).
func modulesDep(suffix string) []byte {
	var b bytes.Buffer
	for _, d := range drivers {
		fmt.Fprintf(&b, "kernel/drivers/%s%s:\n", d.path, suffix)
	}
	return b.Bytes()
}

// cpio returns an initramfs, an archive as the kernel takes it, see its
// Documentation/driver-api/early-userspace/buffer-format.rst.
func cpio(t testing.TB, version, extra string) []byte {
	t.Helper()
	var b bytes.Buffer
	file := func(name, text string, mode int) {
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", b.Len()+1, mode, 0, 0, 1, 0, len(text), 0, 0, 0, 0, len(name)+1, 0)
		pad := func() { b.Write(make([]byte, -b.Len()&3)) }
		b.WriteString(name + "\x00")
		pad()
		b.WriteString(text)
		pad()
	}
	file("init", "#!/bin/sh\n", 0o100755)
	for _, d := range drivers {
		if d.early {
			file("usr/lib/modules/"+version+"/kernel/drivers/"+d.path+".ko", "", 0o100644)
		}
	}
	for line := range lines(extra) {
		name, text, ok := strings.Cut(line, ": ")
		require.True(t, ok, "%q is no NAME: TEXT", line)
		file(name, text+"\n", 0o100644)
	}
	file("TRAILER!!!", "", 0)
	return b.Bytes()
}
