#!/bin/sh
# The version of what is built here, as semver.org has it: the newest heading of
# CHANGELOG.md. "## 1.2.0" is 1.2.0 at the commit that wrote the heading so, and in a
# folder without git. "## 1.2.0 (not released)" is 1.2.0-dev.N+gHASH, N commits after the
# heading came; N commits after a release are 1.2.1-dev.N+gHASH. Changes that are not
# committed end it with ".dirty". No tags are looked at.
set -eu
cd "$(dirname "$0")/.."
heading=$(sed -n '/^## /{s/^## *//p;q;}' CHANGELOG.md)
version=${heading%% *}
released=yes
case $heading in *'(not released)'*) released=no ;; esac
if ! hash=$(git rev-parse --short=9 HEAD 2>/dev/null) || [ "$(git rev-parse --show-toplevel)" != "$(pwd -P)" ]; then
	# An archive of the sources.
	[ $released = yes ] || version=$version-dev
	echo "$version"
	exit
fi
dirty=
[ -z "$(git status --porcelain --untracked-files=no)" ] || dirty=.dirty
since=$(git blame -s --porcelain -L '/^## /,+1' HEAD -- CHANGELOG.md | sed -n '1s/ .*//p')
count=$(git rev-list --count "$since..HEAD")
if [ $released = yes ] && [ "$count" = 0 ] && [ -z "$dirty" ]; then
	echo "$version"
	exit
fi
[ $released = no ] || version=${version%.*}.$((${version##*.} + 1))
echo "$version-dev.$count+g$hash$dirty"
