package bootcheck

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// labelled is an image whose files have a label, but for some.
type labelled struct {
	memTree
	label   string
	without []string
}

func (l labelled) Xattr(name, attr string) ([]byte, error) {
	if attr != LabelAttr {
		return nil, fs.ErrInvalid
	}
	for _, w := range l.without {
		if w == name {
			return nil, &fs.PathError{Op: "getxattr", Path: name, Err: fs.ErrNotExist}
		}
	}
	return []byte(l.label), nil
}

func TestSELinux(t *testing.T) {
	const (
		rule   = "selinux"
		conf   = "-- etc/selinux/config --\n# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=targeted\n-- etc/selinux/targeted/policy/policy.33 [fill] --\n"
		tool   = "-- usr/lib/systemd/system/selinux-autorelabel.service [fill] --\n"
		label  = "system_u:object_r:etc_t:s0\x00"
		marker = "-- .autorelabel --\n"
	)
	for _, c := range []struct {
		name, edit, label string
		without           []string
		want              string
	}{
		{"not configured", "", "", nil, "ok /etc/selinux/config: SELinux is not enabled"},
		{"disabled", "-- etc/selinux/config --\nSELINUX=disabled\n", "", nil, "ok /etc/selinux/config: SELinux is not enabled"},
		{"labelled", conf, label, nil, "ok: SELinux is enforcing, and files have labels"},
		{"permissive, labelled", conf + "-- etc/selinux/config --\nSELINUX = Permissive\n", label, nil, "ok: SELinux is permissive"},
		{"one without", conf + tool, label, []string{"etc/cloud"}, "warn /etc/cloud: SELinux is enforcing, and 1 of => add-file /.autorelabel"},
		{"all unlabelled in a running kernel's eyes", conf + tool, "system_u:object_r:unlabeled_t:s0\x00", nil, "warn /etc: SELinux is enforcing, and => add-file /.autorelabel"},
		{"marked", conf + tool + marker, label, []string{"etc/cloud"}, "ok /.autorelabel: files without"},
		{"marked in vain", conf + marker, label, []string{"etc/cloud"}, "warn /.autorelabel: asks for"},
		{"nothing to set them", conf, label, []string{"etc/cloud"}, "warn /etc/cloud: "},
		{"no policy", "-- etc/selinux/config --\nSELINUX=enforcing\nSELINUXTYPE=mls\n", label, nil, "fail /etc/selinux/mls/policy: SELinux is on, and there is no policy"},
		{"no policy, permissive", "-- etc/selinux/config --\nSELINUX=permissive\n", label, nil, "warn /etc/selinux/targeted/policy: SELinux is on"},
		{"hostile type", "-- etc/selinux/config --\nSELINUX=enforcing\nSELINUXTYPE=../../x\n", label, nil, "fail /etc/selinux/targeted/policy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := parse(t, source)
			img.add(t, txtar.Parse([]byte(c.edit)))
			got := findingsOf(t, labelled{img, c.label, c.without}, rule)
			require.Len(t, got, 1)
			start, fix, _ := strings.Cut(c.want, " => ")
			require.True(t, strings.HasPrefix(got[0], start), got[0])
			_, gotFix, _ := strings.Cut(got[0], " => ")
			require.Equal(t, fix, gotFix)
		})
	}

	// A view without attributes.
	img := parse(t, source+conf)
	require.Equal(t, []string{"info: labels are not checked: extended attributes are not known here"}, findingsOf(t, img, rule))
	// The command line has the last word.
	img.add(t, txtar.Parse([]byte("-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"selinux=0\"\n")))
	require.Contains(t, findingsOf(t, img, rule)[0], "info /etc/default/grub: selinux=0")
}

// The sample is bounded, always the same, and of files and directories only.
func TestLabelSample(t *testing.T) {
	img := parse(t, source+"-- etc/0 -> x --\n-- etc/1 [fifo] --\n-- proc/x --\n-- data/x --\n")
	for i := range 1000 {
		img["etc/"+string(rune('a'+i%26))+string(rune('a'+i/26))] = &node{mode: 0o644}
	}
	s := survey{tree: tree{fsys: img}}
	sample := s.labelSample()
	require.LessOrEqual(t, len(sample), labelsEach*len(labelDirs))
	require.Equal(t, sample, s.labelSample())
	require.NotContains(t, sample, "etc/0")
	require.NotContains(t, sample, "etc/1")
	require.NotContains(t, sample, "proc")
	require.Contains(t, sample, "data")
}
