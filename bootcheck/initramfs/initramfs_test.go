package initramfs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/initramfs"
)

// names are of a tree as Debian's initramfs has it.
var names = []string{
	"conf/initramfs.conf=# MODULES=list\nMODULES=most\nRESUME=\n", "conf/arch.conf=DPKG_ARCH=amd64\n",
	"conf/conf.d/b=export MODULES=\"dep\" # guessed\n", "conf/conf.d/a=MODULES=netboot\nRESUME=none\n",
	"conf/conf.d/resume=RESUME=UUID=1-2-3\n", "conf/conf.d/empty", "conf/conf.d/sub/x=no",
	"cryptroot/crypttab=root UUID=4 none luks\n", "etc/fstab=UNCONFIGURED\n",
	"usr/lib/modules/6.1.0-50-amd64/kernel/drivers/block/virtio_blk.ko=one", "usr/lib/modules/6.1.0-50-amd64/kernel/drivers/nvme/host/nvme.ko.xz",
	"usr/lib/modules/6.1.0-50-amd64/kernel/a/nvme-core.ko.zst", "usr/lib/modules/6.1.0-50-amd64/kernel/a/dm-mod.ko.gz",
	"usr/lib/modules/6.1.0-50-amd64/modules.dep=x", "usr/lib/modules/6.1.0-50-amd64/kernel/a/readme.ko.txt",
	"usr/lib/modules/6.1.0-50-amd64/weak-updates/w.ko->../kernel/a/dm-mod.ko.gz", "usr/lib/modules/6.1.0-50-amd64/dir.ko/",
	"usr/lib/modules/5.10.0-8-amd64/kernel/dm-mod.ko", "usr/lib/modules/7.0.0-empty/",
	"usr/lib/firmware/bnx2/one.fw.xz", "usr/lib/firmware/updates/two.bin", "usr/lib/firmware/6.1.0-50-amd64/three.bin.zst", "usr/lib/firmware/four->one",
	"init=#!/bin/sh\n", "bin/a=same", "bin/b==bin/a", "bin/c==bin/a", "lib->usr/lib",
}

// modules are those of names.
var modules = []string{"dm_mod", "nvme", "nvme_core", "virtio_blk", "w"}

// check holds what Read makes of the tree of names.
func check(t *testing.T, c *initramfs.Content) {
	t.Helper()
	require.Equal(t, modules, c.Modules())
	require.Equal(t, []string{"5.10.0-8-amd64", "6.1.0-50-amd64", "7.0.0-empty"}, c.Versions)
	require.Equal(t, []string{"6.1.0-50-amd64/three.bin", "bnx2/one.fw", "four", "updates/two.bin"}, c.Firmware)
	require.True(t, c.Has("dm-mod"))
	require.True(t, c.Has("kernel/x/dm_mod.ko.xz"))
	require.True(t, c.HasFor("5.10.0-8-amd64", "dm-mod"))
	require.False(t, c.HasFor("5.10.0-8-amd64", "nvme"))
	require.False(t, c.Has("readme"))
	require.False(t, c.Has("dir"))
	for _, name := range []string{"bnx2/one.fw", "two.bin", "three.bin", "four"} {
		require.True(t, c.HasFirmware("6.1.0-50-amd64", name), name)
	}
	require.False(t, c.HasFirmware("5.10.0-8-amd64", "three.bin"))
	require.Equal(t, initramfs.InitramfsTools, c.Generator())
	require.Equal(t, "UUID=1-2-3", c.Resume())
	require.Equal(t, "root UUID=4 none luks\n", string(c.Crypttab()))
	require.Equal(t, "UNCONFIGURED\n", string(c.File("/etc/fstab")))
	require.NotNil(t, c.File("conf/conf.d/empty"))
	require.Nil(t, c.File("conf/conf.d/sub/x"))
	require.Nil(t, c.File("init"))
	require.Empty(t, c.Omitted)
	evidence, ok := c.HostOnly()
	require.True(t, ok)
	require.Equal(t, "MODULES=dep in conf/", evidence)
}

const (
	cpioNewc = "find . | sort | cpio -o -H newc --quiet"
	cpioCRC  = "find . | sort | cpio -o -H crc --quiet"
	bsdNewc  = "bsdtar -cf - --format=newc ."
)

