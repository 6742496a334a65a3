package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"image-capture/cli"
	"image-capture/rootfs/roottest"
	"image-capture/upload/drptest"
)

// farAway is when tokens of tests end.
var farAway = time.Now().Add(time.Hour)

// readableToken is a token as DRP v4 may give it: a JSON Web Token.
func readableToken(actions []string, expires time.Time) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Sprintf("token: %v", err))
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	var claims []map[string]string
	for _, a := range actions {
		claims = append(claims, map[string]string{"scope": "files", "action": a, "specific": "*"})
	}
	return part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." +
		part(map[string]any{"exp": expires.Unix(), "drp_claims": claims}) + "." +
		base64.RawURLEncoding.EncodeToString([]byte("a signature that nobody here verifies"))
}

// capturing runs the program as a process, so that it has a proxy of its own, and
// returns its exit code.
func capturing(t *testing.T, env []string, args ...string) (int, *process) {
	t.Helper()
	env = append([]string{"NO_PROXY=", "no_proxy=", "HTTPS_PROXY=", "https_proxy=", "HTTP_PROXY=", "http_proxy="}, env...)
	p := startProgram(t, smallRoot(t), env, nil, args...)
	code := p.wait().ExitStatus()
	requireRules(t, p.stderr.String())
	requireNoSecret(t, p.stderr.String()+p.stdout.String())
	return code, p
}

// TestThroughProxy: capture, confirm and read back through a proxy that wants a
// password and makes a tunnel, to an endpoint that is known by a name alone, with a
// certificate chain of three: root, intermediate, leaf.
func TestThroughProxy(t *testing.T) {
	t.Parallel()
	s := drptest.New(t, drptest.Options{TLS: drptest.Chain, Names: []string{"endpoint.test"}})
	const password = "proxy-password-7c1e"
	at := strings.TrimPrefix(s.URL, "https://")
	proxy := drptest.NewProxy(t, drptest.ProxyOptions{User: "agent", Password: password, Routes: map[string]string{
		"endpoint.test:8092": at, "elsewhere.test:8092": at,
	}})
	root, ca := smallRoot(t), filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(filepath.Join(root, "data"), noise("proxy", 1<<20), 0o600))
	require.NoError(t, os.WriteFile(ca, s.CAPEM, 0o600))
	env := []string{"HTTPS_PROXY=" + proxy.URL, "RS_ENDPOINT=https://endpoint.test:8092", "RS_TOKEN=" + s.Token}
	args := []string{root, "--check", "off", "--upload", "--rootfs-name", "img", "--manifest-name", "man"}

	code, p := capturing(t, env, append(args, "--ca-cert", ca)...)
	require.Zero(t, code, p.stderr.String())
	require.Contains(t, p.stderr.String(), "stored images/img.tgz; the endpoint reports the same SHA-256")
	require.NotContains(t, p.stderr.String(), password)
	require.Contains(t, p.stdout.String(), "http://endpoint.test:8091/files/images/img.tgz")
	requests := s.Requests()
	asked := proxy.Asked()
	require.Len(t, asked, len(requests), "a tunnel for each request, and no way around")
	for _, a := range asked {
		require.Equal(t, "endpoint.test:8092", a)
	}
	code, p = capturing(t, env, "verify", "https://endpoint.test:8092/files/images/img.tgz", "https://endpoint.test:8092/files/images/man.txt", "--ca-cert", ca)
	require.Zero(t, code, p.stderr.String())

	// Nobody vouches for the root; the certificate is for another name; the proxy does
	// not know us. Nothing of the token goes to any of these.
	for _, row := range []struct {
		env, args []string
		want      string
	}{
		{env, nil, "certificate signed by unknown authority"},
		{append(env, "RS_ENDPOINT=https://elsewhere.test:8092"), []string{"--ca-cert", ca}, "not elsewhere.test"},
		{append(env, "HTTPS_PROXY="+strings.Replace(proxy.URL, password, "wrong-password-91", 1)), []string{"--ca-cert", ca}, "Proxy Authentication Required"},
		{append(env, "RS_ENDPOINT=https://nowhere.test:8092"), []string{"--ca-cert", ca}, "Bad Gateway"},
	} {
		before := len(s.Requests())
		code, p := capturing(t, row.env, append(append(args, "--attempts", "1"), row.args...)...)
		require.Equal(t, cli.ExitEndpoint, code, p.stderr.String())
		require.Contains(t, p.stderr.String(), row.want)
		require.NotContains(t, p.stderr.String(), "wrong-password")
		require.Len(t, s.Requests(), before)
	}
}

// TestIPv6: an endpoint whose URL has an address of IPv6.
func TestIPv6(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::1]:0")
	roottest.Need(t, err == nil, "an IPv6 loopback address")
	require.NoError(t, l.Close())
	s := drptest.New(t, drptest.Options{TLS: drptest.Chain, Listen: "[::1]:0"})
	require.Contains(t, s.URL, "https://[::1]:")
	root, ca := smallRoot(t), filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(ca, s.CAPEM, 0o600))
	code, p := capturing(t, endpointEnv(s), root, "--check", "off", "--upload", "--ca-cert", ca, "--rootfs-name", "img", "--manifest-name", "man")
	require.Zero(t, code, p.stderr.String())
	require.Contains(t, p.stdout.String(), "{{ .ProvisionerURL }}/files/images/img.tgz")
	files, err := s.Files()
	require.NoError(t, err)
	require.Equal(t, []string{"images/img.tgz", "images/man.txt"}, files)
	code, p = capturing(t, nil, "verify", "--ca-cert", ca, s.URL+"/files/images/img.tgz", s.URL+"/files/images/man.txt")
	require.Zero(t, code, p.stderr.String())
}

// TestChainIsReal: openssl goes from the endpoint's leaf by the intermediate to the
// root as this program does, and stops without the root.
func TestChainIsReal(t *testing.T) {
	_, err := exec.LookPath("openssl")
	roottest.Need(t, err == nil, "openssl")
	s := drptest.New(t, drptest.Options{TLS: drptest.Chain, Names: []string{"endpoint.test"}})
	ca := filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(ca, s.CAPEM, 0o600))
	client := func(args ...string) (string, error) {
		cmd := exec.Command("openssl", append([]string{"s_client", "-connect", strings.TrimPrefix(s.URL, "https://"), "-verify_return_error"}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := client("-CAfile", ca, "-verify_hostname", "endpoint.test")
	require.NoError(t, err, out)
	require.Contains(t, out, "Verify return code: 0 (ok)")
	require.Contains(t, out, "drptest intermediate")
	out, err = client()
	require.Error(t, err, out)
}
