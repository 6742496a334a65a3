package bootcheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/rootfs"
)

// TestNetworkFiles: files for one machine's interface by all that their readers choose by,
// where these look for them.
func TestNetworkFiles(t *testing.T) {
	const (
		rule    = "network-identity"
		mac     = "52:54:00:12:34:56"
		slot    = "pci-0000:03:00.0"
		all     = "-- usr/lib/systemd/network/99-default.link --\n[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel\n"
		profile = "-- etc/NetworkManager/system-connections/a.nmconnection --\n[connection]\nid=a\n"
	)
	link := func(match string) string {
		return all + "-- etc/systemd/network/10-lan.link --\n[Match]\n" + match + "\n[Link]\nName=lan0\n"
	}
	network := func(text string) string {
		return "-- etc/systemd/network/a.network --\n" + text + "\n[Network]\nDHCP=yes\n"
	}
	is := func(name, what string) []string {
		return []string{"warn /etc/systemd/network/" + name + ": is for the source's interface only: it matches " + what}
	}
	named := func(name, what string) []string {
		return []string{"info " + name + ": is for an interface by the name that it has on the source: " + what}
	}
	ok := []string{"ok"}
	testIdentity(t, []identityCase{
		{"link by a slot behind a platform", rule, link("Path=platform-fd500000.pcie-pci-0000:01:00.0"), is("10-lan.link", "the slot platform-fd500000.pcie-pci-0000:01:00.0")},
		{"link by a pattern of a slot", rule, link("Path=pci-0000:03:*"), is("10-lan.link", "the slot pci-0000:03:*")},
		{"link by USB", rule, link("Path=pci-*-usb-0:1.2:1.0"), is("10-lan.link", "the slot pci-*-usb-0:1.2:1.0")},
		{"link by any slot", rule, link("Path=pci-* platform-*-pci-*"), ok},
		{"link by all but a slot", rule, link("Path=!" + slot), ok},
		{"link by a slot or any other", rule, link("Path=" + slot + " usb-*"), ok},
		{"link by a property", rule, link(`Property="ID_PATH=` + slot + `"`), is("10-lan.link", "the property ID_PATH="+slot)},
		{"link by a property's name", rule, link("Property=ID_NET_NAME_SLOT=ens192"), is("10-lan.link", "the property ID_NET_NAME_SLOT=ens192")},
		{"link by a serial number", rule, link("Property=ID_SERIAL_SHORT=0050B6C1"), is("10-lan.link", "the property ID_SERIAL_SHORT=0050B6C1")},
		{"link by the driver", rule, link("Property=ID_NET_DRIVER=e1000e\nDriver=e1000e"), ok},
		{"link by a host", rule, link("Host=web1\nType=ether"), is("10-lan.link", "the host web1")},
		{"link by the kernel's name", rule, link("OriginalName=eth0"), ok},
		{"link by a name of udev", rule, link("OriginalName=ens192"), named("/etc/systemd/network/10-lan.link", "ens192")},
		{"link that comes too late", rule, all + "-- etc/systemd/network/99-lan.link --\n[Match]\nPath=" + slot + "\n", ok},
		{"link in a vendor's folder", rule, "-- usr/lib/systemd/network/10-lan.link --\n[Match]\nMACAddress=" + mac + "\n", []string{"warn /usr/lib/systemd/network/10-lan.link: is for the source's interface only: it matches the MAC address " + mac}},
		{"link of a vendor, masked", rule, "-- usr/lib/systemd/network/10-lan.link --\n[Match]\nMACAddress=" + mac + "\n-- etc/systemd/network/10-lan.link -> /dev/null --\n", ok},
		{"link of a vendor, empty in etc", rule, "-- usr/lib/systemd/network/10-lan.link --\n[Match]\nMACAddress=" + mac + "\n-- etc/systemd/network/10-lan.link --\n", ok},
		{"link of a vendor, another in etc", rule, "-- usr/lib/systemd/network/10-lan.link --\n[Match]\nMACAddress=" + mac + "\n-- etc/systemd/network/10-lan.link --\n[Match]\nType=ether\n", ok},

		{"network by a pattern of a name", rule, network("[Match]\nName=ens192*"), named("/etc/systemd/network/a.network", "ens192*")},
		{"network by names for all", rule, network("[Match]\nName=en* ens*"), ok},
		{"drop-in", rule, network("[Match]\nName=en*") + "-- etc/systemd/network/a.network.d/mac.conf --\n[Match]\nMACAddress=" + mac + "\n", is("a.network.d/mac.conf", "the MAC address "+mac)},
		{"drop-in of a vendor", rule, network("[Match]\nName=en*") + "-- usr/lib/systemd/network/a.network.d/mac.conf --\n[Match]\nMACAddress=" + mac + "\n", []string{"warn /usr/lib/systemd/network/a.network.d/mac.conf: is for"}},
		{"drop-in of a vendor, masked", rule, network("[Match]\nName=en*") + "-- usr/lib/systemd/network/a.network.d/mac.conf --\n[Match]\nMACAddress=" + mac + "\n-- etc/systemd/network/a.network.d/mac.conf -> /dev/null --\n", ok},
		{"drop-in that takes it back", rule, network("[Match]\nMACAddress="+mac) + "-- etc/systemd/network/a.network.d/all.conf --\n[Match]\nMACAddress=\nName=en*\n", ok},
		{"drop-in of nothing", rule, "-- etc/systemd/network/b.network.d/mac.conf --\n[Match]\nMACAddress=" + mac + "\n", ok},
		{"drop-in of a link", rule, link("Type=ether") + "-- etc/systemd/network/10-lan.link.d/x.conf --\n[Link]\nMACAddress=" + mac + "\n", []string{"warn /etc/systemd/network/10-lan.link.d/x.conf: gives an interface the MAC address " + mac}},
		{"drop-in with an address", rule, network("[Match]\nName=en*") + "-- etc/systemd/network/a.network.d/x.conf --\n[Address]\nAddress=10.0.0.5/24\n", []string{"warn /etc/systemd/network/a.network.d/x.conf: sets an address"}},
		{"a free range", rule, network("[Match]\nName=ve-*\n[Network]\nAddress=0.0.0.0/28"), ok},
		{"network that comes too late", rule, network("[Match]\nName=*") + "-- etc/systemd/network/b.network --\n[Match]\nMACAddress=" + mac + "\n", ok},
		{"DUID", rule, network("[Match]\nName=en*\n[DHCPv6]\nDUIDRawData=00:01"), []string{"warn /etc/systemd/network/a.network: tells DHCP servers DUIDRawData=00:01 of the source"}},
		{"DUID for all", rule, "-- etc/systemd/networkd.conf --\n[DHCPv4]\nDUIDType=uuid\nDUIDRawData=00:01\n", []string{"warn /etc/systemd/networkd.conf: tells DHCP servers"}},
		{"DUID for all, in a drop-in", rule, "-- etc/systemd/networkd.conf.d/x.conf --\n[DHCPv6]\nDUIDRawData=00:01\n", []string{"warn /etc/systemd/networkd.conf.d/x.conf: tells DHCP servers"}},
		{"DUID by the machine id", rule, "-- etc/systemd/networkd.conf --\n[DHCPv4]\nDUIDType=vendor\n", ok},

		{"WireGuard, shared with a peer", rule, "-- etc/systemd/network/wg.netdev --\n[NetDev]\nKind=wireguard\n[WireGuardPeer]\nPublicKey=abc=\nPresharedKey=abc=\n", []string{"warn /etc/systemd/network/wg.netdev: holds a WireGuard key"}},
		{"WireGuard, in a drop-in", rule, "-- etc/systemd/network/wg.netdev --\n[NetDev]\nKind=wireguard\n-- etc/systemd/network/wg.netdev.d/key.conf --\n[WireGuard]\nPrivateKey=abc=\n", []string{"warn /etc/systemd/network/wg.netdev.d/key.conf: holds a WireGuard key"}},
		{"WireGuard, key in a file", rule, "-- etc/systemd/network/wg.netdev --\n[WireGuard]\nPrivateKeyFile=/etc/systemd/network/wg.key\n-- etc/systemd/network/wg.key --\nabc=\n", []string{"warn /etc/systemd/network/wg.key: holds a WireGuard key"}},
		{"WireGuard, key elsewhere", rule, "-- etc/systemd/network/wg.netdev --\n[WireGuard]\nPrivateKeyFile=/run/wg.key\n", ok},
		{"WireGuard, key in the credentials", rule, "-- etc/systemd/network/wg.netdev --\n[WireGuard]\nPrivateKey=@wg\n", ok},
		{"WireGuard of NetworkManager, shared with a peer", rule, profile + "[wireguard-peer.abc]\npreshared-key=abc=\n", []string{"warn /etc/NetworkManager/system-connections/a.nmconnection: holds a WireGuard key"}},

		{"profile by the slot", rule, profile + "[match]\npath=" + slot + ";\n", []string{"warn /etc/NetworkManager/system-connections/a.nmconnection: is for the source's interface only: path=" + slot + "; => rewrite /etc/NetworkManager/system-connections/a.nmconnection"}},
		{"profile by a slot or any other", rule, profile + "[match]\npath=" + slot + ";platform-*;\n", ok},
		{"profile by any slot", rule, profile + "[match]\npath=pci-*;\n", ok},
		{"profile by all but a slot", rule, profile + "[match]\npath=!" + slot + ";\n", ok},
		{"profile by a name", rule, profile + "[match]\ninterface-name=ens192;\n", named("/etc/NetworkManager/system-connections/a.nmconnection", "ens192")},
		{"profile by a name or a pattern", rule, profile + "[match]\ninterface-name=ens192;en*;\n", ok},
		{"profile by the driver", rule, profile + "[match]\ndriver=e1000e;\n", ok},
		{"profile with the source's id", rule, profile + "[ipv4]\nmethod=auto\ndhcp-client-id=01:" + mac + "\n", []string{"warn /etc/NetworkManager/system-connections/a.nmconnection: is for the source's interface only: dhcp-client-id=01:" + mac + " => rewrite /etc/NetworkManager/system-connections/a.nmconnection"}},
		{"profile with an id of its own", rule, profile + "[ipv4]\nmethod=auto\ndhcp-client-id=mac\n[ipv6]\ndhcp-duid=stable-uuid\n", ok},

		{"netplan by a name", rule, "-- etc/netplan/1.yaml --\nnetwork: {ethernets: {lan: {match: {name: ens192}, set-name: lan}}}\n", named("/etc/netplan/1.yaml", "ens192")},
		{"netplan by a pattern or the driver", rule, "-- etc/netplan/1.yaml --\nnetwork: {ethernets: {a: {match: {name: \"en*\"}}, ens3: {match: {driver: virtio_net}}}}\n", ok},
		{"netplan of a vendor", rule, "-- usr/lib/netplan/1.yaml --\nnetwork: {wifis: {wlp3s0: {dhcp4: true}}}\n", named("/usr/lib/netplan/1.yaml", "wlp3s0")},
		{"netplan of a vendor, another in etc", rule, "-- usr/lib/netplan/1.yaml --\nnetwork: {ethernets: {ens3: {dhcp4: true}}}\n-- etc/netplan/1.yaml --\nnetwork: {}\n", ok},

		{"ifupdown by a MAC address", rule, "-- etc/network/interfaces --\nauto mac/" + mac + "=lan\niface lan inet dhcp\n", []string{"warn /etc/network/interfaces: is for the source's interface only: it matches the MAC address " + mac}},
		{"ifupdown renames by a MAC address", rule, "-- etc/network/interfaces.d/lan --\nrename \\\n  mac/" + mac + "=lan\n", []string{"warn /etc/network/interfaces.d/lan: is for the source's interface only"}},
		{"ifupdown renames by a name", rule, "-- etc/network/interfaces --\nrename ens192=lan\nauto lan\n", named("/etc/network/interfaces", "ens192")},
		{"ifupdown by patterns", rule, "-- etc/network/interfaces --\nauto /en*\nallow-hotplug /eth*/1=lan\nrename mac/52:54:00:*=lan\niface lan inet dhcp\n", ok},

		{"udev by virtio", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", KERNELS==\"virtio0\", NAME=\"lan0\"\n", []string{"warn /etc/udev/rules.d/1.rules: names"}},
		{"udev by virtio above the interface", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEMS==\"net\", KERNEL==\"virtio0\", NAME=\"lan0\"\n", []string{"warn /etc/udev/rules.d/1.rules: names"}},
		{"udev by a name of the path", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ENV{ID_NET_NAME_PATH}==\"enp3s0\", NAME=\"lan0\"\n", []string{"warn /etc/udev/rules.d/1.rules: names"}},
		{"udev by the tag of the path", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ENV{ID_PATH_TAG}==\"pci-0000_03_00_0\", NAME=\"lan0\"\n", []string{"warn /etc/udev/rules.d/1.rules: names"}},
		{"udev by the name", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", KERNEL==\"ens192\", RUN+=\"/sbin/x\"\n", named("/etc/udev/rules.d/1.rules", "ens192")},
		{"udev by a name of the kernel", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", KERNEL==\"eth*\", NAME=\"lan0\"\n", ok},
		{"udev by a vendor's addresses", rule, "-- etc/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ATTR{address}==\"52:54:00:*\", NAME=\"lan0\"\n", ok},
		{"udev of a vendor", rule, "-- usr/lib/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ATTR{address}==\"" + mac + "\", NAME=\"a\"\n", []string{"warn /usr/lib/udev/rules.d/1.rules: names"}},
		{"udev of a vendor, masked", rule, "-- usr/lib/udev/rules.d/1.rules --\nSUBSYSTEM==\"net\", ATTR{address}==\"" + mac + "\", NAME=\"a\"\n-- etc/udev/rules.d/1.rules -> /dev/null --\n", ok},
	})
}