// TestTools reads what the tools make that make initramfs.
func TestTools(t *testing.T) {
	need(t, "cpio")
	dir := tree(t, names...)
	for _, c := range []struct{ command, compression string }{
		{cpioNewc, "none"}, {cpioCRC, "none"}, {bsdNewc, "none"},
		{cpioNewc + " | gzip -9", "gzip"}, {cpioNewc + " | xz --check=crc32 --lzma2=dict=1MiB", "xz"}, {cpioNewc + " | zstd -q -19", "zstd"},
		{cpioNewc + " | lz4 -q -l -9", "lz4 legacy"}, {cpioNewc + " | lzop -9", "lzop"}, {cpioNewc + " | bzip2", "bzip2"},
	} {
		t.Run(c.command, func(t *testing.T) {
			data := pipe(t, dir, "", c.command)
			for _, r := range []io.Reader{strings.NewReader(data), iotest.OneByteReader(strings.NewReader(data)), iotest.DataErrReader(strings.NewReader(data + zeros(508)))} {
				got, err := initramfs.Read(r)
				require.NoError(t, err)
				check(t, got)
				require.Len(t, got.Segments, 1)
				require.Equal(t, c.compression, got.Segments[0].Compression.String())
				require.False(t, got.Segments[0].Early)
				require.Equal(t, got.Entries, got.Segments[0].Entries)
			}
		})
	}
}

// TestSegments: archives one behind the other, as distributions lay them out.
func TestSegments(t *testing.T) {
	early := archive(files(".", "kernel/x86/microcode/GenuineIntel.bin=xyz")...)
	dracut := archive(files(".", "early_cpio=1", "kernel/x86/microcode/AuthenticAMD.bin=xyz")...)
	drivers := archive(files("usr/lib/modules/6.8.0-31-generic/kernel/nvme.ko.zst=z", "usr/lib/firmware/x.bin.zst")...)
	main := archive(files("usr/lib/modules/6.8.0-31-generic/kernel/ext4.ko=e", "init", "scripts/functions", "conf/arch.conf")...)
	twice := fill(drivers, 512) + main
	pack := func(command, data string) string { return pipe(t, "", data, command) }
	type segment struct {
		compression string
		early       bool
	}
	plain, gz, zst := segment{"none", false}, segment{"gzip", false}, segment{"zstd", false}
	for _, c := range []struct {
		name, data string
		want       []segment
	}{
		{"Ubuntu 24.04", fill(early, 512) + fill(early, 512) + fill(drivers, 512) + pack("zstd -q -19", main), []segment{{"none", true}, {"none", true}, plain, zst}},
		{"dracut with microcode", fill(dracut, 512) + pack("gzip", drivers+main), []segment{{"none", true}, gz}},
		{"to 4 bytes only", early + drivers + pack("xz --check=crc32", main), []segment{{"none", true}, plain, {"xz", false}}},
		{"zeros before", zeros(1024) + main + drivers, []segment{plain, plain}},
		{"firmware behind Debian's installer", pack("gzip -n", main) + pack("gzip -n", drivers), []segment{gz, gz}},
		{"firmware at any byte", pack("zstd -q", main) + "\x00" + pack("xz --check=crc32", drivers), []segment{zst, {"xz", false}}},
		{"plain behind compressed", fill(pack("bzip2", main), 4) + drivers, []segment{{"bzip2", false}, plain}},
		{"legacy lz4, zeros, plain", fill(pack("lz4 -q -l", main)+zeros(4), 4) + drivers, []segment{{"lz4 legacy", false}, plain}},
		{"lzop", fill(early, 512) + pack("lzop", twice), []segment{{"none", true}, {"lzop", false}}},
		{"two in one", pack("zstd -q", twice+zeros(700)), []segment{zst}},
		{"no trailer within", pack("gzip", strings.TrimSuffix(drivers, archive())+main), []segment{gz}},
		{"no trailer between", strings.TrimSuffix(drivers, archive()) + pack("gzip", main), []segment{plain, gz}},
		{"bootconfig", main + drivers + bootconfig("kernel.quiet = 1\n"), []segment{plain, plain}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := initramfs.Read(strings.NewReader(c.data))
			require.NoError(t, err)
			end, entries := int64(0), 0
			for i, s := range got.Segments {
				require.Equal(t, c.want[i], segment{s.Compression.String(), s.Early}, i)
				require.Empty(t, strings.Trim(c.data[end:s.Offset], "\x00"), "only zeros between")
				end = s.Offset + s.Packed
				entries += s.Entries
				require.Positive(t, s.Unpacked)
			}
			require.Len(t, got.Segments, len(c.want))
			require.Equal(t, entries, got.Entries)
			require.Equal(t, initramfs.InitramfsTools, got.Generator())
			if !strings.Contains(c.name, "lzop") {
				require.LessOrEqual(t, end, int64(len(c.data)))
			}
			require.True(t, got.Has("ext4"))
			require.True(t, got.Has("nvme"))
			require.True(t, got.HasFirmware("6.8.0-31-generic", "x.bin"))
		})
	}
}

