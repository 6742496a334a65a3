package bootcheck

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/identity"
)

func TestNetworkIdentity(t *testing.T) {
	const (
		rule  = "network-identity"
		rh    = "-- etc/sysconfig/network-scripts/ifcfg-eth0 --\nDEVICE=eth0\n"
		suse  = "-- etc/sysconfig/network/ifcfg-eth0 --\nSTARTMODE=auto\n"
		nm    = "-- etc/NetworkManager/system-connections/wired.nmconnection --\n[connection]\nid=wired\nuuid=1-2\n"
		mac   = "52:54:00:12:34:56"
		ifcfg = "warn /etc/sysconfig/network-scripts/ifcfg-eth0: is for the source's interface only: "
	)
	testIdentity(t, []identityCase{
		{"none", rule, "-- etc/network/interfaces --\nauto lo\niface lo inet loopback\n\taddress 127.0.0.1\n-- etc/sysconfig/network-scripts/ifcfg-lo --\nIPADDR=127.0.0.1\n", []string{"ok"}},

		{"cloud-init's", rule, "-- etc/netplan/50-cloud-init.yaml [fill] --\n", []string{"warn /etc/netplan/50-cloud-init.yaml: was written by cloud-init => drop /etc/netplan/50-cloud-init.yaml"}},
		{"cloud-init's, which it leaves alone", rule, "-- etc/netplan/50-cloud-init.yaml [fill] --\n-- etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg --\nnetwork: {config: disabled}\n",
			[]string{"warn /etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg: tells cloud-init to leave the network alone"}},
		{"cloud-init's, by the command line", rule, "-- etc/netplan/50-cloud-init.yaml [fill] --\n-- etc/default/grub --\nGRUB_CMDLINE_LINUX=network-config=disabled\n",
			[]string{"warn /etc/default/grub: tells cloud-init to leave the network alone"}},
		{"udev", rule, "-- etc/udev/rules.d/70-persistent-net.rules --\nSUBSYSTEM==\"net\", ATTR{address}==\"" + mac + "\", NAME=\"eth0\"\n",
			[]string{"warn /etc/udev/rules.d/70-persistent-net.rules: => drop /etc/udev/rules.d/70-persistent-net.rules"}},
		{"udev, comments only", rule, "-- etc/udev/rules.d/70-persistent-net.rules --\n# ATTR{address}==\n", []string{"ok"}},
		{"udev, other spellings", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ATTRS{address}==\"" + mac + "\", NAME=\"a\"\n-- etc/udev/rules.d/2.rules --\nSUBSYSTEM==\"net\", SYSFS{address}==\"" + mac + "\", NAME=\"a\"\n-- etc/udev/rules.d/3.rules --\nACTION==\"add\", ENV{ID_NET_NAME_MAC}==\"enx525400123456\", NAME=\"a\"\n-- etc/udev/rules.d/4.rules --\nSUBSYSTEM==\"net\", KERNELS==\"0000:03:00.0\", \\\n NAME=\"a\"\n-- etc/udev/rules.d/5.rules --\nSUBSYSTEM==\"net\", ENV{ID_PATH}==\"pci-0000:03:00.0\", NAME=\"a\"\n",
			[]string{"warn /etc/udev/rules.d/1.rules:", "warn /etc/udev/rules.d/2.rules:", "warn /etc/udev/rules.d/3.rules:", "warn /etc/udev/rules.d/4.rules:", "warn /etc/udev/rules.d/5.rules:"}},
		{"udev, for any machine", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ATTR{address}==\"?*\", NAME=\"$env{ID_NET_NAME_PATH}\"\nSUBSYSTEM==\"net\", KERNELS==\"vif-*\", NAME=\"a\"\nSUBSYSTEM==\"block\", KERNELS==\"0000:03:00.0\", SYMLINK+=\"a\"\n#SUBSYSTEM==\"net\", KERNELS==\"0000:03:00.0\"\n", []string{"ok"}},
		{"udev, by hand", rule, "-- etc/udev/rules.d/10-nic.rules --\nSUBSYSTEM==\"net\", ATTR{address}==\"" + mac + "\", NAME=\"lan\"\n", []string{"warn /etc/udev/rules.d/10-nic.rules:"}},

		{"ifcfg", rule, rh + "BOOTPROTO=dhcp\nHWADDR=" + mac + "\nUUID=\"1-2\"\n", []string{ifcfg + "HWADDR=" + mac + " UUID=1-2 => rewrite /etc/sysconfig/network-scripts/ifcfg-eth0"}},
		{"ifcfg, commented out", rule, rh + "#HWADDR=" + mac + "\nUUID=\n", []string{"ok"}},
		{"ifcfg, a backup", rule, "-- etc/sysconfig/network-scripts/ifcfg-eth0.bak --\nHWADDR=" + mac + "\n", []string{"ok"}},
		{"ifcfg with an address", rule, rh + "IPADDR0=10.0.0.5\nHWADDR=" + mac + "\n", []string{ifcfg, "warn /etc/sysconfig/network-scripts/ifcfg-eth0: sets an address of the source"}},
		{"ifcfg that sets a MAC", rule, suse + "LLADDR=" + mac + "\n", []string{"warn /etc/sysconfig/network/ifcfg-eth0: => rewrite /etc/sysconfig/network/ifcfg-eth0"}},

		{"NetworkManager", rule, nm + "[ethernet]\nmac-address=" + mac + "\ncloned-mac-address=preserve\n[ipv4]\nmethod=auto\n",
			[]string{"warn /etc/NetworkManager/system-connections/wired.nmconnection: is for the source's interface only: mac-address=" + mac + " => rewrite /etc/NetworkManager/system-connections/wired.nmconnection"}},
		{"NetworkManager, none", rule, nm + "[ethernet]\ncloned-mac-address=random\n[ipv4]\nmethod=auto\n[user]\nmac-address=" + mac + "\n", []string{"ok"}},
		{"NetworkManager with an address", rule, nm + "[802-3-ethernet]\nmac-address=" + mac + "\n[ipv4]\naddress1=10.0.0.5/24,10.0.0.1\nmethod=manual\n",
			[]string{"warn /etc/NetworkManager/system-connections/wired.nmconnection: is for", "warn /etc/NetworkManager/system-connections/wired.nmconnection: sets an address"}},

		{"networkd", rule, "-- etc/systemd/network/a.network --\n[Match]\nMACAddress=" + mac + "\n[Network]\nDHCP=yes\n-- etc/systemd/network/b.link --\n[Match]\nPermanentMACAddress=" + mac + "\n[Link]\nMACAddress=" + mac + "\n-- etc/systemd/network/c.network --\n[Match]\nName=en*\n[Network]\nAddress=10.0.0.5/24\n-- etc/systemd/network/d.link --\n[Match]\nOriginalName=*\n[Link]\nMACAddressPolicy=persistent\n",
			[]string{"warn /etc/systemd/network/b.link: is for", "warn /etc/systemd/network/b.link: gives an interface", "warn /etc/systemd/network/a.network: is for the source's interface only: it matches", "warn /etc/systemd/network/c.network: sets"}},
		{"netplan", rule, "-- etc/netplan/01.yaml --\nnetwork:\n  version: 2\n  ethernets:\n    a: {match: {macaddress: \"" + mac + "\"}, set-name: a}\n    b: {macaddress: \"" + mac + "\", addresses: [10.0.0.5/24]}\n",
			[]string{"warn /etc/netplan/01.yaml: is for", "warn /etc/netplan/01.yaml: gives", "warn /etc/netplan/01.yaml: sets"}},
		{"netplan, none", rule, "-- etc/netplan/01.yaml --\nnetwork:\n  version: 2\n  ethernets:\n    all: {match: {name: en*}, dhcp4: true, macaddress: permanent}\n", []string{"ok"}},
		{"netplan, no YAML", rule, "-- etc/netplan/01.yaml --\n[\n", []string{"ok"}},
		{"networkd, by the slot", rule, "-- etc/systemd/network/b.link --\n[Match]\nPath=pci-0000:03:00.0*\n[Link]\nName=lan0\n", []string{"warn /etc/systemd/network/b.link: is for the source's interface only: it matches the slot pci-0000:03:00.0*"}},

		{"installer's network", rule, "-- etc/cloud/cloud.cfg.d/90-installer-network.cfg --\n# written by the installer\nnetwork:\n  ethernets: {ens192: {dhcp4: true}}\n  version: 2\n",
			[]string{"warn /etc/cloud/cloud.cfg.d/90-installer-network.cfg: holds a network configuration of the source => drop /etc/cloud/cloud.cfg.d/90-installer-network.cfg"}},
		{"a network among other things", rule, "-- etc/cloud/cloud.cfg.d/x.cfg --\nnetwork: {version: 2}\nssh_pwauth: true\n", []string{"warn /etc/cloud/cloud.cfg.d/x.cfg: holds"}},
		{"installer's network, cloud-init does not run", rule, noCloud + "-- etc/cloud/cloud.cfg.d/90-installer-network.cfg --\nnetwork: {version: 2}\n", []string{"warn /etc/cloud/cloud.cfg.d/90-installer-network.cfg: holds"}},

		{"names, cloud-init writes others", rule, "-- etc/sysconfig/network-scripts/ifcfg-ens192 --\nBOOTPROTO=dhcp\n-- etc/network/interfaces --\niface enp0s3 inet dhcp\niface eth0 inet dhcp\n",
			[]string{"info /etc/sysconfig/network-scripts/ifcfg-ens192: is for an interface by the name that it has on the source: ens192", "info /etc/network/interfaces: is for an interface by the name that it has on the source: enp0s3"}},
		{"names", rule, noCloud + rh + "-- etc/sysconfig/network-scripts/ifcfg-x --\nDEVICE=eno1\n" + nm + "interface-name=ens192\n-- etc/systemd/network/a.network --\n[Match]\nName=enx525400123456\n-- etc/systemd/network/b.network --\n[Match]\nName=en* eth0\n-- etc/netplan/1.yaml --\nnetwork: {ethernets: {enp3s0f1: {dhcp4: true}}}\n-- etc/netplan/2.yaml --\nnetwork: {ethernets: {ens3: {match: {name: \"en*\"}}}}\n",
			[]string{"warn /etc/sysconfig/network-scripts/ifcfg-x: is for an interface by the name that it has on the source: eno1", "warn /etc/NetworkManager/system-connections/wired.nmconnection: is for an interface by the name that it has on the source: ens192",
				"warn /etc/systemd/network/a.network: is for an interface by the name", "warn /etc/netplan/1.yaml: is for an interface by the name"}},

		{"WireGuard", rule, "-- etc/NetworkManager/system-connections/wg.nmconnection --\n[connection]\ntype=wireguard\n[wireguard]\nprivate-key=abc=\n-- etc/systemd/network/wg.netdev --\n[NetDev]\nKind=wireguard\n[WireGuard]\nPrivateKey=abc=\n-- etc/netplan/wg.yaml --\nnetwork: {tunnels: {wg0: {mode: wireguard, key: abc=}, wg1: {mode: wireguard, keys: {private: abc=}}}}\n",
			[]string{"warn /etc/NetworkManager/system-connections/wg.nmconnection: holds a WireGuard key", "warn /etc/systemd/network/wg.netdev: holds a WireGuard key", "warn /etc/netplan/wg.yaml: holds a WireGuard key"}},
		{"WireGuard without a key", rule, "-- etc/NetworkManager/system-connections/wg.nmconnection --\n[wireguard]\nprivate-key-flags=1\n-- etc/systemd/network/wg.netdev --\n[NetDev]\nKind=wireguard\n-- etc/netplan/wg.yaml --\nnetwork: {tunnels: {wg0: {mode: wireguard, key: /run/key}}}\n", []string{"ok"}},
		{"interfaces", rule, "-- etc/network/interfaces --\niface eth0 inet static\n  address 10.0.0.5\n  hwaddress ether " + mac + "\n",
			[]string{"warn /etc/network/interfaces: gives", "warn /etc/network/interfaces: sets"}},

		{"cloud-init's", rule, "-- etc/netplan/50-cloud-init.yaml --\nnetwork: {ethernets: {a: {match: {macaddress: \"" + mac + "\"}}}}\n-- etc/cloud/cloud.cfg.d/50-curtin-networking.cfg --\nnetwork: {version: 1}\n",
			[]string{"warn /etc/netplan/50-cloud-init.yaml: was written by cloud-init for the source => drop /etc/netplan/50-cloud-init.yaml",
				"warn /etc/cloud/cloud.cfg.d/50-curtin-networking.cfg: holds a network configuration of the source => drop /etc/cloud/cloud.cfg.d/50-curtin-networking.cfg"}},
		{"cloud-init's, and it does not run", rule, noCloud + "-- etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection --\n[ethernet]\nmac-address=" + mac + "\n",
			[]string{"warn /etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection: was written"}},
	})
}

