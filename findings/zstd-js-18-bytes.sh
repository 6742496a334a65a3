#!/usr/bin/env bash
# ZstdSimple of the npm package @oneidentity/zstd-js drops the last 18 bytes of what zstd
# compressed, and adds 18 bytes to what it compresses.
#
# Expected: a library "based on the official Zstandard library" writes and reads the frames
# of zstd, whoever wrote them.
# What happens: compress takes 18 bytes more than it is given (the largest size of a frame's
# header) and decompress gives 18 bytes less than there are. Between the two nothing shows;
# with zstd on one side every file is wrong at its end, and no side reports an error.
#
# Exits with 1 when that changes. Wants Debian 12's apt-get, Node.js and npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=1.0.3
apt-get download zstd=1.5.4+dfsg2-5 >/dev/null
dpkg -x zstd_*.deb package
zstd() { "$work/package/usr/bin/zstd" -q "$@"; }
npm install --no-audit --no-fund --no-save --prefix . "@oneidentity/zstd-js@$version" >/dev/null 2>&1
package/usr/bin/zstd --version
echo "@oneidentity/zstd-js $version, node $(node --version)"

cat >main.cjs <<'END'
const fs = require('fs')
const { ZstdInit } = require('@oneidentity/zstd-js')
ZstdInit().then(({ ZstdSimple }) => {
  const read = (name) => new Uint8Array(fs.readFileSync(name))
  const own = ZstdSimple.compress(read('plain'))
  fs.writeFileSync('by-library.zst', own)
  fs.writeFileSync('own', ZstdSimple.decompress(own))
  fs.writeFileSync('of-zstd', ZstdSimple.decompress(read('by-zstd.zst')))
})
END
seq 1000 >plain
zstd plain -o by-zstd.zst
node main.cjs
zstd -t by-library.zst
zstd -d by-library.zst -o of-library
size() { stat -c %s "$1"; }
plain=$(size plain)
echo "compressed:                               $plain bytes"
echo "library's, by the library:                $(size own)"
echo "library's, by zstd:                       $(size of-library)"
echo "zstd's, by the library:                   $(size of-zstd)"
cmp own plain && cmp -n "$plain" of-library plain && cmp -n "$((plain - 18))" of-zstd plain
[ "$(size of-library)" = "$((plain + 18))" ] && [ "$(size of-zstd)" = "$((plain - 18))" ]
