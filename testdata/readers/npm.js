// Unpacks an image by a package of npm: node npm.js PACKAGE IMAGE.tgz DIR; tar-stream
// unpacks nothing, and prints what it gives of each entry.
const fs = require('fs')
const zlib = require('zlib')
const { createRequire } = require('module')
const [, , name, image, dir] = process.argv
const lib = createRequire(process.cwd() + '/')(name)
const fail = err => { console.error(String(err)); process.exit(1) }
const unpacked = () => fs.createReadStream(image).pipe(zlib.createGunzip())

if (name === 'tar') lib.x({ file: image, cwd: dir, preserveOwner: true }).catch(fail)
if (name === 'tar-fs') unpacked().pipe(lib.extract(dir)).on('error', fail)
if (name === 'decompress') lib(image, dir).catch(fail)
if (name === 'tar-stream') {
  const extract = lib.extract()
  extract.on('entry', (h, content, next) => {
    console.log(h.name, h.type, h.uid, h.mtime.getTime(), h.linkname || '')
    content.on('end', next).resume()
  })
  unpacked().pipe(extract).on('error', fail)
}
