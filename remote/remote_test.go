package remote_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/remote"
	"image-capture/rootfs/roottest"
)

func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// root is a small tree with what goes wrong first on the way: names that are not UTF-8,
// xattrs with any bytes, several names of one inode, more than one frame of content.
func root(t *testing.T) string {
	return roottest.Tree{
		"etc/hostname": roottest.File("vm\n"), "etc/os-release": roottest.File("ID=debian\nVERSION_ID=12\nPRETTY_NAME=Debian\n"),
		"etc/odd\xffname\x1b": roottest.File("x"), "usr/big": roottest.File(strings.Repeat("0123456789abcde\n", 60_000)),
	}.Make(t)
}

// TestCapture: the image and its MANIFEST are those of a capture on the host itself, and
// all flags of the tree go there.
func TestCapture(t *testing.T) {
	h, tree := host(t), root(t)
	require.NoError(t, os.Link(filepath.Join(tree, "usr/big"), filepath.Join(tree, "usr/bigger")))
	require.NoError(t, syscall.Setxattr(filepath.Join(tree, "etc/hostname"), "user.odd", []byte("a\x00\xff\n"), 0))
	before, dir := h.state(t), t.TempDir()
	flags := []string{"--exclude", "./etc/os-release", "--add-curtin", "--overwrite", "--generalize", "--tag", "debian-12", "--target", "self"}
	for _, args := range [][]string{
		{h.url("root", tree)},
		{"ssh://box" + tree, "--format", "tar-zst", "--level", "best"},
		{"ssh://far" + tree, "--format", "tar"}, // through a jump host
		{"ssh://master" + tree},                 // makes a master connection that stays
		{"ssh://master" + tree},                 // and goes through it
	} {
		here, there := filepath.Join(dir, "here"), filepath.Join(dir, "there")
		args = append(args, flags...)
		code, _, errs := h.run(t, append(args, "-o", there)...)
		require.Zero(t, code, errs)
		args[0] = tree
		local := h.command(append(args, "-o", here)...)
		local.Args = local.Args[:len(local.Args)-1] // no option of ssh
		out, err := local.CombinedOutput()
		require.NoError(t, err, string(out))
		same(t, here, there)
		same(t, here+".MANIFEST.txt", there+".MANIFEST.txt")
	}
	require.NoError(t, quiet("ssh", "-F"+h.config, "-O", "exit", "master"))
	h.settled(t, before)
}

// same compares two files, but for the names and times that are in a MANIFEST.
func same(t *testing.T, a, b string) {
	t.Helper()
	lines := func(name string) []string {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotEmpty(t, text)
		var list []string
		for line := range strings.Lines(string(text)) {
			key, _, _ := strings.Cut(line, ": ")
			switch key {
			case "# filename", "# ident", "# date", "# upload tarball", "# upload manifest":
			default:
				list = append(list, line)
			}
		}
		return list
	}
	require.Equal(t, lines(a), lines(b))
}

// TestBrand: the host writes the mark of the image that is made here.
func TestBrand(t *testing.T) {
	h, tree := host(t), root(t)
	image := filepath.Join(t.TempDir(), "image.tgz")
	code, _, errs := h.run(t, h.url("root", tree), "--brand", "--check", "off", "-o", image)
	require.Zero(t, code, errs)
	text, err := os.ReadFile(strings.TrimSuffix(image, ".tgz") + ".MANIFEST.txt")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(text), "\n# ident: ")
	ident, _, _ := strings.Cut(after, "\n")
	require.Len(t, ident, 10)
	motd, err := exec.Command("tar", "-xOzf", image, "./etc/motd").Output()
	require.NoError(t, err)
	require.Contains(t, string(motd), "IMAGE IDENTITY: "+ident+"\n")
}

// TestLogins: any shell will do, and whatever it prints. What gives no shell is named.
func TestLogins(t *testing.T) {
	h := host(t)
	before := h.state(t)
	for _, user := range []string{"root", "bash", "dash", "fish", "tcsh", "chatty"} {
		c, err := remote.Connect(t.Context(), h.options(t, user))
		require.NoError(t, err, user)
		require.Equal(t, user == "root", c.UID == 0)
		require.NotContains(t, h.there(t, "ls -A /dev/shm"), "image-capture", "it has no name while it runs")
		c.Close()
	}
	for user, want := range map[string]remote.Refusal{
		"rbash": remote.Restricted, "nologin": remote.NoLogin, "forced": remote.Forced, "sftp": remote.Subsystem,
	} {
		_, err := remote.Connect(t.Context(), h.options(t, user))
		var refused *remote.ShellError
		require.ErrorAs(t, err, &refused, user)
		require.Equal(t, want, refused.Kind, "%s: %v", user, err)
	}
	_, err := remote.Connect(t.Context(), h.options(t, "nobody-there"))
	var none *remote.ConnectError
	require.ErrorAs(t, err, &none)
	require.Contains(t, err.Error(), "Permission denied")
	require.Subset(t, none.Try, []string{"-l", "nobody-there", "-p", strconv.Itoa(h.port), "true"}, "as it was tried")
	opt := h.options(t, "root")
	opt.To.Host = "localhost" // whose key is not known under that name
	_, err = remote.Connect(t.Context(), opt)
	require.ErrorAs(t, err, &none)
	require.Contains(t, err.Error(), "Host key verification failed")
	h.settled(t, before)
}

