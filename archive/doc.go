// Package archive turns a tree into one stream, tar through gzip or zstd. Package image
// reads such streams back.
//
// # The stream
//
// POSIX (PAX) tar, see pax(5): names "./a/b" as tar -C ROOT . makes them, numeric
// owners only, times to the nanosecond, all xattrs as SCHILY.xattr.NAME, ACLs a
// second time as SCHILY.acl.*, inode flags as SCHILY.fflags, sparse files as GNU
// sparse 1.0, hard links by (device, inode), strictly depth-first. The tar is cut
// into frames of a fixed size, and each is compressed on its own: a gzip member or
// a zstd frame, which gzip -d and zstd -d decode one after the other. zstd ends
// with the standard seek table in a skippable frame.
//
// The bytes depend on the tree, the codec and the level only; not on the number of
// processors, the time or the host.
//
// Sockets do not exist in tar: they are left out and told.
//
// # Files that change
//
// A file of at most 1 MiB is read whole, up to three times, until its state before
// and after agree, and only then is its header written. A bigger one is streamed
// after its header: when it shrinks, zeros fill it up to the size in its header;
// when it grows, what came after is not in the archive. Either is told as changed,
// and so is an inode that changed between two of its names.
//
// Where a big file cannot be read any more, the rest of it is zeros, which is told
// as unreadable. Any other file that cannot be read is left out.
//
// # Memory
//
// Flat in the number and size of files. For n compression jobs at the default
// level, n+2 frames with room for their compressed form (8 MiB each for zstd, 1 MiB
// for gzip), what the codec needs (about 30 MiB a job for zstd), and up to 24 MiB
// of files read ahead. What grows with the tree: the first name of each inode that
// still waits for another name of it, the longest list of names in one directory,
// the map of a sparse file, about 50 bytes a run of data, and the names of what was
// left out or changed, and
// 16 bytes a frame, which is 16 MiB for a TiB of tar through gzip.
package archive

// maxSettled is the size up to which a file is read whole before its header is
// written.
const maxSettled = 1 << 20

const blockSize = 512
