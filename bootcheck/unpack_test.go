package bootcheck

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/entry"
	"image-capture/image"
	"image-capture/rootfs/roottest"
)

// unpackReport is what the rule says of entries, those of a tree.
func unpackReport(t *testing.T, list []entry.Member) (string, Report) {
	t.Helper()
	e := &Entries{}
	for i := range list {
		e.Add(&list[i])
	}
	r, err := Check(t.Context(), memTree{}, Options{Entries: e})
	require.NoError(t, err)
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Rule == "unpack" {
			fmt.Fprintf(&b, "%s %s: %s\n", f.Level, f.Path, f.Problem)
		}
	}
	return b.String(), r
}

func member(path string, typ entry.Type) entry.Member {
	return entry.Member{Entry: entry.Entry{Path: path, Type: typ, Perm: 0o644, Nlink: 1}}
}

// TestUnpack has each obstacle, and beside it what just passes.
func TestUnpack(t *testing.T) {
	const fine = "ok : GNU tar, ext4, and vfat at /boot/efi take all entries\n"
	deep := strings.Repeat("/d", (maxPath-2)/2) // "." and this have 4095 bytes
	type list = []entry.Member
	with := func(m entry.Member, change func(*entry.Member)) entry.Member { change(&m); return m }
	efi := func(name string) entry.Member { return member(esp+"/"+name, entry.File) }
	for _, c := range []struct {
		what string
		list list
		want string // of the first finding; "" means fine
	}{
		{"long name", list{member("./x/"+strings.Repeat("n", 256)+"/y", entry.Dir)}, "fail"},
		{"name of 255", list{member("./x/"+strings.Repeat("n", 255), entry.File)}, ""},
		{"long path", list{member("."+deep+"/", entry.Dir), member("."+deep+"/e", entry.File)}, "fail"},
		{"path of 4095", list{member("."+deep, entry.File)}, ""},
		{"long target", list{with(member("./l", entry.Symlink), func(m *entry.Member) { m.Link = strings.Repeat("x", 4096) })}, "fail"},
		{"target of 4095", list{with(member("./l", entry.Symlink), func(m *entry.Member) { m.Link = strings.Repeat("x", 4095) })}, ""},
		{"big attribute", list{with(member("./f", entry.File), func(m *entry.Member) { m.Xattrs = []entry.Xattr{{Name: "user.a", Value: strings.Repeat("v", 4041)}} })},
			"warn /f: has more extended attributes than ext4 has room for: tar extracts the file without user.a, and says so only in its log\n"},
		{"attribute of 4040", list{with(member("./f", entry.File), func(m *entry.Member) { m.Xattrs = []entry.Xattr{{Name: "user.a", Value: strings.Repeat("v", 4040)}} })}, ""},

		{"link on the ESP", list{with(efi("l"), func(m *entry.Member) { m.Type = entry.Symlink })}, "fail /boot/efi/l: is a symbolic link, and vfat has none"},
		{"FIFO on the ESP", list{with(efi("p"), func(m *entry.Member) { m.Type = entry.FIFO })}, "fail /boot/efi/p: is a FIFO"},
		{"hard link on the ESP", list{efi("a"), with(efi("b"), func(m *entry.Member) { m.HardLink, m.Type = esp+"/a", 0 })}, "fail /boot/efi/b: is a hard link"},
		{"hard link out of the ESP", list{efi("a"), with(member("./b", 0), func(m *entry.Member) { m.HardLink = esp + "/a" })}, "fail /b: is a hard link"},
		{"set-id bit", list{with(efi("a"), func(m *entry.Member) { m.Perm = 0o4755 })}, "fail /boot/efi/a: has a set-id"},
		{"owner", list{with(member(esp, entry.Dir), func(m *entry.Member) { m.GID = 5 })}, "fail /boot/efi: belongs"},
		{"4 GiB", list{with(efi("a"), func(m *entry.Member) { m.Size = 1 << 32 })}, "fail /boot/efi/a: has 4 GiB"},
		{"not quite", list{with(efi("a"), func(m *entry.Member) { m.Size = 1<<32 - 1 })}, ""},
		{"colon", list{efi("a:b")}, "fail /boot/efi/a:b: has a name that vfat"},
		{"blank at the end", list{efi("a ")}, "fail /boot/efi/a : has a name that vfat"},
		{"control character", list{efi("a\tb")}, `fail /boot/efi/a\tb: has a name that vfat`},
		{"plus and blank", list{efi("a + [b].c;d"), efi("d.e.f"), efi(".x")}, ""},
		{"latin-1", list{efi("\xe4")}, `warn /boot/efi/\344: has a name that is not UTF-8`},
		{"case", list{efi("A"), efi("a")}, "warn /boot/efi/a: is for vfat the same name"},
		{"case above", list{member(esp+"/EFI", entry.Dir), efi("EFI/x"), member(esp+"/efi", entry.Dir), efi("efi/X")}, "warn /boot/efi/efi/X: is for vfat the same name"},
		{"directories alone", list{member(esp+"/EFI", entry.Dir), efi("EFI/x"), member(esp+"/efi", entry.Dir), efi("efi/y")}, ""},
		{"dot at the end", list{efi("a."), efi("a")}, "warn /boot/efi/a: is for vfat the same name"},
		{"file and directory", list{member(esp+"/A", entry.Dir), efi("a")}, "fail /boot/efi/a: is a file for vfat"},
		{"the same twice", list{efi("a"), efi("a")}, ""},
		{"a link in its place", list{with(member(esp, entry.Symlink), func(m *entry.Member) { m.Link = "/efi" })}, ""},
		{"beside it", list{with(member("./boot/efi2", entry.Symlink), func(m *entry.Member) { m.Link = "efi" }), member("./boot/A", 1), member("./boot/a", 1), member("./boot/a:b", 1)}, ""},
	} {
		got, report := unpackReport(t, c.list)
		if c.want == "" {
			require.Equal(t, fine, got, c.what)
			continue
		}
		require.True(t, strings.HasPrefix(got, c.want), "%s: %s", c.what, got)
		require.Equal(t, 1, strings.Count(got, "\n"), "%s: %s", c.what, got)
		require.Less(t, len(got), 800, c.what)
		for _, f := range report.Findings {
			if f.Rule == "unpack" && f.Level == Fail {
				require.NotEmpty(t, f.Ends, c.what)
			}
		}
	}
}