// TestRulesOfNetwork: the same of each family by what it sets up its network with.
func TestRulesOfNetwork(t *testing.T) {
	const rule = "network-identity"
	const mac = "52:54:00:12:34:56"
	const udev = "-- etc/udev/rules.d/70-persistent-net.rules --\nSUBSYSTEM==\"net\", KERNELS==\"virtio0\", NAME=\"lan0\"\n"
	const link = "-- usr/lib/systemd/network/10-x.link --\n[Match]\nPath=pci-0000:03:00.0\n"
	const masked = link + "-- etc/systemd/network/10-x.link -> /dev/null --\n"
	const network = "-- etc/systemd/network/10-x.network --\n[Match]\nType=ether\n[Network]\nDHCP=yes\n"
	const dropIn = network + "-- etc/systemd/network/10-x.network.d/a.conf --\n[Match]\nMACAddress=" + mac + "\n"
	const keyfile = "-- etc/NetworkManager/system-connections/a.nmconnection --\n[connection]\nid=a\n[match]\npath=pci-0000:03:00.0;\n"
	const anyCard = "-- etc/NetworkManager/system-connections/a.nmconnection --\n[connection]\nid=a\n[match]\npath=pci-*;\n"
	const netplan = "-- etc/netplan/1.yaml --\nnetwork: {ethernets: {a: {match: {macaddress: \"" + mac + "\"}}}}\n"
	const ok = "ok: no network configuration names the source's interfaces or addresses"
	for _, c := range []ruleCase{
		{"link, masked", rule, deb, masked, []string{ok}},
		{"link", rule, deb, link, []string{"warn /usr/lib/systemd/network/10-x.link: is for the source's interface only: it matches the slot pci-0000:03:00.0 [match what all machines have (Type=, Driver=), or remove the file]"}},
		{"link, Eikon", rule, eikon + "ubuntu2204", link, []string{"warn /usr/lib/systemd/network/10-x.link:"}},
		{"link, SUSE", rule, "sles15", link, []string{"warn /usr/lib/systemd/network/10-x.link:"}},
		{"link, SUSE, masked", rule, "sles15", masked, []string{ok}},
		{"networkd of Photon", rule, "photon5", network, []string{ok}},
		{"networkd of Photon, drop-in", rule, "photon5", dropIn, []string{"warn /etc/systemd/network/10-x.network.d/a.conf: is for the source's interface only: it matches the MAC address " + mac}},
		{"networkd of Arch, drop-in", rule, "arch", dropIn, []string{"warn /etc/systemd/network/10-x.network.d/a.conf:"}},
		{"NetworkManager", rule, "rocky9", anyCard, []string{ok}},
		{"NetworkManager, by the slot", rule, "rocky9", keyfile, []string{"warn /etc/NetworkManager/system-connections/a.nmconnection: is for the source's interface only: path=pci-0000:03:00.0; [remove these lines] => rewrite /etc/NetworkManager/system-connections/a.nmconnection"}},
		{"NetworkManager of Fedora, by the slot", rule, "fedora42", keyfile, []string{"warn /etc/NetworkManager/system-connections/a.nmconnection:"}},
		{"NetworkManager of Leap, by the slot", rule, "leap15", keyfile, []string{"warn /etc/NetworkManager/system-connections/a.nmconnection:"}},
		{"netplan", rule, "ubuntu2404", netplan, []string{"warn /etc/netplan/1.yaml: is for the source's interface only: it matches the MAC address " + mac}},
		{"udev", rule, "centos6", udev, []string{"warn /etc/udev/rules.d/70-persistent-net.rules: names the source's network interfaces by their MAC addresses or slots"}},
		{"udev of Amazon Linux 2", rule, "amazon2", udev, []string{"warn /etc/udev/rules.d/70-persistent-net.rules:"}},
	} {
		t.Run(c.name, c.run)
	}
}

