package identity

import "image-capture/entry"

// agents is what agents keep about the machine that they run on.
var agents = []Operation{
	{Name: "drp-agent", Rule: "agent-state", Paths: []string{"var/lib/drp-agent/*"}, What: "is the state of the source's Digital Rebar agent", Op: entry.Drop,
		Why: "it holds the source's token: a clone acts as the source towards the endpoint", Source: "agent-cfg.yml and the state files of drpcli's agent"},
	{Name: "drpcli-config", Rule: "agent-state", Paths: []string{"etc/drpcli"}, What: "holds the source's access to its Digital Rebar endpoint", Op: entry.Drop,
		Why: "who gets the image can act as the source towards the endpoint", Source: "drpcli's configuration"},
	{Name: "puppet", Rule: "agent-state", Paths: []string{"etc/puppetlabs/puppet/ssl", "etc/puppet/ssl", "var/lib/puppet/ssl"}, What: "holds the keys of the source's Puppet agent", Op: entry.Drop,
		Why: "all clones are one node to the server, or are refused", Source: "Puppet's ssldir, virt-sysprep(1)"},
	{Name: "salt", Rule: "agent-state", Paths: []string{"etc/salt/pki/minion/minion.pem", "etc/salt/pki/minion/minion.pub", "etc/salt/minion_id"}, What: "names the source to its Salt master", Op: entry.Drop,
		Why: "all clones are one minion to the master", Source: "salt-minion(1), its pki_dir"},
	{Name: "chef", Rule: "agent-state", Paths: []string{"etc/chef/client.pem"}, What: "is the key of the source's Chef client", Hint: "rm /etc/chef/client.pem, and leave a validation key to register with", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one node to the server", Source: "Chef's client_key"},
	{Name: "crowdstrike", Rule: "agent-state", Paths: []string{"opt/CrowdStrike/falconstore"}, What: "holds the source's id as a Falcon sensor", Hint: "/opt/CrowdStrike/falconctl -d -f --aid", Op: entry.Drop, Scope: Generalized,
		Why: "all clones are one host there", Source: "CrowdStrike's page on golden images"},
	{Name: "tailscale", Rule: "agent-state", Paths: []string{"var/lib/tailscale/tailscaled.state"}, What: "holds the key of the source's Tailscale node", Op: entry.Drop, Why: "clones take the connection from each other", Source: "tailscaled --state"},
	{Name: "kubernetes", Rule: "agent-state", Paths: []string{"etc/kubernetes/kubelet.conf", "var/lib/kubelet/pki/*.pem", "etc/rancher/node/password"}, What: "names the source in a Kubernetes cluster", Hint: "kubeadm reset, or remove what joined the cluster", Op: entry.Drop, Scope: Generalized,
		Why: "clones are one node to the cluster, and take its work from each other", Source: "kubeadm's reset, k3s's agent"},
	{Name: "docker-engine-id", Rule: "agent-state", Paths: []string{"var/lib/docker/engine-id", "etc/docker/key.json"}, What: "is the source's id as a Docker engine", Op: entry.Drop, Why: "all clones are one engine to what manages them", Source: "moby's daemon/id.go"},
	{Name: "amazon-ssm", Rule: "agent-state", Paths: []string{"var/lib/amazon/ssm/Vault/Store/RegistrationKey"}, What: "registers the source with AWS Systems Manager", Op: entry.Drop, Why: "all clones are one node there", Source: "amazon-ssm-agent's vault/fsvault"},
}
