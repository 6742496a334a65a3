package index

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/compare"
	"image-capture/entry"
)

// TestAgreesAsHeader: what is read by the index has to agree in all that extract of a whole
// image and verify compare, and a field that is new in one of both is wanted in the other.
func TestAgreesAsHeader(t *testing.T) {
	unlisted := map[string]bool{ // what a MANIFEST does not have, or has apart from the entry
		"Blocks": true, "Ctime": true, "ID": true, "Nlink": true, "SHA256": true, "SparseSHA256": true, "At": true,
	}
	for _, link := range []string{"", "./first"} {
		want := entry.Member{Entry: entry.Entry{Path: "./a", Type: entry.File, Size: 5}, HardLink: link}
		require.NoError(t, agrees(&want, &want))
		require.Empty(t, compare.Header(&want, &want))
		for _, f := range reflect.VisibleFields(reflect.TypeFor[entry.Member]()) {
			if f.Anonymous || f.Name == "Path" || unlisted[f.Name] {
				continue
			}
			got := want
			switch v := reflect.ValueOf(&got).Elem().FieldByIndex(f.Index); {
			case f.Name == "Mtime":
				got.Mtime.Nsec++
			case f.Name == "Xattrs":
				got.Xattrs = []entry.Xattr{{Name: "user.a"}}
			case v.CanInt():
				v.SetInt(v.Int() + 1)
			case v.CanUint():
				v.SetUint(v.Uint() + 1)
			default:
				v.SetString(v.String() + "x")
			}
			inode := link == "" || f.Name == "HardLink" || f.Name == "Perm" || f.Name == "UID" || f.Name == "GID" || f.Name == "Mtime"
			require.Equal(t, inode, agrees(&got, &want) != nil, "%s of a file with the first name %q", f.Name, link)
			require.Equal(t, inode, len(compare.Header(&got, &want)) > 0, "%s of a file with the first name %q", f.Name, link)
		}
	}
}