// TestDropInsLikeSystemd has systemd-analyze say which files it reads for one.
func TestDropInsLikeSystemd(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("there is no systemd-analyze here")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"usr/lib/systemd/network/a.network": "1", "etc/systemd/network/a.network": "1", "usr/lib/systemd/network/b.network": "1", "usr/local/lib/systemd/network/b.network": "1",
		"etc/systemd/network/a.network.d/2.conf": "1", "usr/lib/systemd/network/a.network.d/1.conf": "1", "usr/lib/systemd/network/a.network.d/2.conf": "1", "usr/local/lib/systemd/network/a.network.d/3.conf": "1",
		"usr/lib/systemd/network/a.network.d/4.conf": "1", "etc/systemd/network/a.network.d/4.conf": "", "usr/lib/systemd/network/a.network.d/5.conf": "1", "etc/systemd/network/a.network.d/x.bak": "1",
		"etc/systemd/network/a.network.d/6.CONF": "1", "etc/systemd/network/a.network.d/.7.conf": "1", "etc/systemd/network/a.network.d/8.conf~": "1",
		"usr/lib/systemd/network/b.network.d/_.conf": "1", "usr/lib/systemd/network/a.network.d/10.conf": "1",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		if text != "" {
			text = "[Match]\n"
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(dir, "etc/systemd/network/a.network.d/5.conf")))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	s, err := newSurvey(rootfs.Follow(root.FS()), Options{})
	require.NoError(t, err)
	files := s.confFiles(networkDirs, ".network")
	require.Len(t, files, 2)
	for _, name := range files {
		out, err := exec.Command("systemd-analyze", "cat-config", "--no-pager", "--root="+dir, "systemd/network/"+filepath.Base(name)).Output()
		require.NoError(t, err)
		var want []string
		for line := range strings.Lines(string(out)) {
			if file, ok := strings.CutPrefix(strings.TrimSpace(line), "# "+dir+"/"); ok && !s.masks(file) { // it shows masks too
				want = append(want, file)
			}
		}
		require.Equal(t, want, append([]string{name}, s.dropIns(networkDirs, filepath.Base(name))...))
	}
}
