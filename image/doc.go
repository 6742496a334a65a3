// Package image reads an image back: its members in order, in one pass.
//
// It takes what package archive writes, or any other tar, plain or through gzip, zstd,
// xz or bzip2: the dialects of Unix version 7, POSIX (ustar and pax), GNU tar and star,
// and sparse files as GNU tar 1.13 and later and libarchive write them. Names come in
// our form, with or without "./" in the archive; absolute names and those with a
// segment ".." are errors.
//
// # Reading
//
// The caller pulls: [Reader.Next] returns a member by its headers, [Reader.Content] its
// content for who wants it, and [Reader.Skip], or the next Next, passes over what is
// left of it. With [Reader.TakeDigests] each file's digest is taken on the way, whether
// its content is read or not, as the capture takes it (see [entry.Member]). For sparse
// files in another format than 1.0, SparseSHA256 is what it would be if package archive
// had written them; GNU tar writes some maps of 1.0 in other words, and so has other
// digests.
//
// Unpacking runs ahead on goroutines of its own, which [Reader.Close] ends.
//
// # Images that nobody trusts
//
// Header and frame checksums are verified, whatever tars do not read alike is an error,
// and memory is bounded whatever the image says, at 16 MiB twice for each of at most 10
// zstd frames under way, 128 MiB for the window of a bigger frame or the dictionary of
// xz, 4 MiB for a block of bzip2, and 64 MiB with what is parsed of it for an extended
// header. Archives in several volumes, incremental ones, and types of entries that are
// in none of the dialects are not read; nor are xz streams through other filters than
// LZMA2, Delta and BCJ for x86, PowerPC, IA-64, ARM, ARM-Thumb and SPARC.
//
// Errors name the member and its place in the unpacked tar. They give names as they
// are in the archive, control characters included. An image that is cut off gives an
// error that is io.ErrUnexpectedEOF.
package image

const blockSize = 512

// padding is how many bytes fill n up to a whole block.
func padding(n int64) int64 { return -n & (blockSize - 1) }

var zeros [64 << 10]byte
