package identity

import "image-capture/entry"

// What is said of a network configuration that fits the source only.
const (
	WhyPinned = "the clone's interface has another MAC address, and stays down"
	WhySetMAC = "clones with one MAC address on one network lose each other's packets"
	WhyStatic = "clones with one address on one network lose each other's packets"
	// WhySlot and WhyLink are for what is chosen by something else than a MAC address, and for
	// systemd's .link files.
	WhySlot  = "the clone's card is in another slot, and its interface stays down"
	WhyHost  = "the clone has another name and machine id, and its interface stays down"
	WhyLink  = "the clone's interface gets neither the name nor the settings that are there for it"
	HintLink = "match what all machines have (Type=, Driver=), or remove the file"
	HintMAC  = "match the interface by its name, or remove the file and leave the network to cloud-init"
)

// The network's configuration, by who reads it. A line that ties a profile to a MAC
// address can be taken out on the way where the profile asks for its addresses. Where
// it sets them the line stays: without it, each clone would take the source's address.
var (
	CloudNetwork = Operation{Name: "cloud-network", Rule: "network-identity", Paths: []string{
		"etc/netplan/50-cloud-init.yaml", "etc/network/interfaces.d/50-cloud-init", "etc/network/interfaces.d/50-cloud-init.cfg",
		"etc/NetworkManager/system-connections/cloud-init-*.nmconnection", "etc/systemd/network/10-cloud-init-*.network",
	}, What: "was written by cloud-init for the source", Why: "clones keep the source's settings until cloud-init writes the file again",
		Op: entry.Drop, When: "cloud-init is proven to run, and to set up the network", Judged: true,
		Source: "GEN_NET_CONFIG_FILES of cloud-init's cmd/clean.py"}
	CloudNetworkConfig = Operation{Name: "cloud-network-config", Rule: "network-identity", Paths: []string{"etc/cloud/cloud.cfg", "etc/cloud/cloud.cfg.d/*.cfg"},
		What: "holds a network configuration of the source", Why: "cloud-init takes it before what the deployer says of the clone's network",
		Op: entry.Drop, When: "it holds nothing else, and cloud-init is proven to run", Judged: true,
		Source: "_find_networking_config of cloud-init's stages.py, apply_network of curtin, Subiquity's 90-installer-network.cfg"}
	// They are for people: a profile by another name may be wanted.
	InterfaceNames = Operation{Name: "interface-names", Rule: "network-identity",
		Paths: []string{"etc/sysconfig/network-scripts/ifcfg-*", "etc/sysconfig/network/ifcfg-*", "etc/NetworkManager/system-connections/*", "etc/systemd/network/*", "etc/systemd/network/*.d/*.conf", "etc/udev/rules.d/*.rules", "etc/netplan/*.yaml", "etc/network/interfaces", "etc/network/interfaces.d/*"},
		What:  "is for an interface by the name that it has on the source", Why: "the clone's interface has another name, and stays down",
		Hint: "match interfaces by a pattern (en*), or leave the network to cloud-init", Judged: true, Source: "systemd.net-naming-scheme(7)"}
	WireguardProfile = Operation{Name: "wireguard-profile", Rule: "network-identity",
		Paths: []string{"etc/NetworkManager/system-connections/*", "etc/systemd/network/*.netdev", "etc/systemd/network/*.netdev.d/*.conf", "etc/netplan/*.yaml"},
		What:  "holds a WireGuard key of the source", Why: "a peer sends all that it has for this key to the clone that it heard last", Hint: "make a new key on each clone",
		Op: entry.Drop, When: "the file is for that tunnel alone (netplan's are reported)", Scope: Generalized, Judged: true,
		Source: "nm-settings-keyfile(5), systemd.netdev(5), netplan(5)"}
	UdevNames = Operation{Name: "udev-net-names", Rule: "network-identity", Paths: []string{"etc/udev/rules.d/*.rules", "usr/lib/udev/rules.d/*.rules"},
		What: "names the source's network interfaces by their MAC addresses or slots", Why: "the clone's interfaces get other names than its configuration has",
		Op: entry.Drop, When: "udev or cloud-init wrote the file (persistent-net)", Judged: true, Source: "udev(7), virt-sysprep(1)"}
	Ifcfg = Operation{Name: "ifcfg-pins", Rule: "network-identity", Paths: []string{"etc/sysconfig/network-scripts/ifcfg-*", "etc/sysconfig/network/ifcfg-*"},
		What: "is for the source's interface only", Why: WhyPinned,
		Op: entry.Rewrite, Rewrite: rewriteIfcfg, When: "the profile sets no address", Judged: true, Source: "sysconfig.txt of initscripts, ifcfg(5)"}
	Keyfile = Operation{Name: "keyfile-pins", Rule: "network-identity",
		Paths: []string{"etc/NetworkManager/system-connections/*", "usr/lib/NetworkManager/system-connections/*"},
		What:  "is for the source's interface only", Why: WhyPinned,
		Op: entry.Rewrite, Rewrite: rewriteKeyfile, When: "the profile sets no address", Judged: true, Source: "nm-settings-keyfile(5)"}
	// Without its MACAddress= a [Match] would match other interfaces, or all: these are
	// for people.
	Networkd = Operation{Name: "networkd-pins", Rule: "network-identity",
		Paths: []string{"etc/systemd/network/*", "etc/systemd/network/*.d/*.conf", "usr/lib/systemd/network/*", "usr/lib/systemd/network/*.d/*.conf"},
		What:  "is for the source's interface only", Why: WhyPinned, Hint: HintMAC, Judged: true, Source: "systemd.network(5), systemd.link(5), systemd.netdev(5)"}
	Netplan = Operation{Name: "netplan-pins", Rule: "network-identity", Paths: []string{"etc/netplan/*.yaml", "lib/netplan/*.yaml"},
		What: "is for the source's interface only", Why: WhyPinned, Hint: HintMAC, Judged: true, Source: "netplan(5)"}
	Interfaces = Operation{Name: "ifupdown-addresses", Rule: "network-identity", Paths: []string{"etc/network/interfaces", "etc/network/interfaces.d/*"},
		What: "sets an address of the source, or is for its interface only", Why: WhyStatic, Hint: "leave the network to cloud-init", Judged: true, Source: "interfaces(5)"}
)

