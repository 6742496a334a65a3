package bootcheck

import (
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

func TestUnlisted(t *testing.T) {
	const (
		uuid = "9a3b0c5e-7c1d-4e7f-8a55-0123456789ab\n"
		hex  = "0123456789abcdef0123456789ABCDEF"
		id   = ": holds nothing but an id"
		key  = ": holds a private key"
	)
	pem := func(kind string) string {
		text := "-----BEGIN " + kind + "-----\n"
		for range 4 {
			text += "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
		}
		return text + "-----END " + kind + "-----\n"
	}
	testIdentity(t, []identityCase{
		{"ids", "agent-state", "-- var/lib/acme/agent/id --\n" + uuid + "-- opt/acme/etc/node --\n" + hex + "\n-- etc/acme/uuid --\n" + uuid,
			[]string{"ok", "info /etc/acme/uuid" + id, "info /var/lib/acme/agent/id" + id, "info /opt/acme/etc/node" + id}},
		{"no ids", "agent-state", "-- var/lib/acme/a --\n" + uuid + "x\n-- var/lib/acme/b --\n00000000-0000-0000-0000-000000000000\n-- var/lib/acme/c --\n" + hex + "00\n-- var/lib/acme/d --\nzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n-- var/lib/acme/e -> /etc/id --\n-- usr/share/id --\n" + uuid +
			"-- var/lib/dpkg/id --\n" + uuid + "-- var/lib/acme/b/c/d/e --\n" + uuid, []string{"ok"}},
		{"an id that a row knows", "agent-state", "-- var/lib/consul/node-id --\n" + uuid, []string{"warn /var/lib/consul/node-id: => drop /var/lib/consul/node-id"}},
		{"keys", "traces", "-- etc/acme/tls.key --\n" + pem("RSA PRIVATE KEY") + "-- opt/acme/server.pem --\n" + pem("CERTIFICATE") + pem("PRIVATE KEY") + "-- root/id_ed25519 --\n" + pem("OPENSSH PRIVATE KEY") + "-- var/lib/acme/privkey1 --\n" + pem("EC PRIVATE KEY"),
			[]string{"ok", "info /etc/acme/tls.key" + key, "info /var/lib/acme/privkey1" + key, "info /opt/acme/server.pem" + key, "info /root/id_ed25519" + key}},
		{"no keys", "traces", "-- etc/acme/tls.pem --\n" + pem("CERTIFICATE") + "-- etc/acme/tls.pub --\n" + pem("PRIVATE KEY") + "-- etc/acme/short.key --\nPRIVATE KEY\n-- etc/ssh/my.key --\n" + pem("PRIVATE KEY"), []string{"ok"}},
	})
	img := parse(t, source)
	for i := range 50 {
		img.add(t, txtar.Parse(fmt.Appendf(nil, "-- var/lib/acme/%02d --\n%s", i, uuid)))
	}
	got := findingsOf(t, img, "agent-state")
	require.Len(t, got, 1+maxUnlisted+1)
	require.Equal(t, "info /var/lib/acme: holds nothing but an id: if it is the source's, clones share it: and 42 more", got[len(got)-1])
}

// Many names, or none that can be read, are no finding.
func TestUnlistedIsBounded(t *testing.T) {
	img := parse(t, source+"-- opt/x [deny] --\n")
	for i := range maxDir + 1 {
		img[fmt.Sprintf("opt/many/%d", i)] = &node{mode: 0o644}
	}
	img.add(t, txtar.Parse([]byte("-- opt/many/0 --\n")))
	require.Len(t, findingsOf(t, img, "agent-state"), 1)
}