func bootconfig(text string) string {
	b := binary.LittleEndian.AppendUint32([]byte(text), uint32(len(text)))
	sum := uint32(0)
	for _, c := range []byte(text) {
		sum += uint32(c)
	}
	return string(binary.LittleEndian.AppendUint32(b, sum)) + "#BOOTCONFIG\n"
}

func TestErrors(t *testing.T) {
	good := archive(files("usr/lib/modules/1/a.ko", "conf/conf.d/x=some text")...)
	gz := func(s string) string { return pipe(t, "", s, "gzip -n") }
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "read initramfs: it is empty"},
		{"zeros", zeros(5000), "read initramfs: it is nothing but zeros"},
		{"ELF", "\x7fELF\x02\x01", "read initramfs: it looks like an ELF program"},
		{"EFI", "MZ" + zeros(600), "it looks like an EFI program"},
		{"old cpio", "070707" + zeros(600), "it looks like a cpio archive of the old kind"},
		{"old cpio in gzip", gz("070707" + zeros(600)), "(gzip): in it, at byte 0, there is a cpio archive of the old kind"},
		{"tar", fill("./", 257) + "ustar\x00" + zeros(300), "it looks like a tar archive"},
		{"text", "Not found\n", "it looks like text"},
		{"pointer", "version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"},
		{"bytes", "\xde\xad\xbe\xef\x01", "it looks like data of no known kind (de ad be ef 01)"},
		{"junk behind", good + "junk", "behind 1 archives, there is text"},
		{"junk within", gz(good + "junk"), "(gzip): in it, at byte 396, there is text"},
		{"an empty gzip", gz(""), ""},
		{"header", good[:200] + gz(""), "cut off"},
		{"no trailer", strings.TrimSuffix(good, archive()), "is cut off at byte 272"},
		{"not hexadecimal", strings.Replace(good, "0000", "00x0", 1), "entry 1 at byte 0: its header has a field that is not a hexadecimal number"},
		{"name too long", entry{name: strings.Repeat("x", 4096)}.String(), "a name of 4097 bytes"},
		{"no name", strings.Replace(good, "0000001700000000", "0000000000000000", 1), "a name of 0 bytes"},
		{"name without an end", strings.Replace(good, "a.ko\x00", "a.koo", 1), "a name without a zero at its end"},
		{"sum", entry{name: "a", data: "abc", magic: "070702", sum: 295}.String(), "the sum of its content is wrong"},
		{"not at a multiple of 4", good + "\x00" + good, "an archive starts at byte 397, which is not a multiple of 4"},
		{"gzip not at a multiple of 4", good + "\x00" + gz(good), "an archive starts at byte 397"},
		{"plain behind gzip not at a multiple of 4", fill(gz(good), 4) + "\x00" + good, "which is not a multiple of 4"},
		{"within not at a multiple of 4", gz(good + "\x00" + good), "an entry at byte 397, which is not a multiple of 4"},
		{"lz4 frames", pipe(t, "", good, "lz4 -q"), "the kernel reads the legacy format of lz4"},
		{"lzma", "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff", "unpack lzma: this format is not read here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := initramfs.Read(strings.NewReader(c.in))
			require.NotNil(t, got)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			if strings.Contains(c.name, "behind") && !strings.Contains(c.name, "plain") {
				require.True(t, got.Has("a"), "what was read before is kept")
				require.Equal(t, "some text", string(got.File("conf/conf.d/x")))
			}
		})
	}
}

