// Package compress has the encoders of frames, of which images are made, and one
// decoder for each format that comes into this program: images, the archives of an
// initramfs, kernel modules.
//
// # Writing
//
// An [Encoder] compresses frames of a fixed size, each on its own: to a zstd frame, or
// to a deflated piece of one gzip member that is flushed to a byte boundary, so that it
// can be decoded alone. Its bytes depend on the frame, the codec and the level only. An
// [Envelope] makes what goes around them: gzip's header and trailer, the standard seek
// table of zstd.
//
// One member, since readers in the wild stop at the end of the first: Python's tarfile
// in stream mode without a word.
//
// # Reading
//
// [Reader] decompresses a whole file (gzip, zstd, xz or bzip2: any number of streams)
// ahead of who takes what comes out, on goroutines of its own. What follows a stream
// must be another one or the end, and a file that is cut off anywhere is an error.
// zstd frames, and the pieces of gzip that a flush ends, are decoded side by side. Of
// gzip a piece is taken only where it is for certain what one decoder would make of it;
// else, as with gzip of most tools, one decoder reads on. CRC and size of each member
// are checked either way.
//
// [Open] decompresses one stream: one gzip member, zstd frame, xz stream and so on; but
// bzip2 streams one after the other count as one. No byte is read past its end, so that
// what follows it can be looked at: an initramfs may be several archives, one behind
// the other, see the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst. It reads gzip, xz, zstd,
// bzip2, lzop and lz4. lz4 is either the legacy format (lz4 -l), the one that the kernel
// reads, or the frame format, which the kernel does not read. Legacy lz4 has no end of
// its own: it ends where no block follows, that is, at the end of the input or at
// zeros, see the kernel's lib/decompress_unlz4.c. lzma (the format before xz, without a
// magic of its own) is recognized and refused. Whatever else comes out as it is.
//
// Checksums are checked where the format has them.
//
// # Bounds
//
// Memory is bounded whatever a header says. For each stream of Open, of which nothing
// runs in the background: gzip 64 KiB, bzip2 8 MiB, lzop 0.6 MiB, lz4 17 MiB, xz its
// dictionary and zstd its window, each of at most 128 MiB (what zstd -22 needs, and the
// most that the kernel's lib/decompress_unzstd.c takes), and 2 MiB more. For a Reader
// 2 MiB of what is decompressed ahead beside that, or for zstd at most 10 frames under
// way of 16 MiB twice each, or for gzip at most 20 pieces under way of 1 MiB twice each and
// 7 MiB of input. How much comes out is not bounded: that is up to who reads.
package compress