// A rewriting is for a content that may have changed meanwhile: it leaves no line
// that it is to take out, adds none, and has nothing to do the second time.
func FuzzRewrites(f *testing.F) {
	for _, s := range []string{"HWADDR=1\nX=2\n", "[ethernet]\nmac-address=00:11:22:33:44:55\n", "a UUID=1\n# b\n", "RESUME=/dev/sda1", "GRUB_CMDLINE_LINUX=\"a resume=1 \\\n b\"\n", "kernelopts=resume=1 a\n##", "options resume=1 x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		words := func(name string) func([]byte) ([]byte, error) {
			return func(old []byte) ([]byte, error) { return withoutWords(name, old, isResumeWord), nil }
		}
		for i, rewrite := range []func([]byte) ([]byte, error){identity.Ifcfg.Rewrite, identity.Keyfile.Rewrite, identity.ResumeDevice.Rewrite, rewriteCrypttab,
			words("etc/default/grub"), words("boot/loader/entries/x.conf"), words("boot/grub2/grubenv"), words("etc/kernel/cmdline")} {
			once, err := rewrite(data)
			require.NoError(t, err)
			require.LessOrEqual(t, len(once), 3*len(data)+len("\nRESUME=none\n"))
			again, err := rewrite(once)
			require.NoError(t, err)
			require.Equal(t, string(once), string(again), "rewriting %d", i)
		}
	})
}
