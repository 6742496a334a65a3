package bootcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/bootcheck/hardware"
	"image-capture/bootcheck/initramfs"
)

const (
	testKernel    = "6.1.0-1-amd64"
	testInitramfs = "boot/initrd.img-" + testKernel
)

func TestInitramfsContent(t *testing.T) {
	good := cpio(t, testKernel, "conf/initramfs.conf: MODULES=most")
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"good", good, "ok /" + testInitramfs + ": made by initramfs-tools, with 8 modules"},
		{"garbage", []byte("not an archive\n"), "fail /" + testInitramfs + ": the kernel cannot unpack it: "},
		{"cut off", good[:len(good)-200], "fail /" + testInitramfs + ": the kernel cannot unpack it: "},
		{"zeros", make([]byte, 4096), "fail /" + testInitramfs + ": the kernel cannot unpack it: "},
		{"of another kernel", cpio(t, "5.10.0-9-amd64", ""), "fail /" + testInitramfs + ": has no modules of kernel 6.1.0-1-amd64: only of 5.10.0-9-amd64"},
		{"without modules", cpioOf("init"), "info /" + testInitramfs + ": has no kernel modules"},
		{"microcode only", cpioOf("kernel/x86/microcode/GenuineIntel.bin"), "fail /" + testInitramfs + ": has microcode"},
		{"zeros behind it", append(bytes.Clone(good), make([]byte, 8<<20)...), "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := parse(t, source)
			img[testInitramfs] = &node{mode: 0o644, data: c.data}
			got := findingsOf(t, img, "initramfs-content")
			require.Len(t, got, 1)
			require.True(t, strings.HasPrefix(got[0], c.want), got[0])
			// What could not be read is told once.
			if strings.HasPrefix(got[0], "fail") {
				for _, rule := range []string{"initramfs-host-only", "resume", "crypttab"} {
					require.Len(t, findingsOf(t, img, rule), 1)
				}
			}
		})
	}
	img := parse(t, source+"-- "+testInitramfs+" [gone] --\n")
	require.Equal(t, []string{"info: not checked: there is no initramfs of a kernel"}, findingsOf(t, img, "initramfs-content"))
}

// cpioOf returns an archive of one small file.
func cpioOf(name string) []byte {
	var b bytes.Buffer
	for i, n := range []string{name, "TRAILER!!!"} {
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", i+1, 0o100644, 0, 0, 1, 0, 4*(1-i), 0, 0, 0, 0, len(n)+1, 0)
		b.WriteString(n + "\x00")
		b.Write(make([]byte, -b.Len()&3))
		b.WriteString("text"[:4*(1-i)])
	}
	return b.Bytes()
}