// leases is what DHCP clients remember. dhcpd.leases, beside them, is the data of a
// server that does not start without it.
var leases = []Operation{
	{Name: "dhcp-leases", Rule: "leases", Paths: []string{
		"var/lib/dhcp/dhclient*.lease", "var/lib/dhcp/dhclient*.leases", "var/lib/dhclient/*.lease", "var/lib/dhclient/*.leases", "var/lib/dhcp3/dhclient*.leases", "var/lib/NetworkManager/*.lease",
		"var/lib/dhcpcd/*.lease", "var/lib/dhcpcd/*.lease6", "var/lib/wicked/lease-*.xml",
	}, What: "is a DHCP lease of the source", Op: entry.Drop, Why: "a clone asks for the source's address first, and gives its client id", Source: "dhclient(8), dhcpcd(8), wickedd-dhcp4(8), virt-sysprep(1)"},
	{Name: "dhcp-client-id", Rule: "leases", Paths: []string{"var/lib/dhcpcd/duid", "etc/dhcpcd.duid", "var/lib/dhcpcd/secret", "etc/dhcpcd.secret", "var/lib/wicked/duid.xml", "var/lib/wicked/iaid.xml"},
		What: "is the source's id as a DHCP client", Op: entry.Drop, Why: "clones with one id get one address from the DHCP server", Source: "dhcpcd(8), wicked-config(5)"},
	{Name: "networkmanager-secret", Rule: "leases", Paths: []string{"var/lib/NetworkManager/secret_key"}, What: "is the secret from which NetworkManager makes ids and addresses", Op: entry.Drop,
		Why: "clones can get the same stable IPv6 addresses and DHCP ids", Source: "NetworkManager(8)"},
}
