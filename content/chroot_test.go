package content

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"image-capture/rootfs/roottest"
)

// oneRoot: the script that makes a root makes one at a time.
var oneRoot sync.Mutex

// debianRoot returns a Debian of a suite, to be read only. It is made on the first
// use.
func debianRoot(t *testing.T, suite, version string) string {
	t.Helper()
	if testing.Short() || os.Getenv("IMAGE_CAPTURE_CHROOT")+os.Getenv("IMAGE_CAPTURE_NIGHTLY") == "" && os.Getenv("CI") != "true" {
		t.Skip("takes minutes and the network: set IMAGE_CAPTURE_CHROOT=1, or CI=true")
	}
	roottest.NeedRoot(t)
	root, err := filepath.Abs("../build/debian-" + version)
	require.NoError(t, err)
	oneRoot.Lock()
	defer oneRoot.Unlock()
	out, err := exec.Command("../testdata/debian-root.sh", root, suite).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return root
}

// debian returns a writable Debian of a suite: an overlay, so that the root it is
// made of stays as it is.
func debian(t *testing.T, suite, version string) string {
	t.Helper()
	lower := debianRoot(t, suite, version)
	dir := t.TempDir()
	for _, name := range []string{"upper", "work", "root"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	root := filepath.Join(dir, "root")
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, dir, dir)
	// Nothing in it has to outlive a crash: with "volatile" (Linux 5.10), dpkg's many
	// calls of fsync cost nothing.
	err := unix.Mount("overlay", root, "overlay", 0, options+",volatile")
	if err == unix.EINVAL {
		err = unix.Mount("overlay", root, "overlay", 0, options)
	}
	roottest.Need(t, err == nil, "overlayfs")
	t.Cleanup(func() { require.NoError(t, unix.Unmount(root, unix.MNT_DETACH)) })
	resolv, err := os.ReadFile("/etc/resolv.conf")
	require.NoError(t, err)
	put(t, root, "etc/resolv.conf", string(resolv), 0o644)
	return root
}

func put(t *testing.T, root, name, text string, perm os.FileMode) {
	t.Helper()
	name = filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(text), perm))
	require.NoError(t, os.Chmod(name, perm))
}

// inChroot runs the script of a task in a root.
func inChroot(t *testing.T, root, task string, params map[string]any, env ...string) (log string, code int) {
	t.Helper()
	script := newJob(released(t), params).render(t, task)
	put(t, root, "tmp/"+task+".sh", script, 0o700)
	command := fmt.Sprintf("mount -t proc proc %[1]s/proc; exec chroot %[1]s /usr/bin/env bash /tmp/%[2]s.sh", root, task)
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "bash", "-ec", command)
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "RS_ENDPOINT=https://192.168.124.1:8092",
		"RS_RUNNER_DIR=/var/lib/drp-agent/runner-1"}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError), "%s", out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// identity is what an installed and used system has, and clones must not share. What
// is true goes, what is false stays.
var identity = map[string]bool{
	"var/lib/dhcp/dhclient.eth0.leases": true, "var/lib/NetworkManager/internal-eth0.lease": true, "var/lib/NetworkManager/secret_key": true,
	"etc/udev/rules.d/70-persistent-net.rules": true, "etc/lvm/devices/system.devices": true, "etc/lvm/archive/vg0.vg": true, "var/lib/systemd/random-seed": true,
	"root/anaconda-ks.cfg": true, "var/log/installer/autoinstall-user-data": true, "var/log/old.log.1": true, "var/log/old.log.2.gz": true, "var/log/messages-20260101": true,
	"var/log/journal/0123/system.journal": true, "root/.ssh/known_hosts": true, "var/lib/drp-agent/agent-cfg.yml": true, "var/lib/cloud/instances/i-1/obj.pkl": true, "var/lib/cloud/sem/x": true,
	"boot/initramfs-0-rescue-0123.img": true, "var/crash/kernel.crash": true,
	"var/lib/drp-agent/runner-1/job": false, "var/lib/cloud/seed/nocloud/meta-data": false, "root/.ssh/authorized_keys": false, "var/log/app/app.log": false, "root/.bash_history": false,
	"home/ann/.bash_history": false, "etc/drpcli": false, "home/ann/file": false,
}