// TestSudo: with a password and without, and each way in which it says no.
func TestSudo(t *testing.T) {
	h := host(t)
	before := h.state(t)
	for _, row := range []struct {
		user, answers string
		asked         int
		want          string // of the error, or none
	}{
		{"free", "", 0, ""},
		{"asked", "one two", 1, ""},
		{"asked", "wrong,one two", 2, ""},
		{"pty", "one two", 1, ""},
		{"asked", "wrong,wrong,wrong", 3, "sudo refuses: 3 incorrect password attempts"},
		{"asked", "", 0, "sudo wants a password, and there is no terminal to ask for it"},
		{"tty", "one two", 0, "sudo refuses: sorry, you must have a tty to run sudo"},
		{"denied", "one two", 1, "sudo refuses: denied is not in the sudoers file"},
		{"root", "", 0, ""},
	} {
		opt, asked := h.options(t, row.user), 0
		opt.Sudo = true
		if row.answers != "" {
			opt.Ask = func(_ context.Context, prompt string) (string, error) {
				require.Contains(t, prompt, "password for sudo:")
				asked++
				// Nobody sees it: not in an argument, and not in an environment.
				require.NotContains(t, h.there(t, `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'; :`), "one two")
				return strings.Split(row.answers, ",")[asked-1], nil
			}
		}
		c, err := remote.Connect(t.Context(), opt)
		require.Equal(t, row.asked, asked, "%s: %v", row.user, err)
		if row.want != "" {
			var refused *remote.SudoError
			require.ErrorAs(t, err, &refused, row.user)
			require.Contains(t, err.Error(), row.want)
			continue
		}
		require.NoError(t, err, row.user)
		require.Zero(t, c.UID)
		c.Close()
	}
	opt := h.options(t, "asked")
	opt.Sudo = true
	stopped := errors.New("not now")
	opt.Ask = func(context.Context, string) (string, error) { return "", stopped }
	_, err := remote.Connect(t.Context(), opt)
	require.ErrorIs(t, err, stopped)
	h.settled(t, before)
}

// TestNoexec: where /dev/shm is noexec an interpreter makes other memory, and where there is
// none the host is left alone.
func TestNoexec(t *testing.T) {
	h := host(t)
	before := h.state(t)
	t.Cleanup(func() { h.settled(t, before) }) // the last one
	h.there(t, "mount -o remount,noexec /dev/shm; mount -o remount,noexec /run")
	t.Cleanup(func() { h.there(t, "mount -o remount,exec /dev/shm; mount -o remount,exec /run") })
	for _, user := range []string{"bash", "free"} {
		opt := h.options(t, user)
		opt.Sudo = user == "free"
		c, err := remote.Connect(t.Context(), opt)
		require.NoError(t, err, user)
		require.Equal(t, opt.Sudo, c.UID == 0)
		c.Close()
	}
	// Without python3 perl does it.
	lack := func(tool string) {
		h.there(t, `: >/run/none; for d in /usr/local/bin /usr/bin /bin; do [ ! -x $d/`+tool+` ] || mount --bind /run/none "$(readlink -f $d/`+tool+`)"; done`)
	}
	t.Cleanup(func() {
		h.there(t, `while mount | grep -q "on /usr.*/\(python3\|perl\)"; do umount $(mount | grep -o "/usr[^ ]*/\(python3\|perl\)[^ ]*" | head -n 1); done; rm -f /run/none`)
	})
	lack("python3")
	c, err := remote.Connect(t.Context(), h.options(t, "bash"))
	require.NoError(t, err)
	c.Close()
	lack("perl")
	_, err = remote.Connect(t.Context(), h.options(t, "bash"))
	var lacks *remote.HostError
	require.ErrorAs(t, err, &lacks)
	require.Equal(t, remote.NoMemory, lacks.Problem)
}
