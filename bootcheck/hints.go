package bootcheck

import (
	"regexp"
	"strings"

	"image-capture/entry"
)

// place puts the place of the tree into a hint, so that it can be pasted as it is. The
// rules write hints as if the tree were "/": for a tree that is mounted elsewhere a path
// inside it gets the mount point in front, and a program of it is run in a chroot, as on
// this host it would change this host. Of an image nothing can be typed: there the hint
// says that it is for the source.
func (o Options) place(hint string) string {
	switch {
	case hint == "" || !o.Image && (o.Root == "" || o.Root == "/"):
		return hint
	case o.Image:
		if insidePath.MatchString(hint) || program.MatchString(hint) || chore.MatchString(hint) {
			return "in the source, before the next capture: " + hint
		}
		return hint
	}
	root := entry.Printable(entry.ShellWord(o.Root)) // the rest of the hint is printable
	if strings.HasPrefix(hint, "/") {                // a program by its path
		return "chroot " + root + " " + hint
	}
	hint = insidePath.ReplaceAllStringFunc(hint, func(found string) string {
		before, path := "", found
		if !strings.HasPrefix(found, "/") {
			before, path = found[:1], found[1:]
		}
		if before == "'" {
			return before + strings.Trim(root, "'") + path
		}
		return before + root + path
	})
	return program.ReplaceAllStringFunc(hint, func(found string) string {
		start := strings.LastIndexByte(strings.TrimRight(found, " "), ' ') + 1
		return found[:start] + "chroot " + root + " " + found[start:]
	})
}

var (
	// insidePath finds the beginning of an absolute path in a root.
	insidePath = regexp.MustCompile(`(?:^|[ >='"(])/(?:bin|boot|curtin|etc|home|lib|lib64|opt|root|sbin|srv|usr|var)\b`)
	// program finds the programs that hints have run in the tree, each at the beginning of
	// a command.
	program = regexp.MustCompile(`(?:^|, and |; then |, then )(?:apt-get|cloud-init|depmod|docker|dpkg|dracut|elastic-agent|grub-install|grub-mkconfig|grub2-mkconfig|journalctl|kubeadm|make-ssl-cert|mkinitcpio|pro|splunk|ssh-keygen|sss_cache|subscription-manager|SUSEConnect|systemctl|update-grub|update-initramfs|waagent|yggdrasil|zgenhostid) `)
	// chore finds the other things to do in a tree.
	chore = regexp.MustCompile(`^(?:chmod|empty|install|ln|remove|rm|set|take|truncate|write) `)
)
