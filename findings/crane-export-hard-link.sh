#!/usr/bin/env bash
# crane export gives a hard link of a lower layer the content that an upper layer gave to
# the other name, or a link to nothing.
#
# Expected: the file that a layer replaces or deletes is one name. A second name of it, in
# the layer below, keeps the old content, as it does in a container that runs the image.
# What happens: the layers are flattened from the top, and hard links are copied as they
# stand. The link then binds to the new file of that name: wrong content, exit code 0, no
# word. Where the first name is deleted, the archive holds a link without a target, also
# with exit code 0; tar stops at it, and the content is not in the archive at all.
#
# Exits with 1 when that changes. Wants Go, and its module proxy.
set -euo pipefail

version=v0.22.1
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOPATH=$work/go GOFLAGS=-mod=mod GOBIN=$work/bin
go install "github.com/google/go-containerregistry/cmd/crane@$version" 2>/dev/null
go version -m bin/crane | awk '$1 == "mod" { print "crane of " $2, $3 }'

# What the layers hold: "first" and "second" are one file, then "first" is another, or gone.
mkdir base replaced deleted
echo old >base/first
ln base/first base/second
echo new >replaced/first
touch deleted/.wh.first
tar -cf base.tar -C base first second
tar -cf replaced.tar -C replaced first
tar -cf deleted.tar -C deleted .wh.first

# flat LAYER: exports an image of the two layers, and extracts what came.
flat() {
	bin/crane append -f base.tar -f "$1.tar" -t shown:latest -o image.tar >/dev/null 2>&1
	bin/crane export - flat.tar <image.tar
	rm -rf flat
	mkdir flat
	tar -xf flat.tar -C flat 2>flat.err && code=0 || code=$?
}
flat replaced
echo "first replaced: first is $(cat flat/first), second is $(cat flat/second)"
[ "$code $(cat flat/first) $(cat flat/second)" = '0 new new' ]
flat deleted
echo "first deleted:  $(tar -tvf flat.tar | sed 's/.* second/second/'); tar exits with $code: $(head -n 1 flat.err)"
[ "$(tar -tf flat.tar)" = second ] && [ "$code" = 2 ] && [ ! -e flat/second ]
