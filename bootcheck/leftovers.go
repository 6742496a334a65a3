package bootcheck

import (
	"bytes"
	"strings"

	"image-capture/entry"
)

// hostIdentity is what tells one machine from another and has no rule of its own.
var hostIdentity = []leftover{
	{paths: []string{"etc/krb5.keytab"}, is: "holds the Kerberos keys of the source", fix: entry.Drop,
		why: "each clone could pass for the source, and a change of its password locks all others out"},
	{paths: []string{"var/lib/samba/private/secrets.tdb", "etc/samba/secrets.tdb"}, is: "holds the source's account in its Windows domain, and its SID", fix: entry.Drop,
		why: "each clone could pass for the source, and a change of its password locks all others out"},
	{paths: []string{"var/lib/sss/db/*.ldb"}, is: "users that sssd has cached on the source", hint: "sss_cache -E", note: true},
	{paths: []string{"etc/nvme/hostnqn", "etc/nvme/hostid"}, is: "is the source's name as an NVMe host", fix: entry.Drop, // nvme-cli has a default, from the firmware
		why: "a target takes two hosts of one name for one, and lets both write to the same namespace"},
	{paths: []string{"var/lib/iscsi/nodes/*", "var/lib/iscsi/send_targets/*", "etc/iscsi/nodes/*", "etc/iscsi/send_targets/*"}, is: "is a target to which the source was connected", fix: entry.Drop,
		why: "a clone connects to it at boot, and two hosts write to one disk"},
	{paths: []string{"var/lib/systemd/random-seed", "var/lib/urandom/random-seed", "var/lib/misc/random-seed", "var/lib/seedrng/seed.*", "boot/efi/loader/random-seed", "boot/loader/random-seed"},
		is: "is the source's seed of random numbers", fix: entry.Drop,
		why: "clones start with one state of the random number generator, which keys are made from"},

	// Registrations of the distributions.
	{paths: []string{"etc/pki/consumer/*.pem", "etc/pki/entitlement/*.pem"}, is: "registers the source with Red Hat Subscription Management", fix: entry.Drop, hint: "subscription-manager clean",
		why: "all clones are one system there, and share its subscription"},
	{paths: []string{"etc/sysconfig/rhn/systemid", "etc/sysconfig/rhn/osad-auth.conf"}, is: "registers the source with Spacewalk", fix: entry.Drop, why: "all clones are one system there"},
	{paths: []string{"etc/insights-client/machine-id", "etc/redhat-access-insights/machine-id"}, is: "is the source's id at Red Hat Insights", fix: entry.Drop, why: "all clones are one system there"},
	{paths: []string{"etc/zypp/credentials.d/SCCcredentials"}, is: "registers the source with the SUSE Customer Center", hint: "SUSEConnect --cleanup",
		why: "all clones are one system there, and one that is removed takes the repositories from all"},
	{paths: []string{"var/lib/ubuntu-advantage/private/machine-token.json"}, is: "attaches the source to Ubuntu Pro", hint: "pro detach", why: "all clones are one machine there"},
	{paths: []string{"var/lib/landscape/client/broker.bpickle"}, is: "registers the source with Landscape", fix: entry.Drop, why: "all clones are one machine there"},
	{paths: []string{"var/lib/yum/uuid", "var/lib/zypp/AnonymousUniqueId"}, is: "is the source's id at the mirrors", fix: entry.Drop, why: "the mirrors count all clones as one"},

	// Keys that packages make when they are installed.
	{paths: []string{"etc/ssl/private/ssl-cert-snakeoil.key"}, is: "is the source's private key for TLS", hint: "make-ssl-cert generate-default-snakeoil --force-overwrite, on each clone",
		why: "who owns one clone can pass for all others"},
	{paths: []string{"etc/pki/tls/private/localhost.key"}, is: "is the source's private key for TLS", hint: "make a new key and certificate on each clone",
		why: "who owns one clone can pass for all others"},
	{paths: []string{"etc/cockpit/ws-certs.d/0-self-signed*"}, is: "is of Cockpit's certificate of the source", fix: entry.Drop, why: "who owns one clone can pass for all others"},
	{paths: []string{"etc/wireguard/*.conf", "etc/wireguard/*.key"}, is: "holds a WireGuard key of the source", hint: "make a new key on each clone",
		why: "a peer sends all that it has for this key to the clone that it heard last"},
	{paths: []string{"var/lib/mysql/auto.cnf"}, is: "is the id of the source's MySQL server", fix: entry.Drop, why: "clones cannot replicate from each other or from one source"},
	{paths: []string{"var/lib/snmp/snmpd.conf", "var/lib/net-snmp/snmpd.conf"}, is: "holds the SNMP engine id of the source", hint: "remove oldEngineID from it",
		why: "a manager cannot tell clones with one engine id apart (SNMPv3)"},
}

