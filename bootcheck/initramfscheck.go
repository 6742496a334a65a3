package bootcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"image-capture/bootcheck/initramfs"
	"image-capture/entry"
)

// Digested is for a view that cannot open big files, such as that of an image
// which is read once: what [fs.FileInfo.Sys] returns may have it.
type Digested interface {
	// Digest returns what was made of the file's content as it went by: of an
	// initramfs a *initramfs.Content, or the error of its reading. With anything
	// else the file is opened.
	Digest() any
}

// maxInitramfs bounds how many are read: two at a time, which bounds the memory
// (see package initramfs). A view must allow that.
const maxInitramfs = 16

// opened is an initramfs that is read: it is when ready is closed.
type opened struct {
	ready   chan struct{}
	content *initramfs.Content
	err     error // of its format
	lost    error // of the file system
}

// built is the initramfs of one kernel.
type built struct {
	kernel kernel
	name   string
	opened
}

// initramfses returns the initramfs of each kernel that can be started, in their
// order.
func (s *survey) initramfses() []built {
	all := s.builtOnes()
	var wait sync.WaitGroup
	s.unpack(context.Background(), &wait, all)
	wait.Wait()
	for i := range all {
		if o := s.contents[all[i].name]; o != nil {
			<-o.ready
			all[i].opened = *o
		} else {
			all[i].lost = fmt.Errorf("only the first %d initramfs are read", maxInitramfs)
		}
	}
	return all
}

// whole says whether it was read to its end. Where it was not, initramfs-content
// tells.
func (b built) whole() bool { return b.err == nil && b.lost == nil }

// builtOnes are the initramfs of each kernel that can be started, unread.
func (s *survey) builtOnes() (all []built) {
	for _, k := range s.kernels() {
		if !k.complete() {
			continue
		}
		if name, _ := s.firstFilled(k.initramfsNames()...); name != "" {
			all = append(all, built{kernel: k, name: name})
		}
	}
	return all
}

// unpackAhead begins to unpack what rules will look into.
func (s *survey) unpackAhead(ctx context.Context, wait *sync.WaitGroup) {
	s.unpack(ctx, wait, s.builtOnes())
	s.troubles = nil // the rules have them too
}

// unpack reads what was not begun before, which takes a second each.
func (s *survey) unpack(ctx context.Context, wait *sync.WaitGroup, all []built) {
	if s.contents == nil {
		s.contents = map[string]*opened{}
	}
	slots := make(chan struct{}, 2)
	for _, b := range all[:min(len(all), maxInitramfs)] {
		if s.contents[b.name] != nil {
			continue
		}
		o := &opened{ready: make(chan struct{})}
		s.contents[b.name] = o
		wait.Go(func() {
			defer close(o.ready)
			slots <- struct{}{}
			o.read(ctx, s.fsys, b.name)
			<-slots
		})
	}
}

// read fills o with the content of the file at name.
func (o *opened) read(ctx context.Context, fsys fs.FS, name string) {
	o.content = &initramfs.Content{}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		o.lost = err
		return
	}
	if d, ok := info.Sys().(Digested); ok {
		switch made := d.Digest().(type) {
		case *initramfs.Content:
			if made != nil {
				o.content = made
				return
			}
		case error:
			o.err = made
			return
		}
	}
	if !info.Mode().IsRegular() { // never opened: a FIFO would wait for its writer
		o.lost = errors.New("it is not a regular file")
		return
	}
	f, err := fsys.Open(name)
	if err != nil {
		o.lost = err
		return
	}
	defer f.Close()
	r := &failing{ctx: ctx, r: f}
	o.content, o.err = initramfs.Read(r)
	if r.err != nil {
		o.lost, o.err = r.err, nil
	}
}

