package identity

import "image-capture/entry"

const whyReadable = "who gets the image can read it"

// What agents and people have that no row names. They are for people: it may be in the
// image on purpose.
var (
	UnlistedID = Operation{Name: "unlisted-id", Rule: "agent-state", Paths: []string{"etc/*", "var/lib/*", "opt/*"}, What: "holds nothing but an id: if it is the source's, clones share it",
		Why: "what knows the source by it takes all clones for one", Hint: "--exclude it, if something makes it anew", Note: true, Judged: true, Source: "the files of the agents in this table: a UUID, or 32 hexadecimal digits"}
	UnlistedKey = Operation{Name: "unlisted-key", Rule: "traces", Paths: []string{"etc/*", "var/lib/*", "opt/*", "root/*", "srv/*"}, What: "holds a private key: clones share it, and who gets the image can read it",
		Why: whyPassFor, Hint: "--exclude it, unless clones need it", Note: true, Judged: true, Source: "RFC 7468, and PROTOCOL.key of OpenSSH"}
)

// traces are what people and programs left on the source. A clone is none the
// worse for them; who gets the image can read them.
var traces = []Operation{
	{Name: "shell-history", Rule: "traces", Paths: []string{"root/.*history", "home/*/.*history"}, What: "a history of what was typed on the source", Hint: "empty it", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: whyReadable, Source: "bash(1), virt-sysprep(1)"},
	{Name: "root-ssh-key", Rule: "traces", Paths: []string{"root/.ssh/id_*"}, What: "a private SSH key of root", Hint: "remove it, unless clones need it", Op: entry.Drop, Scope: Named, Note: true,
		Why: whyReadable, Source: "ssh(1), virt-sysprep(1)"},
	{Name: "root-authorized-keys", Rule: "traces", Paths: []string{"root/.ssh/authorized_keys"}, What: "keys that may log in as root on every clone", Op: entry.Drop, Scope: Named, Note: true,
		Why: "who has one of these keys is root on every clone", Source: "sshd(8), virt-sysprep(1)"},
	{Name: "crash-dumps", Rule: "traces", Paths: []string{"var/crash/*", "var/lib/systemd/coredump/*"}, What: "memory of programs that crashed on the source", Hint: "remove it", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: whyReadable, Source: "systemd-coredump(8), kdump.conf(5), virt-sysprep(1)"},
	{Name: "mail", Rule: "traces", Paths: []string{"var/spool/mail/*", "var/mail/*"}, What: "mail on the source", Hint: "remove it", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: whyReadable, Source: "hier(7), virt-sysprep(1)"},
	{Name: "crontabs", Rule: "traces", Paths: []string{"var/spool/cron/crontabs/*", "var/spool/cron/tabs/*", "var/spool/cron/root"}, What: "a crontab, which every clone will run", Op: entry.Drop, Scope: Named, Note: true,
		Why: "what was meant for one machine runs on all", Source: "cron(8), virt-sysprep(1)"},
	{Name: "cloud-init-logs", Rule: "traces", Paths: []string{"var/log/cloud-init.log", "var/log/cloud-init-output.log"}, What: "cloud-init's log on the source", Hint: "cloud-init clean --logs", Op: entry.Drop, Scope: Generalized, Note: true,
		Why: whyReadable, Source: "cloud-init's cmd/clean.py"},
}
