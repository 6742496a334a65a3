#!/usr/bin/env bash
# Unpacks an image as a deployer does and compares it with its source by tools
# that this project did not write: fidelity.sh IMAGE MANIFEST SOURCE [WORKDIR].
# Set GOMTREE to a gomtree binary, else the one pinned in go.mod is built. With AGENT set to
# the program, its own extract unpacks in place of GNU tar.
set -euo pipefail

image=$(realpath "$1") manifest=$(realpath "$2") src=$(realpath "$3") work=$(mktemp -d -p "${4:-${TMPDIR:-/tmp}}")
trap 'rm -rf --one-file-system "$work"' EXIT
fail() { echo "fidelity.sh: $*" >&2; exit 1; }
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${GOMTREE:-}" ]; then
	GOMTREE=$work/gomtree
	(cd "$here" && go build -o "$GOMTREE" github.com/vbatts/go-mtree/cmd/gomtree)
fi

case $image in
*.tgz) gzip -t "$image"; cat=(gzip -dc) ;;
*.tar.zst) zstd -tq "$image"; cat=(zstd -dcq) ;;
*) cat=(cat) ;;
esac

# What the shell task leaves empty is left out of the comparison.
empty=(--exclude='/proc/*' --exclude='/sys/*' --exclude='/dev/*' --exclude='/run/*' --exclude='/tmp/*' --exclude='/var/tmp/*')

if [ -n "${AGENT:-}" ]; then
	"$AGENT" extract "$image" --manifest "$manifest" -C "$work/gnu"
else
	# The command of a deployer.
	mkdir "$work/gnu"
	"${cat[@]}" "$image" | tar --xattrs '--xattrs-include=*' -Sxpf - --numeric-owner -C "$work/gnu"
fi
diff=$(rsync -naHAXSi -@-1 -c --delete --numeric-ids "${empty[@]}" --exclude=/curtin "$src/" "$work/gnu/")
[ -z "$diff" ] || fail "rsync sees differences:"$'\n'"$(head -50 <<<"$diff")"
"$GOMTREE" validate -f "$manifest" -p "$work/gnu" || fail "gomtree sees differences from the MANIFEST"
getcap -r "$src" 2>/dev/null | sed "s|^$src||" | sort >"$work/caps.src"
getcap -r "$work/gnu" 2>/dev/null | sed "s|^$work/gnu||" | sort >"$work/caps.gnu"
cmp "$work/caps.src" "$work/caps.gnu" || fail "capabilities differ"
[ -e "$work/caps.src" ] && echo "capabilities: $(wc -l <"$work/caps.src")"

# Hard links: the same names share an inode.
links() { (cd "$1" && find . -type f -links +1 \( -path './proc/*' -o -path './sys/*' -o -path './dev/*' -o -path './run/*' -o -path './tmp/*' -o -path './var/tmp/*' \) -prune -o -type f -links +1 -printf '%n %p\n' | sort); }
cmp <(links "$src") <(links "$work/gnu") || fail "hard links differ"

# ACLs, and what stat tells; the size and links of a directory are its filesystem's.
acls() { (cd "$1" && for d in */; do case $d in proc/ | sys/ | dev/ | run/ | tmp/ | curtin/) ;; *) getfacl -R -P -n -s "$d" 2>/dev/null ;; esac; done); }
cmp <(acls "$src") <(acls "$work/gnu") || fail "ACLs differ"
stats() {
	(cd "$1" && find . -mindepth 1 \( -path './proc/*' -o -path './sys/*' -o -path './dev/*' -o -path './run/*' -o -path './tmp/*' -o -path './var/tmp/*' -o -path ./curtin \) -prune -o \
		\( -type d -printf '%y %m %U %G %T@ %p\0' -o -printf '%y %m %U %G %T@ %s %n %l %p\0' \) | sort -z)
}
cmp <(stats "$src") <(stats "$work/gnu") || fail "stat sees differences"
# A file with holes has holes again.
holes() {
	(cd "$1" && find . \( -path './proc/*' -o -path './sys/*' -o -path './dev/*' -o -path './run/*' -o -path './tmp/*' -o -path './var/tmp/*' \) -prune -o \
		-type f -size +64k -printf '%b %s %p\n' | awk '$1 * 512 < $2 - 65536 { $1 = $2 = ""; print }' | sort)
}
[ -z "$(comm -23 <(holes "$src") <(holes "$work/gnu"))" ] || fail "holes are filled"

# bsdtar reads all of it, and lists the same names as GNU tar.
"${cat[@]}" "$image" | LC_ALL=C.UTF-8 bsdtar -tf - | sort >"$work/names.bsd"
"${cat[@]}" "$image" | LC_ALL=C.UTF-8 tar --quoting-style=literal -tf - | sort >"$work/names.gnu"
if [ -n "$(cmp "$work/names.bsd" "$work/names.gnu" 2>&1)" ]; then
	[ "$(wc -l <"$work/names.bsd")" = "$(wc -l <"$work/names.gnu")" ] || fail "bsdtar and GNU tar list different names"
fi
echo "fidelity: $(wc -l <"$work/names.gnu") entries of $(basename "$image") unpack into the same tree"
