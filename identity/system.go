package identity

import "image-capture/entry"

const (
	whyOneMachine = "clones with one id get one address from the DHCP server, and are one machine to what collects their logs"
	whyPassFor    = "who owns one clone can pass for all others"
)

// What systemd, sshd and cloud-init know of the machine.
var (
	MachineID = Operation{Name: "machine-id", Rule: "machine-id", Paths: []string{"etc/machine-id", "var/lib/dbus/machine-id"}, // systemd takes D-Bus's back where its own is empty
		What: "is the source's machine id", Why: whyOneMachine, Op: entry.Empty, Judged: true, Source: "machine-id(5), systemd-machine-id-setup(1), dbus-uuidgen(1)",
		When: "systemd starts the image; else /etc/machine-id is left out, as dbus-uuidgen stops at an empty one. A file of D-Bus's own is left out in either case, and systemd.machine_id= is taken off command lines"}
	Journal = Operation{Name: "journal", Rule: "machine-id", Paths: []string{"var/log/journal/*"}, What: "is the source's journal", Why: "who gets the image can read it",
		Hint: "journalctl --rotate --vacuum-time=1s", Op: entry.Drop, Scope: Generalized, Note: true, Judged: true, Source: "systemd-journald.service(8)"}

	SSHHostKeys = Operation{Name: "ssh-host-keys", Rule: "ssh-host-keys",
		Paths: []string{"etc/ssh/ssh_host_*_key", "etc/ssh/ssh_host_*_key.pub", "etc/ssh/ssh_host_key", "etc/ssh/ssh_host_key.pub", "etc/ssh/ssh_host_*_key-cert.pub"},
		What:  "is an SSH host key of the source", Why: whyPassFor,
		Op: entry.Drop, When: "cloud-init is proven to make new ones, or a unit does, or there is no server", Judged: true, Source: "sshd(8), virt-sysprep(1)"}
)

const cloudClean = "cloud-init clean"

// cloudState is what cloud-init's "clean" removes, but for the seed, which the
// deployer writes over.
var cloudState = []Operation{
	{Name: "cloud-instance", Rule: "cloud-state", Paths: []string{"var/lib/cloud/instance", "var/lib/cloud/instances"}, What: "is cloud-init's record of the source", Hint: cloudClean, Op: entry.Drop,
		Why: "it holds the source's user data, and a clone that is given the same id sets up nothing", Source: "cloud-init's cmd/clean.py"},
	{Name: "cloud-semaphores", Rule: "cloud-state", Paths: []string{"var/lib/cloud/sem"}, What: "says what cloud-init did once on the source", Hint: cloudClean, Op: entry.Drop,
		Why: "clones do not do it again", Source: "cloud-init's cmd/clean.py"},
	{Name: "cloud-data", Rule: "cloud-state", Paths: []string{"var/lib/cloud/data"}, What: "is cloud-init's state of the source", Hint: cloudClean, Op: entry.Drop,
		Why: "clones take their first boot for a later one of the source", Source: "cloud-init's cmd/clean.py"},
}

// CloudSSHConfig is what cloud-init's cc_set_passwords.py writes.
var CloudSSHConfig = Operation{Name: "cloud-sshd-config", Rule: "cloud-state", Paths: []string{"etc/ssh/sshd_config.d/50-cloud-init.conf"},
	What: "is what cloud-init was told about SSH passwords on the source", Why: "clones that are told nothing keep it",
	Op: entry.Drop, When: "cloud-init is proven to run", Judged: true, Source: "cloud-init's cc_set_passwords.py"}
