package bootcheck

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/identity"
)

// source is a Debian whose cloud-init works, without anything of its own: what the
// tests of this file add to.
const source = `
-- etc/os-release --
ID=debian
-- usr/lib/systemd/systemd [elf=62] --
-- sbin/init -> /usr/lib/systemd/systemd --
-- usr/bin/python3 [0755 fill] --
-- usr/bin/cloud-init [0755 fill] --
-- etc/cloud/cloud.cfg --
cloud_init_modules:
 - migrator
 - [ssh, always]
-- usr/lib/systemd/system/cloud-init.service [fill] --
-- etc/systemd/system/multi-user.target.wants/cloud-init.service -> /usr/lib/systemd/system/cloud-init.service --
-- usr/sbin/sshd [0755 fill] --
-- usr/lib/systemd/system/ssh.service --
[Service]
ExecStartPre=/usr/sbin/sshd -t
ExecStart=/usr/sbin/sshd -D
-- etc/systemd/system/multi-user.target.wants/ssh.service -> /usr/lib/systemd/system/ssh.service --
-- usr/lib/modules/6.1.0-1-amd64/modules.dep [fill] --
-- boot/vmlinuz-6.1.0-1-amd64 [fill] --
-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --
`

// noCloud takes cloud-init away.
const noCloud = "-- usr/bin/cloud-init [gone] --\n-- usr/lib/systemd/system/cloud-init.service [gone] --\n"

// findingsOf returns the lines of one rule about an image, without its name.
func findingsOf(t *testing.T, img fs.FS, rule string) []string {
	t.Helper()
	report, err := Check(t.Context(), img, Options{})
	require.NoError(t, err)
	var got []string
	for _, f := range report.Findings {
		if f.Rule != rule {
			continue
		}
		line := f.Level.String()
		if f.Path != "" {
			line += " " + f.Path
		}
		line += ": " + f.Problem
		if f.Fix != nil {
			line += fmt.Sprintf(" => %s %s", f.Fix.Op, entry.Printable("/"+f.Fix.Path))
		}
		if f.Level >= Warn {
			require.NotEmpty(t, f.Why, line)
		}
		got = append(got, line)
	}
	return got
}

// fixed makes the edits that a report about the image offers, and returns whether
// there were any.
func fixed(t *testing.T, img memTree, report Report) bool {
	t.Helper()
	apply(t, img, report.Fixes())
	return len(report.Fixes()) > 0
}

// apply makes edits.
func apply(t *testing.T, img memTree, fixes []Fix) {
	t.Helper()
	for _, f := range fixes {
		if f.Op != entry.AddDir && f.Op != entry.AddFile && f.Op != entry.AddHooks {
			// The path is that of the archive: no part of it is a link.
			require.NotNil(t, img[f.Path], f.Path)
		}
		switch f.Op {
		case entry.AddDir:
			img[f.Path] = &node{mode: fs.ModeDir | 0o755}
		case entry.AddHooks:
			require.NotEmpty(t, f.Files)
			addHooks(img)
		case entry.AddFile:
			img[f.Path] = &node{mode: 0o644}
		case entry.Drop:
			for name := range img {
				if name == f.Path || strings.HasPrefix(name, f.Path+"/") {
					delete(img, name)
				}
			}
		case entry.Empty:
			img[f.Path] = &node{mode: img[f.Path].mode}
		case entry.Rewrite:
			data, err := f.Rewrite(img[f.Path].data)
			require.NoError(t, err)
			img[f.Path] = &node{mode: img[f.Path].mode, data: data}
		}
	}
}

// identityCases change the source a little, and tell the findings of one rule: the
// beginnings of its lines, and after " => " their fix.
type identityCase struct {
	name, rule, edit string
	want             []string
}

