package hardware

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// conf is a tree with files of modprobe.d: a path, then its text.
func conf(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name, module string
		fsys         fstest.MapFS
		why, file    string
	}{
		{"none", "ahci", conf(), "", ""},
		{"blacklist", "megaraid_sas", conf("etc/modprobe.d/a.conf", "# x\n  blacklist\tmegaraid-sas # not a comment\n"), "is blacklisted", "etc/modprobe.d/a.conf"},
		{"another one", "ahci", conf("etc/modprobe.d/a.conf", "blacklist megaraid-sas\n"), "", ""},
		{"comment", "ahci", conf("etc/modprobe.d/a.conf", "#blacklist ahci\n# blacklist ahci\n"), "", ""},
		{"no .conf", "ahci", conf("etc/modprobe.d/a", "blacklist ahci\n", "etc/modprobe.d/a.conf.dpkg-old", "blacklist ahci\n"), "", ""},
		{"last line, continued", "ahci", conf("lib/modprobe.d/a.conf", "blacklist \\\nahci"), "is blacklisted", "lib/modprobe.d/a.conf"},
		{"hidden by the same name", "ahci", conf("usr/lib/modprobe.d/a.conf", "blacklist ahci\n", "etc/modprobe.d/a.conf", ""), "", ""},
		{"not hidden by another", "ahci", conf("usr/lib/modprobe.d/a.conf", "blacklist ahci\n", "etc/modprobe.d/b.conf", ""), "is blacklisted", "usr/lib/modprobe.d/a.conf"},
		{"hidden by null", "ahci", fstest.MapFS{
			"usr/lib/modprobe.d/a.conf": {Data: []byte("blacklist ahci\n")},
			"etc/modprobe.d/a.conf":     {Data: []byte("/dev/null"), Mode: fs.ModeSymlink}}, "", ""},
		{"install false", "nvme", conf("etc/modprobe.d/a.conf", "install nvme /bin/false\n"), "is kept from loading by an install command", "etc/modprobe.d/a.conf"},
		{"install true", "nvme", conf("etc/modprobe.d/a.conf", "install nvme /usr/bin/true --x\n"), "is kept from loading by an install command", "etc/modprobe.d/a.conf"},
		{"install something", "nvme", conf("etc/modprobe.d/a.conf", "install nvme /sbin/modprobe -i nvme\n"), "", ""},
		{"install nothing", "nvme", conf("etc/modprobe.d/a.conf", "install nvme\n"), "", ""},
		{"the first install counts", "nvme", conf("etc/modprobe.d/a.conf", "install nvme modprobe -i nvme\n", "etc/modprobe.d/b.conf", "install nvme /bin/false\n"), "", ""},
		{"install by pattern", "nvme_tcp", conf("etc/modprobe.d/a.conf", "install nvme-* /bin/false\n"), "is kept from loading by an install command", "etc/modprobe.d/a.conf"},
	} {
		c2, err := ReadConfig(c.fsys)
		require.NoError(t, err, c.name)
		why, file := c2.Blocked(Module{Name: c.module, File: "x.ko"})
		require.Equal(t, c.why+" "+c.file, why+" "+file, c.name)
		why, _ = c2.Blocked(Module{Name: c.module, BuiltIn: true})
		require.Empty(t, why, "what is built in is there")
	}
}

