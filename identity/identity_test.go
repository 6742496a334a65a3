package identity_test

import (
	"path"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
	"image-capture/identity"
)

// The table is complete: what each row must say, and what no two may share.
func TestTable(t *testing.T) {
	word := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	names := map[string]bool{}
	for _, o := range identity.Operations() {
		require.Regexp(t, word, o.Name)
		require.False(t, names[o.Name], "%s is there twice", o.Name)
		names[o.Name] = true
		require.NotEmpty(t, o.Rule, o.Name)
		require.NotEmpty(t, o.Paths, o.Name)
		require.NotEmpty(t, o.What, o.Name)
		require.NotEmpty(t, o.Why, o.Name)
		require.NotEmpty(t, o.Source, o.Name)
		for _, p := range o.Paths {
			require.True(t, p == path.Clean(p) && !path.IsAbs(p), "%s: %s", o.Name, p)
			_, err := path.Match(p, "")
			require.NoError(t, err, p)
		}
		switch o.Op {
		case "":
			require.NotEmpty(t, o.Hint+o.When, "%s: what is one to do", o.Name)
			require.Equal(t, identity.Always, o.Scope, o.Name)
		case entry.Drop, entry.Empty, entry.Rewrite:
		default:
			t.Fatalf("%s: %s is no operation for what is there", o.Name, o.Op)
		}
		if o.Rewrite != nil {
			require.Equal(t, entry.Rewrite, o.Op, o.Name)
		}
		require.Equal(t, len(o.Unless) > 0, len(o.Unless) > 0 && o.When != "", o.Name)
		if o.Note && o.Op != "" {
			require.NotEqual(t, identity.Always, o.Scope, "%s: --fix mends what is wrong only", o.Name)
		}
	}
}

func TestSelect(t *testing.T) {
	names := func(list string) []string {
		t.Helper()
		chosen, err := identity.Select(list)
		require.NoError(t, err, list)
		var got []string
		for _, o := range chosen {
			require.NotEmpty(t, o.Op)
			got = append(got, o.Name)
		}
		return got
	}
	all := names("")
	require.Contains(t, all, "machine-id")
	require.NotContains(t, all, "root-authorized-keys", "nobody asked for it")
	require.NotContains(t, all, "netplan-pins", "it has no edit")
	require.Equal(t, all, names("all"))
	require.Len(t, names("all,-machine-id"), len(all)-1)
	require.Equal(t, []string{"machine-id", "mail"}, names("mail,machine-id"))
	require.Equal(t, []string{"root-authorized-keys"}, names("root-authorized-keys"))
	require.NotContains(t, names("-machine-id"), "machine-id")
	require.Len(t, names("-machine-id, -mail"), len(all)-2)
	require.Len(t, names("+root-authorized-keys,-mail"), len(all))
	for list, want := range map[string]string{
		"all,machine-id":   `"machine-id": give all operations with + or - before them, or none`,
		"machin-id":        `"machin-id": there is no such operation`,
		"-no":              `"-no": there is no such operation`,
		"--mail":           `"--mail": there is no such operation`,
		"mail,-machine-id": `"-machine-id": give all operations with + or - before them, or none`,
		"-machine-id,mail": `"mail": give all operations with + or - before them, or none`,
		"netplan-pins":     `"netplan-pins": it can only be reported: match the interface by its name, or remove the file and leave the network to cloud-init`,
		"-":                `"-": there is no such operation`,
		"mail\x1b[2J,mail": `"mail\x1b[2J": there is no such operation`,
	} {
		_, err := identity.Select(list)
		require.EqualError(t, err, want)
	}
}

func TestConcerns(t *testing.T) {
	for name, want := range map[string]bool{
		"opt": true, "opt/splunk": true, "opt/splunk/etc/instance.cfg": true, "opt/splunk/bin": false, "opt/x": false, "usr": true, "usr/bin": false,
		"home": true, "home/a": true, "home/a/actions-runner/.credentials_rsaparams": true, "home/a/actions-runner/run.sh": false,
		"etc/puppet/ssl": true, "etc/puppet/ssl/private_keys": true, "etc/puppet/ssl/private_keys/x.pem": false,
		"var/lib/filebeat/meta.json": true, "var/lib/filebeat/registry": false, "": false, ".": false, "srv": false, "actions-runner": true, "var/lib/amazon/ssm/Vault/Store/RegistrationKey": true,
	} {
		require.Equal(t, want, identity.Concerns(name), name)
	}
	for _, o := range identity.Operations() {
		if o.Name == identity.UnlistedID.Name || o.Name == identity.UnlistedKey.Name {
			continue // they are for what no row names
		}
		for _, p := range o.Paths {
			for ; p != "."; p = path.Dir(p) {
				require.True(t, identity.Concerns(p), p)
			}
		}
	}
}

// All else in a file stays as it is, bytes and line ends.
func TestRewrites(t *testing.T) {
	for _, c := range []struct {
		o         identity.Operation
		old, want string
	}{
		{identity.Ifcfg, "# x\r\nHWADDR=1\r\n\r\nDEVICE=eth0\r\nUUID=1", "# x\r\n\r\nDEVICE=eth0\r\n"},
		{identity.Ifcfg, "HWADDR_X=1\n  UUID='a b'\nNAME=\"\xff HWADDR=1\"\n", "HWADDR_X=1\nNAME=\"\xff HWADDR=1\"\n"},
		{identity.Ifcfg, "", ""},
		{identity.Keyfile, "[connection]\nuuid=1\n\n[ethernet]\nmac-address=00:11:22:33:44:55\nmtu=9000\n[wifi]\ncloned-mac-address=stable\n", "[connection]\nuuid=1\n\n[ethernet]\nmtu=9000\n[wifi]\ncloned-mac-address=stable\n"},
		{identity.Keyfile, "[ethernet]\n#mac-address=00:11:22:33:44:55\n[x]\nmac-address=00:11:22:33:44:55", "[ethernet]\n#mac-address=00:11:22:33:44:55\n[x]\nmac-address=00:11:22:33:44:55"},
		{identity.Arrays, "DEVICE partitions\nARRAY /dev/md0 UUID=1\n   name=a:0\n# x\narr\t/dev/md1 UUID=2\nMAILADDR root\n  ARRAY\nARRAYS x", "DEVICE partitions\n# x\nMAILADDR root\n  ARRAY\nARRAYS x"},
		{identity.ResumeDevice, "RESUME=UUID=1\n", "RESUME=none\n"},
		{identity.ResumeDevice, "# x\nRESUME=/dev/sda1\nMODULES=most", "# x\nMODULES=most\nRESUME=none\n"},
	} {
		got, err := c.o.Rewrite([]byte(c.old))
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
	}
}
