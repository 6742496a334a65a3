package manifest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBlock(t *testing.T) {
	f := Facts{
		Filename: "/RS_IMAGE/tarball.tgz", Ident: "cf99cd80eb",
		Date: time.Date(2019, 8, 27, 20, 44, 35, 0, time.FixedZone("CEST", 2*3600)),
		Size: 517036600, MD5: "1f40ac1bac2eb3ea99cebc38b807c15f",
		UploadTarball:  "images/rhel-tarball-20190827-184435-cf99cd80eb.tgz",
		UploadManifest: "images/rhel-MANIFEST-20190827-184435-cf99cd80eb.txt",
		SHA256:         sum, UnpackedSize: 1500000000, Entries: 34567,
	}
	// The first nine lines are what the shell task prints.
	require.Equal(t, `Image Builder created image information:
--------------------------------------------------------------------------------
        filename:  /RS_IMAGE/tarball.tgz
           ident:  cf99cd80eb
            date:  Tue Aug 27 18:44:35 UTC 2019
            size:  517036600
          md5sum:  1f40ac1bac2eb3ea99cebc38b807c15f
  upload tarball:  images/rhel-tarball-20190827-184435-cf99cd80eb.tgz
 upload manifest:  images/rhel-MANIFEST-20190827-184435-cf99cd80eb.txt
       sha256sum:  e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
          format:  tgz
   unpacked size:  1500000000
         entries:  34567
`, f.Block())

	empty := Facts{Filename: "a\nb\x1b"}.Block()
	require.Contains(t, empty, "        filename:  a\\012b\\033\n")
	require.Contains(t, empty, "            date:\n")
	require.Equal(t, 13, strings.Count(empty, "\n"))
}
