package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload/drptest"
)

// doubles are of what changes a machine by the network.
func (r *runner) doubles() {
	for _, name := range []string{"systemctl", "cloud-init", "udevadm"} {
		r.double(name, `echo "`+name+` $*" >>/opt/journal`)
	}
	r.double("apt-get", `case " $* " in *" -s "*) exit ;; esac; echo "apt-get ${*: -1}" >>/opt/journal`)
	r.double("sleep", `echo "waits $1"`)
	put(r.t, r.machine, "etc/systemd/system/cloud-init.service", "", 0o644)
	put(r.t, r.machine, "etc/apt/sources.list", "deb http://192.168.124.1:8091/debian-13/install trixie main\n", 0o644)
	put(r.t, r.machine, "etc/resolv.conf", "nameserver 192.0.2.1\n", 0o644)
	put(r.t, r.machine, "etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444)
	put(r.t, r.machine, "etc/ssh/ssh_host_ed25519_key", "secret\n", 0o600)
	put(r.t, r.machine, "home/ann/file", "mine\n", 0o644)
	// The rest of /usr is this host's; see image-capture/exclude-mounts.
	r.values["image-capture/exclude-mounts"] = []any{"/usr"}
}

// TestGoldWorkflow: from the first task to the MANIFEST, on a machine whose dpkg was
// interrupted and is in use, and with an endpoint that goes away meanwhile.
func TestGoldWorkflow(t *testing.T) {
	t.Parallel()
	r := newRunner(t, "")
	r.doubles()
	r.double("dpkg", `echo "dpkg $1 ${*: -1}" >>/opt/journal
case $* in
--audit) [ -e /opt/repaired ] || echo hostname ;;
*) if [ -e /opt/tried ]; then touch /opt/repaired; else touch /opt/tried; echo "dpkg: error: dpkg frontend lock was locked by another process" >&2; exit 2; fi ;;
esac`)
	var stages []string
	for _, name := range []string{"linux-selector", "ssh-access", "drp-agent", "flexiflow-start", "complete-nobootenv"} {
		r.foreign[name] = func() { stages = append(stages, name) }
	}
	r.foreign["drp-agent"] = func() {
		stages = append(stages, "drp-agent")
		put(t, r.machine, "etc/drpcli", "RS_KEY=rocketskates:"+secretOf+"\n", 0o600)
		put(t, r.machine, "var/lib/drp-agent/agent-cfg.yml", "Token: "+secretOf+"\n", 0o600)
		r.keepState()
	}
	r.values["image-capture/attempts"] = 1
	r.api.AddFault(drptest.Fault{Method: "POST", Path: ".tgz", After: 1000, Kill: true, Times: 1})

	r.workflow("image-builder-debian13")
	job := r.work()
	require.Equal(t, "finished", job.state, job.log)
	require.Equal(t, []string{"linux-selector", "ssh-access", "drp-agent", "flexiflow-start", "flexiflow-start", "complete-nobootenv"}, stages)
	var tasks []string
	for _, job := range r.jobs {
		tasks = append(tasks, job.task)
	}
	require.Equal(t, []string{"image-reset-package-repos", "image-update-packages", "image-install-cloud-init", "image-builder-cleanup", "image-capture"}, tasks)
	require.Contains(t, r.jobs[1].log, "dpkg is in use by another process; waiting (1 of 30)\nwaits 10\nimage-capture: set up what an interrupted dpkg had left half done")
	require.Contains(t, job.log, "tried again in 60 s (1 of 1, image-capture/resume)\nwaits 60\n")
	require.NotRegexp(t, `check (fail|warn): .*(drp|Digital Rebar)`, job.log, "the check took the runner's own state for a leftover")
	image, _ := r.pair()
	requireNoSecret(t, image)
	names := members(t, image)
	require.Contains(t, names, "./home/ann/file")
	require.Contains(t, names, "./curtin/curtin-hooks")
	require.NotContains(t, names, "./etc/ssh/ssh_host_ed25519_key")
	require.Contains(t, job.log, "image-deploy/image-url: "+r.files.URL+"/files/images/"+filepath.Base(image)+"\n", "the port of the files is the endpoint's own")
}

// TestBrownfieldWorkflow: the machine stays as it is; what a failed job kept outlasts it,
// and the job waits for its Runnable.
func TestBrownfieldWorkflow(t *testing.T) {
	t.Parallel()
	r := newRunner(t, "")
	r.doubles()
	put(t, r.machine, "etc/drpcli", "RS_KEY=rocketskates:"+secretOf+"\n", 0o600)
	r.keepState()
	r.values["image-capture/check"] = "off"
	r.values["image-capture/attempts"], r.values["image-capture/resume"] = 1, 0
	r.values["image-capture/result-file"] = "/run/result/image-capture.json"
	r.api.AddFault(drptest.Fault{Method: "POST", Path: ".txt", Status: 507, Times: 1})

	r.workflow("image-capture-brownfield")
	job := r.work()
	require.Equal(t, "failed", job.state, job.log)
	require.False(t, r.runnable)
	require.Contains(t, job.log, "set the machine's Runnable to true")
	require.Contains(t, job.log, "image-capture/fix")
	require.Contains(t, job.log, "image-capture/check")
	kept := strings.Fields(r.on("ls /run/image-capture"))
	require.Len(t, kept, 1, job.log)
	require.Contains(t, job.log, "kept in /run/image-capture, until the machine is booted anew: "+kept[0])
	require.Contains(t, r.on("cat /run/result/image-capture.json"), `"exit_code": 7`)
	images, manifests := r.stored()
	require.Len(t, images, 1)
	require.Empty(t, manifests)
	// The MANIFEST that was kept is that of the image.
	require.NoError(t, os.WriteFile(filepath.Join(r.api.Dir, "kept.txt"), []byte(r.on("cat /run/image-capture/"+kept[0])), 0o600))
	require.Contains(t, read(t, r.api.Dir, "kept.txt"), "upload tarball: "+images[0])
	for _, name := range []string{images[0], "kept.txt"} {
		require.NoError(t, os.Remove(r.api.File("/"+name)))
	}

	job = r.again()
	require.Equal(t, "finished", job.state, job.log)
	image, _ := r.pair()
	requireNoSecret(t, image)
	require.Equal(t, "0123456789abcdef0123456789abcdef\n", read(t, r.machine, "etc/machine-id"))
	require.FileExists(t, filepath.Join(r.machine, "etc/ssh/ssh_host_ed25519_key"))
	require.NotContains(t, members(t, image), "./etc/ssh/ssh_host_ed25519_key", "image-capture/fix")

	// An endpoint before 4.3 drops the task's claims: nothing is tried twice.
	r.noClaims = true
	r.values["image-capture/resume"] = 3
	r.workflow("image-capture-brownfield")
	job = r.work()
	require.Equal(t, 5, job.code, job.log)
	require.NotContains(t, job.log, "waits")
}

// TestSledgehammerWorkflow: disks with btrfs, xfs, ext4, /boot and /boot/efi of their own.
// One that its fstab names is gone: the log's own remedy makes the workflow go on, from
// the task that failed.
func TestSledgehammerWorkflow(t *testing.T) {
	t.Parallel()
	d := newDisks(t, "mkfs.btrfs", "btrfs", "mkfs.xfs")
	const uuid = "6b7c1d2e-8a4b-4c7e-9a55-6a2b4c8d9e11"
	d.add("mkfs.ext4 -q -F -L BOOT", "32M", "mkdir efi; echo kernel >vmlinuz")
	d.add("mkfs.ext4 -q -F -L ESP", "16M", "mkdir -p EFI/debian; echo loader >EFI/debian/shimx64.efi")
	d.add("mkfs.xfs -q -f -L DATA", "320M", "echo data >file")
	d.add("mkfs.btrfs -q -f -U "+uuid, "128M", "btrfs subvolume create @ >/dev/null; btrfs subvolume create @home >/dev/null; echo mine >@home/file; cd @\n"+
		root(strings.Join([]string{"UUID=" + uuid + " / btrfs subvol=@ 0 0", "UUID=" + uuid + " /home btrfs subvol=/@home 0 0", "LABEL=BOOT /boot ext4 defaults 0 2",
			"LABEL=ESP /boot/efi ext4 umask=0077 0 1", "LABEL=DATA /data xfs defaults 0 2", "LABEL=gone /srv/data ext4 defaults 0 2"}, "\n"))+"mkdir -p srv/data; cd ..")
	r := newRunner(t, "")
	r.doubles()
	delete(r.values, "image-capture/exclude-mounts")
	var list []any
	for _, dev := range d.devs {
		list = append(list, dev)
	}
	r.values["image-capture/disks"] = list
	before := d.sums()

	r.workflow("image-capture-sledgehammer")
	job := r.work()
	require.Equal(t, jobRun{task: "image-capture-mount", state: "failed", code: 1, log: job.log}, job)
	require.Contains(t, job.log, "fstab: /srv/data: LABEL=gone is not on the disks\nhint: the image would lack it; image-capture/exclude-mounts leaves it out")
	r.values["image-capture/exclude-mounts"] = []any{"/srv/data"}

	r.values["image-capture/resume"], r.values["image-capture/attempts"] = 0, 1
	r.api.AddFault(drptest.Fault{Method: "POST", Path: ".tgz", After: 1000, Kill: true, Times: 1})
	job = r.again()
	require.Equal(t, "image-capture-agent", job.task, job.log)
	require.Equal(t, 7, job.code, job.log)
	require.Contains(t, r.on("grep -c ' /mnt/image-capture' /proc/self/mountinfo"), "5", "the disks stay for another run")

	job = r.again()
	require.Equal(t, "finished", job.state, job.log)
	require.Equal(t, "image-capture-unmount", job.task)
	require.Contains(t, r.jobs[len(r.jobs)-2].log, "/srv/data", "what is not mounted is told")
	image, _ := r.pair()
	names := members(t, image)
	for _, name := range []string{"./boot/vmlinuz", "./boot/efi/EFI/debian/shimx64.efi", "./home/file", "./data/file", "./srv/data/", "./etc/fstab"} {
		require.Contains(t, names, name)
	}
	require.Equal(t, "0\n", r.on("grep -c image-capture /proc/self/mountinfo || :"))
	require.Equal(t, before, d.sums(), "a disk was written to")
}