// TestCut: wherever it ends too early, it is said; and so is an error of the reader.
func TestCut(t *testing.T) {
	dir := tree(t, names...)
	for _, command := range []string{cpioNewc, cpioNewc + " | gzip", cpioNewc + " | zstd -q", cpioNewc + " | xz --check=crc32", cpioNewc + " | lz4 -q -l"} {
		data := pipe(t, dir, "", command)
		data = strings.TrimRight(data, "\x00")
		whole, err := initramfs.Read(strings.NewReader(fill(data, 512)))
		require.NoError(t, err)
		for n := 9; n < len(data)-1; n += 1 + n/9 {
			got, err := initramfs.Read(strings.NewReader(data[:n]))
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%s: %d of %d bytes", command, n, len(data))
			require.ErrorContains(t, err, "is cut off at byte")
			require.Less(t, got.Entries, whole.Entries+1)
			errDisk := errors.New("disk on fire")
			_, err = initramfs.Read(io.MultiReader(strings.NewReader(data[:n]), iotest.ErrReader(errDisk)))
			require.ErrorIs(t, err, errDisk)
		}
	}
}

// TestHardLinks: the content comes with the last name, which may be none that is
// kept, and does not reach over a trailer.
func TestHardLinks(t *testing.T) {
	link := func(name, data string) entry { return entry{name: name, data: data, ino: 7, links: 3} }
	got, err := initramfs.Read(strings.NewReader(
		archive(link("conf/conf.d/a", ""), link("conf/conf.d/b", ""), link("usr/share/x", "RESUME=/dev/sda2\n")) +
			archive(link("usr/share/y", "other"), entry{name: "etc/fstab", data: "one"}, entry{name: "./etc/fstab", data: "two"})))
	require.NoError(t, err)
	require.Equal(t, "/dev/sda2", got.Resume())
	require.Equal(t, got.File("conf/conf.d/a"), got.File("conf/conf.d/b"))
	require.Equal(t, "two", string(got.File("etc/fstab")), "the kernel writes the later one over it")

	many := make([]entry, 100)
	for i := range many {
		many[i] = link("conf/conf.d/"+strings.Repeat("x", i+1), "")
	}
	many = append(many, link("conf/conf.d/last", "content"))
	got, err = initramfs.Read(strings.NewReader(archive(many...)))
	require.NoError(t, err)
	require.Len(t, got.Omitted, 85)
}

func TestBigFiles(t *testing.T) {
	var entries []entry
	for i := range 20 {
		entries = append(entries, entry{name: "conf/conf.d/" + string(rune('a'+i)), data: strings.Repeat("x", 64<<10)})
	}
	got, err := initramfs.Read(strings.NewReader(archive(append(entries, entry{name: "etc/fstab", data: strings.Repeat("x", 64<<10+1)})...)))
	require.NoError(t, err)
	require.Equal(t, []string{"conf/conf.d/q", "conf/conf.d/r", "conf/conf.d/s", "conf/conf.d/t", "etc/fstab"}, got.Omitted)
	require.Len(t, got.File("conf/conf.d/p"), 64<<10)
	require.Nil(t, got.File("conf/conf.d/q"))
}

