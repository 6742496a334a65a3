package identity

import "image-capture/entry"

// host is what tells one machine from another to others.
var host = []Operation{
	{Name: "kerberos-keytab", Rule: "host-identity", Paths: []string{"etc/krb5.keytab"}, What: "holds the Kerberos keys of the source", Op: entry.Drop,
		Why: "each clone could pass for the source, and a change of its password locks all others out", Source: "krb5.conf(5), virt-sysprep(1)"},
	{Name: "samba-secrets", Rule: "host-identity", Paths: []string{"var/lib/samba/private/secrets.tdb", "etc/samba/secrets.tdb"}, What: "holds the source's account in its Windows domain, and its SID", Op: entry.Drop,
		Why: "each clone could pass for the source, and a change of its password locks all others out", Source: "secrets.tdb in Samba's \"TDB Files\", virt-sysprep(1)"},
	{Name: "sssd-cache", Rule: "host-identity", Paths: []string{"var/lib/sss/db/*.ldb"}, What: "users that sssd has cached on the source", Hint: "sss_cache -E", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: "clones know users and passwords of the source's domain", Source: "sss_cache(8), virt-sysprep(1)"},
	{Name: "nvme-host-id", Rule: "host-identity", Paths: []string{"etc/nvme/hostnqn", "etc/nvme/hostid"}, What: "is the source's name as an NVMe host", Op: entry.Drop, // nvme-cli has a default, from the firmware
		Why: "a target takes two hosts of one name for one, and lets both write to the same namespace", Source: "nvme-connect(1)"},
	{Name: "iscsi-targets", Rule: "host-identity", Paths: []string{"var/lib/iscsi/nodes/*", "var/lib/iscsi/send_targets/*", "etc/iscsi/nodes/*", "etc/iscsi/send_targets/*"}, What: "is a target to which the source was connected", Op: entry.Drop,
		Why: "a clone connects to it at boot, and two hosts write to one disk", Source: "iscsiadm(8)"},
	{Name: "random-seed", Rule: "host-identity", Paths: []string{"var/lib/systemd/random-seed", "var/lib/urandom/random-seed", "var/lib/misc/random-seed", "var/lib/seedrng/seed.*", "boot/efi/loader/random-seed", "boot/loader/random-seed"},
		What: "is the source's seed of random numbers", Op: entry.Drop,
		Why: "clones start with one state of the random number generator, which keys are made from", Source: "systemd-random-seed(8), systemd's \"Building Images\""},
	// The initramfs of a root on ZFS has it too, and both must agree.
	{Name: "host-id", Rule: "host-identity", Paths: []string{"etc/hostid"}, What: "is the source's host id", Hint: "zgenhostid -f, on each clone", Op: entry.Drop,
		When: "the root has no ZFS", Unless: []string{"usr/sbin/zpool", "sbin/zpool"},
		Why: "by equal host ids ZFS takes another clone's pool for its own", Source: "zgenhostid(8), gethostid(3)"},
	{Name: "credential-secret", Rule: "host-identity", Paths: []string{"var/lib/systemd/credential.secret"}, What: "is the source's key for encrypted credentials", Hint: "rm /var/lib/systemd/credential.secret", Op: entry.Drop,
		When: "there are no encrypted credentials in /etc/credstore.encrypted", Unless: []string{"etc/credstore.encrypted"},
		Why: "each clone can decrypt what was encrypted for another", Source: "systemd-creds(1)"},
}

