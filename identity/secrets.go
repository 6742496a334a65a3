package identity

import (
	"bytes"
	"slices"
)

// Secret is a kind of thing that opens something to who has it. Stored images can be read
// by all on the network of the endpoint.
type Secret struct {
	// Paths are as those of an Operation.
	Paths []string
	// What says what a path is, as the end of a sentence that begins with it.
	What string
	// Holds says whether a content is one, by its first 64 KiB; nil: any is, and so is a
	// directory that holds something.
	Holds func(text []byte) bool
	// Usual is what every root has.
	Usual bool
}

// atHome are names in root's and everybody's home directory.
func atHome(names ...string) []string {
	var paths []string
	for _, n := range names {
		paths = append(paths, "root/"+n, "home/*/"+n)
	}
	return paths
}

// has makes a Holds: one of the words is there.
func has(words ...string) func([]byte) bool {
	return func(text []byte) bool {
		return slices.ContainsFunc(words, func(w string) bool { return bytes.Contains(text, []byte(w)) })
	}
}

// IsPrivateKey says whether a text has a private key in PEM, as RFC 7468 and OpenSSH write
// it.
func IsPrivateKey(text []byte) bool {
	return bytes.Contains(text, []byte("-----BEGIN ")) && bytes.Contains(text, []byte("PRIVATE KEY-----"))
}

// hasHash says whether shadow(5) or its kin has a password: a hash as crypt(5) writes it,
// also of a locked user ("!" before it).
func hasHash(text []byte) bool {
	for line := range bytes.Lines(text) {
		if fields := bytes.Split(line, []byte(":")); len(fields) > 1 && len(bytes.TrimLeft(fields[1], "!*x\n")) >= 13 {
			return true
		}
	}
	return false
}

// secretRows are the operations whose things are secrets too.
var secretRows = []string{
	"samba-secrets", "sssd-cache", "credential-secret", "subscription-manager", "spacewalk", "suse-connect", "ubuntu-pro", "landscape", "snakeoil-key", "localhost-key", "cockpit-certificate",
	"wireguard-key", "drp-agent", "drpcli-config", "puppet", "salt", "chef", "wazuh", "netdata", "elastic-agent", "github-runner", "waagent", "amazon-ssm", "tailscale", "zerotier", "netbird",
	"yggdrasil-network", "kubernetes", "k3s", "docker-swarm", "crash-dumps",
}

// Secrets returns what to look for.
func Secrets() []Secret {
	list := slices.Clone(secrets)
	for _, o := range table {
		if slices.Contains(secretRows, o.Name) {
			list = append(list, Secret{Paths: o.Paths, What: o.What})
		}
	}
	return list
}

