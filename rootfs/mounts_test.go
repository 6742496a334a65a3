package rootfs

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"github.com/stretchr/testify/require"
)

// mountTable makes a list of mounts of lines "ID PARENT DEV ROOT MOUNTPOINT TYPE
// SOURCE", by the parser of the real ones.
func mountTable(t testing.TB, text string) []*mountinfo.Info {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		require.Len(t, f, 7, line)
		fmt.Fprintf(&b, "%s %s %s %s %s rw,relatime shared:1 - %s %s rw\n", f[0], f[1], f[2], f[3], f[4], f[5], f[6])
	}
	infos, err := mountinfo.GetMountsFromReader(strings.NewReader(b.String()), nil)
	require.NoError(t, err)
	return infos
}

func TestDecide(t *testing.T) {
	const live = `
		1 0 8:2 / / ext4 /dev/sda2
		2 1 0:5 / /proc proc proc
		3 1 0:6 / /dev devtmpfs udev
		4 3 0:7 / /dev/shm tmpfs tmpfs
		5 1 8:1 / /boot ext4 /dev/sda1
		6 5 8:3 / /boot/efi vfat /dev/sda3
`
	tests := []struct {
		name, table, root string
		opt               MountOptions
		// "+ ./path: part of the reason" or "- ./path: ..."
		want []string
		err  string
		// absent are those of opt.Exclude that are not mounted.
		absent []string
	}{
		{
			name: "live host", table: live, root: "/",
			want: []string{"+ ./boot: local filesystem ext4 on /dev/sda1", "+ ./boot/efi: local filesystem vfat", "- ./dev: pseudo filesystem devtmpfs", "- ./proc: pseudo filesystem proc"},
		},
		{
			name: "types", root: "/",
			table: `
		1 0 8:2 / / xfs /dev/sda2
		2 1 0:30 / /nfs nfs4 nas:/export
		3 1 0:31 / /smb cifs //nas/share
		4 1 0:32 / /sshfs fuse.sshfs host:/dir
		5 1 8:5 / /ntfs fuseblk /dev/sda5
		6 1 7:1 / /snap squashfs /dev/loop1
		7 1 0:33 / /merged overlay overlay
		8 1 0:34 / /strange-dev newfs /dev/sdz9
		9 1 0:35 / /strange newfs none
		10 1 0:36 / /data zfs pool/data
		11 1 0:37 / /auto autofs systemd-1
		12 1 0:38 / /cd iso9660 /dev/sr0
		13 1 0:39 / /vm 9p tag
		14 1 0:40 / /fuse fuse portal
		15 1 0:41 / /with\040space\012 ext4 /dev/sdb1
`,
			want: []string{
				"- ./auto: pseudo filesystem autofs", "- ./cd: read-only image iso9660 on /dev/sr0", "+ ./data: local filesystem zfs on pool/data", "- ./fuse: FUSE filesystem fuse on portal",
				"- ./merged: overlay overlay", "- ./nfs: network filesystem nfs4 on nas:/export", "- ./ntfs: FUSE filesystem fuseblk on /dev/sda5", "- ./smb: network filesystem cifs",
				"- ./snap: read-only image squashfs", "- ./sshfs: FUSE filesystem fuse.sshfs", "- ./strange: pseudo filesystem newfs", "+ ./strange-dev: local filesystem newfs on /dev/sdz9",
				"- ./vm: network filesystem 9p", "+ ./with space\n: local filesystem ext4",
			},
		},
		{
			name: "an automount that is triggered", root: "/",
			table: `
		1 0 8:2 / / ext4 /dev/sda2
		2 1 0:37 / /boot/efi autofs systemd-1
		3 2 8:1 / /boot/efi vfat /dev/sda1
		4 1 0:38 / /home autofs auto.home
		5 4 0:39 / /home/ann nfs nas:/home/ann
`,
			want: []string{"+ ./boot/efi: local filesystem vfat", "- ./home: pseudo filesystem autofs"},
		},
		{
			name: "root is a mount point", root: "/mnt/img",
			table: live + `
		7 1 8:18 / /mnt/img ext4 /dev/sdb2
		8 7 8:17 / /mnt/img/boot ext4 /dev/sdb1
		9 7 0:5 / /mnt/img/proc proc proc
		10 1 8:19 / /mnt/img2 ext4 /dev/sdb3
`,
			want: []string{"+ ./boot: local filesystem ext4 on /dev/sdb1", "- ./proc: pseudo filesystem proc"},
		},
		{
			name: "root is a directory below a mount point", root: "/srv/images/gold",
			table: live + `
		7 1 8:18 / /srv ext4 /dev/sdb2
		8 7 0:5 / /srv/images/gold/proc proc proc
		9 7 8:18 /images/gold/usr /srv/images/gold/export ext4 /dev/sdb2
		10 7 8:18 /other /srv/images/gold/other ext4 /dev/sdb2
`,
			want: []string{"- ./export: bind mount of ./usr, which is captured already", "+ ./other: local filesystem ext4 on /dev/sdb2", "- ./proc: pseudo"},
		},
		{
			name: "a chroot, where nothing holds the root", root: "/",
			table: `
		20 7 0:5 / /proc proc proc
		21 7 8:1 / /boot ext4 /dev/sda1
		22 21 8:3 / /boot/efi vfat /dev/sda3
`,
			want: []string{"+ ./boot: local", "+ ./boot/efi: local", "- ./proc: pseudo"},
		},
		{
			name: "root bound on itself, as for a chroot", root: "/mnt",
			table: `
		1 0 8:2 / / ext4 /dev/sda2
		2 1 8:9 / /mnt/hidden ext4 /dev/sda9
		3 1 8:2 /mnt /mnt ext4 /dev/sda2
		4 3 8:8 / /mnt/seen ext4 /dev/sda8
`,
			want: []string{"+ ./seen: local filesystem ext4 on /dev/sda8"},
		},
		{
			name: "a directory bound on itself", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /var/lib /var/lib ext4 /dev/sda2",
			want:  []string{"+ ./var/lib: local"},
		},
		{
			name: "a captured directory bound elsewhere", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /srv/www /var/www ext4 /dev/sda2",
			want:  []string{"- ./var/www: bind mount of ./srv/www, which is captured already"},
		},
		{
			name: "its origin is covered by another mount", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /srv/www /var/www ext4 /dev/sda2\n 3 1 8:7 / /srv ext4 /dev/sda7",
			want:  []string{"+ ./srv: local", "+ ./var/www: local"},
		},
		{
			name: "its origin is dropped", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /srv/www /var/www ext4 /dev/sda2",
			opt:   MountOptions{Dropped: func(p string) bool { return p == "./srv" || strings.HasPrefix(p, "./srv/") }},
			want:  []string{"+ ./var/www: local"},
		},
		{
			name: "a disk whose place is excluded", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:7 / /srv ext4 /dev/sda7",
			opt:   MountOptions{Dropped: func(p string) bool { return p == "./srv" }},
			want:  []string{"- ./srv: local filesystem ext4 on /dev/sda7 (excluded)"},
		},
		{
			name: "its origin was removed", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /srv/www//deleted /var/www ext4 /dev/sda2",
			want:  []string{"+ ./var/www: local"},
		},
		{
			name: "a bound directory of outside the root", root: "/mnt/img",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /srv/www /mnt/img/www ext4 /dev/sda2\n 3 1 8:2 /mnt/img2 /mnt/img/two ext4 /dev/sda2",
			want:  []string{"+ ./two: local", "+ ./www: local"},
		},
		{
			name: "one filesystem mounted twice", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:7 / /b ext4 /dev/sda7\n 3 1 8:7 /sub /c ext4 /dev/sda7\n 4 1 8:7 / /a ext4 /dev/sda7",
			want:  []string{"+ ./a: local", "- ./b: bind mount of ./a,", "- ./c: bind mount of ./a/sub,"},
		},
		{
			name: "mounts on one point", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:7 / /a ext4 /dev/sda7\n 3 2 8:8 / /a xfs /dev/sda8\n 4 2 8:9 / /a/under ext4 /dev/sda9",
			want:  []string{"+ ./a: local filesystem xfs on /dev/sda8"},
		},
		{
			name: "hidden by a later mount above", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:7 / /a/b ext4 /dev/sda7\n 3 1 8:8 / /a ext4 /dev/sda8",
			want:  []string{"+ ./a: local filesystem ext4 on /dev/sda8"},
		},
		{
			name: "below one that is left out", root: "/",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 0:9 / /run tmpfs tmpfs\n 3 2 8:8 / /run/media/disk ext4 /dev/sda8\n 4 1 8:9 / /runner ext4 /dev/sda9",
			want:  []string{"- ./run: pseudo filesystem tmpfs", "+ ./runner: local"},
		},
		{
			name: "btrfs subvolumes", root: "/",
			table: "1 0 0:40 /@ / btrfs /dev/sda2\n 2 1 0:40 /@home /home btrfs /dev/sda2\n 3 1 0:40 /@/srv /export btrfs /dev/sda2",
			want:  []string{"- ./export: bind mount of ./srv,", "+ ./home: local filesystem btrfs"},
		},
		{
			name: "names that begin alike", root: "/a",
			table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:3 / /ab ext4 /dev/sda3\n 3 1 8:2 /a/bc /a/x ext4 /dev/sda2\n 4 1 8:4 / /a/b ext4 /dev/sda4",
			want:  []string{"+ ./b: local", "- ./x: bind mount of ./bc,"},
		},
		{
			name: "one file system", table: live, root: "/", opt: MountOptions{OneFileSystem: true},
			want: []string{"- ./boot: local filesystem ext4 on /dev/sda1 (--one-file-system)", "- ./dev: pseudo filesystem devtmpfs (--one-file-system)", "- ./proc: "},
		},
		{
			name: "one file system, and another", table: live, root: "/", opt: MountOptions{OneFileSystem: true, Include: []string{"/boot/"}},
			want: []string{"+ ./boot: local filesystem ext4 on /dev/sda1 (--include-mount)", "- ./boot/efi: local filesystem vfat on /dev/sda3 (--one-file-system)", "- ./dev: ", "- ./proc: "},
		},
		{
			name: "include and exclude", table: live, root: "/", opt: MountOptions{Include: []string{"./dev", "dev//shm"}, Exclude: []string{"boot"}},
			want: []string{"- ./boot: local filesystem ext4 on /dev/sda1 (--exclude-mount)", "+ ./dev: pseudo filesystem devtmpfs (--include-mount)", "+ ./dev/shm: pseudo filesystem tmpfs (--include-mount)", "- ./proc: "},
		},
		{
			name: "exclude below what is excluded", table: live, root: "/", opt: MountOptions{Exclude: []string{"boot", "boot/efi"}},
			want: []string{"- ./boot: ", "- ./dev: ", "- ./proc: "},
		},
		{name: "include no mount point", table: live, root: "/", opt: MountOptions{Include: []string{"/usr"}}, err: "./usr is not a mount point below /"},
		{name: "exclude no mount point", table: live, root: "/", opt: MountOptions{Exclude: []string{"/usr", "/a"}}, absent: []string{"./a", "./usr"}},
		{name: "include the root", table: live, root: "/", opt: MountOptions{Include: []string{"/"}}, err: "./ is not a mount point below /"},
		{name: "include below what is left out", table: live, root: "/", opt: MountOptions{Include: []string{"/dev/shm"}}, err: "./dev/shm lies in ./dev, which is left out: include that too"},
		{name: "include a bind mount", root: "/", table: "1 0 8:2 / / ext4 /dev/sda2\n 2 1 8:2 /srv /x ext4 /dev/sda2", opt: MountOptions{Include: []string{"x"}}, want: []string{"+ ./x: local filesystem ext4 on /dev/sda2 (--include-mount)"}},
		{name: "nothing mounted", root: "/mnt", table: "1 0 8:2 / / ext4 /dev/sda2"},
		{name: "no table", root: "/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var absent []string
			tt.opt.NotMounted = func(path string) { absent = append(absent, path) }
			got, err := DecideMounts(mountTable(t, tt.table), tt.root, tt.opt)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				var no *NoMountError
				require.ErrorAs(t, err, &no)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.absent, absent)
			if tt.absent != nil {
				return
			}
			sort.Slice(got, func(i, j int) bool { return got[i].Path < got[j].Path })
			var lines []string
			for i, m := range got {
				sign := map[bool]string{true: "+", false: "-"}[m.Captured]
				line := sign + " " + m.Path + ": " + m.Reason
				if i < len(tt.want) && strings.HasPrefix(line, tt.want[i]) {
					line = tt.want[i] // the rest of the reason does not matter here
				}
				lines = append(lines, line)
			}
			require.Equal(t, tt.want, lines)
		})
	}
}