func used(t *testing.T, root string) {
	t.Helper()
	for name := range identity {
		put(t, root, name, "left over\n", 0o600)
	}
	put(t, root, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	put(t, root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444)
	put(t, root, "var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444)
	put(t, root, "etc/ssh/ssh_host_ed25519_key", "secret\n", 0o600)
	put(t, root, "etc/ssh/ssh_host_ed25519_key.pub", "public\n", 0o644)
	put(t, root, "etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nHWADDR=52:54:00:00:00:01\nUUID=1-2-3\nBOOTPROTO=dhcp\n", 0o644)
	put(t, root, "etc/NetworkManager/system-connections/eth0.nmconnection", "[connection]\nid=eth0\nuuid=1-2-3\n[ethernet]\nmac-address=52:54:00:00:00:01\n", 0o600)
	put(t, root, "etc/netplan/50-cloud-init.yaml", "network:\n  ethernets:\n    eth0:\n      match:\n        macaddress: 52:54:00:00:00:01\n", 0o600)
	put(t, root, "etc/netplan/mine.yaml", "network:\n  ethernets:\n    eth1:\n      match:\n        macaddress: 52:54:00:00:00:02\n", 0o600)
}

func requireClean(t *testing.T, root, log string) {
	t.Helper()
	for name, goes := range identity {
		_, err := os.Lstat(filepath.Join(root, name))
		require.Equal(t, goes, os.IsNotExist(err), "%s: %s", name, log)
	}
	for _, name := range []string{"etc/machine-id", "root/.bash_history", "home/ann/.bash_history", "etc/drpcli", "var/log/app/app.log", "etc/resolv.conf"} {
		require.Empty(t, read(t, root, name), name)
	}
	target, err := os.Readlink(filepath.Join(root, "var/lib/dbus/machine-id"))
	require.NoError(t, err)
	require.Equal(t, "/etc/machine-id", target)
	require.Equal(t, "DEVICE=eth0\nBOOTPROTO=dhcp\n", read(t, root, "etc/sysconfig/network-scripts/ifcfg-eth0"))
	require.Equal(t, "[connection]\nid=eth0\n[ethernet]\n", read(t, root, "etc/NetworkManager/system-connections/eth0.nmconnection"))
	require.Contains(t, log, "/etc/netplan/mine.yaml is tied to a network card")
	require.Equal(t, "left over\n", read(t, root, "home/ann/file"))
}

// TestDebianTasks runs the four tasks of image-builder-linux in real roots, with apt
// and the network, and has the agent judge the result.
func TestDebianTasks(t *testing.T) {
	t.Parallel()
	for version, suite := range map[string]string{"12": "bookworm", "13": "trixie"} {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			root := debian(t, suite, version)
			used(t, root)
			// A new kernel gets its initramfs, quickly, and packages do not have it made anew.
			put(t, root, "etc/initramfs-tools/conf.d/quick", "COMPRESS=gzip\nCOMPRESSLEVEL=1\n", 0o644)
			put(t, root, "etc/initramfs-tools/update-initramfs.conf", "update_initramfs=no\n", 0o644)
			put(t, root, "etc/apt/sources.list", "deb http://user:secret@192.168.124.1:8091/debian/install "+suite+" main\n", 0o644)
			put(t, root, "etc/cloud/cloud-init.disabled", "", 0o644)
			put(t, root, "etc/cloud/cloud.cfg.d/99-installer.cfg", "datasource_list: [ None ]\n", 0o644)
			put(t, root, "etc/cloud/cloud.cfg.d/91-mine.cfg", "datasource_list:\n  - Ec2\n  - None\n", 0o644)

			log, code := inChroot(t, root, "image-reset-package-repos", nil)
			require.Zero(t, code, log)
			require.NotContains(t, log, "secret")
			require.Equal(t, "deb http://deb.debian.org/debian "+suite+" main non-free-firmware\ndeb http://deb.debian.org/debian "+suite+"-updates main non-free-firmware\n"+
				"deb http://security.debian.org/debian-security "+suite+"-security main non-free-firmware\n", read(t, root, "etc/apt/sources.list"))

			log, code = inChroot(t, root, "image-update-packages", map[string]any{"image-builder/additional-packages": []any{"no-such-package", "lvm2"}})
			require.Equal(t, 1, code)
			require.Contains(t, log, "there are no packages no-such-package\nhint: ")
			// As dpkg leaves it when it is killed between unpacking and configuring.
			status := read(t, root, "var/lib/dpkg/status")
			before, after, found := strings.Cut(status, "Package: hostname\nEssential: yes\nStatus: install ok installed\n")
			if !found {
				before, after, found = strings.Cut(status, "Package: hostname\nStatus: install ok installed\n")
			}
			require.True(t, found)
			put(t, root, "var/lib/dpkg/status", before+"Package: hostname\nEssential: yes\nStatus: install ok half-configured\n"+after, 0o644)
			log, code = inChroot(t, root, "image-update-packages", nil)
			require.Zero(t, code, log)
			require.Contains(t, log, "set up what an interrupted dpkg had left half done")
			for _, name := range []string{"mdadm", "lvm2", "xfsprogs", "e2fsprogs", "grub2-common", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed", "grub-pc-bin", "efibootmgr", "lsb-release"} {
				out, err := exec.Command("chroot", root, "dpkg-query", "-W", "-f", "${db:Status-Status}", name).CombinedOutput()
				require.NoError(t, err, "%s: %s", name, out)
				require.Equal(t, "installed", string(out), name)
			}

			log, code = inChroot(t, root, "image-install-cloud-init", nil)
			require.Zero(t, code, log)
			require.NoFileExists(t, filepath.Join(root, "etc/cloud/cloud-init.disabled"))
			require.NoFileExists(t, filepath.Join(root, "etc/cloud/cloud.cfg.d/99-installer.cfg"))
			require.Contains(t, log, "adding the datasource NoCloud")

			log, code = inChroot(t, root, "image-builder-cleanup", nil)
			require.Zero(t, code, log)
			requireClean(t, root, log)
			keys, err := filepath.Glob(root + "/etc/ssh/ssh_host_*")
			require.NoError(t, err)
			require.Empty(t, keys)
			require.NoFileExists(t, filepath.Join(root, "usr/sbin/policy-rc.d"))
			require.NoFileExists(t, filepath.Join(root, "etc/netplan/50-cloud-init.yaml"))
			lists, err := filepath.Glob(root + "/var/lib/apt/lists/*")
			require.NoError(t, err)
			require.Empty(t, lists)
			logs, err := exec.Command("find", root+"/var/log", "-type", "f", "-size", "+0").Output()
			require.NoError(t, err)
			require.Empty(t, string(logs))

			// A second run is none too many: the job may be run again.
			log, code = inChroot(t, root, "image-builder-cleanup", nil)
			require.Zero(t, code, log)

			out, _ := exec.Command(agent(t), "check", root, "--format", "tar-zst", "--json").Output()
			var report struct {
				Findings []struct{ Check, Level, Message, Path string }
			}
			require.NoError(t, json.Unmarshal(out, &report), "%s", out)
			require.NotEmpty(t, report.Findings, "%s", out)
			for _, f := range report.Findings {
				require.NotEqual(t, "fail", f.Level, "%+v", f)
			}
		})
	}
}