func TestHostOnly(t *testing.T) {
	const (
		rule   = "initramfs-host-only"
		dracut = "-- usr/bin/dracut [0755 fill] --\n"
		debian = "-- usr/sbin/update-initramfs [0755 fill] --\n"
		arch   = "-- usr/bin/mkinitcpio [0755 fill] --\n-- etc/mkinitcpio.conf --\n"
		in     = "-- " + testInitramfs + " [initramfs=" + testKernel + "] --\n"
		built  = "warn /" + testInitramfs + ": was made for the source's hardware only: "
	)
	testIdentity(t, []identityCase{
		{"none", rule, "", []string{"ok"}},
		{"dracut's list", rule, in + "usr/lib/dracut/hostonly-kernel-modules.txt: ahci\n", []string{built}},
		{"initramfs-tools, dep", rule, in + "conf/initramfs.conf: MODULES=dep\n", []string{built}},
		{"dracut, not set", rule, dracut, []string{"ok"}},
		{"dracut, by the distribution", rule, dracut + "-- usr/lib/dracut/dracut.conf.d/01-dist.conf --\nhostonly=\"yes\"\n", []string{"warn /usr/lib/dracut/dracut.conf.d/01-dist.conf: dracut is set to make the next initramfs for one machine only: hostonly=yes"}},
		{"dracut, generic by package", rule, dracut + "-- usr/lib/dracut/dracut.conf.d/01-dist.conf --\nhostonly=\"yes\"\n-- usr/lib/dracut/dracut.conf.d/02-generic-image.conf --\nhostonly=\"no\"\n", []string{"ok"}},
		{"dracut, hidden by /etc", rule, dracut + "-- usr/lib/dracut/dracut.conf.d/50-x.conf --\nhostonly=yes\n-- etc/dracut.conf.d/50-x.conf --\n# nothing\n", []string{"ok"}},
		{"dracut, by name over both directories", rule, dracut + "-- etc/dracut.conf.d/90-x.conf --\nhostonly=yes\n-- usr/lib/dracut/dracut.conf.d/10-x.conf --\nhostonly=no\n", []string{"warn /etc/dracut.conf.d/90-x.conf"}},
		{"dracut, main file first", rule, dracut + "-- etc/dracut.conf --\nhostonly=yes\n-- etc/dracut.conf.d/10-x.conf --\nhostonly=no\n", []string{"ok"}},
		{"dracut is not there", rule, "-- etc/dracut.conf --\nhostonly=yes\n", []string{"ok"}},
		{"initramfs-tools, most", rule, debian + "-- etc/initramfs-tools/initramfs.conf --\n#MODULES=dep\nMODULES=most\n", []string{"ok"}},
		{"initramfs-tools, dep for the next", rule, debian + "-- etc/initramfs-tools/initramfs.conf --\nMODULES=most\n-- etc/initramfs-tools/conf.d/driver-policy --\nMODULES=dep\n",
			[]string{"warn /etc/initramfs-tools/conf.d/driver-policy: initramfs-tools is set to make the next initramfs for one machine only: MODULES=dep"}},
		{"initramfs-tools, hidden by an empty file", rule, debian + "-- usr/share/initramfs-tools/conf.d/x --\nMODULES=dep\n-- etc/initramfs-tools/conf.d/x --\n", []string{"ok"}},
		{"initramfs-tools, left by dpkg or an editor", rule, debian + "-- etc/initramfs-tools/conf.d/x.dpkg-old --\nMODULES=dep\n-- etc/initramfs-tools/conf.d/x~ --\nMODULES=dep\n", []string{"ok"}},
		{"initramfs-tools, a copy that it reads", rule, debian + "-- etc/initramfs-tools/conf.d/x.bak --\nMODULES=dep\n", []string{"warn /etc/initramfs-tools/conf.d/x.bak"}},
		{"initramfs-tools, no word of it", rule, debian + "-- etc/initramfs-tools/initramfs.conf --\nMODULES=Dep\n", []string{"ok"}},
		{"mkinitcpio", rule, arch + "HOOKS=(base udev autodetect modconf)\n", []string{"warn /etc/mkinitcpio.conf: mkinitcpio is set"}},
		{"mkinitcpio, all", rule, arch + "#HOOKS=(base autodetect)\nHOOKS=(base udev)\n", []string{"ok"}},
	})
}

// onePass is an image that was read in one pass: its big files cannot be opened,
// and have what was made of them.
type onePass struct {
	memTree
	digest any
}

type digested struct {
	fs.FileInfo
	digest any
}

func (d digested) Sys() any    { return d }
func (d digested) Digest() any { return d.digest }

func (o onePass) Stat(name string) (fs.FileInfo, error) {
	info, err := o.memTree.Stat(name)
	if err == nil && name == testInitramfs {
		return digested{info, o.digest}, nil
	}
	return info, err
}

func (o onePass) Open(name string) (fs.File, error) {
	if name == testInitramfs {
		return nil, errors.New("its content was not kept")
	}
	return o.memTree.Open(name)
}

