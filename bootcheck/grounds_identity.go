package bootcheck

// groundsOfCloudInit are of the rules about what sets a clone up.
var groundsOfCloudInit = []Ground{
	{
		Rule: "cloud-init", Looks: "the program, its configuration, its units or OpenRC's service, and what starts them: a generator or links", Happens: "clones keep the source's network, name, users and keys",
		Hints: []string{"install cloud-init", "systemctl add-wants multi-user.target cloud-init.target"}, Source: "cloud-init's units and generator, systemd.generator(7)", Basis: Seen, By: "deployed Debian 12 and 13 took network and users from NoCloud, see boot.md; what comes of a cloud-init that does not start is read",
	},
	{
		Rule: "cloud-init-disabled", Looks: "/etc/cloud/cloud-init.disabled, cloud-init=disabled on a command line, masked units", Happens: "cloud-init does not run on any clone",
		Hints: []string{"rm /etc/cloud/cloud-init.disabled", "systemctl unmask UNIT"}, Source: `cloud-init's page "How to disable cloud-init"`, Basis: Read,
	},
	{
		Rule: "cloud-init-disabled", Looks: "what ds-identify is told: policy and datasource in ds-identify.cfg, ci.ds=, ci.datasource=, ci.di.policy=, ds= on a command line", Happens: "cloud-init is off, or looks for another data source than NoCloud, which the deployer writes",
		Hints: []string{"policy: search,found=all,maybe=none,notfound=disabled, or remove it", "remove the word there"}, Source: "read_config of ds-identify", Basis: Seen, By: "ds-identify with policy: disabled left cloud-init off; its read_config of Debian 12 and 13 is the oracle of the tests",
	},
	{
		Rule: "cloud-init-disabled", Looks: "datasource_list as it is after the deployer wrote 95_datasource.cfg", Happens: "cloud-init is off, or finds no data source",
		Hints: []string{"add NoCloud to datasource_list, or remove the list", "datasource_list: [ NoCloud, None ], or a name that comes before"}, Source: "read_conf_with_confd of cloud-init's util.py, ds-identify", Basis: Seen, By: "with a list of two names in a later file 22.4.2 is off although NoCloud's seed is there, and 25.1.4 finds it",
	},
	{
		Rule: "cloud-init-disabled", Looks: "nc with Unix sockets, where cloud-init's units run it (since 24.3)", Happens: "the stages of cloud-init fail",
		Hints: []string{"install netcat-openbsd, or nc of nmap"}, Source: "cloud-init-network.service and its kin of Debian 13's cloud-init", Basis: Read,
	},
	{
		Rule: "python", Looks: "the interpreter that cloud-init's first line names", Happens: "cloud-init does not start: no network, users and keys",
		Hints: []string{"install python3", "install platform-python", "install python2"}, Source: "execve(2), interpreter scripts", Basis: Read,
	},
}