func TestDisksOf(t *testing.T) {
	const table = `
		1 0 8:2 / / ext4 /dev/sda2
		2 1 8:1 / /boot ext4 /dev/sda1
		3 1 0:40 /@ /mnt btrfs /dev/sdb
		4 3 0:40 /@home /mnt/home btrfs /dev/sdb
		5 3 8:3 / /mnt/boot ext4 /dev/sdc
		6 3 8:1 /grub /mnt/boot/grub ext4 /dev/sda1
`
	infos := mountTable(t, table)
	captured := func(paths ...string) (list []Mount) {
		for _, p := range paths {
			list = append(list, Mount{Path: p, Captured: true})
		}
		return append(list, Mount{Path: "./left-out"})
	}
	require.Equal(t, []string{"/", "/boot"}, disksOf(infos, "/", captured("./boot")))
	require.Equal(t, []string{"/mnt", "/mnt/boot"}, disksOf(infos, "/mnt", captured("./home", "./boot")))
	require.Nil(t, disksOf(infos, "/usr", captured()), "a directory of a filesystem")
	require.Nil(t, disksOf(infos, "/mnt", captured("./boot", "./boot/grub")), "a part of one is mounted")
}

func TestMountString(t *testing.T) {
	require.Equal(t, "./boot captured: local", Mount{Path: "./boot", Captured: true, Reason: "local"}.String())
	require.Equal(t, "./run left out: tmpfs", Mount{Path: "./run", Reason: "tmpfs"}.String())
}