// agentState is what agents keep about the machine that they run on.
var agentState = []leftover{
	{paths: []string{"var/lib/drp-agent/*"}, is: "is the state of the source's Digital Rebar agent", fix: entry.Drop,
		why: "it holds the source's token: a clone acts as the source towards the endpoint"},
	{paths: []string{"etc/drpcli"}, is: "holds the source's access to its Digital Rebar endpoint", fix: entry.Drop,
		why: "who gets the image can act as the source towards the endpoint"},
	{paths: []string{"etc/puppetlabs/puppet/ssl", "etc/puppet/ssl", "var/lib/puppet/ssl"}, is: "holds the keys of the source's Puppet agent", fix: entry.Drop,
		why: "all clones are one node to the server, or are refused"},
	{paths: []string{"etc/salt/pki/minion/minion.pem", "etc/salt/pki/minion/minion.pub", "etc/salt/minion_id"}, is: "names the source to its Salt master", fix: entry.Drop,
		why: "all clones are one minion to the master"},
	{paths: []string{"etc/chef/client.pem"}, is: "is the key of the source's Chef client", hint: "rm /etc/chef/client.pem, and leave a validation key to register with",
		why: "all clones are one node to the server"},
	{paths: []string{"opt/CrowdStrike/falconstore"}, is: "holds the source's id as a Falcon sensor", hint: "/opt/CrowdStrike/falconctl -d -f --aid",
		why: "all clones are one host there"},
	{paths: []string{"var/lib/tailscale/tailscaled.state"}, is: "holds the key of the source's Tailscale node", fix: entry.Drop, why: "clones take the connection from each other"},
	{paths: []string{"etc/kubernetes/kubelet.conf", "var/lib/kubelet/pki/*.pem", "etc/rancher/node/password"}, is: "names the source in a Kubernetes cluster", hint: "kubeadm reset, or remove what joined the cluster",
		why: "clones are one node to the cluster, and take its work from each other"},
	{paths: []string{"var/lib/docker/engine-id", "etc/docker/key.json"}, is: "is the source's id as a Docker engine", fix: entry.Drop, why: "all clones are one engine to what manages them"},
	{paths: []string{"var/lib/amazon/ssm/Vault/Store/RegistrationKey"}, is: "registers the source with AWS Systems Manager", fix: entry.Drop, why: "all clones are one node there"},
}

// networkState is what DHCP clients remember. dhcpd.leases, beside them, is the data
// of a server that does not start without it.
var networkState = []leftover{
	{paths: []string{
		"var/lib/dhcp/dhclient*.lease", "var/lib/dhcp/dhclient*.leases", "var/lib/dhclient/*.lease", "var/lib/dhclient/*.leases", "var/lib/dhcp3/dhclient*.leases", "var/lib/NetworkManager/*.lease",
		"var/lib/dhcpcd/*.lease", "var/lib/dhcpcd/*.lease6", "var/lib/wicked/lease-*.xml",
	}, is: "is a DHCP lease of the source", fix: entry.Drop, why: "a clone asks for the source's address first, and gives its client id"},
	{paths: []string{"var/lib/dhcpcd/duid", "etc/dhcpcd.duid", "var/lib/dhcpcd/secret", "etc/dhcpcd.secret", "var/lib/wicked/duid.xml", "var/lib/wicked/iaid.xml"},
		is: "is the source's id as a DHCP client", fix: entry.Drop, why: "clones with one id get one address from the DHCP server"},
	{paths: []string{"var/lib/NetworkManager/secret_key"}, is: "is the secret from which NetworkManager makes ids and addresses", fix: entry.Drop,
		why: "clones can get the same stable IPv6 addresses and DHCP ids"},
}

