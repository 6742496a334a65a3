package bootcheck

import "testing"

func TestBuildTraces(t *testing.T) {
	const rule = "build-traces"
	for _, c := range []ruleCase{
		{"none", rule, deb, "", []string{"ok: nothing is left"}},
		{"policy-rc.d", rule, deb, "-- usr/sbin/policy-rc.d [0755] --\n#!/bin/sh\nexit 101\n", []string{"warn /usr/sbin/policy-rc.d: keeps packages from starting their services [rm /usr/sbin/policy-rc.d] => drop /usr/sbin/policy-rc.d"}},
		{"nologin", rule, "rocky9", "-- etc/nologin --\nsoon\n", []string{"warn /etc/nologin: keeps all but root from logging in [rm /etc/nologin] => drop /etc/nologin"}},
		{"container", rule, "leap15", "-- .dockerenv --\n", []string{"warn /.dockerenv: is the mark of a container"}},
		{"diverted", rule, "ubuntu2404", "-- usr/sbin/start-stop-daemon.REAL [0755 fill] --\n",
			[]string{"warn /usr/sbin/start-stop-daemon.REAL: start-stop-daemon was replaced by the builder, and the real one is kept here [rm /usr/sbin/start-stop-daemon && dpkg-divert --rename --remove /usr/sbin/start-stop-daemon]"}},
		{"emulator", rule, arm, "-- usr/bin/qemu-aarch64-static [0755 fill] --\n", []string{"info /usr/bin/qemu-aarch64-static: is the emulator"}},
		{"mtab", rule, deb, "-- etc/mtab --\n/dev/sda1 / ext4 rw 0 0\n", []string{"warn /etc/mtab: is a file, and not a link to /proc/self/mounts [ln -sf ../proc/self/mounts /etc/mtab]"}},
		{"mtab as a link", rule, deb, "-- etc/mtab -> ../proc/self/mounts --\n", []string{"ok"}},
		{"mtab of old", rule, "centos6", "-- etc/mtab --\n/dev/sda1 / ext4 rw 0 0\n", []string{"ok"}},
		{"dpkg interrupted", rule, deb, "-- var/lib/dpkg/updates/0003 --\nPackage: x\n", []string{"warn /var/lib/dpkg/updates/0003: dpkg was interrupted: not all that it did is in its database [dpkg --configure -a]"}},
		{"yum interrupted", rule, "centos7", "-- var/lib/yum/transaction-all.2026-01-01.12:00.00 --\nx\n", []string{"warn /var/lib/yum/transaction-all.2026-01-01.12:00.00: a transaction of yum was interrupted [yum-complete-transaction]"}},
		{"apt's proxy", rule, deb, "-- etc/apt/apt.conf.d/01proxy --\nAcquire::http::Proxy \"http://user:secret@10.0.0.1:3142\";\n", []string{"warn /etc/apt/apt.conf.d/01proxy: sends clones to the builder's proxy or mirror [remove the line, unless clones reach it too]"}},
		{"apt's proxy in braces", rule, deb, "-- etc/apt/apt.conf --\nAcquire { http::Proxy \"http://10.0.0.1:3142\"; }\n", []string{"warn /etc/apt/apt.conf: sends clones"}},
		{"apt's proxy, not read", rule, deb, "-- etc/apt/apt.conf.d/01proxy.disabled --\nAcquire::http::Proxy \"http://10.0.0.1:3142\";\n", []string{"ok"}},
		{"apt's other settings", rule, deb, "-- etc/apt/apt.conf.d/02x --\n# Acquire::http::Proxy \"x\";\nAcquire::http::Pipeline-Depth 0;\n", []string{"ok"}},
		{"dnf's proxy", rule, "rocky9", "-- etc/dnf/dnf.conf --\n[main]\nproxy=http://10.0.0.1:3128\n", []string{"warn /etc/dnf/dnf.conf: sends clones"}},
		{"dnf without", rule, "rocky9", "-- etc/dnf/dnf.conf --\n[main]\nproxy=_none_\n", []string{"ok"}},
		{"pip's mirror", rule, deb, "-- etc/pip.conf --\n[global]\nindex-url = http://10.0.0.1/simple\n", []string{"warn /etc/pip.conf: sends clones"}},
		{"environment", rule, deb, "-- etc/environment --\nHTTPS_PROXY=http://10.0.0.1:3128\n", []string{"warn /etc/environment: sends clones"}},
		{"name servers", rule, deb, "-- etc/resolv.conf --\nnameserver 10.0.0.2\n", []string{"info /etc/resolv.conf: is a file with the builder's name servers"}},
		{"name servers of a link", rule, deb, "-- etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf --\n", []string{"ok"}},
	} {
		t.Run(c.name, c.run)
	}
}
