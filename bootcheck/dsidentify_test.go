package bootcheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCloudInitOff(t *testing.T) {
	const (
		rule     = "cloud-init-disabled"
		identify = "-- usr/lib/cloud-init/ds-identify [fill] --\n-- etc/cloud/ds-identify.cfg --\n"
		grub     = "-- usr/lib/cloud-init/ds-identify [fill] --\n-- etc/default/grub --\nGRUB_CMDLINE_LINUX="
		fail     = "fail /etc/cloud/ds-identify.cfg: disables cloud-init by ds-identify's policy"
		source   = "names another data source than NoCloud"
		after    = "-- etc/cloud/cloud.cfg.d/99_x.cfg --\ndatasource_list: "
	)
	testIdentity(t, []identityCase{
		{"none", rule, "", []string{"ok"}},
		{"policy", rule, identify + "policy: disabled\n", []string{fail}},
		{"policy, quoted, with a comment", rule, identify + "# x\n  policy:  \"disabled\" # off\n", []string{fail}},
		{"policy with more words", rule, identify + "policy: search,found=all,disabled\n", []string{fail}},
		{"policy that only allows it", rule, identify + "policy: search,found=all,maybe=none,notfound=disabled\n", []string{"ok"}},
		{"policy set again", rule, identify + "policy: disabled\npolicy: enabled\n", []string{"ok"}},
		{"policy, commented out", rule, identify + "#policy: disabled\n", []string{"ok"}},
		{"policy without ds-identify", rule, "-- etc/cloud/ds-identify.cfg --\npolicy: disabled\n", []string{"warn /etc/cloud/ds-identify.cfg: disables"}},
		{"policy, taken back", rule, identify + "policy: disabled\n" + grub + "ci.di.policy=enabled\n", []string{"ok"}},
		{"source", rule, identify + "datasource: Ec2\n", []string{"fail /etc/cloud/ds-identify.cfg: " + source}},
		{"source NoCloud", rule, identify + "datasource: NoCloud\n", []string{"ok"}},
		{"ci.ds", rule, grub + "ci.ds=OpenStack\n", []string{"fail /etc/default/grub: " + source}},
		{"ci.datasource", rule, grub + "ci.datasource=None\n", []string{"fail /etc/default/grub: " + source}},
		{"ci.ds NoCloud", rule, grub + "'ci.ds=NoCloud ds=nocloud;s=file:///x/'\n", []string{"ok"}},
		{"ds", rule, grub + "ds=openstack\n", []string{"warn /etc/default/grub: " + source}},
		{"a list after the deployer's", rule, after + "[ ConfigDrive, NoCloud ]\n", []string{"warn /etc/cloud/cloud.cfg.d/99_x.cfg: comes after"}},
		{"a list of one after the deployer's", rule, after + "[ NoCloud, None ]\n", []string{"ok"}},
		{"netcat of the old kind", rule, "-- usr/lib/systemd/system/cloud-init-local.service --\nExecStart=sh -c 'nc -Uu x'\n-- bin/nc -> nc.traditional --\n-- bin/nc.traditional [0755 fill] --\n", []string{"fail /bin/nc: knows no Unix sockets"}},
		{"netcat of busybox", rule, "-- usr/lib/systemd/system/cloud-init-local.service --\nExecStart=sh -c 'nc -Uu x'\n-- usr/bin/nc -> busybox --\n-- usr/bin/busybox [0755 fill] --\n", []string{"fail /usr/bin/nc: knows no Unix sockets"}},
		{"no netcat", rule, "-- usr/lib/systemd/system/cloud-init-local.service --\nExecStart=sh -c 'nc -Uu x'\n", []string{"fail /usr/bin/nc: is missing"}},
	})
}

// The real root's own ds-identify says what it makes of a file.
func TestDSIdentifyOracle(t *testing.T) {
	root := os.Getenv("IMAGE_CAPTURE_ROOT")
	if root == "" {
		t.Skip("IMAGE_CAPTURE_ROOT names no root")
	}
	text, err := os.ReadFile(filepath.Join(root, "usr/lib/cloud-init/ds-identify"))
	require.NoError(t, err)
	script, _, ok := strings.Cut(string(text), "\nmain() {")
	require.True(t, ok)
	for _, conf := range []string{
		"", "policy: disabled\n", "policy: disabled", " policy :  'disabled'  # x\n", "policy: search,disabled\n", "policy: disabled,search\n", "policy: \"enabled\"\n",
		"#policy: disabled\n", "policy: notfound=disabled\n", "policy: disabled\npolicy: report\n", "policy disabled\n", "policy: Disabled\n", "policy: disabled \n",
		"datasource: Ec2\n", "datasource: 'NoCloud'\npolicy: x\n", "datasource: \"Ec2\n", "x: y: policy: disabled\n",
	} {
		dir := t.TempDir()
		name := filepath.Join(dir, "ds-identify.cfg")
		require.NoError(t, os.WriteFile(name, []byte(conf), 0o644))
		cmd := exec.Command("sh", "-c", script+"\nDEBUG_LEVEL=0\nPATH_DI_CONFIG="+name+"\nDI_KERNEL_CMDLINE=\nDI_UNAME_MACHINE=x86_64\nread_config >/dev/null 2>&1\nprintf '%s|%s' \"$DI_MODE\" \"$DI_DSNAME\"")
		out, err := cmd.Output()
		require.NoError(t, err)
		mode, source, _ := strings.Cut(string(out), "|")
		var got identified
		got.policy, got.source = parseIdentify(conf)
		require.Equal(t, mode == "disabled", got.disabled(), "%q: %s", conf, out)
		require.Equal(t, source, got.source, "%q: %s", conf, out)
	}
}