// traces are what people and programs left on the source. A clone is none the
// worse for them; who gets the image can read them.
var traces = []leftover{
	{paths: []string{"root/.*history", "home/*/.*history"}, is: "a history of what was typed on the source", hint: "empty it", note: true},
	{paths: []string{"root/.ssh/id_*"}, is: "a private SSH key of root", hint: "remove it, unless clones need it", note: true},
	{paths: []string{"root/.ssh/authorized_keys"}, is: "keys that may log in as root on every clone", note: true},
	{paths: []string{"var/crash/*", "var/lib/systemd/coredump/*"}, is: "memory of programs that crashed on the source", hint: "remove it", note: true},
	{paths: []string{"var/spool/mail/*", "var/mail/*"}, is: "mail on the source", hint: "remove it", note: true},
	{paths: []string{"var/spool/cron/crontabs/*", "var/spool/cron/tabs/*", "var/spool/cron/root"}, is: "a crontab, which every clone will run", note: true},
	{paths: []string{"var/log/cloud-init.log", "var/log/cloud-init-output.log"}, is: "cloud-init's log on the source", hint: "cloud-init clean --logs", note: true},
}

func checkHostIdentity(s *survey) {
	before := len(s.findings)
	for _, l := range hostIdentity {
		s.leftover(l)
	}
	s.checkInitiator()
	s.checkHostID()
	s.checkCredentialKey()
	s.fine(before, "", "nothing else tells clones for their source")
	s.tellHostname()
}

func checkAgentState(s *survey) { s.leftovers(agentState, "no agent's state of the source") }
func checkLeases(s *survey)     { s.leftovers(networkState, "no DHCP lease or client id of the source") }
func checkTraces(s *survey) {
	s.leftovers(traces, "no histories, keys, mail or crash dumps of the source")
}

// checkInitiator looks at the name of the machine as an iSCSI initiator, which
// packages make when they are installed.
func (s *survey) checkInitiator() {
	const name = "etc/iscsi/initiatorname.iscsi"
	if !s.isFile(name) {
		return
	}
	data, ok := s.read(name)
	iqn := ""
	for line := range lines(string(data)) {
		if key, value, found := strings.Cut(line, "="); found && strings.TrimSpace(key) == "InitiatorName" {
			iqn = strings.TrimSpace(value)
		}
	}
	if !ok || iqn == "" {
		return
	}
	f := s.warn(name, "is the source's name as an iSCSI initiator: "+shorten(iqn), `echo "InitiatorName=$(iscsi-iname)" >`+typed(name)+", on each clone").
		because("a target takes two hosts of one name for one, and lets both write to the same disk")
	real, ok := s.real(name, true)
	if !ok {
		return
	}
	// Debian's open-iscsi makes a name where the file asks for it (its
	// startup-checks.sh), the others have a unit that makes a missing file.
	for _, script := range []string{"usr/lib/open-iscsi/startup-checks.sh", "lib/open-iscsi/startup-checks.sh"} {
		if text, ok := s.read(script); ok && bytes.Contains(text, []byte("GenerateName=yes")) {
			f.Fix = &Fix{Op: entry.Rewrite, Path: real, Rewrite: func([]byte) ([]byte, error) { return []byte("GenerateName=yes\n"), nil }}
			return
		}
	}
	if s.lookup(unitDirs, "iscsi-init.service").name != "" {
		f.fix(entry.Drop, real)
	}
}

// checkHostID looks at gethostid(3)'s number, by which ZFS knows whose a pool is.
func (s *survey) checkHostID() {
	const name = "etc/hostid"
	if !s.isFilled(name) {
		return
	}
	f := s.warn(name, "is the source's host id", "zgenhostid -f, on each clone").because("by equal host ids ZFS takes another clone's pool for its own")
	// The initramfs of a root on ZFS has it too, and both must agree.
	if !s.isFile("usr/sbin/zpool") && !s.isFile("sbin/zpool") {
		f.edit(s, entry.Drop, name)
	}
}

// checkCredentialKey looks at the key by which systemd-creds(1) encrypts.
func (s *survey) checkCredentialKey() {
	const name = "var/lib/systemd/credential.secret"
	if !s.isFilled(name) {
		return
	}
	f := s.warn(name, "is the source's key for encrypted credentials", "rm "+typed(name)).because("each clone can decrypt what was encrypted for another")
	if len(s.filled("etc/credstore.encrypted")) == 0 {
		f.edit(s, entry.Drop, name)
	}
}

// tellHostname tells of the source's name.
func (s *survey) tellHostname() {
	if data, ok := s.head("etc/hostname", 256); ok {
		if name := string(bytes.TrimSpace(data)); name != "" && name != "localhost" && name != "localhost.localdomain" {
			s.info("etc/hostname", "clones are called "+shorten(name)+" until cloud-init or the deployer names them", "")
		}
	}
	if data, ok := s.read("etc/hosts"); ok {
		for line := range lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "127.0.1.1"); ok {
				s.info("etc/hosts", "has the source's name: "+shorten(strings.Join(strings.Fields(rest), " ")), "")
				return
			}
		}
	}
}