// Every path leads to a mount, or to none, whatever the kernel's list says.
func FuzzMountTree(f *testing.F) {
	f.Add("1 0 8:2 / / ext4 /dev/sda2\n2 1 8:7 / /a ext4 x\n3 2 8:8 / /a xfs y", "/a/b")
	f.Add("1 1 8:2 / / ext4 /dev/sda2\n2 3 8:7 / /a ext4 x\n3 2 8:8 / /a xfs y", "/a")
	f.Fuzz(func(t *testing.T, text, root string) {
		for line := range strings.Lines(text) {
			if f := strings.Fields(line); len(f) != 7 || f[4][0] != '/' {
				t.Skip()
			}
		}
		var b strings.Builder
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			fmt.Fprintf(&b, "%s %s %s %s %s rw - %s %s rw\n", f[0], f[1], f[2], f[3], f[4], f[5], f[6])
		}
		infos, err := mountinfo.GetMountsFromReader(strings.NewReader(b.String()), nil)
		if err != nil || !strings.HasPrefix(root, "/") {
			t.Skip()
		}
		list, err := DecideMounts(infos, root, MountOptions{})
		require.NoError(t, err)
		for _, m := range list {
			require.True(t, strings.HasPrefix(m.Path, "./"), m.Path)
		}
	})
}
