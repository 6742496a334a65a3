package bootcheck

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

func TestSSHHostKeys(t *testing.T) {
	const (
		keys    = "-- etc/ssh/ssh_host_rsa_key [0600 fill] --\n-- etc/ssh/ssh_host_rsa_key.pub [fill] --\n"
		unit    = "-- usr/lib/systemd/system/"
		keygen  = ".service --\n[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n"
		trap    = "fail /etc/ssh: no SSH host keys, and nothing makes new ones"
		noKeys  = "ok: no SSH host keys of the source: "
		newOnes = " makes new ones"
		netcat  = "-- usr/lib/systemd/system/cloud-init-local.service --\n[Service]\nExecStart=sh -c 'echo start | nc -Uu -W1 /run/x.sock | sh'\n"
	)
	testIdentity(t, []identityCase{
		{"cloud-init", "ssh-host-keys", "", []string{noKeys + "cloud-init"}},
		{"keys and cloud-init", "ssh-host-keys", keys, []string{
			"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source (cloud-init makes new ones) => drop /etc/ssh/ssh_host_rsa_key",
			"warn /etc/ssh/ssh_host_rsa_key.pub: => drop /etc/ssh/ssh_host_rsa_key.pub"}},
		{"a key of another name", "ssh-host-keys", "-- etc/ssh/ssh_host_site_key [0600 fill] --\n", []string{"warn /etc/ssh/ssh_host_site_key: is an SSH host key of the source, by a name under which nothing makes another"}},
		{"keys only", "ssh-host-keys", keys + noCloud, []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: nothing makes new ones: there is no working cloud-init, and no unit for it (the first of 2)"}},
		{"neither", "ssh-host-keys", noCloud, []string{trap}},
		{"no server", "ssh-host-keys", noCloud + "-- usr/sbin/sshd [gone] --\n", []string{"ok: no SSH host keys, and no server"}},
		{"keys, no server", "ssh-host-keys", noCloud + "-- usr/sbin/sshd [gone] --\n-- etc/ssh/ssh_host_rsa_key [fill] --\n", []string{"warn /etc/ssh/ssh_host_rsa_key: => drop /etc/ssh/ssh_host_rsa_key"}},
		{"neither, sshd does not start", "ssh-host-keys", noCloud + "-- etc/systemd/system/multi-user.target.wants/ssh.service [gone] --\n", []string{"warn /etc/ssh: no SSH host keys"}},
		{"neither, by a socket", "ssh-host-keys", noCloud + "-- etc/systemd/system/multi-user.target.wants/ssh.service [gone] --\n" + unit + "ssh.socket [fill] --\n-- etc/systemd/system/sockets.target.wants/ssh.socket -> /usr/lib/systemd/system/ssh.socket --\n", []string{trap}},
		{"cloud-init disabled", "ssh-host-keys", "-- etc/cloud/cloud-init.disabled --\n", []string{trap}},
		{"cloud-init without Python", "ssh-host-keys", "-- usr/bin/python3 [gone] --\n", []string{"warn /etc/ssh: no SSH host keys, and cloud-init, which would make new ones, is not proven to run"}},
		{"cloud-init off by ds-identify", "ssh-host-keys", keys + "-- usr/lib/cloud-init/ds-identify [fill] --\n-- etc/cloud/ds-identify.cfg --\npolicy: disabled\n", []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: nothing makes new ones"}},
		{"cloud-init off by ds-identify, nothing reads it", "ssh-host-keys", keys + "-- etc/cloud/ds-identify.cfg --\npolicy: disabled\n", []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: cloud-init, which"}},
		{"cloud-init off by the command line", "ssh-host-keys", keys + "-- usr/lib/cloud-init/ds-identify [fill] --\n-- etc/default/grub --\nGRUB_CMDLINE_LINUX=ci.di.policy=disabled\n", []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: nothing makes new ones"}},
		{"cloud-init for another data source", "ssh-host-keys", keys + "-- usr/lib/cloud-init/ds-identify [fill] --\n-- etc/default/grub --\nGRUB_CMDLINE_LINUX=ci.ds=Ec2\n", []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: nothing makes new ones"}},
		{"cloud-init without nc", "ssh-host-keys", keys + netcat, []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: nothing makes new ones"}},
		{"cloud-init with nc", "ssh-host-keys", netcat + "-- usr/bin/nc -> /etc/alternatives/nc --\n-- etc/alternatives/nc -> /bin/nc.openbsd --\n-- bin/nc.openbsd [0755 fill] --\n", []string{noKeys + "cloud-init"}},
		{"cloud-init in doubt", "ssh-host-keys", keys + "-- etc/cloud/cloud.cfg.d/x.cfg --\n[\n", []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay"}},
		{"cloud-init without its module", "ssh-host-keys", "-- etc/cloud/cloud.cfg.d/x.cfg --\ncloud_init_modules: [migrator]\n", []string{"fail /etc/ssh: no SSH host keys, and cloud-init is not told"}},
		{"cloud-init without key types", "ssh-host-keys", keys + "-- etc/cloud/cloud.cfg.d/x.cfg --\nssh_genkeytypes: ~\n", []string{"warn /etc/ssh/ssh_host_rsa_key: is an SSH host key of the source, and must stay: cloud-init is not told"}},
		{"cloud-init with one key type", "ssh-host-keys", "-- etc/cloud/cloud.cfg.d/x.cfg --\nssh_genkeytypes: ed25519\n", []string{noKeys + "cloud-init"}},

		{"own unit at boot", "ssh-host-keys", noCloud + unit + "mykeys" + keygen + "-- etc/systemd/system/multi-user.target.wants/mykeys.service -> /usr/lib/systemd/system/mykeys.service --\n",
			[]string{noKeys + "mykeys.service" + newOnes}},
		{"own unit, not enabled", "ssh-host-keys", noCloud + unit + "mykeys" + keygen, []string{trap}},
		{"own unit, masked", "ssh-host-keys", noCloud + unit + "mykeys" + keygen + "-- etc/systemd/system/multi-user.target.wants/mykeys.service -> /x --\n-- etc/systemd/system/mykeys.service -> /dev/null --\n", []string{trap}},
		{"a unit that shows keys", "ssh-host-keys", noCloud + unit + "x.service --\n[Service]\nExecStart=/usr/bin/ssh-keygen -lf /etc/ssh/x\n-- etc/systemd/system/multi-user.target.wants/x.service -> /x --\n", []string{trap}},
		{"Debian 13, empty machine id", "ssh-host-keys", noCloud + "-- etc/machine-id --\n" + unit + "sshd-keygen.service --\n[Unit]\nConditionFirstBoot=yes\n[Service]\nExecStart=ssh-keygen -A\n-- etc/systemd/system/ssh.service.wants/sshd-keygen.service -> /usr/lib/systemd/system/sshd-keygen.service --\n", []string{trap}},
		{"Debian 13, first boot", "ssh-host-keys", noCloud + "-- etc/machine-id --\nuninitialized\n" + unit + "sshd-keygen.service --\n[Unit]\nConditionFirstBoot=yes\n[Service]\nExecStart=ssh-keygen -A\n-- etc/systemd/system/ssh.service.wants/sshd-keygen.service -> /usr/lib/systemd/system/sshd-keygen.service --\n",
			[]string{noKeys + "sshd-keygen.service"}},
		{"Enterprise Linux 8 and later", "ssh-host-keys", noCloud + elSSH, []string{noKeys + "sshd-keygen@.service"}},
		{"Enterprise Linux 8 and later, where cloud-init is to make them", "ssh-host-keys", elSSH + elNoKeygen + "-- etc/cloud/cloud.cfg.d/x.cfg --\nssh_genkeytypes: []\n", []string{"fail /etc/ssh: no SSH host keys, and cloud-init is not told"}},
		{"SUSE", "ssh-host-keys", noCloud + "-- usr/lib/systemd/system/sshd.service --\n[Service]\nExecStartPre=/usr/sbin/sshd-gen-keys-start\n", []string{noKeys + "sshd.service"}},
		{"Alpine", "ssh-host-keys", noCloud + "-- usr/lib/systemd [gone] --\n-- etc/init.d/sshd [0755] --\nssh-keygen -A\n", []string{noKeys + "/etc/init.d/sshd"}},
		{"script that systemd does not run", "ssh-host-keys", noCloud + "-- etc/init.d/ssh [0755] --\nssh-keygen -A\n", []string{trap}},

		{"elsewhere", "ssh-host-keys", "-- etc/ssh/sshd_config --\n#HostKey /no\nHostKey /etc/ssh/ssh_host_rsa_key\nhostkey \"/srv/key\"\n-- srv/key [fill] --\n", []string{"ok", "warn /srv/key: is an SSH host key of the source, in a place"}},
		{"dropbear", "ssh-host-keys", "-- etc/dropbear/dropbear_rsa_host_key [fill] --\n", []string{"ok", "warn /etc/dropbear/dropbear_rsa_host_key:"}},
	})
}

// elSSH is how Enterprise Linux 8 to 10 make keys: sshd wants a target, which
// wants a unit for each type. elNoKeygen is cloud-init's word against it.
const (
	elSSH = `
-- usr/lib/systemd/system/sshd.service --
[Unit]
Wants=sshd-keygen.target
[Service]
ExecStart=/usr/sbin/sshd -D $OPTIONS
-- usr/lib/systemd/system/sshd-keygen.target --
[Unit]
Wants=sshd-keygen@rsa.service
Wants=sshd-keygen@ed25519.service
PartOf=sshd.service
-- usr/lib/systemd/system/sshd-keygen@.service --
[Unit]
ConditionFileNotEmpty=|!/etc/ssh/ssh_host_%i_key
[Service]
Type=oneshot
ExecStart=/usr/libexec/openssh/sshd-keygen %i
`
	elNoKeygen = `
-- etc/systemd/system/sshd-keygen@.service.d/disable-sshd-keygen-if-cloud-init-active.conf --
[Unit]
ConditionPathExists=!/run/systemd/generator.early/multi-user.target.wants/cloud-init.target
`
)

// A thousand units cannot keep the check busy, nor units that want each other.
func TestKeyUnitsAreBounded(t *testing.T) {
	img := parse(t, source+noCloud)
	img.add(t, txtar.Parse([]byte("-- usr/lib/systemd/system/ssh.service --\n[Unit]\nWants=ssh-a.service ssh.service\n-- usr/lib/systemd/system/ssh-a.service --\n[Unit]\nWants=ssh-a.service ssh.service\n")))
	require.Len(t, findingsOf(t, img, "ssh-host-keys"), 1)
}