// registrations are those at the distributions.
var registrations = []Operation{
	{Name: "subscription-manager", Rule: "host-identity", Paths: []string{"etc/pki/consumer/*.pem", "etc/pki/entitlement/*.pem"}, What: "registers the source with Red Hat Subscription Management", Op: entry.Drop, Hint: "subscription-manager clean",
		Why: "all clones are one system there, and share its subscription", Source: "subscription-manager(8), virt-sysprep(1)"},
	{Name: "spacewalk", Rule: "host-identity", Paths: []string{"etc/sysconfig/rhn/systemid", "etc/sysconfig/rhn/osad-auth.conf"}, What: "registers the source with Spacewalk", Op: entry.Drop, Why: "all clones are one system there", Source: "rhn_register(8), virt-sysprep(1)"},
	{Name: "rhsm-facts", Rule: "host-identity", Paths: []string{"var/lib/rhsm/facts/*", "var/lib/rhsm/cache/*", "etc/rhsm/facts/uuid.facts", "etc/rhsm/facts/katello.facts"}, What: "tells Red Hat Subscription Management the source's facts", Op: entry.Drop, Hint: "subscription-manager clean",
		Why: "clones register with the source's UUID or name, and take each other's place", Source: "subscription-manager's facts and cache, Red Hat's and Katello's pages on duplicate UUIDs"},
	{Name: "insights-id", Rule: "host-identity", Paths: []string{"etc/insights-client/machine-id", "etc/redhat-access-insights/machine-id"}, What: "is the source's id at Red Hat Insights", Op: entry.Drop, Why: "all clones are one system there", Source: "constants.py of insights-core"},
	// Beside a missing id these say that the clone is registered.
	{Name: "insights-stamps", Rule: "host-identity", Paths: []string{"etc/insights-client/.registered", "etc/insights-client/.lastupload", "etc/redhat-access-insights/.registered", "etc/redhat-access-insights/.lastupload"},
		What: "says that the source is registered with Red Hat Insights", Op: entry.Drop, Why: "clones without an id of their own believe to be registered", Source: "constants.py of insights-core"},
	{Name: "yggdrasil-client-id", Rule: "host-identity", Paths: []string{"var/lib/yggdrasil/client-id"}, What: "is the source's id as a client of Red Hat's remote host configuration", Op: entry.Drop,
		Why: "clones take the connection from each other", Source: "github.com/RedHatInsights/rhc/issues/13"},
	{Name: "suse-connect", Rule: "host-identity", Paths: []string{"etc/zypp/credentials.d/SCCcredentials"}, What: "registers the source with the SUSE Customer Center", Hint: "SUSEConnect --cleanup", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one system there, and one that is removed takes the repositories from all", Source: "SUSEConnect(8)"},
	{Name: "ubuntu-pro", Rule: "host-identity", Paths: []string{"var/lib/ubuntu-advantage/private/machine-token.json"}, What: "attaches the source to Ubuntu Pro", Hint: "pro detach", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one machine there", Source: "ubuntu-pro-client's files.py"},
	{Name: "landscape", Rule: "host-identity", Paths: []string{"var/lib/landscape/client/broker.bpickle"}, What: "registers the source with Landscape", Op: entry.Drop, Why: "all clones are one machine there", Source: "landscape-client's broker"},
	{Name: "mirror-id", Rule: "host-identity", Paths: []string{"var/lib/yum/uuid", "var/lib/zypp/AnonymousUniqueId"}, What: "is the source's id at the mirrors", Op: entry.Drop, Why: "the mirrors count all clones as one", Source: "virt-sysprep(1), libzypp"},
}

// keys are what packages make when they are installed.
var keys = []Operation{
	{Name: "snakeoil-key", Rule: "host-identity", Paths: []string{"etc/ssl/private/ssl-cert-snakeoil.key"}, What: "is the source's private key for TLS", Hint: "make-ssl-cert generate-default-snakeoil --force-overwrite, on each clone",
		Why: whyPassFor, Source: "make-ssl-cert(8)"},
	{Name: "localhost-key", Rule: "host-identity", Paths: []string{"etc/pki/tls/private/localhost.key"}, What: "is the source's private key for TLS", Hint: "make a new key and certificate on each clone",
		Why: whyPassFor, Source: "httpd-init.service of Enterprise Linux's httpd"},
	{Name: "cockpit-certificate", Rule: "host-identity", Paths: []string{"etc/cockpit/ws-certs.d/0-self-signed*"}, What: "is of Cockpit's certificate of the source", Op: entry.Drop, Why: whyPassFor, Source: "cockpit-tls(8)"},
	{Name: "wireguard-key", Rule: "host-identity", Paths: []string{"etc/wireguard/*.conf", "etc/wireguard/*.key"}, What: "holds a WireGuard key of the source", Hint: "make a new key on each clone", Op: entry.Drop, Scope: Generalized,
		Why: "a peer sends all that it has for this key to the clone that it heard last", Source: "wg-quick(8)"},
	{Name: "mysql-server-id", Rule: "host-identity", Paths: []string{"var/lib/mysql/auto.cnf"}, What: "is the id of the source's MySQL server", Op: entry.Drop, Why: "clones cannot replicate from each other or from one source", Source: "MySQL's manual on server_uuid"},
	{Name: "snmp-engine-id", Rule: "host-identity", Paths: []string{"var/lib/snmp/snmpd.conf", "var/lib/net-snmp/snmpd.conf"}, What: "holds the SNMP engine id of the source", Hint: "remove oldEngineID from it",
		Why: "a manager cannot tell clones with one engine id apart (SNMPv3)", Source: "snmpd.conf(5)"},
}

// What needs a look at the rest of the tree.
var (
	Initiator = Operation{Name: "iscsi-initiator", Rule: "host-identity", Paths: []string{"etc/iscsi/initiatorname.iscsi"}, What: "is the source's name as an iSCSI initiator",
		Why: "a target takes two hosts of one name for one, and lets both write to the same disk", Op: entry.Drop,
		When: "the distribution makes a new name at boot (Debian's startup-checks.sh, for which the file is rewritten, or iscsi-init.service)", Judged: true, Source: "iscsi-iname(8)"}
	Hostname = Operation{Name: "hostname", Rule: "host-identity", Paths: []string{"etc/hostname"}, What: "is the source's name", Hint: "truncate -s 0 /etc/hostname",
		Why: "clones have one name until cloud-init or the deployer names them", Op: entry.Empty, Scope: Generalized, Note: true, Judged: true, Source: "hostname(5), virt-sysprep(1)"}
	SourceRoot = Operation{Name: "source-root", Rule: "command-line", Paths: []string{"boot/loader/entries/*.conf", "etc/kernel/cmdline"},
		What: "has the source's root=, in whose place the hooks put the new disk's", Why: "who unpacks the image without the hooks gets a menu that looks for the source's disk", Op: entry.Rewrite,
		When: "the image has our hooks, which set it", Scope: Generalized, Note: true, Judged: true, Source: "the Boot Loader Specification, kernel-install(8)"}
	HostsName = Operation{Name: "hosts-name", Rule: "host-identity", Paths: []string{"etc/hosts"}, What: "has the source's name at 127.0.1.1", Hint: "remove the line",
		Why: "clones look up their source's name, and find themselves", Op: entry.Rewrite, Rewrite: rewriteHosts, Scope: Generalized, Note: true, Judged: true, Source: "hosts(5), Debian's reference on the hostname"}
)