func TestDigestedInitramfs(t *testing.T) {
	const rule = "initramfs-content"
	content, err := initramfs.Read(bytes.NewReader(cpio(t, testKernel, "etc/crypttab: root UUID=1 none")))
	require.NoError(t, err)
	img := parse(t, source)
	require.Equal(t, []string{"ok /" + testInitramfs + ": made by other, with 8 modules"}, findingsOf(t, onePass{img, content}, rule))
	require.Contains(t, findingsOf(t, onePass{img, content}, "crypttab")[0], "fail")
	require.Equal(t, []string{"fail /" + testInitramfs + ": the kernel cannot unpack it: it is empty"}, findingsOf(t, onePass{img, errors.New("read initramfs: it is empty")}, rule))
	require.Equal(t, []string{"warn /" + testInitramfs + ": cannot be read: its content was not kept"}, findingsOf(t, onePass{img, nil}, rule))
	require.Equal(t, []string{"warn /" + testInitramfs + ": cannot be read: its content was not kept"}, findingsOf(t, onePass{img, (*initramfs.Content)(nil)}, rule))
}

// broken is an image on a disk that fails.
type broken struct{ memTree }

func (b broken) Open(name string) (fs.File, error) {
	f, err := b.memTree.Open(name)
	if err == nil && name == testInitramfs {
		return brokenFile{f}, nil
	}
	return f, err
}

type brokenFile struct{ fs.File }

func (b brokenFile) Read(p []byte) (int, error) {
	if n, err := b.File.Read(p[:min(len(p), 100)]); err != io.EOF {
		return n, err
	}
	return 0, errors.New("input/output error")
}

// What cannot be read says nothing about what it is.
func TestInitramfsOnABrokenDisk(t *testing.T) {
	img := parse(t, source)
	img[testInitramfs].data = img[testInitramfs].data[:300]
	require.Equal(t, []string{"warn /" + testInitramfs + ": cannot be read: input/output error"}, findingsOf(t, broken{img}, "initramfs-content"))
}

// Each initramfs is read once, and not more of them than the bound.
func TestInitramfsIsReadOnce(t *testing.T) {
	img := parse(t, source)
	for i := range 2 * maxInitramfs {
		v := fmt.Sprintf("6.2.%02d-1-amd64", i)
		img.add(t, txtar.Parse([]byte("-- usr/lib/modules/"+v+"/modules.dep [fill] --\n-- boot/vmlinuz-"+v+" [fill] --\n-- boot/initrd.img-"+v+" [initramfs="+v+"] --\n")))
	}
	opens := &opening{memTree: img, count: map[string]int{}}
	got := findingsOf(t, opens, "initramfs-content")
	require.Len(t, got, 1+2*maxInitramfs)
	read := 0
	for name, n := range opens.count {
		if strings.HasPrefix(name, "boot/initrd") {
			require.Equal(t, 1, n, name)
			read++
		}
	}
	require.Equal(t, maxInitramfs, read)
	require.Contains(t, got[len(got)-1], "only the first 16 initramfs are read")
}

// opening counts what is opened. It is called by two at a time.
type opening struct {
	memTree
	lock  sync.Mutex
	count map[string]int
}

func (o *opening) Open(name string) (fs.File, error) {
	o.lock.Lock()
	o.count[name]++
	o.lock.Unlock()
	return o.memTree.Open(name)
}

// Only the rules that are applied last look into an initramfs: all others run while it is
// unpacked.
func TestIntoInitramfs(t *testing.T) {
	img, opt, _ := fixture(t, deb)
	opt.Target = &hardware.Target{}
	s, err := newSurvey(img, opt)
	require.NoError(t, err)
	turn := inTurn(rules)
	require.Len(t, turn, len(rules))
	for i, r := range turn {
		last := i >= len(rules)-len(intoInitramfs)
		require.Equal(t, last, slices.Contains(intoInitramfs, r.name), r.name)
		if !last {
			s.apply(r)
			require.Empty(t, s.contents, r.name)
		}
	}
}

// A check that is stopped does not wait for an initramfs.
func TestUnpackingStopsWithTheContext(t *testing.T) {
	img := parse(t, source)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := opened{ready: make(chan struct{})}
	o.read(ctx, img, testInitramfs)
	require.ErrorIs(t, o.lost, context.Canceled)
}
