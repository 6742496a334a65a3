package hardware

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// need skips a test where a tool is missing; in CI it fails.
func need(t testing.TB, tools ...string) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing", tool)
			}
			t.Skipf("%s is missing", tool)
		}
	}
}

// tool runs a program and returns what it printed; its exit code is kmod's way
// of saying that an alias has no module.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && stdout.Len() == 0 {
		require.NoError(t, err, stderr.String())
	}
	return stdout.String()
}

// ko makes a kernel module as far as depmod and modinfo look at it: an ELF file
// with the entries in its .modinfo section.
func ko(entries ...string) []byte {
	info := []byte(strings.Join(append(entries, ""), "\x00"))
	names := []byte("\x00.modinfo\x00.shstrtab\x00")
	const head, section = 64, 64
	infoAt := uint64(head)
	namesAt := infoAt + uint64(len(info))
	tableAt := (namesAt + uint64(len(names)) + 7) &^ 7

	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	put(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1,
		Shoff: tableAt, Ehsize: head, Shentsize: section, Shnum: 3, Shstrndx: 2,
	})
	b.Write(info)
	b.Write(names)
	b.Write(make([]byte, tableAt-namesAt-uint64(len(names))))
	put(elf.Section64{})
	put(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Off: infoAt, Size: uint64(len(info)), Addralign: 1})
	put(elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names)), Addralign: 1})
	return b.Bytes()
}

// install makes a folder of modules out of a fixture, and lets the real depmod
// write the database of it.
func install(t testing.TB, fixture, version string) (root string) {
	t.Helper()
	m, err := OpenModules(os.DirFS("testdata"), fixture)
	require.NoError(t, err)
	root = t.TempDir()
	dir := filepath.Join(root, "lib/modules", version)
	info := map[string][]string{}
	for _, a := range m.aliases.list {
		info[a.module] = append(info[a.module], "alias="+a.pattern)
	}
	var order []string
	for _, a := range m.aliases.list { // the priority is that of modules.order
		order = append(order, a.module)
	}
	order = append(order, slices.Sorted(maps.Keys(m.files))...)
	var lines strings.Builder
	written := map[string]bool{}
	for _, name := range order {
		if written[name] {
			continue
		}
		written[name] = true
		file := strings.TrimPrefix(m.files[name].File, fixture+"/")
		require.NotEmpty(t, file, name)
		lines.WriteString(file + "\n")
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), ko(info[name]...), 0o644))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "modules.order"), []byte(lines.String()), 0o644))
	for _, name := range []string{"modules.builtin", "modules.builtin.modinfo"} {
		data, err := os.ReadFile(filepath.Join("testdata", fixture, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	tool(t, "depmod", "-b", root, version)
	require.FileExists(t, filepath.Join(dir, "modules.alias.bin"))
	return root
}

// resolve asks the real modprobe what it would load for each of the aliases. It
// is asked for all at once, with a module between them that no answer has.
func resolve(t testing.TB, root, version string, queries []string) [][]string {
	t.Helper()
	const between = "fat"
	var answers [][]string
	for batch := range slices.Chunk(queries, 500) {
		args := []string{"-C", t.TempDir(), "-d", root, "-S", version, "-a", "-R"}
		for _, q := range batch {
			args = append(args, q, between)
		}
		var at []string
		n := len(answers)
		for line := range strings.Lines(tool(t, "modprobe", args...)) {
			line = strings.TrimSpace(line)
			if line == between {
				answers = append(answers, at)
				at = nil
			} else if !slices.Contains(at, line) {
				at = append(at, line)
			}
		}
		require.Len(t, answers[n:], len(batch))
	}
	return answers
}

// concrete makes a modalias that a pattern may match: its wildcards become what
// real devices have there, or something else.
func concrete(r *rand.Rand, pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString([]string{"", "0", "00001028", "01sc04i00", "x-y_z", "*"}[r.IntN(6)])
		case '?':
			b.WriteByte("0aZ"[r.IntN(3)])
		case '[':
			end := i + strings.IndexByte(pattern[i:], ']')
			b.WriteByte(pattern[i+1+r.IntN(end-i-1)])
			i = end
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestMatchLikeModprobe compares with kmod: every line of the targets, and a
// sample of what the kernel's aliases are for. The folders are made of the
// fixtures, and a whole Debian is taken where there is one.
func TestMatchLikeModprobe(t *testing.T) {
	need(t, "modprobe", "depmod")
	type kernel struct{ name, root, version string }
	kernels := []kernel{
		{"amd64", install(t, "amd64", "6.1.0-56-amd64"), "6.1.0-56-amd64"},
		{"cloud-amd64", install(t, "cloud-amd64", "6.1.0-56-cloud-amd64"), "6.1.0-56-cloud-amd64"},
	}
	for _, extra := range filepath.SplitList(os.Getenv("MODULES_ROOTS") + ":../../build/debian-12") {
		if found, err := filepath.Glob(filepath.Join(extra, "lib/modules/*/modules.alias.bin")); err == nil && len(found) > 0 {
			version := filepath.Base(filepath.Dir(found[0]))
			kernels = append(kernels, kernel{"whole " + version, extra, version})
		}
	}
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			m, err := OpenModules(os.DirFS(k.root), "lib/modules/"+k.version)
			require.NoError(t, err)
			r := rand.New(rand.NewPCG(1, 2))
			queries := []string{"nosuch:thing", "virtio-net", "virtio_net", "net-pf-1", "cxl:t6x", "mq-deadline", "bsg", "sha1", "[x", "x]"}
			for _, target := range targets(t) {
				for _, d := range target.Devices {
					queries = append(queries, d.Modalias)
				}
			}
			all := slices.Concat(m.aliases.list, m.inside.list)
			for range 2000 {
				queries = append(queries, concrete(r, all[r.IntN(len(all))].pattern))
			}
			queries = slices.DeleteFunc(queries, func(q string) bool { return q == "" || q[0] == '-' })
			found := 0
			for i, want := range resolve(t, k.root, k.version, queries) {
				var got []string
				mods, err := m.Match(queries[i])
				require.NoError(t, err)
				for _, mod := range mods {
					got = append(got, mod.Name)
				}
				require.Equal(t, strings.Join(want, " "), strings.Join(got, " "), queries[i])
				found += min(len(got), 1)
			}
			require.Greater(t, found, 800, "the sample says little when little of it matches")
		})
	}
}

