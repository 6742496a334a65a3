#!/usr/bin/env bash
# Compares two binaries, OLD and NEW, by what users get of them: images, MANIFESTs,
# Profiles, JSON documents, stdout, stderr and exit codes, on the roots that are given
# (directories; those of make root and testdata/debian-states.sh, say). Images must be
# the same to the byte; in all else only ident, date and version may differ.
#
# usage: compare.sh OLD NEW ROOT...
set -euo pipefail
# shellcheck disable=SC2034 # both uses them by name
old=$(realpath "$1") new=$(realpath "$2")
shift 2
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
bad=0

# plain FILE...: what differs from run to run, made the same.
plain() {
	sed -E -e 's/[0-9]{8}-[0-9]{6}-[0-9a-f]{10}/STAMP/g' -e 's/[0-9]{8}-[0-9]{6}/STAMP/g' \
		-e 's/^( *ident:|# ident:|  "ident":).*/\1 IDENT/' -e 's/^( *date:|# date:|  "date":).*/\1 DATE/' \
		-e 's/^# agent version:.*/# agent version:/' -e 's/"version": "[^"]*"/"version": ""/' \
		-e 's/, [0-9.]+ [KMG]?i?B\/s.*//' "$@"
}

# both NAME ARG...: runs both with the same arguments, each in a folder of its own.
both() {
	local name=$1 which bin
	shift
	for which in old new; do
		bin=${!which}
		mkdir "$work/$which"
		(
			cd "$work/$which"
			code=0
			"$bin" "$@" --progress off >out 2>err </dev/null || code=$?
			echo $code >code
			for f in *; do
				case $f in
				*.tgz | *.tar.zst | *.tar) sha256sum <"$f" >"$f.sum" && rm "$f" ;;
				*) plain "$f" >"$f.plain" && rm "$f" ;;
				esac
			done
			for f in *-STAMP* *[0-9]-[0-9]*; do # names with an ident
				[ ! -e "$f" ] || mv "$f" "$(plain <<<"$f")"
			done
		)
	done
	if diff -r "$work/old" "$work/new" >"$work/diff"; then
		printf 'same    %s (exit code %s)\n' "$name" "$(cat "$work/new/code.plain")"
	else
		printf 'DIFFERS %s\n' "$name"
		head -n 40 "$work/diff"
		bad=1
	fi
	rm -r "$work/old" "$work/new"
}

for root; do
	root=$(realpath "$root")
	at=$(basename "$root")
	both "$at tgz" "$root" --add-curtin --profile p.yaml
	both "$at tar-zst, json" "$root" --format tar-zst --json --output x.tar.zst
	both "$at fixed, relabel" "$root" --fix --relabel --format tar --output x.tar --level fast
	both "$at excludes" "$root" --exclude './usr/share/*' --exclude ./none --exclude-mount ./none --output x.tgz
	both "$at excludes, strict" "$root" --exclude './usr/share/*' --exclude ./none --strict --check enforce --output x.tgz
	both "$at check" check "$root"
	both "$at check, json" check "$root" --json --fix
	both "$at check, eikon" check "$root" --deployer eikon --firmware uefi --target self --quiet
	"$new" "$root" --format tar-zst --level fast --check off --quiet --output "$work/image.tar.zst" --manifest "$work/image.txt" >/dev/null
	both "$at verify" verify "$work/image.tar.zst" "$work/image.txt"
	both "$at verify, json" verify --json "$work/image.tar.zst" "$work/image.txt"
	sed 's/mode=0755/mode=0700/' "$work/image.txt" >"$work/other.txt"
	both "$at verify another" verify "$work/image.tar.zst" "$work/other.txt"
	head -c 1000000 "$work/image.tar.zst" >"$work/cut.tar.zst"
	both "$at verify what is cut" verify "$work/cut.tar.zst" "$work/image.txt"
	both "$at check of the image" check "$work/image.tar.zst"
	both "$at check of the image, json" check "$work/image.tar.zst" --json
	both "$at check of what is cut" check "$work/cut.tar.zst"
	rm "$work"/*.tar.zst "$work"/*.txt
done
both "no arguments" capture
both "wrong flag" check --nonsense
both "no root" "$work/none"
[ $bad = 0 ]
