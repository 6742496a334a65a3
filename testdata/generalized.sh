#!/usr/bin/env bash
# Captures a root with --generalize --fix, unpacks it as a deployer does, and compares it with
# the source by rsync: the differences are exactly the edits that the MANIFEST lists.
# generalized.sh AGENT ROOT [WORKDIR]. Identity is planted in a copy of ROOT; it needs root.
set -euo pipefail

agent=$(realpath "$1") from=$(realpath "$2") work=$(mktemp -d -p "${3:-${TMPDIR:-/tmp}}")
trap 'rm -rf --one-file-system "$work"' EXIT
fail() { echo "generalized.sh: $*" >&2; exit 1; }
src=$work/src
cp -a "$from" "$src"

# What clones must not share, in both ways that it is taken out: emptied and left out, and
# with a name more, an attribute and a mode of its own.
id=0123456789abcdef0123456789abcdef
echo $id >"$src/etc/machine-id"
mkdir -p "$src/var/lib/dbus" "$src/etc/netplan" "$src/var/lib/dhcp" "$src/etc/puppet/ssl" "$src/var/ossec/etc" "$src/opt/consul" "$src/var/lib/systemd" "$src/etc/insights-client" "$src/srv"
rm -f "$src/var/lib/dbus/machine-id"
echo $id >"$src/var/lib/dbus/machine-id"
echo lease >"$src/var/lib/dhcp/dhclient.eth0.leases"
echo key >"$src/etc/puppet/ssl/key"
echo '001 agent any key' >"$src/var/ossec/etc/client.keys"
chmod 640 "$src/var/ossec/etc/client.keys"
setfattr -n user.kept -v yes "$src/var/ossec/etc/client.keys"
echo x >"$src/opt/consul/node-id"
ln "$src/opt/consul/node-id" "$src/srv/same-inode"   # the first name goes, this one stays with the data
ln "$src/etc/machine-id" "$src/srv/machine-id-link"  # the other name of what is emptied
head -c 512 /dev/urandom >"$src/var/lib/systemd/random-seed"
echo $id >"$src/etc/insights-client/machine-id"
: >"$src/etc/insights-client/.registered"
echo stamp >"$src/etc/insights-client/.lastupload"
echo gold >"$src/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\tgold\n' >"$src/etc/hosts"
echo ls >"$src/root/.bash_history"
before=$(cd "$src" && find . -printf '%p %m %U %G %s %T@\n' | sort | sha256sum)

"$agent" "$src" --generalize --fix --default-excludes=false --format tar-zst --output "$work/image.tar.zst" --quiet >/dev/null 2>"$work/said" || fail "$(cat "$work/said")"
[ "$before" = "$(cd "$src" && find . -printf '%p %m %U %G %s %T@\n' | sort | sha256sum)" ] || fail "the source changed"

# Two lists of paths: what the MANIFEST says that was edited, and what rsync sees.
manifest=$work/image.MANIFEST.txt
sed -n 's/^# edit: //p' "$manifest" | sed -E 's/: [^:]*$//; s/\/\*\*?$//' | sort -u >"$work/listed"
[ "$(wc -l <"$work/listed")" -ge 10 ] || fail "few edits are listed: $(cat "$work/listed")"
mkdir "$work/out"
zstd -dcq "$work/image.tar.zst" | tar --xattrs '--xattrs-include=*' -Sxpf - --numeric-owner -C "$work/out"
rsync -naAXSi -@-1 -c --delete --numeric-ids "$src/" "$work/out/" | awk '{ op = $1; $1 = ""; sub(/^ /, ""); print op, $0 }' >"$work/seen"
# A directory is as it was, whatever goes out of it.
grep -v '^.d' "$work/seen" | sed -E 's/^[^ ]+ //; s/ -> .*//; s|/$||; s|^|./|' >"$work/paths"
grep '^.d+' "$work/seen" | sed -E 's/^[^ ]+ //; s|/$||; s|^|./|' >>"$work/paths" || true
while read -r path; do
	up=$path
	until grep -qxF -- "$up" "$work/listed"; do
		up=${up%/*}
		[ "$up" != . ] || fail "a difference that is no edit: $(grep -F -- "${path#./}" "$work/seen")"
	done
done <"$work/paths"
while read -r path; do
	grep -qxF -- "$path" "$work/paths" || grep -qF -- "$path/" "$work/paths" || fail "an edit of $path is listed, and rsync sees none"
done <"$work/listed"

# What stays of what was changed: attributes, modes, the data under the other names.
out=$work/out
if [ -s "$out/etc/machine-id" ] || [ -e "$out/var/lib/dbus/machine-id" ]; then fail "a machine id is left"; fi
! grep -rqF $id "$out/etc" "$out/var/lib/dbus" || fail "the machine id is left: $(grep -rlF $id "$out/etc" "$out/var/lib/dbus")"
if [ "$(cat "$out/srv/same-inode")" != x ] || [ -e "$out/opt/consul/node-id" ]; then fail "the other name of a dropped file lost the data"; fi
[ "$(cat "$out/srv/machine-id-link")" = $id ] || fail "the other name of an emptied file lost the data"
[ "$(stat -c '%a %s' "$out/var/ossec/etc/client.keys")" = "640 0" ] || fail "client.keys: $(stat -c '%a %s' "$out/var/ossec/etc/client.keys")"
getfattr -n user.kept "$out/var/ossec/etc/client.keys" >/dev/null || fail "client.keys lost its attribute"
"$agent" verify "$work/image.tar.zst" --quiet || fail "the image is not what its MANIFEST says"
echo "generalized: $(wc -l <"$work/listed") edits, $(wc -l <"$work/paths") differences"
