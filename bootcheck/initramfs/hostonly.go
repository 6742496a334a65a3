package initramfs

import (
	"slices"
	"strings"
)

// generators are told by what each alone puts into every initramfs. An initramfs
// of mkinitcpio may have files of others too, which its hooks come from.
var generators = []struct{ name, mark string }{
	{Mkinitcpio, "buildconfig"},
	{Mkinitcpio, "init_functions"},
	{Dracut, "usr/lib/dracut/"},
	{InitramfsTools, "conf/initramfs.conf"},
	{InitramfsTools, "conf/arch.conf"},
	{Mkinitfs, "sbin/nlplug-findfs"},
}

// HostOnly says whether the initramfs was made for the machine that it was made
// on, or for its disks, and what tells so. An initramfs that was not may lack a
// driver all the same.
func (c *Content) HostOnly() (evidence string, ok bool) {
	for _, f := range []func(*Content) string{
		(*Content).dracutHostOnly, (*Content).debianHostOnly, (*Content).archHostOnly,
	} {
		if evidence = f(c); evidence != "" {
			return evidence, true
		}
	}
	return "", false
}

// bindings are dracut's options that name a device: on the command line that it
// keeps in the initramfs they bind it to this one. See dracut.cmdline(7).
var bindings = []string{
	"root", "resume", "rd.luks.uuid", "rd.lvm.vg", "rd.lvm.lv", "rd.md.uuid", "rd.dm.uuid", "rd.zfcp", "rd.dasd", "netroot",
}

// dracutHostOnly: see dracut.conf(5), hostonly, hostonly_mode and
// hostonly_cmdline; dracut's mark_hostonly and wait_for_dev. Without any trace, its
// arguments tell; what is set in its configuration is not kept.
func (c *Content) dracutHostOnly() string {
	const dir = "usr/lib/dracut/"
	for _, name := range []string{"hostonly-kernel-modules.txt", "hostonly-files"} {
		if c.marks[dir+name] {
			return dir + name
		}
	}
	for _, key := range bindings {
		if value := c.cmdline(key); value != "" {
			return "etc/cmdline.d: " + key + "=" + value
		}
	}
	if len(c.Waits) > 0 {
		return "waits for " + c.Waits[0]
	}
	evidence := ""
	for word := range strings.FieldsSeq(string(c.files[dir+"build-parameter.txt"])) {
		switch word = strings.Trim(word, `'"`); word {
		case "-H", "--hostonly", "--host-only":
			evidence = dir + "build-parameter.txt: " + word
		case "-N", "--no-hostonly", "--no-host-only":
			evidence = ""
		}
	}
	return evidence
}

// debianHostOnly: see initramfs.conf(5), MODULES.
func (c *Content) debianHostOnly() string {
	if c.setting("MODULES") == "dep" {
		return "MODULES=dep in conf/"
	}
	return ""
}

// archHostOnly looks for the hook autodetect, see mkinitcpio(8). A "fallback" image
// is made by leaving it out on the command line, which the configuration in the
// image does not tell; but then there are drivers that no one machine needs.
func (c *Content) archHostOnly() string {
	text := "\n" + string(c.files["buildconfig"])
	at := strings.LastIndex(text, "\nHOOKS=")
	if at < 0 {
		return ""
	}
	text = text[at+len("\nHOOKS="):]
	// An array, or a string as it was once.
	closing, ok := map[byte]string{'(': ")", '"': `"`, '\'': "'"}[(text + " ")[0]]
	if !ok {
		return ""
	}
	hooks, _, _ := strings.Cut(text[1:], closing)
	if slices.Contains(strings.Fields(hooks), "autodetect") && !(c.Has("megaraid_sas") && c.Has("virtio_blk")) {
		return "buildconfig: hook autodetect"
	}
	return ""
}

// cmdline returns the value of a key on the command line that dracut keeps in the
// initramfs: the last one, files being read by name.
func (c *Content) cmdline(key string) (value string) {
	for _, name := range c.names("etc/cmdline.d/") {
		for word := range strings.FieldsSeq(string(c.files[name])) {
			if v, ok := strings.CutPrefix(strings.Trim(word, `"`), key+"="); ok {
				value = strings.Trim(v, `"`)
			}
		}
	}
	return value
}

// setting returns the value of a variable of initramfs-tools' configuration, which
// its init reads as shell: conf/initramfs.conf, then conf/conf.d by name.
func (c *Content) setting(key string) (value string) {
	for _, name := range append([]string{"conf/initramfs.conf"}, c.names("conf/conf.d/")...) {
		for line := range strings.Lines(string(c.files[name])) {
			line = strings.TrimSpace(line)
			line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
			if v, ok := strings.CutPrefix(line, key+"="); ok {
				value = word(v)
			}
		}
	}
	return value
}

// word is the first word of a shell assignment's value.
func word(v string) string {
	if v != "" && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			return v[1 : 1+end]
		}
	}
	if end := strings.IndexAny(v, " \t;#"); end >= 0 {
		v = v[:end]
	}
	return v
}

// names returns the files kept below a directory, sorted.
func (c *Content) names(dir string) []string {
	var names []string
	for name := range c.files {
		if strings.HasPrefix(name, dir) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