func TestConfigAliases(t *testing.T) {
	c, err := ReadConfig(conf("etc/modprobe.d/a.conf", "alias pci:v1* my-driver\nalias eth0\nalias net-pf-10 off\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"my_driver"}, c.Aliases("pci:v12"))
	require.Equal(t, []string{"off"}, c.Aliases("net_pf_10"))
	require.Empty(t, c.Aliases("eth0"))
	require.Empty(t, c.Aliases("]"))
}

func TestConfigCommandLine(t *testing.T) {
	c, err := ReadConfig(conf())
	require.NoError(t, err)
	c.CommandLine("etc/default/grub", []string{"quiet", "modprobe.blacklist=ast,mgag200", "rd.driver.blacklist=nouveau,"})
	c.CommandLine("etc/kernel/cmdline", []string{"module_blacklist=megaraid-sas", "modprobe.blacklist=ast", "xmodprobe.blacklist=ahci", "modprobe.blacklist"})
	for module, want := range map[string]string{
		"ast": "is blacklisted etc/default/grub", "mgag200": "is blacklisted etc/default/grub", "nouveau": "is blacklisted etc/default/grub",
		"megaraid_sas": "is forbidden by module_blacklist= etc/kernel/cmdline", "ahci": " ", "": " ",
	} {
		why, file := c.Blocked(Module{Name: module})
		require.Equal(t, want, why+" "+file, module)
	}
	// A blacklist does not hold back what another module needs; the kernel's does.
	why, _ := c.BlockedAsNeed(Module{Name: "ast"})
	require.Empty(t, why)
	why, _ = c.BlockedAsNeed(Module{Name: "megaraid_sas"})
	require.NotEmpty(t, why)
	why, _ = c.BlockedAsNeed(Module{Name: "megaraid_sas", BuiltIn: true})
	require.Empty(t, why)
}

func TestConfigErrors(t *testing.T) {
	fsys := conf("etc/modprobe.d/a.conf", strings.Repeat("#", maxConf+1), "etc/modprobe.d/z.conf", "blacklist ahci\n")
	c, err := ReadConfig(fsys)
	require.EqualError(t, err, "modprobe.d: etc/modprobe.d/a.conf is longer than 1048576 bytes")
	why, _ := c.Blocked(Module{Name: "ahci"})
	require.Equal(t, "is blacklisted", why)

	fsys = conf("etc/modprobe.d/z.conf", "blacklist ahci\n")
	fsys["etc/modprobe.d/fifo.conf"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	_, err = ReadConfig(fsys)
	require.EqualError(t, err, "modprobe.d: open etc/modprobe.d/fifo.conf: not a regular file")
}

// TestBlockedLikeModprobe asks the real modprobe what it would do for a device.
func TestBlockedLikeModprobe(t *testing.T) {
	need(t, "modprobe", "depmod")
	const version = "6.1.0-56-amd64"
	root := install(t, "amd64", version)
	m, err := OpenModules(os.DirFS(root), "lib/modules/"+version)
	require.NoError(t, err)
	const text = "blacklist megaraid-sas\nblacklist mpt3sas\ninstall i40e /bin/false\ninstall virtio* /bin/true\ninstall tg3 /sbin/modprobe -i tg3\n" +
		"install tg3 /bin/false\nalias pci:v00009005* hpsa\nblacklist \\\nice\nalias pci:v00001D0Fd* ena\n"
	tree := t.TempDir()
	dir := filepath.Join(tree, "etc/modprobe.d")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.conf"), []byte(text), 0o644))
	c, err := ReadConfig(os.DirFS(tree))
	require.NoError(t, err)

	asked := 0
	for _, target := range targets(t) {
		for _, d := range target.Devices {
			mods, err := m.Match(d.Modalias)
			require.NoError(t, err)
			for i, name := range c.Aliases(d.Modalias) {
				if i == 0 {
					mods = nil
				}
				mods = append(mods, m.module(name))
			}
			loaded := ""
			for _, mod := range mods {
				if why, _ := c.Blocked(mod); why == "" {
					loaded += mod.Name + "\n"
				}
			}
			if len(mods) == 0 {
				continue
			}
			asked++
			// It prints what it would insert, and the commands that it would run.
			got := ""
			for line := range strings.Lines(tool(t, "modprobe", "-C", dir, "-d", root, "-S", version, "-b", "-D", d.Modalias)) {
				words := strings.Fields(line)
				switch {
				case words[0] == "insmod":
					if line := moduleName(words[1]) + "\n"; !strings.Contains(got, line) {
						got += line // an alias of it may match twice
					}
				case strings.HasPrefix(line, "install /sbin/modprobe -i "):
					got += words[3] + "\n"
				}
			}
			require.Equal(t, loaded, got, d.Modalias)
		}
	}
	require.Greater(t, asked, 20)
}

func FuzzConfig(f *testing.F) {
	f.Add("blacklist a\\\n b\ninstall * /bin/false\nalias [a-z]* x\n", "modprobe.blacklist=a,b module_blacklist=c", "a")
	f.Fuzz(func(t *testing.T, text, line, name string) {
		c, err := ReadConfig(conf("etc/modprobe.d/a.conf", text))
		require.NoError(t, err)
		c.CommandLine("x", strings.Fields(line))
		c.Aliases(name)
		why, file := c.Blocked(Module{Name: name})
		require.Equal(t, why == "", file == "")
	})
}

func TestHasFirmware(t *testing.T) {
	fsys := conf("usr/lib/firmware/tigon/tg3.bin", "x", "lib/firmware/ql2500_fw.bin.xz", "x", "usr/lib/firmware/updates/bnx2x.fw", "x",
		"usr/lib/firmware/6.1.0/only.bin.zst", "x", "usr/lib/firmware/dir/x", "x")
	for name, want := range map[string]bool{
		"tigon/tg3.bin": true, "ql2500_fw.bin": true, "bnx2x.fw": true, "only.bin": true,
		"tigon/tg3_tso.bin": false, "dir": false, "": true, "../x": true, "brcm/*.bin": true,
	} {
		require.Equal(t, want, HasFirmware(fsys, "6.1.0", name), name)
	}
	require.False(t, HasFirmware(fsys, "6.2.0", "only.bin"))
}

func TestFirmwareErrors(t *testing.T) {
	noContent := ko("firmware=x")
	// The type of the second section, at the end of the file.
	noContent[len(noContent)-2*64+4] = 8 // SHT_NOBITS
	for _, c := range []struct {
		data []byte
		err  string
	}{
		{nil, "firmware of module m: not a 64-bit ELF file"},
		{[]byte("not ELF at all, and long enough to say so"), "firmware of module m: not a 64-bit ELF file"},
		{ko("a")[:100], "firmware of module m: the ELF file is cut off"},
		{append(ko("a")[:60], 0, 0, 0, 0), "firmware of module m: the ELF file has no table of sections"},
		{noContent, "firmware of module m: the .modinfo section has no plain content"},
		{bytes.Replace(ko("firmware=x"), []byte(".modinfo"), []byte(".nothing"), 1), "firmware of module m: no .modinfo section"},
		{ko(strings.Repeat("x", maxModinfo)), "firmware of module m: the .modinfo section is longer than 1048576 bytes"},
	} {
		_, err := Firmware(fstest.MapFS{"m.ko": {Data: c.data}}, Module{Name: "m", File: "m.ko"})
		require.ErrorContains(t, err, c.err)
	}
	names, err := Firmware(fstest.MapFS{}, Module{Name: "m", BuiltIn: true})
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = Firmware(fstest.MapFS{}, Module{Name: "m", File: "m.ko"})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// FuzzModinfo compares with debug/elf, as far as both take the file.
func FuzzModinfo(f *testing.F) {
	f.Add(ko("firmware=a", "license=GPL"))
	f.Add(ko("a")[:100])
	big := ko("firmware=a")
	big[5] = 2
	f.Add(big)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := modinfo(data)
		if err != nil {
			return
		}
		file, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			return
		}
		s := file.Section(".modinfo")
		require.NotNil(t, s)
		want, err := s.Data()
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	})
}