func TestHostOnly(t *testing.T) {
	uuid := "8a3f11d0-0000-4000-8000-000000000000"
	for _, c := range []struct {
		name, generator, want string
		files                 []string
	}{
		{"nothing", "other", "", []string{"init"}},
		{"dracut", "dracut", "", []string{"lib/dracut/modules.txt=base"}},
		{"dracut, strict", "dracut", "usr/lib/dracut/hostonly-kernel-modules.txt", []string{"lib/dracut/hostonly-kernel-modules.txt", "lib/dracut/hostonly-files=/etc/fstab"}},
		{"dracut, sloppy", "dracut", "usr/lib/dracut/hostonly-files", []string{"usr/lib/dracut/hostonly-files=/etc/fstab"}},
		{"dracut, strict list too big to keep", "dracut", "usr/lib/dracut/hostonly-kernel-modules.txt", []string{"lib/dracut/hostonly-kernel-modules.txt=" + strings.Repeat("x", 100_000)}},
		{"dracut's arguments", "dracut", "usr/lib/dracut/build-parameter.txt: --hostonly", []string{"lib/dracut/build-parameter.txt= --force --hostonly --kver '6'"}},
		{"dracut's later arguments", "dracut", "", []string{"lib/dracut/build-parameter.txt= -H --no-hostonly"}},
		{"dracut, a disk", "dracut", "etc/cmdline.d: root=UUID=" + uuid, []string{"lib/dracut/x", "etc/cmdline.d/95root-dev.conf= root=UUID=" + uuid + " rootfstype=ext4"}},
		{"dracut, a volume", "dracut", "etc/cmdline.d: rd.lvm.lv=vg/root", []string{"lib/dracut/x", "etc/cmdline.d/90lvm.conf= rd.lvm.lv=vg/root\n"}},
		{"dracut, no disk", "dracut", "", []string{"lib/dracut/x", "etc/cmdline.d/01-default.conf=quiet rd.retry=3"}},
		{"dracut, waits", "dracut", "waits for /dev/disk/by-uuid/" + uuid, []string{`var/lib/dracut/hooks/initqueue/finished/devexists-\x2fdev\x2fdisk\x2fby-uuid\x2f` + uuid + ".sh=x", "lib/dracut/x"}},
		{"Debian, dep", "initramfs-tools", "MODULES=dep in conf/", []string{"conf/initramfs.conf=MODULES=dep\n"}},
		{"Debian, most", "initramfs-tools", "", []string{"conf/initramfs.conf=MODULES=dep\n", "conf/conf.d/driver-policy=MODULES='most'\n"}},
		{"Debian, a comment", "initramfs-tools", "", []string{"conf/initramfs.conf=#MODULES=dep\nXMODULES=dep\n"}},
		{"Arch", "mkinitcpio", "buildconfig: hook autodetect", []string{"buildconfig=# HOOKS=(base)\nHOOKS=(base\n udev autodetect block)\n"}},
		{"Arch, once", "mkinitcpio", "buildconfig: hook autodetect", []string{"buildconfig=HOOKS=(base)\nHOOKS=\"base autodetect\"\n"}},
		{"Arch, later line", "mkinitcpio", "", []string{"buildconfig=HOOKS=(base autodetect)\nHOOKS=(base udev)\n"}},
		{"Arch, fallback", "mkinitcpio", "", []string{"buildconfig=HOOKS=(base autodetect)\n", "usr/lib/modules/6/megaraid_sas.ko.zst", "usr/lib/modules/6/virtio_blk.ko.zst"}},
		{"Arch, strange", "mkinitcpio", "", []string{"buildconfig=HOOKS="}},
		{"Alpine", "mkinitfs", "", []string{"sbin/nlplug-findfs"}},
		{"Alpine, merged", "mkinitfs", "", []string{"./usr/sbin/nlplug-findfs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := initramfs.Read(strings.NewReader(archive(files(c.files...)...)))
			require.NoError(t, err)
			evidence, ok := got.HostOnly()
			require.Equal(t, c.want, evidence)
			require.Equal(t, c.want != "", ok)
			require.Equal(t, c.generator, got.Generator())
		})
	}
}

func TestResume(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string
	}{
		{nil, ""},
		{[]string{"conf/conf.d/resume=RESUME=none\n"}, ""},
		{[]string{"conf/conf.d/resume=RESUME=auto\n"}, ""},
		{[]string{"conf/conf.d/resume=RESUME='/dev/sda 2'\n"}, "/dev/sda 2"},
		{[]string{"conf/conf.d/resume=RESUME=/dev/sda1\n", "conf/conf.d/zz-resume-auto=RESUME=UUID=5\n"}, "UUID=5"},
		{[]string{"etc/cmdline.d/95resume.conf= resume=UUID=6 x\n"}, "UUID=6"},
	} {
		got, err := initramfs.Read(strings.NewReader(archive(files(c.files...)...)))
		require.NoError(t, err)
		require.Equal(t, c.want, got.Resume(), c.files)
		require.Nil(t, got.Crypttab())
	}
}

func FuzzRead(f *testing.F) {
	early := fill(archive(files("kernel/x86/microcode/GenuineIntel.bin=xyz")...), 512)
	f.Add([]byte(early + archive(files(names...)...)))
	f.Add([]byte(early + bootconfig("x")))
	f.Add([]byte(archive(entry{name: "conf/conf.d/x", links: 2}, entry{name: "b", links: 2, data: "x", magic: "070702", sum: 'x'})))
	f.Add([]byte("\x02\x21\x4c\x18\x00\x00\x00\x00"))
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write([]byte(archive(files(names...)...)))
	require.NoError(f, err)
	require.NoError(f, w.Close())
	f.Add(gz.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := initramfs.Read(bytes.NewReader(b))
		require.NotNil(t, got)
		if err == nil {
			require.NotEmpty(t, got.Segments)
		}
		got.HostOnly()
		got.Resume()
		got.Generator()
		got.Crypttab()
		for _, name := range got.Modules() {
			require.True(t, got.Has(name))
		}
	})
}
