package identity

import "image-capture/entry"

// overlays are private networks that know a machine by its key.
var overlays = []Operation{
	{Name: "tailscale", Rule: "agent-state", Paths: []string{"var/lib/tailscale/tailscaled.state"}, What: "holds the key of the source's Tailscale node", Op: entry.Drop, Why: "clones take the connection from each other", Source: "tailscaled --state"},
	{Name: "zerotier", Rule: "agent-state", Paths: []string{"var/lib/zerotier-one/identity.secret", "var/lib/zerotier-one/identity.public", "var/lib/zerotier-one/authtoken.secret"}, What: "is the identity of the source's ZeroTier node", Op: entry.Drop,
		Why: "clones have one address, and take the connection from each other", Source: "ZeroTier's manual on cloned machines"},
	{Name: "netbird", Rule: "agent-state", Paths: []string{"etc/netbird/config.json", "var/lib/netbird/default.json", "var/lib/netbird/config.json"}, What: "holds the key of the source's NetBird peer", Hint: "remove it, and bring each clone up with a setup key", Op: entry.Drop, Scope: Generalized,
		Why: "only one of the clones can connect", Source: "netbirdio/netbird issues 1798 and 4270"},
	{Name: "yggdrasil-network", Rule: "agent-state", Paths: []string{"etc/yggdrasil.conf", "etc/yggdrasil/yggdrasil.conf"}, What: "holds the key of the source's Yggdrasil node", Hint: "yggdrasil -genconf, on each clone", Op: entry.Drop, Scope: Generalized,
		Why: "clones have one address, and take the connection from each other", Source: "yggdrasil-go's -genconf, PrivateKey"},
}

// clusters know a machine by what it was given when it joined.
var clusters = []Operation{
	{Name: "kubernetes", Rule: "agent-state", Paths: []string{"etc/kubernetes/kubelet.conf", "var/lib/kubelet/pki/*.pem", "etc/rancher/node/password"}, What: "names the source in a Kubernetes cluster", Hint: "kubeadm reset, or remove what joined the cluster", Op: entry.Drop, Scope: Generalized,
		Why: "clones are one node to the cluster, and take its work from each other", Source: "kubeadm's reset, k3s's agent"},
	{Name: "k3s", Rule: "agent-state", Paths: []string{
		"var/lib/rancher/k3s/agent/*.key", "var/lib/rancher/k3s/agent/*.crt", "var/lib/rancher/k3s/agent/*.kubeconfig", "var/lib/rancher/k3s/agent/node-password.txt",
		"var/lib/rancher/rke2/agent/*.key", "var/lib/rancher/rke2/agent/*.crt", "var/lib/rancher/rke2/agent/*.kubeconfig",
	}, What: "is of the source as a node of k3s or RKE2", Hint: "install it with INSTALL_K3S_SKIP_START, and join each clone", Op: entry.Drop, Scope: Generalized,
		When: "it is an agent, and no server", Unless: []string{"var/lib/rancher/k3s/server", "var/lib/rancher/rke2/server"},
		Why: "clones are one node to the cluster, which rejects their password", Source: "k3s-io/k3s issues 663 and 802"},
	{Name: "docker-engine-id", Rule: "agent-state", Paths: []string{"var/lib/docker/engine-id", "etc/docker/key.json"}, What: "is the source's id as a Docker engine", Op: entry.Drop, Why: "all clones are one engine to what manages them", Source: "moby's daemon/id.go"},
	{Name: "docker-swarm", Rule: "agent-state", Paths: []string{"var/lib/docker/swarm/*"}, What: "is of the source as a node of a Docker swarm", Hint: "docker swarm leave --force", Op: entry.Drop, Scope: Generalized,
		Why: "clones are one node to the swarm, and a manager's clones hold its keys", Source: "moby's swarm directory, docker swarm leave"},
	{Name: "consul", Rule: "agent-state", Paths: []string{"opt/consul/node-id", "opt/consul/data/node-id", "var/lib/consul/node-id"}, What: "is the source's id as a Consul node", Op: entry.Drop, Why: "the cluster refuses a second node of one id", Source: "Consul's data_dir and -node-id"},
	{Name: "nomad", Rule: "agent-state", Paths: []string{
		"opt/nomad/data/client/client-id", "opt/nomad/data/client/secret-id", "opt/nomad/client/client-id", "opt/nomad/client/secret-id", "var/lib/nomad/client/client-id", "var/lib/nomad/client/secret-id",
	}, What: "is the source's id as a Nomad client", Op: entry.Drop, Why: "clones are one node, and take its work from each other", Source: "Nomad's data_dir, client/client-id"},
	{Name: "open-vswitch", Rule: "agent-state", Paths: []string{"etc/openvswitch/system-id.conf"}, What: "is the source's id as an Open vSwitch", Op: entry.Drop, // ovs-ctl makes one, and writes it into conf.db at each start
		Why: "OVN and other controllers take clones for one chassis", Source: "ovs-ctl(8) --system-id=random"},
	{Name: "glusterd", Rule: "agent-state", Paths: []string{"var/lib/glusterd/glusterd.info", "var/lib/glusterd/peers/*"}, What: "names the source in a Gluster pool", Hint: "rm /var/lib/glusterd/glusterd.info", Op: entry.Drop,
		When: "it has no volumes", Unless: []string{"var/lib/glusterd/vols"},
		Why: "peers refuse a second one with its UUID", Source: "Gluster's documentation on cloned virtual machines"},
}