// TestHostKeysStay: where nothing would make new ones, sshd would not start.
func TestHostKeysStay(t *testing.T) {
	root := debian(t, "bookworm", "12")
	used(t, root)
	put(t, root, "etc/cloud/cloud-init.disabled", "", 0o644)
	log, code := inChroot(t, root, "image-builder-cleanup", nil, "RS_ENDPOINT=https://drp.example:8092")
	require.Zero(t, code, log)
	require.Contains(t, log, "the SSH host keys stay")
	require.FileExists(t, filepath.Join(root, "etc/ssh/ssh_host_ed25519_key"))
	require.Contains(t, log, "/etc/resolv.conf stays")
	require.NotEmpty(t, read(t, root, "etc/resolv.conf"))
	require.Contains(t, log, "/etc/netplan/50-cloud-init.yaml is tied")
}

// TestOtherFamilies runs the tasks as on other distributions: their package managers
// are doubles, which keep a journal.
func TestOtherFamilies(t *testing.T) {
	yum := `echo "yum $*" >>/journal
case "$*" in *"list grub2-efi-modules") exit 1 ;; *repoquery*) echo kernel-core-5.14.0-362.el9.x86_64 ;; *reinstall*) for f in rocky rocky-extras; do [ -e /etc/yum.repos.d/$f.repo ] || echo stock >/etc/yum.repos.d/$f.repo; done ;; esac`
	for name, c := range map[string]struct {
		release string
		tools   map[string]string
		want    []string
	}{
		"rocky 9": {"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.6\"\n",
			map[string]string{"dnf": yum, "rpm": `printf 'rocky-repos /etc/yum.repos.d/rocky.repo\nrocky-repos /etc/yum.repos.d/rocky-extras.repo\nbash /usr/bin/bash\n'`},
			[]string{"yum -y reinstall rocky-repos", "yum -y makecache", "yum -y makecache", "yum -y update",
				"yum -y install efibootmgr mdadm lvm2 xfsprogs e2fsprogs grub2-tools grub2-efi-x64 shim-x64 grub2-efi-x64-modules grub2-pc-modules",
				"yum -y install cloud-init cloud-utils-growpart", "yum -y clean all", "yum -y remove kernel-core-5.14.0-362.el9.x86_64"}},
		"centos 7": {"ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n",
			map[string]string{"yum": yum, "rpm": `printf 'centos-release /etc/yum.repos.d/CentOS-Base.repo\n'`},
			[]string{"yum -y reinstall centos-release", "yum -y update", "yum -y install cloud-init cloud-utils-growpart", "yum -y clean all"}},
		"rhel 10": {"ID=\"rhel\"\nID_LIKE=\"centos fedora\"\nVERSION_ID=\"10.0\"\n",
			map[string]string{"dnf": yum, "subscription-manager": `echo "subscription-manager $*" >>/journal`},
			[]string{"subscription-manager identity", "subscription-manager refresh", "yum -y update", "subscription-manager unregister", "subscription-manager clean"}},
		"sles 15": {"ID=\"sles\"\nID_LIKE=\"suse\"\nVERSION_ID=\"15.7\"\n",
			map[string]string{"zypper": `echo "zypper $*" >>/journal; case "$*" in *" update") exit 102 ;; *"match-exact growpart") exit 104 ;; esac`},
			[]string{"zypper --non-interactive refresh", "zypper --non-interactive update",
				"zypper --non-interactive install --no-recommends efibootmgr mdadm lvm2 xfsprogs e2fsprogs grub2 grub2-x86_64-efi shim grub2-x86_64-efi grub2-x86_64-efi grub2-i386-pc",
				"zypper --non-interactive install --no-recommends cloud-init", "zypper --non-interactive clean --all"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := debian(t, "bookworm", "12")
			used(t, root)
			require.NoError(t, os.Remove(root+"/etc/os-release"))
			put(t, root, "etc/os-release", c.release, 0o644)
			put(t, root, "etc/yum.repos.d/00-rebar-base.repo", "rebar\n", 0o644)
			put(t, root, "etc/yum.repos.d/rocky.repo", "changed\n", 0o644)
			for tool, text := range c.tools {
				put(t, root, "usr/local/bin/"+tool, "#!/bin/bash\n"+text+"\n", 0o755)
			}
			for _, task := range []string{"image-reset-package-repos", "image-update-packages", "image-install-cloud-init", "image-builder-cleanup"} {
				log, code := inChroot(t, root, task, nil)
				require.Zero(t, code, "%s: %s", task, log)
				if task == "image-builder-cleanup" {
					requireClean(t, root, log)
				}
			}
			journal := "\n" + read(t, root, "journal")
			at := 0
			for _, line := range c.want {
				i := strings.Index(journal[at:], "\n"+line+"\n")
				require.GreaterOrEqual(t, i, 0, "%s is not there, or not in its place: %s", line, journal)
				at += i + len(line) + 1
			}
			if name == "rocky 9" {
				require.Equal(t, "stock\n", read(t, root, "etc/yum.repos.d/rocky.repo"))
				require.NoFileExists(t, root+"/etc/yum.repos.d/rocky.repo.reset")
			}
			if name != "sles 15" {
				require.NoFileExists(t, root+"/etc/yum.repos.d/00-rebar-base.repo")
			}
		})
	}
}

