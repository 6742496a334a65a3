package compress

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

// gzipMember has z read the one member that br starts with.
func gzipMember(z *gzip.Reader, br *bufio.Reader) error {
	if err := z.Reset(br); err != nil {
		return err
	}
	z.Multistream(false)
	return nil
}

func openGzip(br *bufio.Reader) (io.Reader, error) {
	z := new(gzip.Reader)
	return z, gzipMember(z, br)
}