// Where they are is from the manual pages of the programs that keep them.
var secrets = []Secret{
	{Paths: []string{"etc/shadow", "etc/shadow-", "etc/security/opasswd"}, What: "holds hashes of passwords", Holds: hasHash, Usual: true},
	{Paths: SSHHostKeys.Paths, What: SSHHostKeys.What, Holds: IsPrivateKey, Usual: true},
	{Paths: slices.Concat(atHome(".ssh/*"), []string{"etc/ssl/private/*", "etc/pki/tls/private/*", "etc/letsencrypt/archive/*/*", "etc/dropbear/*_host_key"}), What: "holds a private key", Holds: IsPrivateKey},
	{Paths: atHome(".gnupg/private-keys-v1.d/*", ".gnupg/secring.gpg"), What: "is a private key of GnuPG"},
	{Paths: []string{"etc/krb5.keytab", "etc/*.keytab", "etc/*/*.keytab", "etc/*/*/*.keytab", "var/lib/*/*.keytab", "opt/*/*.keytab", "root/*.keytab", "home/*/*.keytab", "root/*.keytab", "srv/*.keytab"}, What: "is a keytab of Kerberos"},
	{Paths: atHome(".aws/credentials", ".aws/config", ".aws/sso/cache/*", ".aws/cli/cache/*"), What: "holds keys of AWS", Holds: has("aws_secret_access_key", "aws_session_token", "accessToken", "SecretAccessKey")},
	{Paths: atHome(".azure/accessTokens.json", ".azure/msal_token_cache.json", ".azure/msal_token_cache.bin", ".azure/service_principal_entries.*"), What: "holds tokens of Azure"},
	{Paths: atHome(".config/gcloud/credentials.db", ".config/gcloud/access_tokens.db", ".config/gcloud/application_default_credentials.json", ".config/gcloud/legacy_credentials"), What: "holds tokens of Google Cloud"},
	{Paths: atHome(".netrc", ".authinfo"), What: "holds passwords", Holds: has("password")},
	{Paths: atHome(".my.cnf", ".pypirc", ".config/rclone/rclone.conf", ".smbcredentials"), What: "holds passwords", Holds: has("password", "pass =", "pass=")},
	{Paths: atHome(".git-credentials", ".config/git/credentials"), What: "holds passwords", Holds: has("://")},
	{Paths: atHome(".pgpass"), What: "holds passwords", Holds: has(":")},
	{Paths: slices.Concat(atHome(".docker/config.json", ".config/containers/auth.json"), []string{"var/lib/kubelet/config.json"}), What: "holds passwords of registries", Holds: has(`"auth":`, `"identitytoken":`)},
	{Paths: slices.Concat(atHome(".kube/config"), []string{"etc/kubernetes/admin.conf", "etc/rancher/*/*.yaml"}), What: "opens a Kubernetes cluster", Holds: has("client-key-data:", "token:", "password:")},
	{Paths: atHome(".vault-token", ".terraform.d/credentials.tfrc.json"), What: "holds a token"},
	{Paths: atHome(".npmrc", ".config/gh/hosts.yml", ".s3cfg", ".config/hub"), What: "holds a token", Holds: has("_authToken", "oauth_token", "secret_key = ", "_password")},
	{Paths: []string{"var/lib/cloud/instances/*/user-data*", "var/lib/cloud/instances/*/vendor-data*", "var/lib/cloud/instances/*/vendor-cloud-config*", "var/lib/cloud/instances/*/cloud-config*", "var/lib/cloud/instances/*/obj.pkl",
		"var/lib/cloud/seed/*/user-data", "var/lib/cloud/seed/*/vendor-data", "var/lib/cloud/data/*.json", "curtin/meta-data", "curtin/user-data"}, What: "is metadata of the cloud, in which passwords and keys can be"},
	{Paths: []string{"root/curtin-install-cfg.yaml"}, What: "holds passwords or tokens of the source's own deployment by curtin", Holds: has("password", "token_secret")},
	{Paths: []string{"etc/NetworkManager/system-connections/*", "etc/wpa_supplicant/*.conf", "etc/netplan/*.yaml", "etc/systemd/network/*.netdev", "etc/systemd/network/*.netdev.d/*.conf", "etc/wireguard/*"}, What: "holds a secret of a network",
		Holds: hasNetworkSecret},
	{Paths: []string{"etc/ppp/chap-secrets", "etc/ppp/pap-secrets", "etc/ipsec.secrets", "etc/swanctl/private/*", "etc/openvpn/*/*.key", "etc/openvpn/*.key", "etc/samba/credentials", "etc/cifs-credentials", "etc/ldap.secret", "etc/pam_ldap.secret"},
		What: "holds passwords or keys", Holds: hasText},
	{Paths: []string{"etc/apt/auth.conf", "etc/apt/auth.conf.d/*.conf"}, What: "holds passwords of repositories", Holds: has("password")},
}

// networkSecrets are the keys of wpa_supplicant, NetworkManager, networkd, netplan and
// WireGuard.
var networkSecrets = has("psk=", "password=", "wep-key", "private-key=", "privatekey=", "preshared-key=", "presharedkey=", "password:", "private-key:", "private:", "shared:")

// hasNetworkSecret looks for them in any case, as wg(8) does, and with blanks before the
// sign.
func hasNetworkSecret(text []byte) bool {
	text = bytes.ReplaceAll(bytes.ToLower(text), []byte(" "), nil)
	return networkSecrets(text) || bytes.Contains(text, []byte("[macsec")) && bytes.Contains(text, []byte("\nkey="))
}

// hasText says whether there is more than comments.
func hasText(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return true
		}
	}
	return false
}
