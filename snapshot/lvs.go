package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// volume is a logical volume of LVM, as lvs(8) reports it.
type volume struct {
	vg, name, attr string
	path           string // its device node
	size           int64  // bytes
	dev            uint64 // 0 while it is not active
	origin, pool   string // of a snapshot, of a thin volume: names in its volume group; "" for none
	// data and metadata are how many percent of a snapshot's or a pool's room are taken.
	data, metadata float64
	free, extent   int64 // of the volume group, bytes
}

// fullName is the name that the tools of LVM take.
func (v volume) fullName() string { return v.vg + "/" + v.name }

// columns of lvs, in the order of lvmreport(7).
const columns = "vg_name,lv_name,lv_attr,lv_path,lv_dm_path,lv_size,lv_kernel_major,lv_kernel_minor,origin,pool_lv,data_percent,metadata_percent,vg_free,vg_extent_size"

// volumes asks for all that this host has. It writes nothing.
func (h Host) volumes(ctx context.Context) ([]volume, error) {
	out, err := h.tool(ctx, nil, "lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", columns)
	if err != nil {
		return nil, err
	}
	list, err := parseVolumes([]byte(out))
	if err != nil {
		return nil, fmt.Errorf("what lvs reports cannot be read: %w", err)
	}
	return list, nil
}

func parseVolumes(text []byte) ([]volume, error) {
	var doc struct {
		Report []struct {
			LV []map[string]string `json:"lv"`
		} `json:"report"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	var list []volume
	for _, r := range doc.Report {
		for _, row := range r.LV {
			v, err := volumeOf(row)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
	}
	return list, nil
}

func volumeOf(row map[string]string) (v volume, err error) {
	number := func(column string) int64 {
		n, e := strconv.ParseInt(row[column], 10, 64)
		if e != nil && err == nil {
			err = fmt.Errorf("%s of %s: %w", column, row["lv_name"], e)
		}
		return n
	}
	percent := func(column string) float64 {
		n, _ := strconv.ParseFloat(row[column], 64) // empty where a volume has none
		return n
	}
	v = volume{
		vg: row["vg_name"], name: row["lv_name"], attr: row["lv_attr"], path: row["lv_path"], origin: row["origin"], pool: row["pool_lv"],
		size: number("lv_size"), free: number("vg_free"), extent: number("vg_extent_size"), data: percent("data_percent"), metadata: percent("metadata_percent"),
	}
	if v.path == "" { // pools have none
		v.path = row["lv_dm_path"]
	}
	if major, minor := number("lv_kernel_major"), number("lv_kernel_minor"); major >= 0 && minor >= 0 {
		v.dev = unix.Mkdev(uint32(major), uint32(minor))
	}
	if err == nil && (v.vg == "" || v.name == "" || v.extent <= 0) {
		err = fmt.Errorf("a volume without name or volume group")
	}
	return v, err
}

// has says whether a letter of lv_attr, counted from 0, is one of some; see lvs(8).
func (v volume) has(at int, letters string) bool {
	return at < len(v.attr) && strings.IndexByte(letters, v.attr[at]) >= 0
}

// full says whether a snapshot has run full: then nothing of it is of use any more.
func (v volume) full() bool { return v.has(4, "IS") || v.pool == "" && v.data >= 100 }

// open opens the device, for reading.
func (v volume) open() (int, error) {
	fd, err := unix.Open(v.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: v.path, Err: err}
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && (st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != v.dev) {
		err = syscall.ENODEV // another, or what stands in its place
	}
	if err != nil {
		unix.Close(fd)
		return -1, &os.PathError{Op: "open", Path: v.path, Err: err}
	}
	return fd, nil
}

// find finds what is meant; nil without.
func find[T any](list []T, is func(T) bool) *T {
	for i := range list {
		if is(list[i]) {
			return &list[i]
		}
	}
	return nil
}

func named(vg, name string) func(volume) bool {
	return func(v volume) bool { return v.vg == vg && v.name == name }
}