func testIdentity(t *testing.T, cases []identityCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			img := parse(t, source)
			img.add(t, txtar.Parse([]byte(c.edit)))
			got := findingsOf(t, img, c.rule)
			require.Len(t, got, len(c.want), "%q", got)
			for i := range got {
				start, fix, _ := strings.Cut(c.want[i], " => ")
				require.True(t, strings.HasPrefix(got[i], start), "got  %s\nwant %s", got[i], start)
				_, gotFix, _ := strings.Cut(got[i], " => ")
				require.Equal(t, fix, gotFix, got[i])
			}
			// The fixes do away with what offered them.
			report, err := Check(t.Context(), img, Options{})
			require.NoError(t, err)
			if fixed(t, img, report) {
				for _, line := range findingsOf(t, img, c.rule) {
					require.NotContains(t, line, " => ")
				}
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef\n"
	testIdentity(t, []identityCase{
		{"none", "machine-id", "", []string{"ok /etc/machine-id: no machine id"}},
		{"empty", "machine-id", "-- etc/machine-id --\n", []string{"ok"}},
		{"for a first boot", "machine-id", "-- etc/machine-id --\nuninitialized\n", []string{"ok"}},
		{"an id", "machine-id", "-- etc/machine-id --\n" + id, []string{"warn /etc/machine-id: is the source's machine id => empty /etc/machine-id"}},
		// machine-id(5) allows no such id; systemd-machine-id-setup of 252 and 257 keeps it.
		{"an id of zeros", "machine-id", "-- etc/machine-id --\n00000000000000000000000000000000\n", []string{"warn /etc/machine-id: is the source's machine id => empty /etc/machine-id"}},
		{"an id, no systemd", "machine-id", "-- usr/lib/systemd [gone] --\n-- etc/machine-id --\n" + id, []string{"warn /etc/machine-id => drop /etc/machine-id"}},
		{"links", "machine-id", "-- etc/machine-id -> /var/lib/dbus/machine-id --\n-- var -> /data --\n-- data/lib/dbus/machine-id --\n" + id,
			[]string{"warn /etc/machine-id: is the source's machine id => empty /data/lib/dbus/machine-id"}},
		{"D-Bus's own", "machine-id", "-- var/lib/dbus/machine-id --\n" + id, []string{"warn /var/lib/dbus/machine-id: is the source's machine id, and becomes => drop /var/lib/dbus/machine-id"}},
		{"D-Bus's link", "machine-id", "-- var/lib/dbus/machine-id -> /etc/machine-id --\n", []string{"ok"}},
		{"FIFO", "machine-id", "-- etc/machine-id [fifo] --\n", []string{"ok"}},
		{"command line", "machine-id", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"quiet systemd.machine_id=0123\"\n",
			[]string{"warn /etc/default/grub: gives every clone one machine id => rewrite /etc/default/grub"}},
		{"boot entries and journal", "machine-id", "-- boot/loader/entries/0123456789abcdef0123456789abcdef-6.1.conf --\ntitle x\n-- var/log/journal/0123456789abcdef0123456789abcdef/system.journal [fill] --\n",
			[]string{"ok", "info /var/log/journal: the source's journal: 1 directory", "info /boot/loader/entries/0123456789abcdef0123456789abcdef-6.1.conf"}},

		{"none", "cloud-state", "-- var/lib/cloud/ --\n-- var/lib/cloud/instances/ --\n", []string{"ok"}},
		{"all of it", "cloud-state", "-- var/lib/cloud/instances/i-1/sem/x --\n-- var/lib/cloud/instance -> /var/lib/cloud/instances/i-1 --\n-- var/lib/cloud/sem/y.once [fill] --\n-- var/lib/cloud/data/instance-id [fill] --\n-- var/lib/cloud/seed/nocloud-net/meta-data [fill] --\n",
			[]string{"warn /var/lib/cloud/instance: => drop /var/lib/cloud/instance", "warn /var/lib/cloud/instances: => drop /var/lib/cloud/instances",
				"warn /var/lib/cloud/sem: => drop /var/lib/cloud/sem", "warn /var/lib/cloud/data: => drop /var/lib/cloud/data", "info /var/lib/cloud/seed: holds"}},

		{"SSH passwords", "cloud-state", "-- etc/ssh/sshd_config.d/50-cloud-init.conf [fill] --\n", []string{"warn /etc/ssh/sshd_config.d/50-cloud-init.conf: => drop /etc/ssh/sshd_config.d/50-cloud-init.conf"}},
		{"SSH passwords, cloud-init does not run", "cloud-state", noCloud + "-- etc/ssh/sshd_config.d/50-cloud-init.conf [fill] --\n", []string{"warn /etc/ssh/sshd_config.d/50-cloud-init.conf:"}},

		{"iSCSI", "host-identity", "-- etc/iscsi/initiatorname.iscsi --\n## x\nInitiatorName=iqn.1993-08.org.debian:01:a\n", []string{"warn /etc/iscsi/initiatorname.iscsi: is the source's name as an iSCSI initiator: iqn.1993-08.org.debian:01:a"}},
		{"iSCSI, Debian", "host-identity", "-- usr/lib/open-iscsi/startup-checks.sh --\nif grep -q \"^GenerateName=yes\" $NAMEFILE\n-- etc/iscsi/initiatorname.iscsi --\nInitiatorName=iqn.x\n",
			[]string{"warn /etc/iscsi/initiatorname.iscsi: => rewrite /etc/iscsi/initiatorname.iscsi"}},
		{"iSCSI, Enterprise Linux", "host-identity", "-- usr/lib/systemd/system/iscsi-init.service [fill] --\n-- etc/iscsi/initiatorname.iscsi --\nInitiatorName=iqn.x\n",
			[]string{"warn /etc/iscsi/initiatorname.iscsi: => drop /etc/iscsi/initiatorname.iscsi"}},
		{"iSCSI, to be made", "host-identity", "-- etc/iscsi/initiatorname.iscsi --\nGenerateName=yes\n", []string{"ok"}},
		{"iSCSI targets", "host-identity", "-- var/lib/iscsi/nodes/iqn.y/10.0.0.1,3260,1/default [fill] --\n", []string{"warn /var/lib/iscsi/nodes/iqn.y: is a target => drop /var/lib/iscsi/nodes/iqn.y"}},
		{"name on the command line", "host-identity", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"systemd.hostname=web1 quiet\"\n", []string{"warn /etc/default/grub: gives every clone one host name on the kernel's command line: systemd.hostname=web1 => rewrite /etc/default/grub"}},
		{"initiator on the command line", "host-identity", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"ISCSI_INITIATOR=iqn.x\"\n", []string{"warn /etc/default/grub: gives every clone one name as an iSCSI initiator => rewrite /etc/default/grub"}},
		{"host id", "host-identity", "-- etc/hostid [raw] --\n\"\\x01\\x02\\x03\\x04\"\n", []string{"warn /etc/hostid: => drop /etc/hostid"}},
		{"host id, ZFS", "host-identity", "-- etc/hostid [raw] --\n\"\\x01\\x02\\x03\\x04\"\n-- usr/sbin/zpool [fill] --\n", []string{"warn /etc/hostid:"}},
		{"credentials", "host-identity", "-- var/lib/systemd/credential.secret [fill] --\n", []string{"warn /var/lib/systemd/credential.secret: => drop /var/lib/systemd/credential.secret"}},
		{"credentials in use", "host-identity", "-- var/lib/systemd/credential.secret [fill] --\n-- etc/credstore.encrypted/x [fill] --\n", []string{"warn /var/lib/systemd/credential.secret:"}},
		{"keys and registrations", "host-identity", "-- etc/krb5.keytab [fill] --\n-- etc/pki/consumer/key.pem [fill] --\n-- etc/pki/consumer/cert.pem [fill] --\n-- var/lib/systemd/random-seed [fill] --\n-- etc/nvme/hostnqn [fill] --\n-- etc/nvme/hostid --\n",
			[]string{"warn /etc/krb5.keytab: => drop /etc/krb5.keytab", "warn /etc/nvme/hostnqn: => drop /etc/nvme/hostnqn", "warn /var/lib/systemd/random-seed: => drop /var/lib/systemd/random-seed",
				"warn /etc/pki/consumer/cert.pem: => drop /etc/pki/consumer/cert.pem", "warn /etc/pki/consumer/key.pem: => drop /etc/pki/consumer/key.pem"}},
		{"names", "host-identity", "-- etc/hostname --\ngold\n-- etc/hosts --\n127.0.0.1 localhost\n127.0.1.1\tgold.example gold\n", []string{"ok", "info /etc/hostname: clones are called gold until", "info /etc/hosts: has the source's name: gold.example gold"}},
		{"sssd's cache", "host-identity", "-- var/lib/sss/db/cache_a.ldb [fill] --\n-- var/lib/sss/db/config.ldb [fill] --\n", []string{"info /var/lib/sss/db/cache_a.ldb: users that sssd has cached on the source (the first of 2)"}},

		{"none", "agent-state", "-- var/lib/drp-agent/ --\n", []string{"ok"}},
		{"drp-agent", "agent-state", "-- var/lib/drp-agent/agent-cfg.yml [fill] --\n-- etc/drpcli --\n# RS_TOKEN=\nRS_ENDPOINT=https://x\n",
			[]string{"warn /var/lib/drp-agent/agent-cfg.yml: is the state => drop /var/lib/drp-agent/agent-cfg.yml", "warn /etc/drpcli: holds => drop /etc/drpcli"}},
		{"drp-agent with secrets", "agent-state", "-- var/lib/drp-agent/agent-cfg.yml --\nEndpoints: https://x\nToken: \"abc\"\n-- var/lib/drp-agent/1-2.state [fill] --\n-- etc/drpcli.conf --\nexport RS_KEY='a:b'\n-- root/.drpclirc --\nRS_PASSWORD=x\n-- root/.cache/drpcli/tokens/.rocketskates.token [fill] --\n",
			[]string{"fail /var/lib/drp-agent/1-2.state: is the runner's state => drop /var/lib/drp-agent/1-2.state", "fail /var/lib/drp-agent/agent-cfg.yml: => drop /var/lib/drp-agent/agent-cfg.yml",
				"fail /etc/drpcli.conf: => drop /etc/drpcli.conf", "fail /root/.drpclirc: => drop /root/.drpclirc", "fail /root/.cache/drpcli/tokens/.rocketskates.token: is a token => drop /root/.cache/drpcli/tokens/.rocketskates.token"}},
		{"deployed by image-deploy", "agent-state", "-- curtin/drpcli.sh --\n#!/bin/bash\n\n/usr/local/bin/drpcli -T abc -E https://x machines processjobs 1-2\n-- curtin/drpcli-install.sh --\nexport RS_UUID=\"1-2\"\nexport RS_TOKEN=\"abc\"\n",
			[]string{"fail /curtin/drpcli-install.sh: => drop /curtin/drpcli-install.sh", "fail /curtin/drpcli.sh: => drop /curtin/drpcli.sh"}},
		{"a Wazuh manager", "agent-state", "-- var/ossec/etc/client.keys [fill] --\n-- var/ossec/bin/wazuh-remoted [fill] --\n", []string{"warn /var/ossec/etc/client.keys:"}},
		{"a Gluster pool with volumes", "agent-state", "-- var/lib/glusterd/glusterd.info [fill] --\n-- var/lib/glusterd/vols/a/info [fill] --\n", []string{"warn /var/lib/glusterd/glusterd.info:"}},
		{"puppet", "agent-state", "-- etc/puppetlabs/puppet/ssl/private_keys/x.pem [fill] --\n", []string{"warn /etc/puppetlabs/puppet/ssl: => drop /etc/puppetlabs/puppet/ssl"}},

		{"none", "leases", "-- var/lib/dhcp/dhclient.leases --\n", []string{"ok"}},
		{"leases", "leases", "-- var/lib/dhcp/dhclient.eth0.leases [fill] --\n-- var/lib/NetworkManager/secret_key [fill] --\n-- var/lib/NetworkManager/internal-1-eth0.lease [fill] --\n",
			[]string{"warn /var/lib/dhcp/dhclient.eth0.leases: => drop /var/lib/dhcp/dhclient.eth0.leases", "warn /var/lib/NetworkManager/internal-1-eth0.lease: => drop /var/lib/NetworkManager/internal-1-eth0.lease",
				"warn /var/lib/NetworkManager/secret_key: => drop /var/lib/NetworkManager/secret_key"}},

		{"of a DHCP server", "leases", "-- var/lib/dhcp/dhcpd.leases [fill] --\n-- var/lib/dhcp/dhcpd6.leases [fill] --\n", []string{"ok"}},

		{"none", "traces", "", []string{"ok"}},
		{"histories", "traces", "-- root/.bash_history [fill] --\n-- home/a/.zsh_history [fill] --\n-- home/b/.bash_history --\n-- root/.ssh/authorized_keys [fill] --\n",
			[]string{"info /root/.bash_history: a history of what was typed on the source (the first of 2)", "info /root/.ssh/authorized_keys:"}},

		{"none", "storage-identity", "", []string{"ok"}},
		{"LVM", "storage-identity", "-- etc/lvm/devices/system.devices [fill] --\n", []string{"warn /etc/lvm/devices/system.devices: => drop /etc/lvm/devices/system.devices"}},
		{"LVM, by another name", "storage-identity", "-- etc/lvm/lvm.conf --\ndevices {\n\tdevicesfile = \"gold.devices\" # x\n}\n-- etc/lvm/devices/gold.devices [fill] --\n", []string{"warn /etc/lvm/devices/gold.devices: lists the source's disks for LVM, by devicesfile= of /etc/lvm/lvm.conf"}},
		{"LVM, by another name that is not there", "storage-identity", "-- etc/lvm/lvm.conf --\ndevices {\n\t# devicesfile = \"x.devices\"\n\tdevicesfile = \"gold.devices\"\n}\n-- etc/lvm/devices/x.devices [fill] --\n", []string{"ok"}},
		{"RAID", "storage-identity", "-- etc/mdadm/mdadm.conf --\nHOMEHOST <system>\nARRAY /dev/md/0 metadata=1.2 UUID=1:2:3:4 name=gold:0\n", []string{"info /etc/mdadm/mdadm.conf: names RAID arrays of the source"}},
		{"RAID without arrays", "storage-identity", "-- etc/mdadm/mdadm.conf --\nHOMEHOST <system>\n# ARRAY /dev/md0\n", []string{"ok"}},
		{"in the initramfs", "storage-identity", "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\netc/lvm/devices/system.devices: IDTYPE=sys_wwid\netc/mdadm/mdadm.conf: ARRAY /dev/md0 UUID=1\netc/multipath/wwids: /3600/\n",
			[]string{"warn /boot/initrd.img-6.1.0-1-amd64: has a copy of /etc/lvm/devices/system.devices", "info /boot/initrd.img-6.1.0-1-amd64: has a copy of /etc/mdadm/mdadm.conf", "info /boot/initrd.img-6.1.0-1-amd64: has a copy of /etc/multipath/wwids"}},
		{"in the initramfs, of any machine", "storage-identity", "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\netc/mdadm/mdadm.conf: HOMEHOST <system>\netc/multipath/bindings: # x\n", []string{"ok"}},
		{"iSCSI in the initramfs", "host-identity", "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\netc/iscsi/initiatorname.iscsi: InitiatorName=iqn.x\n", []string{"warn /boot/initrd.img-6.1.0-1-amd64: has a copy of /etc/iscsi/initiatorname.iscsi"}},
		{"machine id in the initramfs", "machine-id", "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\netc/machine-id: 0123456789abcdef0123456789abcdef\n", []string{"ok", "info /boot/initrd.img-6.1.0-1-amd64: has a copy of /etc/machine-id"}},
		{"machine id in the initramfs, none", "machine-id", "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\netc/machine-id: uninitialized\n", []string{"ok"}},
		{"ZFS", "storage-identity", "-- etc/zfs/zpool.cache [fill] --\n", []string{"warn /etc/zfs/zpool.cache: => drop /etc/zfs/zpool.cache"}},
		{"dracut's LVs", "storage-identity", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"crashkernel=auto rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap quiet\"\n",
			[]string{"warn /etc/default/grub: the kernel's command line names storage of the source: rd.lvm.lv=rhel/root => rewrite /etc/default/grub"}},
		{"in a boot entry", "storage-identity", "-- boot/loader/entries/x.conf --\ntitle rd.md.uuid=no\noptions root=UUID=1 rd.luks.uuid=luks-1 ro\n",
			[]string{"warn /boot/loader/entries/x.conf: the kernel's command line names storage of the source: rd.luks.uuid=luks-1 => rewrite /boot/loader/entries/x.conf"}},
	})
}

func TestResume(t *testing.T) {
	testIdentity(t, []identityCase{
		{"none", "resume", "-- etc/initramfs-tools/conf.d/resume --\nRESUME=none\n-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"resume= noresume resume=none\"\n# resume=/dev/sda2\n", []string{"ok"}},
		{"auto", "resume", "-- etc/initramfs-tools/conf.d/resume --\n#RESUME=/dev/sda1\nRESUME=auto\n", []string{"ok"}},
		{"initramfs-tools", "resume", "-- etc/initramfs-tools/conf.d/resume --\nRESUME=UUID=1-2\n", []string{"warn /etc/initramfs-tools/conf.d/resume: the next initramfs will wait for a disk of the source: RESUME=UUID=1-2 => rewrite /etc/initramfs-tools/conf.d/resume"}},
		{"initramfs.conf", "resume", "-- etc/initramfs-tools/initramfs.conf --\nMODULES=most\nRESUME=/dev/sda5", []string{"warn /etc/initramfs-tools/initramfs.conf: => rewrite /etc/initramfs-tools/initramfs.conf"}},
		{"GRUB", "resume", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX='resume=/dev/mapper/rhel-swap'\n", []string{"warn /etc/default/grub: the kernel's command line names a disk of the source: resume=/dev/mapper/rhel-swap => rewrite /etc/default/grub"}},
		{"GRUB, over two lines", "resume", "-- etc/default/grub.d/x.cfg --\nexport GRUB_CMDLINE_LINUX_DEFAULT=\"quiet \\\n resume=UUID=1 resume_offset=34816\"\n", []string{"warn /etc/default/grub.d/x.cfg: => rewrite /etc/default/grub.d/x.cfg"}},
		{"GRUB, escaped", "resume", "-- etc/default/grub --\nGRUB_CMDLINE_LINUX=\"re\\sume=1 resume=\\$x\"\n", []string{"warn /etc/default/grub:"}},
		{"kernel-install", "resume", "-- etc/kernel/cmdline --\nroot=UUID=1 resume=UUID=2 ro\n", []string{"warn /etc/kernel/cmdline: => rewrite /etc/kernel/cmdline"}},
		{"grubenv", "resume", "-- boot/grub2/grubenv --\n# GRUB Environment Block\nsaved_entry=resume=/dev/x\nkernelopts=root=/dev/sda1 resume=/dev/sda2 \n####", []string{"warn /boot/grub2/grubenv: => rewrite /boot/grub2/grubenv"}},
		{"in the initramfs", "resume", "-- boot/initrd.img-6.1.0-1-amd64 [initramfs=6.1.0-1-amd64] --\nconf/conf.d/resume: RESUME=UUID=1-2\n", []string{"warn /boot/initrd.img-6.1.0-1-amd64: waits for a disk of the source to resume from: UUID=1-2"}},
	})
}

// sh(1) is the oracle: it gives the variable the same words but for the bad ones.
func TestWithoutWordsLikeShell(t *testing.T) {
	for _, text := range []string{
		`GRUB_CMDLINE_LINUX="a resume=1 b"`, `GRUB_CMDLINE_LINUX='resume=1'`, `GRUB_CMDLINE_LINUX=resume=1`, `GRUB_CMDLINE_LINUX="resume=1 resume=2"`,
		`GRUB_CMDLINE_LINUX="a	resume=1"`, "GRUB_CMDLINE_LINUX=\"a \\\nresume=1 \\\nb\"", "# resume=1\nGRUB_CMDLINE_LINUX=\"a resume=1\" # resume=2", "x=resume=1\nGRUB_CMDLINE_LINUX=\"$x\"",
		`GRUB_CMDLINE_LINUX="a" GRUB_TIMEOUT=1`, `GRUB_CMDLINE_LINUX="  resume=1  a  "`, `GRUB_CMDLINE_LINUX=""`, "export GRUB_CMDLINE_LINUX='a resume=1'\n",
	} {
		run := func(script string) []string {
			out, err := exec.Command("sh", "-c", script+"\nprintf %s \"$GRUB_CMDLINE_LINUX\"").Output()
			require.NoError(t, err, script)
			return strings.Fields(string(out))
		}
		want := []string{}
		for _, w := range run(text) {
			if !isResumeWord(w) || strings.HasPrefix(text, "x=") { // a variable is not looked into
				want = append(want, w)
			}
		}
		got := string(withoutWords("etc/default/grub", []byte(text), isResumeWord))
		require.Equal(t, want, run(got), "%s\n%s", text, got)
	}
}

// GRUB's environment block is of one size, filled up with #, or GRUB does not read
// it.
func TestGrubenvKeepsItsSize(t *testing.T) {
	old := "# GRUB Environment Block\nkernelopts=root=/dev/sda1 resume=/dev/sda2 ro \nsaved_entry=0\n"
	old += strings.Repeat("#", 1024-len(old))
	got := string(withoutWords("boot/grub2/grubenv", []byte(old), isResumeWord))
	require.Len(t, got, 1024)
	require.Equal(t, "# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro \nsaved_entry=0\n", strings.TrimRight(got, "#"))
}

// systemd's own program says what a clone makes of what the fixes leave.
func TestMachineIDLikeSystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-machine-id-setup")
	need(t, err == nil, "systemd-machine-id-setup")
	const id = "0123456789abcdef0123456789abcdef"
	setup := func(machine, bus string) string {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "etc"), 0o755))
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "var/lib/dbus"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/machine-id"), []byte(machine), 0o644))
		if bus != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "var/lib/dbus/machine-id"), []byte(bus), 0o644))
		}
		out, err := exec.Command(tool, "--root="+dir).CombinedOutput()
		require.NoError(t, err, "%s", out)
		data, err := os.ReadFile(filepath.Join(dir, "etc/machine-id"))
		require.NoError(t, err)
		return strings.TrimSpace(string(data))
	}
	require.Equal(t, id, setup(id+"\n", ""))
	require.NotEqual(t, id, setup("", ""))
	require.NotEqual(t, "uninitialized", setup("uninitialized\n", ""))
	require.Equal(t, id, setup("", id+"\n"), "why D-Bus's file is told of")
}

