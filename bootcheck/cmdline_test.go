package bootcheck

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// TestBootLines: every file that holds a command line is read, and what is in it for the
// kernel.
func TestBootLines(t *testing.T) {
	img := memTree{}
	img.add(t, txtar.Parse([]byte(`
-- etc/default/grub --
# GRUB_CMDLINE_LINUX=no
GRUB_CMDLINE_LINUX="a=1 \
b"
export GRUB_CMDLINE_LINUX_DEFAULT='c $GRUB_CMDLINE_LINUX'
GRUB_CMDLINE_LINUX_RECOVERY=single
-- etc/default/grub.d/10.cfg --
GRUB_CMDLINE_LINUX+=" d"
GRUB_CMDLINE_LINUX_RECOVERY=rescue
-- etc/kernel/cmdline --
root=UUID=1 ro
-- boot/loader/entries/x.conf --
title x
options root=UUID=2
options quiet $tuned_params
linux /vmlinuz
-- boot/efi/LOADER/entries/y.CONF --
OPTIONS root=UUID=3
-- efi/loader/entries/z.conf --
options	root=UUID=4
-- boot/grub2/grubenv -> ../efi/EFI/redhat/grubenv --
-- boot/efi/EFI/redhat/grubenv --
# GRUB Environment Block
saved_entry=x
kernelopts=root=UUID=5 ro 
###
-- boot/grub2/grub.cfg --
set kernelopts="root=UUID=6 ro"
	linuxefi /vmlinuz root=UUID=7 ro
-- boot/efi/EFI/Linux/a.efi [uki] --
root=UUID=8 rw
-- boot/efi/EFI/Linux/a.efi.extra.d/x.addon.efi [uki] --
addon
-- etc/zipl.conf --
[linux]
parameters = "root=UUID=9"
-- boot/extlinux.conf --
  APPEND root=UUID=10 modules=ext4
`)))
	tr := tree{fsys: img}
	show := func(list []bootLine) string {
		var b strings.Builder
		for _, l := range list {
			fmt.Fprintln(&b, l.file, l.key, strings.Join(l.words, " "))
		}
		return b.String()
	}
	const rest = `etc/kernel/cmdline  root=UUID=1 ro
boot/loader/entries/x.conf  root=UUID=2 quiet $tuned_params
boot/efi/LOADER/entries/y.CONF  root=UUID=3
efi/loader/entries/z.conf  root=UUID=4
boot/grub2/grubenv  root=UUID=5 ro
boot/grub2/grub.cfg  root=UUID=6 ro /vmlinuz root=UUID=7 ro
boot/efi/EFI/Linux/a.efi  root=UUID=8 rw
boot/efi/EFI/Linux/a.efi.extra.d/x.addon.efi  addon
etc/zipl.conf  root=UUID=9
boot/extlinux.conf  root=UUID=10 modules=ext4
`
	require.Equal(t, `etc/default/grub GRUB_CMDLINE_LINUX a=1 b
etc/default/grub GRUB_CMDLINE_LINUX_DEFAULT c $GRUB_CMDLINE_LINUX
etc/default/grub GRUB_CMDLINE_LINUX_RECOVERY single
etc/default/grub.d/10.cfg GRUB_CMDLINE_LINUX d
etc/default/grub.d/10.cfg GRUB_CMDLINE_LINUX_RECOVERY rescue
`+rest, show(tr.bootLines()))
	require.Equal(t, `etc/default/grub GRUB_CMDLINE_LINUX a=1 b
etc/default/grub.d/10.cfg GRUB_CMDLINE_LINUX d
etc/default/grub GRUB_CMDLINE_LINUX_DEFAULT c a=1 b
etc/default/grub.d/10.cfg GRUB_CMDLINE_LINUX_RECOVERY rescue
`+rest, show(tr.effectiveLines()))
	require.Empty(t, tr.troubles)
	for _, l := range tr.commandLines() {
		require.NotEqual(t, "boot/grub2/grub.cfg", l.file)
	}
}

// TestCommandWords: words end where next_arg of the kernel ends them, but for single quotes.
func TestCommandWords(t *testing.T) {
	for text, want := range map[string][]string{
		`foo="a 1 b" s`:             {"foo=a 1 b", "s"},
		`"foo=a 1 b" 1`:             {"foo=a 1 b", "1"},
		`"single" ro`:               {"single", "ro"},
		`foo="a single`:             {"foo=a single"},
		`foo='a 1 b' s`:             {"foo=a 1 b", "s"},
		"motd=don't\tsingle\r\n":    {"motd=don't", "single"},
		`foo="it's" single bar="'"`: {"foo=it's", "single", "bar='"},
		`  "" a `:                   {"a"},
		"":                          nil,
	} {
		require.Equal(t, want, commandWords(text), "%q", text)
	}
}

// TestQuotedWords: in every file, what is in quotes is no word of its own.
func TestQuotedWords(t *testing.T) {
	for name, text := range map[string]string{
		"etc/default/grub":           `GRUB_CMDLINE_LINUX="foo=\"a 1 b\" ro"`,
		"etc/default/grub.d/1.cfg":   `GRUB_CMDLINE_LINUX='foo="a 1 b" ro' # single`,
		"etc/kernel/cmdline":         `foo="a 1 b" ro`,
		"boot/loader/entries/x.conf": `options foo="a 1 b" ro`,
		"boot/grub/grubenv":          `kernelopts=foo="a 1 b" ro`,
		"boot/grub/grub.cfg":         `set kernelopts="foo=\"a 1 b\" ro"`,
		"boot/grub2/grub.cfg":        `linux foo="a 1 b" ro`,
		"etc/zipl.conf":              `parameters = "foo=\"a 1 b\" ro"`,
		"boot/syslinux/syslinux.cfg": `append foo="a 1 b" ro`,
	} {
		found := parseBootLines(name, text)
		require.Len(t, found, 1, name)
		require.Equal(t, []string{"foo=a 1 b", "ro"}, found[0].words, name)
	}
}

// TestGRUBDefaultsBounds: a value that names itself grows to no more than a bound.
func TestGRUBDefaultsBounds(t *testing.T) {
	img := memTree{}
	img.add(t, txtar.Parse([]byte("-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"a b\"\n"+strings.Repeat("GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX x${GRUB_CMDLINE_LINUX}\"\n", 200))))
	tr := tree{fsys: img}
	require.LessOrEqual(t, len(tr.grubDefaults().value("GRUB_CMDLINE_LINUX")), maxCommandLine)
}

// TestQuotedWordsStay: to take words out would take them out of quotes too.
func TestQuotedWordsStay(t *testing.T) {
	for text, fixed := range map[string]bool{`ro single foo="a single b"`: false, `ro single foo="a"`: true} {
		img := memTree{}
		img.add(t, txtar.Parse([]byte("-- etc/kernel/cmdline --\n"+text+"\n")))
		s := &survey{tree: tree{fsys: img}}
		f := (&Finding{}).editWords(s, "etc/kernel/cmdline", isTargetWord)
		require.Equal(t, fixed, f.Fix != nil, text)
	}
}
