#!/usr/bin/env bash
# gomtree names one keyword of a changed file, and another one at each run.
#
# Expected: "gomtree validate" prints what differs from the manifest, as BSD's mtree does:
# all of a file's keywords, and the same at each run.
# What happens: of a file in which several keywords differ the default output names one,
# whichever comes first in a Go map. Who looks in it for a changed digest or mode finds it
# in some runs, and not in others; only "-result-format json" has them all.
#
# Exits with 1 when that changes. Wants Go, and its module proxy.
set -euo pipefail

version=v0.7.0
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
cd "$work"
export GOPATH=$work/go GOFLAGS=-mod=mod GOBIN=$work/bin
go install "github.com/vbatts/go-mtree/cmd/gomtree@$version" 2>/dev/null
go version -m bin/gomtree | awk '$1 == "mod" { print "gomtree of " $2, $3 }'

mkdir tree
echo content >tree/file
chmod 644 tree/file
printf '%s\n' '#mtree' '. type=dir' '    file type=file mode=0600 size=9 nlink=2' .. >spec
validate() { bin/gomtree validate -p tree -f spec "$@" 2>/dev/null || [ $? = 1 ]; }
# Three keywords differ; 60 runs that all take the same one are not to be expected.
for _ in {1..60}; do validate; done >lines
echo 'lines in 60 runs:'
sort lines | uniq -c
validate -result-format json >all.json
echo "in json: $(grep -o '"name":"[a-z]*"' all.json | sort | paste -sd ' ')"
[ "$(wc -l <lines)" = 60 ] && [ "$(sort -u lines | wc -l)" -gt 1 ]
[ "$(grep -o '"name":"[a-z]*"' all.json | wc -l)" = 3 ]