// failing keeps the error of the reader under it: that says nothing about what is
// read. It ends with the context.
type failing struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := 0, f.ctx.Err()
	if err == nil {
		n, err = f.r.Read(p)
	}
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// checkInitramfsContent asks whether the kernel can unpack its initramfs, and
// finds its own modules in it. What package initramfs refuses, the kernel does
// (its init/initramfs.c), or it is beyond any that is real.
func checkInitramfsContent(s *survey) {
	before := len(s.findings)
	for _, b := range s.initramfses() {
		c, v := b.content, b.kernel.version
		hint := s.initramfsHint(b.kernel)
		switch {
		case b.lost != nil:
			s.missing(b.name, b.lost)
		case b.err != nil:
			s.stopStart(b.kernel, b.name, "the kernel cannot unpack it: "+strings.TrimPrefix(b.err.Error(), "read initramfs: "), hint)
		case onlyEarly(c):
			s.stopStart(b.kernel, b.name, "has microcode and tables for the kernel only, and no programs", hint)
		case len(c.Versions) > 0 && !hasVersion(c, v):
			s.stopStart(b.kernel, b.name, fmt.Sprintf("has no modules of kernel %s: only of %s", v, shorten(strings.Join(c.Versions, ", "))), hint)
		case len(c.Versions) == 0:
			s.info(b.name, "has no kernel modules: what finds the disk must be built into kernel "+v, "")
		default:
			s.ok(b.name, fmt.Sprintf("made by %s, with %s", c.Generator(), count(len(c.Modules()), "module", "modules")))
		}
	}
	s.noInitramfs(before)
}

// noInitramfs says that there was none to look into.
func (s *survey) noInitramfs(before int) {
	if len(s.findings) == before && len(s.troubles) == 0 {
		s.info("", "not checked: there is no initramfs of a kernel", "")
	}
}

// hasVersion says whether there are modules of a version. A root whose /lib is no
// link has them all the same: package initramfs takes both for one.
func hasVersion(c *initramfs.Content, version string) bool {
	for _, v := range c.Versions {
		if v == version {
			return true
		}
	}
	return false
}

func onlyEarly(c *initramfs.Content) bool {
	for _, seg := range c.Segments {
		if !seg.Early {
			return false
		}
	}
	return len(c.Segments) > 0
}

// checkHostOnly asks whether an initramfs was made for the source only, or the
// next one will be.
func checkHostOnly(s *survey) {
	before := len(s.findings)
	for _, b := range s.initramfses() {
		if !b.whole() {
			continue
		}
		if evidence, ok := b.content.HostOnly(); ok {
			s.warn(b.name, "was made for the source's hardware only: "+shorten(evidence), genericHint(b))
		}
	}
	for _, b := range s.builders() {
		if b.hostOnly {
			s.warn(b.file, b.name+" is set to make the next initramfs for one machine only: "+shorten(b.setting), b.hint)
		}
	}
	s.fine(before, "", "no initramfs is for one machine only, and none will be")
}

// genericHint says how to make the initramfs for any machine.
func genericHint(b built) string {
	v := entry.ShellWord(b.kernel.version)
	switch b.content.Generator() {
	case initramfs.InitramfsTools:
		return "set MODULES=most in /etc/initramfs-tools, and update-initramfs -u -k " + v
	case initramfs.Mkinitcpio:
		return "take autodetect out of HOOKS in /etc/mkinitcpio.conf, and mkinitcpio -P"
	}
	return "dracut --force --no-hostonly --kver " + v
}

// checkInitramfsResume is checkResume for what is built into an initramfs.
func (s *survey) checkInitramfsResume() {
	for _, b := range s.initramfses() {
		if !b.whole() {
			continue
		}
		if device := b.content.Resume(); isDevice(device) {
			s.warn(b.name, "waits for a disk of the source to resume from: "+shorten(device), "remove the device from the configuration, and "+s.initramfsHint(b.kernel))
		}
	}
}

// checkInitramfsCrypttab is checkCrypttab for what is built into an initramfs.
func (s *survey) checkInitramfsCrypttab() {
	for _, b := range s.initramfses() {
		if !b.whole() {
			continue
		}
		if f := s.encrypted(b.name, parseCrypttab(string(b.content.Crypttab()))); f != nil {
			f.Hint = entry.Printable("remove the lines from /etc/crypttab, and " + s.initramfsHint(b.kernel))
		}
	}
}