// TestUnpackManyNames counts the names of an inode, whose links may come among those of
// others, as they stand in an image and in a tree.
func TestUnpackManyNames(t *testing.T) {
	links := func(all, others int) (list []entry.Member) {
		list = append(list, member("./a", entry.File))
		for i := 1; i < all; i++ {
			m := member(fmt.Sprint("./l", i), 0)
			m.HardLink = "./a"
			list = append(list, m)
			for j := range others {
				m := member(fmt.Sprint("./o", i, j), 0)
				m.HardLink = fmt.Sprint("./first", i, j)
				list = append(list, m)
			}
		}
		return list
	}
	got, _ := unpackReport(t, links(entry.MaxNames, 0))
	require.Contains(t, got, "ok ")
	got, _ = unpackReport(t, links(entry.MaxNames+10, 6)) // more than there is room for
	require.Contains(t, got, "fail /l6500")
	got, _ = unpackReport(t, links(entry.MaxNames+1, 2))
	require.Equal(t, "fail /l65000: is one name more than the 65000 that ext4 takes of an inode: tar ends with an error\n", got)

	tree := func(names int) (list []entry.Member) {
		for i := range names {
			m := member(fmt.Sprint("./l", i), entry.File)
			m.ID.Ino, m.Nlink = 7, 70000
			list = append(list, m)
		}
		return list
	}
	got, _ = unpackReport(t, tree(entry.MaxNames))
	require.Contains(t, got, "ok ")
	got, _ = unpackReport(t, tree(entry.MaxNames+2))
	require.Equal(t, "info /l65000: is one name more than the 65000 that ext4 takes of an inode: it begins another one in the image, with the same content\n", got)
}