// groundsOfIdentity are of the rules about what clones must not share. The operations of
// package identity are theirs too, each with its own source.
var groundsOfIdentity = []Ground{
	{
		Rule: "machine-id", Looks: "/etc/machine-id, and systemd.machine_id= on command lines", Happens: "clones with one id get one address from the DHCP server, and are one machine to what collects their logs",
		Hints: []string{"truncate -s 0 /etc/machine-id"}, Source: "machine-id(5), DUIDType= of networkd.conf(5)", Basis: Reported, By: "systemd/systemd issue 9609, chef/bento issue 1062; an id of zeros was seen to be kept by systemd-machine-id-setup of 252 and 257",
	},
	{
		Rule: "machine-id", Looks: "/var/lib/dbus/machine-id as a file of its own", Happens: "systemd takes the source's id back from it where /etc/machine-id is empty",
		Hints: []string{"rm /var/lib/dbus/machine-id"}, Source: "systemd-machine-id-setup(1)", Basis: Seen, By: "systemd-machine-id-setup of systemd 252, also for uninitialized",
	},
	{
		Rule: "machine-id", Looks: "copies of the id: in an initramfs, in the names of boot entries, and the journal", Happens: "none of them harms a clone: it is only told", Hints: []string{"journalctl --rotate --vacuum-time=1s"},
		Source: "machine-id(5), kernel-install(8), systemd-journald.service(8)", Basis: Read,
	},
	{
		Rule: "ssh-host-keys", Looks: "host keys in /etc/ssh, where HostKey says, and of dropbear", Happens: "who owns one clone can pass for all others", Hints: []string{"ssh-keygen, on each clone", "dropbearkey, on each clone"},
		Source: "sshd(8), sshd_config(5), virt-sysprep(1)", Basis: Read,
	},
	{
		Rule: "ssh-host-keys", Looks: "where there are no keys, or they are to go: what makes new ones before sshd starts (cloud-init's module ssh, a unit or script with ssh-keygen)", Happens: "sshd does not start without keys, and nobody can log in from outside; so keys stay where nothing is proven to make others",
		Hints: []string{"install and enable cloud-init, or a unit that runs ssh-keygen -A before sshd"}, Source: "cc_ssh.py of cloud-init, the units of the distributions' openssh", Basis: Reported, By: `sonic-net/sonic-buildimage, pull request 10633 ("no hostkeys available -- exiting")`,
	},
	{
		Rule: "cloud-state", Looks: "what cloud-init keeps of the instance that the source is: all that its clean removes, but for the seed", Happens: "a clone that is taken for the source sets up nothing anew, or only a part", Hints: []string{"cloud-init clean"},
		Source: "cmd/clean.py of cloud-init", Basis: Reported, By: "canonical/cloud-init issue 3268",
	},
	{
		Rule: "network-identity", Looks: "a network in cloud-init's own files, what cloud-init wrote for the source, and network: {config: disabled}", Happens: "cloud-init takes it before what the deployer says of the clone's network, or leaves the network alone",
		Hints: []string{"remove the key network from it", "remove network: {config: disabled} there, if the deployer is to set up the network"}, Source: "_find_networking_config of cloud-init's stages.py", Basis: Reported, By: "kubernetes-sigs/image-builder, pull request 1480 (90-installer-network.cfg of Ubuntu's installer)",
	},
	{
		Rule: "network-identity", Looks: "udev rules that choose an interface by its MAC address, slot or serial number, or by a name that is made of them, in all spellings", Happens: "the clone's interfaces get other names than its configuration has, and stay down", Source: "udev(7), 75-persistent-net-generator.rules", Basis: Reported, By: "debian-pi/raspbian-ua-netinst issue 103",
	},
	{
		Rule: "network-identity", Looks: "MAC addresses, slots, serial numbers and hosts in ifcfg files, NetworkManager's profiles, systemd's .network and .link files with their drop-ins, and netplan, also in the folders of vendors; what a file in /etc hides, or one before takes, does not count", Happens: "a profile for the source's card does not match, and the interface stays down, or gets no name and settings; an address that is set makes clones lose each other's packets",
		Hints: []string{"remove these lines", "match the interface by its name, or remove the file and leave the network to cloud-init", "match what all machines have (Type=, Driver=), or remove the file"}, Source: "sysconfig.txt of initscripts, ifcfg(5), nm-settings-keyfile(5), systemd.network(5), systemd.link(5), netplan(5)", Basis: Read, By: "udevadm test-builtin net_setup_link and systemd-analyze cat-config of systemd 252, and the generator of netplan 0.106, were seen to choose and hide files so",
	},
	{
		Rule: "network-identity", Looks: "what DHCP servers are told: DUIDRawData= and Hostname= of networkd, dhcp-client-id, dhcp-duid and the like of NetworkManager, DHCP_CLIENT_ID of ifcfg", Happens: "DHCP servers take clones for the source, and give them one address",
		Hints: []string{"remove the line", "remove these lines"}, Source: "networkd.conf(5), systemd.network(5), nm-settings-keyfile(5), RFC 2131, RFC 8415", Basis: Read,
	},
	{
		Rule: "network-identity", Looks: "addresses of the source, and names of interfaces that come from where a card is (ens192)", Happens: "clones with one address on one network lose each other's packets; an interface by another name stays down",
		Hints: []string{"match interfaces by a pattern (en*), or leave the network to cloud-init"}, Source: "interfaces(5), systemd.net-naming-scheme(7)", Basis: Read,
	},
	{
		Rule: "host-identity", Looks: "names as an iSCSI initiator and an NVMe host, targets that the source was connected to, also in an initramfs", Happens: "a target takes two hosts of one name for one, and lets both write to the same disk",
		Source: "iscsi-iname(8), nvme-connect(1)", Basis: Reported, By: "agama-project/agama, pull request 2606; hpe-storage/csi-driver issue 524",
	},
	{
		Rule: "host-identity", Looks: "names on command lines that nobody takes out: systemd.hostname=, rd.iscsi.initiator=, ISCSI_INITIATOR=, rd.nvmf.hostnqn= and its like", Happens: "all clones have one name, whatever /etc/hostname says; a target takes two hosts of one name for one",
		Hints: []string{"remove the word there"}, Source: "systemd(1), dracut.cmdline(7), open-iscsi's hooks for initramfs-tools", Basis: Read,
	},
	{
		Rule: "host-identity", Looks: "all else by which others tell machines apart: keytabs, domain accounts, registrations, keys that packages made, seeds of random numbers, the host's name", Happens: "all clones are one machine to others, or can pass for each other",
		Source: "of each thing its own, see the operations; virt-sysprep(1)", Basis: Read,
	},
	{
		Rule: "agent-state", Looks: "the state, configuration and token cache of Digital Rebar's agent and of drpcli", Happens: "who gets the image can act as the source towards the endpoint: with a token or password in it that is a failure",
		Source: "drpcli's agent-cfg.yml, UUID.state and token cache, 3.13 and 4.8", Basis: Read,
	},
	{
		Rule: "agent-state", Looks: "ids and keys of agents, private networks and cluster nodes, by where each keeps them", Happens: "all clones are one to their server, which refuses or mixes them, or they take the connection from each other",
		Source: "of each thing its own, see the operations", Basis: Reported, By: "netbirdio/netbird issues 1798 and 4270, k3s-io/k3s issues 663 and 802; of the others it is read",
	},
	{
		Rule: "agent-state", Looks: "small files below /etc, /var/lib and /opt that hold nothing but a UUID or 32 hexadecimal digits", Happens: "if it is an id of the source, what knows the source by it takes all clones for one",
		Hints: []string{"--exclude it, if something makes it anew"}, Source: "the form of the ids in the operations", Basis: Read,
	},
	{
		Rule: "leases", Looks: "leases, client ids and secrets of DHCP clients", Happens: "a clone asks for the source's address first, and gives its client id", Source: "RFC 2131, dhclient(8), dhcpcd(8), wickedd-dhcp4(8), NetworkManager(8)", Basis: Read,
	},
	{
		Rule: "build-traces", Looks: "policy-rc.d", Happens: "what is installed on a clone is not started", Hints: []string{"rm /usr/sbin/policy-rc.d"}, Source: "invoke-rc.d(8)", Basis: Reported, By: "netdata/netdata issue 13616, of an agent installed under it",
	},
	{
		Rule: "build-traces", Looks: "/etc/nologin, /.dockerenv, diverted start-stop-daemon and initctl, emulators of other architectures", Happens: "users are turned away, programs take the clone for a container, init scripts start nothing",
		Hints: []string{"rm FILE"}, Source: "pam_nologin(8), dpkg-divert(1), debootstrap(8)", Basis: Read,
	},
	{
		Rule: "build-traces", Looks: "proxies and mirrors in the settings of apt, dnf, yum, pip and the environment; a resolv.conf with name servers; an mtab that is a file", Happens: "clones that do not reach them install nothing; they keep the builder's name servers until their network writes others",
		Hints: []string{"remove the line, unless clones reach it too"}, Source: "apt.conf(5), dnf.conf(5), environment(5), resolv.conf(5), mount(8)", Basis: Read,
	},
	{
		Rule: "build-traces", Looks: "journals of an interrupted dpkg or yum", Happens: "apt refuses to install anything; packages are there in two versions, or in part",
		Hints: []string{"dpkg --configure -a", "yum-complete-transaction"}, Source: "dpkg(1), yum-complete-transaction(8)", Basis: Read,
	},
	{
		Rule: "traces", Looks: "histories, private keys, authorized keys, mail, crash dumps, crontabs and logs of the source", Happens: "a clone is none the worse for them; who gets the image can read them, and images on an endpoint can be read by all on its network",
		Hints: []string{"--exclude it, unless clones need it"}, Source: "of each thing its own, see the operations; virt-sysprep(1)", Basis: Read,
	},
}
