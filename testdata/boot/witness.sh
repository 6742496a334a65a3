#!/usr/bin/env bash
# Files that come out wrong when a tool on the way takes no care: witness.sh make ROOT
# puts them into ROOT/srv/witness, witness.sh show ROOT prints what became of them,
# as getcap, getfattr, getfacl and stat see it. What it must print is in witness.txt.
set -euo pipefail

verb=${1:?usage: witness.sh make|show ROOT} root=${2:?usage: witness.sh make|show ROOT}
dir=$root/srv/witness

make_them() {
	mkdir -p "$dir/default-acl"
	# The guest reads /etc/shadow with this one as nobody.
	cp "$root/bin/cat" "$dir/capability"
	setcap cap_dac_read_search=ep "$dir/capability"
	echo xattr >"$dir/xattr"
	setfattr -n user.witness -v 'any value' "$dir/xattr"
	setfattr -n user.bytes -v 0x00ff0a3d "$dir/xattr"
	# The guest reads this one as uid 1234.
	echo acl >"$dir/acl"
	chmod 600 "$dir/acl"
	setfacl -n -m u:1234:r,m::r "$dir/acl"
	setfacl -d -m g:1235:rwx "$dir/default-acl"
	echo 'hard link' >"$dir/link-a"
	ln -f "$dir/link-a" "$dir/link-b"
	rm -f "$dir/sparse"
	truncate -s 64M "$dir/sparse"
	printf 'in the middle' | dd of="$dir/sparse" bs=1 seek=20000000 conv=notrunc status=none
	chown 1234567:7654321 "$dir/xattr"
	touch -d @1700000000.123456789 "$dir/xattr"
}

show_them() {
	cd "$dir"
	getcap capability
	getfattr -e hex -d xattr
	getfacl -np acl default-acl
	stat -c '%n links=%h size=%s' link-a link-b
	[ link-a -ef link-b ] && echo 'link-a is link-b'
	stat -c '%n size=%s' sparse
	[ "$(stat -c %b sparse)" -lt 1024 ] && echo 'sparse has holes'
	sha256sum sparse
	stat -c '%n uid=%u gid=%g mtime=%.9Y' xattr
}

case $verb in
make) make_them ;;
show) show_them ;;
*) echo "usage: witness.sh make|show ROOT" >&2; exit 2 ;;
esac
