package identity

import "image-capture/entry"

// What the deployment itself leaves behind.
var (
	DRPAgent = Operation{Name: "drp-agent", Rule: "agent-state", Paths: []string{"var/lib/drp-agent/*"}, What: "is the state of the source's Digital Rebar agent",
		Why: "it holds the source's token: a clone acts as the source towards the endpoint", Op: entry.Drop, Judged: true,
		Source: "agent-cfg.yml and UUID.state (gzipped JSON of the machine with Params and Secret) of drpcli's agent, 3.13 and 4.8"}
	DRPAccess = Operation{Name: "drpcli-config", Rule: "agent-state",
		Paths: []string{"etc/drpcli*", "root/.drpclirc", "home/*/.drpclirc", "root/.cache/drpcli/tokens/*", "home/*/.cache/drpcli/tokens/*",
			"curtin/drpcli*.sh"}, // by which image-deploy had the source's first boot start the agent: with a token that does not end
		What: "holds the source's access to its Digital Rebar endpoint",
		Why:  "who gets the image can act as the source towards the endpoint", Op: entry.Drop, Judged: true, Source: "drpcli's configuration and token cache, the scripts of image-deploy's 06_drp"}
)

// agents is what agents keep about the machine that they run on.
var agents = []Operation{
	{Name: "puppet", Rule: "agent-state", Paths: []string{"etc/puppetlabs/puppet/ssl", "etc/puppet/ssl", "var/lib/puppet/ssl"}, What: "holds the keys of the source's Puppet agent", Op: entry.Drop,
		Why: "all clones are one node to the server, or are refused", Source: "Puppet's ssldir, virt-sysprep(1)"},
	{Name: "salt", Rule: "agent-state", Paths: []string{"etc/salt/pki/minion/minion.pem", "etc/salt/pki/minion/minion.pub", "etc/salt/minion_id", "etc/venv-salt-minion/pki/minion/minion.pem", "etc/venv-salt-minion/pki/minion/minion.pub", "etc/venv-salt-minion/minion_id"}, What: "names the source to its Salt master", Op: entry.Drop,
		Why: "all clones are one minion to the master", Source: "salt-minion(1), its pki_dir; venv-salt-minion of Uyuni and SUSE Manager"},
	{Name: "chef", Rule: "agent-state", Paths: []string{"etc/chef/client.pem"}, What: "is the key of the source's Chef client", Hint: "rm /etc/chef/client.pem, and leave a validation key to register with", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one node to the server", Source: "Chef's client_key"},
	{Name: "crowdstrike", Rule: "agent-state", Paths: []string{"opt/CrowdStrike/falconstore"}, What: "holds the source's id as a Falcon sensor", Hint: "/opt/CrowdStrike/falconctl -d -f --aid", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one host there", Source: "CrowdStrike's page on golden images"},
	{Name: "wazuh", Rule: "agent-state", Paths: []string{"var/ossec/etc/client.keys"}, What: "is the key of the source's Wazuh or OSSEC agent", Hint: "truncate -s 0 /var/ossec/etc/client.keys", Op: entry.Empty, Scope: Generalized,
		When: "it is no manager, whose file has the keys of all agents", Unless: []string{"var/ossec/bin/wazuh-remoted", "var/ossec/bin/ossec-remoted"},
		Why: "all clones are one agent to the manager, which refuses or mixes them", Source: "Wazuh's documentation on agent enrollment, client.keys"},
	{Name: "netdata", Rule: "agent-state", Paths: []string{"var/lib/netdata/registry/netdata.public.unique.id", "var/lib/netdata/status-netdata.json", "var/cache/netdata/status-netdata.json", "var/lib/netdata/cloud.d/*"}, // a missing id comes back from the status
		What: "names the source to Netdata", Hint: "follow Netdata's page on VM templates", Op: entry.Drop,
		Why: "clones throw each other out of Netdata Cloud and of their parents", Source: "Netdata's docs/learn/vm-templates and node-identities"},
	{Name: "elastic-beats", Rule: "agent-state", Paths: []string{"var/lib/*beat/meta.json"}, What: "is the source's id as an Elastic Beat", Op: entry.Drop, Why: "all clones are one to what monitors them", Source: "libbeat's path.data, meta.json"},
	{Name: "elastic-agent", Rule: "agent-state", Paths: []string{"opt/Elastic/Agent/fleet.enc", "opt/Elastic/Agent/fleet.yml", "var/lib/elastic-agent/fleet.enc", "etc/elastic-agent/fleet.enc", "etc/elastic-agent/fleet.yml"}, What: "enrolls the source's Elastic Agent in Fleet", Hint: "elastic-agent unenroll, and enroll each clone", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one agent to Fleet", Source: "Elastic's \"Installation layout\" of the agent"},
	{Name: "github-runner", Rule: "agent-state", Paths: []string{
		"opt/actions-runner/.runner", "opt/actions-runner/.credentials*", "root/actions-runner/.runner", "root/actions-runner/.credentials*",
		"home/*/actions-runner/.runner", "home/*/actions-runner/.credentials*", "actions-runner/.runner", "actions-runner/.credentials*",
	}, What: "registers the source as a runner of GitHub Actions", Hint: "./config.sh remove", Op: entry.Drop, Scope: Generalized,
		Why: "clones take the session from each other, and who gets the image can take jobs with their secrets", Source: "actions/runner, its ConfigurationStore.cs"},
	{Name: "splunk", Rule: "agent-state", Paths: []string{"opt/splunkforwarder/etc/instance.cfg", "opt/splunk/etc/instance.cfg"}, What: "is the source's GUID as a Splunk instance", Hint: "splunk clone-prep-clear-config", Op: entry.Drop,
		Why: "all clones are one client to the deployment server", Source: "Splunk's \"Integrate a universal forwarder onto a system image\""},
	{Name: "waagent", Rule: "agent-state", Paths: []string{"var/lib/waagent/*"}, What: "is the state of the source's Azure agent", Hint: "waagent -deprovision", Op: entry.Drop,
		Why: "clones take themselves for set up, and hold the source's certificates", Source: "WALinuxAgent's README on deprovision"},
	{Name: "drp-logs", Rule: "agent-state", Paths: []string{"var/log/drp-agent*", "var/log/drpcli*"}, What: "is a log of the source's Digital Rebar agent", Op: entry.Drop, Scope: Generalized, Note: true,
		Hint: "remove it", Why: "job logs can hold tokens, and who gets the image can read them", Source: "a refused token comes back whole in the endpoint's error, and so in the job's log"},
	{Name: "amazon-ssm", Rule: "agent-state", Paths: []string{"var/lib/amazon/ssm/Vault/Store/RegistrationKey"}, What: "registers the source with AWS Systems Manager", Op: entry.Drop, Why: "all clones are one node there", Source: "amazon-ssm-agent's vault/fsvault"},
}
