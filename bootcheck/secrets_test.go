package bootcheck

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"image-capture/identity"
	"image-capture/image"
)

// whole is a tree that is read, not an image: Wants bounds nothing.
type whole struct{ memTree }

func (w whole) Open(name string) (fs.File, error) {
	f, err := w.memTree.Open(name)
	if b, ok := f.(*bounded); ok {
		f = b.File
	}
	return f, err
}

// Of each kind, each path: found where it holds a secret, and not where it holds none, or
// is gone.
func TestSecrets(t *testing.T) {
	const texts = `root:$y$j9T$abcdefghijklmnop$0123456789:19000:0:99999:7:::
-----BEGIN OPENSSH PRIVATE KEY-----
password=x secret_key = y aws_secret_access_key = z
machine a login b password c https://user:pass@host
"auth": "x", client-key-data: x oauth_token: x psk=x
`
	find := func(img memTree) []Secret {
		list, err := Secrets(t.Context(), whole{img})
		require.NoError(t, err)
		return list
	}
	require.Empty(t, find(parse(t, source)))
	for _, k := range identity.Secrets() {
		for _, pattern := range k.Paths {
			t.Run(strings.ReplaceAll(pattern, "/", ","), func(t *testing.T) {
				name := sample(pattern)
				img := parse(t, source)
				img.add(t, txtar.Parse([]byte("-- "+name+" --\n"+texts)))
				got := find(img)
				require.Equal(t, got, inImage(t, name, texts), "an image is read once")
				require.Len(t, got, 1)
				require.Equal(t, name, got[0].Path)
				if k.Holds == nil {
					return
				}
				img = parse(t, source)
				img.add(t, txtar.Parse([]byte("-- "+name+" --\n# nothing\n")))
				require.Empty(t, find(img), "there is no secret in it")
			})
		}
	}
}

// inImage are the secrets of an image with one file.
func inImage(t *testing.T, name, content string) []Secret {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, c := range name {
		if c == '/' {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: "./" + name[:i+1], Typeflag: tar.TypeDir, Mode: 0o755}))
		}
	}
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "./" + name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(content))}))
	_, err := io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r, err := image.NewReader(&b)
	require.NoError(t, err)
	defer r.Close()
	list, err := ReadSecrets(t.Context(), r)
	require.NoError(t, err)
	return list
}

func TestSecretsMore(t *testing.T) {
	img := parse(t, source+`
-- etc/shadow --
root:*:19000:0:99999:7:::
daemon:!:19000:0:99999:7:::
locked:!!:19000::::::
empty::19000::::::
-- etc/agent/server.pem --
-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEA7kZ3v5bqYVdE6mFqJ0lWmVdE6mFqJ0lWmVdE6mFqJ0lWmVdE6mFqJ0lW
-----END RSA PRIVATE KEY-----
-- root/.ssh/id_rsa.pub --
ssh-rsa AAAA
-- root/.ssh/known_hosts --
host ssh-rsa AAAA
`)
	list, err := Secrets(t.Context(), whole{img})
	require.NoError(t, err)
	require.Equal(t, []Secret{{Path: "etc/agent/server.pem", What: "holds a private key"}}, list, "no password is set")
	img.add(t, txtar.Parse([]byte("-- etc/shadow --\nroot:*:1::::::\nuser:!$6$abcdefgh$0123456789:19000::::::\n")))
	list, err = Secrets(t.Context(), whole{img})
	require.NoError(t, err)
	require.Equal(t, Secret{"etc/shadow", "holds hashes of passwords", true}, list[0])
}

// TestNetworkSecrets: the keys of networks, as each of their readers writes them.
func TestNetworkSecrets(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"etc/systemd/network/wg.netdev", "[WireGuardPeer]\nPresharedKey = abc=\n", true},
		{"etc/systemd/network/wg.netdev.d/key.conf", "[WireGuard]\nPrivateKey=abc=\n", true},
		{"etc/systemd/network/wg.netdev", "[WireGuard]\nPrivateKeyFile=/run/key\n[WireGuardPeer]\nPublicKey=abc=\n", false},
		{"etc/systemd/network/sec.netdev", "[MACsecTransmitAssociation]\nKey=81\n", true},
		{"etc/systemd/network/gre.netdev", "[Tunnel]\nKey=81\n", false},
		{"etc/NetworkManager/system-connections/wg.nmconnection", "[wireguard-peer.abc]\npreshared-key=abc=\n", true},
		{"etc/netplan/wg.yaml", "network: {tunnels: {wg0: {peers: [{keys: {shared: abc=}}]}}}\n", true},
		{"etc/wireguard/x", "[peer]\npresharedkey = abc=\n", true},
	} {
		img := parse(t, source)
		img.add(t, txtar.Parse([]byte("-- "+c.name+" --\n"+c.text)))
		found, err := Secrets(t.Context(), whole{img})
		require.NoError(t, err)
		require.Equal(t, c.want, len(found) == 1, "%s: %q", c.name, c.text)
	}
}