// TestResetOffline: repositories that cannot be read are not lost.
func TestResetOffline(t *testing.T) {
	root := debian(t, "bookworm", "12")
	require.NoError(t, os.Remove(root+"/etc/os-release"))
	put(t, root, "etc/os-release", "ID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=9.6\n", 0o644)
	put(t, root, "etc/yum.repos.d/rocky.repo", "changed\n", 0o644)
	put(t, root, "etc/yum.repos.d/00-rebar-base.repo", "rebar\n", 0o644)
	put(t, root, "usr/local/bin/dnf", "#!/bin/sh\nexit 1\n", 0o755)
	put(t, root, "usr/local/bin/rpm", "#!/bin/sh\necho rocky-repos /etc/yum.repos.d/rocky.repo\n", 0o755)
	log, code := inChroot(t, root, "image-reset-package-repos", nil)
	require.Equal(t, 1, code, log)
	require.Contains(t, log, "cannot reinstall rocky-repos\nhint: set image-builder/skip-package-reset")
	require.Equal(t, "changed\n", read(t, root, "etc/yum.repos.d/rocky.repo"))
	require.FileExists(t, root+"/etc/yum.repos.d/00-rebar-base.repo")
}

// TestSkipReset: nothing is done, whatever the system.
func TestSkipReset(t *testing.T) {
	script := newJob(released(t), map[string]any{"image-builder/skip-package-reset": true}).render(t, "image-reset-package-repos")
	out, err := exec.Command("env", "-i", "bash", "-c", script).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "image-capture: the package repositories stay as they are (image-builder/skip-package-reset)\n", string(out))
}
