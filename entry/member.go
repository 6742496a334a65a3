package entry

// Member is one entry of an image, as the capture wrote it, the reader of an image
// finds it, and the MANIFEST tells of it: one type for all three, so that they can be
// compared.
type Member struct {
	Entry
	// HardLink is the path of the first name of the inode, which carries the data,
	// when this is a later one; else it is empty.
	HardLink string
	// SHA256 is the digest of the content of a File, 32 bytes; nil when it was not
	// taken.
	SHA256 []byte
	// SparseSHA256 is given in place of SHA256 for a file with more than
	// MaxHashedHoles bytes of holes, for which nobody wants to hash exabytes of
	// zeros: the digest of its sparse map and data as they are stored (see
	// [SparseMap]), padding of the map included.
	SparseSHA256 []byte
	// At is where the headers of the member begin in the tar, in bytes. What is not
	// read of a tar, such as a MANIFEST, leaves it 0.
	At int64
}

// Frame is where a frame of an image begins: a piece of the tar that is compressed so
// that it can be decoded alone.
type Frame struct {
	Tar   int64 // in the tar, in bytes
	Image int64 // in the image, in bytes
}

// MaxHashedHoles is how many bytes of holes in a file are hashed as the zeros that
// they read as.
const MaxHashedHoles = 16 << 20

// MaxNames is how many names an inode has in an image: ext4 takes no more, and GNU tar
// ends with an error at the next. More names of one inode of the source are those of
// another inode in the image, with the same content.
const MaxNames = 65000