// TestUnpackImage has the rule in the check of an image, which sees what a tree cannot
// have.
func TestUnpackImage(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []*tar.Header{
		{Name: "./boot/efi/EFI/BOOT/BOOTX64.EFI", Mode: 0o755},
		{Name: "./boot/efi/EFI/debian/BOOTX64.EFI", Typeflag: tar.TypeLink, Linkname: "./boot/efi/EFI/BOOT/BOOTX64.EFI"},
		{Name: "./" + strings.Repeat("n", 300), Mode: 0o644},
	} {
		require.NoError(t, w.WriteHeader(h))
	}
	require.NoError(t, w.Close())
	r, err := image.NewReader(bytes.NewReader(out.Bytes()))
	require.NoError(t, err)
	defer r.Close()
	img, err := ReadImage(t.Context(), r, Options{Firmware: UEFI})
	require.NoError(t, err)
	report, err := img.Check(t.Context())
	require.NoError(t, err)
	all := text(report.Findings)
	require.Contains(t, all, "has a name of more than 255 bytes")
	require.Contains(t, all, "is a hard link, and vfat has none")
	require.Equal(t, No, report.Deploys.Answer)
}

// TestBeyondExt4 holds the arithmetic against GNU tar and a real ext4.
func TestBeyondExt4(t *testing.T) {
	dir := t.TempDir()
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &fs))
	if fs.Type != unix.EXT4_SUPER_MAGIC || fs.Bsize != 4096 {
		roottest.NeedRoot(t)
		img := filepath.Join(dir, "ext4")
		require.NoError(t, os.WriteFile(img, nil, 0o600))
		require.NoError(t, os.Truncate(img, 64<<20))
		for _, args := range [][]string{{"mkfs.ext4", "-q", "-b", "4096", img}, {"mount", "-o", "loop", img, dir}} {
			b, err := exec.Command(args[0], args[1:]...).CombinedOutput()
			require.NoError(t, err, "%s", b)
		}
		defer exec.Command("umount", dir).Run()
	}
	v := func(n int) string { return strings.Repeat("v", n) }
	for i, list := range [][]entry.Xattr{
		{{Name: "user.a", Value: v(4040)}},
		{{Name: "user.a", Value: v(4041)}},
		{{Name: "user.abcde", Value: v(4036)}},
		{{Name: "user.abcde", Value: v(4037)}},
		{{Name: "user.a", Value: v(4040)}, {Name: "user.b", Value: v(68)}},
		{{Name: "user.a", Value: v(4040)}, {Name: "user.b", Value: v(69)}},
		{{Name: "user.a", Value: v(68)}, {Name: "user.b", Value: v(4040)}},
		{{Name: "user.a", Value: v(2500)}, {Name: "user.b", Value: v(2500)}},
		{{Name: "user.a", Value: ""}, {Name: "user.b", Value: v(24)}, {Name: "user.c", Value: v(2)}, {Name: "user.d", Value: v(4040)}},
	} {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		h := &tar.Header{Name: fmt.Sprint("f", i), Mode: 0o644, PAXRecords: map[string]string{}}
		for _, x := range list {
			h.PAXRecords["SCHILY.xattr."+x.Name] = x.Value
		}
		require.NoError(t, w.WriteHeader(h))
		require.NoError(t, w.Close())
		cmd := exec.Command("tar", "--xattrs", "--xattrs-include=*", "-xpf", "-", "-C", dir)
		cmd.Stdin = &out
		b, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", b) // tar's exit code says nothing of it
		lost := ""
		for _, x := range list {
			if _, err := unix.Getxattr(filepath.Join(dir, h.Name), x.Name, nil); err != nil {
				lost = x.Name
			}
		}
		require.Equal(t, lost, beyondExt4(list), "%d: %s", i, b)
	}
}