// targets are the fixtures in testdata/targets, by name.
func targets(t testing.TB) map[string]*Target {
	t.Helper()
	names, err := filepath.Glob("testdata/targets/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	list := map[string]*Target{}
	for _, name := range names {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		target, err := ParseTarget(f)
		require.NoError(t, err, name)
		list[strings.TrimSuffix(filepath.Base(name), ".txt")] = target
	}
	return list
}

// TestFirmwareLikeModinfo compares with kmod's modinfo, on modules packed in each
// way, and on real ones where there is a whole Debian.
func TestFirmwareLikeModinfo(t *testing.T) {
	need(t, "modinfo", "xz", "zstd", "gzip")
	root := t.TempDir()
	plain := ko("license=GPL", "firmware=tigon/tg3.bin", "alias=x", "firmware=tigon/tg3_tso.bin", "firmware=tigon/tg3.bin", "depends=")
	require.NoError(t, os.WriteFile(filepath.Join(root, "tg3.ko"), plain, 0o644))
	for _, pack := range [][]string{{"xz", "--check=crc32"}, {"zstd", "-q"}, {"gzip"}} {
		tool(t, pack[0], append(pack[1:], "-k", filepath.Join(root, "tg3.ko"))...)
	}
	names, err := filepath.Glob(root + "/*.ko*")
	require.NoError(t, err)
	require.Len(t, names, 4)
	want := []string{"tigon/tg3.bin", "tigon/tg3_tso.bin"}
	require.Equal(t, "tigon/tg3.bin\ntigon/tg3_tso.bin\ntigon/tg3.bin\n", tool(t, "modinfo", "-F", "firmware", names[0]))
	for _, name := range names {
		got, err := Firmware(os.DirFS(root), Module{Name: "tg3", File: filepath.Base(name)})
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}

	whole := os.DirFS("../../build/debian-12")
	for _, name := range []string{"drivers/net/ethernet/broadcom/tg3.ko", "drivers/scsi/qla2xxx/qla2xxx.ko", "drivers/ata/ahci.ko"} {
		found, err := fs.Glob(whole, "lib/modules/*/kernel/"+name)
		if err != nil || len(found) == 0 {
			continue
		}
		got, err := Firmware(whole, Module{Name: name, File: found[0]})
		require.NoError(t, err)
		want := strings.Fields(tool(t, "modinfo", "-F", "firmware", "../../build/debian-12/"+found[0]))
		slices.Sort(want) // modinfo prints an entry as often as it is there
		slices.Sort(got)
		require.Equal(t, strings.Join(slices.Compact(want), " "), strings.Join(slices.Compact(got), " "))
	}
}