// need ends the test when a tool is missing: as skipped, or, where CI is "true", as
// failed.
func need(t *testing.T, have bool, what string) {
	t.Helper()
	if !have && os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s", what)
	}
	if !have {
		t.Skipf("this test needs %s", what)
	}
}

// One of a kind is a finding, a thousand are not.
func TestLeftoversAreBounded(t *testing.T) {
	img := parse(t, source)
	for i := range 1000 {
		img.add(t, txtar.Parse(fmt.Appendf(nil, "-- var/lib/dhcp/dhclient-%04d.lease [fill] --\n", i)))
	}
	got := findingsOf(t, img, "leases")
	require.Len(t, got, maxEach+1)
	require.Equal(t, "warn /var/lib/dhcp: is a DHCP lease of the source: and 936 more", got[maxEach])
}

func TestTypedLikeShell(t *testing.T) {
	for _, name := range []string{"etc/machine-id", "a b", "it's", "$(x)", "a\nb", "*", "ü", "-n"} {
		out, err := exec.Command("sh", "-c", "printf %s "+typed(name)).Output()
		require.NoError(t, err)
		require.Equal(t, "/"+name, string(out))
	}
}

// Nothing in an image makes these rules hang, panic or leave their bounds.
func TestHostileIdentity(t *testing.T) {
	var names []string
	for _, o := range identity.Operations() {
		for _, p := range o.Paths {
			names = append(names, strings.NewReplacer("*", "x", "?", "x").Replace(p))
		}
	}
	names = append(names, "etc/machine-id", "var/lib/dbus/machine-id", "etc/ssh/ssh_host_rsa_key", "etc/ssh", "etc/ssh/sshd_config", "usr/lib/systemd/system/ssh.service",
		"etc/systemd/system/multi-user.target.wants/x.service", "usr/lib/systemd/system/x.service", "var/lib/cloud", "var/lib/cloud/instance", "etc/udev/rules.d/70-persistent-net.rules",
		"etc/sysconfig/network-scripts/ifcfg-eth0", "etc/NetworkManager/system-connections/x", "etc/systemd/network/x.network", "etc/netplan/x.yaml", "etc/network/interfaces",
		"etc/iscsi/initiatorname.iscsi", "etc/hostid", "etc/hostname", "etc/hosts", "etc/crypttab", "etc/initramfs-tools/conf.d/resume", "etc/initramfs-tools/initramfs.conf",
		"etc/dracut.conf.d/x.conf", "etc/dracut.conf", "etc/mkinitcpio.conf", "etc/selinux/config", "etc/selinux/targeted/policy/policy.33", "boot/initrd.img-6.1.0-1-amd64",
		"etc/default/grub", "boot/loader/entries/x.conf", "boot/grub2/grubenv", "etc/kernel/cmdline")
	shapes := []string{
		" [fifo] --\n", " [deny] --\n", " [size=3000000] --\n", " --\n", "/ --\n", " -> /nowhere --\n", " -> . --\n", " -> / --\n", " -> /etc/ssh --\n",
		" [raw] --\n\"\\x00=\\xff\\n[[[{{{*a&a!!\\\"\\nGRUB_CMDLINE_LINUX=resume=\\\\\\nkernelopts=resume=1\\noptions resume=1\\nresume=1\\nRESUME=\\x1b\\nx UUID=\\xff\\nSELINUX=enforcing\\nhostonly=\\x1b[2J\\nHWADDR=\\n[Match]\\nMACAddress=\\x1b\\n\"\n",
	}
	for _, name := range names {
		for _, shape := range append(shapes, " -> "+filepath.Base(name)+" --\n") {
			img := parse(t, source)
			for _, tool := range []string{"usr/bin/dracut", "usr/sbin/update-initramfs", "usr/bin/mkinitcpio"} {
				img.add(t, txtar.Parse([]byte("-- "+tool+" [0755 fill] --\n")))
			}
			img.add(t, txtar.Parse([]byte("-- "+name+" [gone] --\n-- "+name+shape)))
			report, err := Check(t.Context(), img, Options{})
			require.NoError(t, err)
			for _, f := range report.Findings {
				require.NotContains(t, f.Problem+f.Hint+f.Path+f.Why, "\n")
				require.NotContains(t, f.Problem+f.Hint+f.Path+f.Why, "\x1b")
			}
			fixed(t, img, report)
		}
	}
}
