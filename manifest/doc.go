// Package manifest names a captured image and its MANIFEST, writes and reads the
// MANIFEST, and makes the Profile by which a deployer finds the image.
//
// # Names
//
// A [Template] with the variables of the Image Builder content pack ($TAG,
// $DSTAMP, $RS_IMAGE_IDENT) expands to [Names]: two paths below the files/ of a
// Digital Rebar Provision endpoint. Whatever the template and the variables say,
// an accepted name is a relative path of printable UTF-8 without "..", and short
// enough that the server's NAME.part beside it still fits a directory entry.
//
// # The MANIFEST
//
// A MANIFEST is an mtree(5) specification in full-path form:
//
//	#mtree
//	# filename: /srv/centos-8.tgz
//	# ident: 53fcfe709c
//	...
//	#: manifest=2
//	#: frame=0,10
//	. type=dir mode=0755 uid=0 gid=0 time=1604619475.000000000
//	#: block=0
//	./etc type=dir mode=0755 uid=0 gid=0 time=1604619475.123456789
//	./etc/motd type=file mode=0644 uid=0 gid=0 size=0 time=... nlink=1 sha256digest=e3b0...
//	#: flags=schg
//	# end
//
// Line 1 is the signature. Then come the facts of the capture ([Facts]) as
// "# key: value", then one line for each entry in the order of the capture, and
// last "# end". The fact "entries" counts the entry lines; with the last line it
// makes a MANIFEST that was cut short anywhere recognisable.
//
// Names, link targets and names of extended attributes are escaped as vis(3) does
// with VIS_WHITE|VIS_OCTAL|VIS_GLOB, byte for byte as gomtree computes them. A
// fact's value is escaped in the same way, but keeps its spaces and the
// characters *?[#.
//
// What gomtree 0.7.0 does not know (it stops at an unknown keyword) or does not
// see stands after the entry in comments that begin with "#: ": device=native,MAJ,MIN;
// flags=schg,sappnd,nodump; hardlink=PATH, the first name of the same inode;
// sparse.sha256=HEX, the digest of a very sparse file's map and data; and
// xattr.NAME=BASE64 for the attributes of symlinks, devices and FIFOs, of files
// with attributes too big for gomtree, and of files that have an attribute with
// "=" in its name (where the entry's own line, as gomtree reads it, is
// ambiguous). Where "#: " lines hold xattrs they hold all of that entry's.
//
// # The index
//
// For each frame of the image a line "#: frame=TAR,IMAGE" says where it begins in the
// tar and in the image, in bytes. It stands before the first entry that begins in the
// frame, and after that one "#: block=N" says at which block of 512 bytes of the frame; a
// frame in which no entry begins has its line after the entry that fills it. [Frames] and
// [Reader.Place] give them. "#: manifest=N" before all is the number of the format,
// [Version].
//
// A reader passes over words KEYWORD=VALUE in "#: " lines whose keyword (a lower-case
// letter, then these, digits, ".", "-" and "_") it does not know, also before the first
// entry: later versions add them.
//
// No physical line is longer than 32 KiB. A longer entry line is folded by a
// backslash before the newline, a longer comment goes on in the next line after
// "#+".
//
// nlink counts the names of the inode in the image, not in the source, where
// names may be excluded; directories have none. The size of a directory is not
// written: it differs between filesystems. gomtree takes a specification without
// it for one of a tar and then does not compare the root directory itself.
//
// # Limits
//
// A MANIFEST holds no ctime, no inode or device number of the source, and no block
// count; [Parse] leaves these zero, and the place of a member in the tar too. One entry's text is at most 8 MiB, all facts
// together at most 256 MiB; [Spool.Add] and [Spool.Write] refuse more, as [Parse]
// does. Sockets are no entries: a tar cannot hold them. gomtree cannot tell apart
// two attributes of one file whose names are alike up to a "=". bsdtar 3.6.2 stops at
// an entry whose joined line is over 64 KiB, which takes dozens of attributes of
// 1 KiB each on one file.
package manifest
