package index

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/entry"
)

// sample is a plain tar of three files of 1 KiB in a directory, and its MANIFEST with a frame
// every 2 KiB. The directory begins at byte 0, the files at 512, 2048 and 3584.
func sample(t *testing.T) (image []byte, manifest string) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755, Format: tar.FormatUSTAR}))
	entries := ". type=dir mode=0755 uid=0 gid=0 time=0.000000000\n#: block=0\n"
	for i, place := range []string{"", "#: block=0\n", ""} {
		name, content := fmt.Sprintf("f%d", i), bytes.Repeat([]byte{'a' + byte(i)}, 1024)
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o644, Size: 1024, Format: tar.FormatUSTAR}))
		_, err := w.Write(content)
		require.NoError(t, err)
		if i == 1 {
			entries += "#: frame=2048,2048\n"
		}
		entries += fmt.Sprintf("./%s type=file mode=0644 uid=0 gid=0 size=1024 time=0.000000000 nlink=1 sha256digest=%x\n", name, sha256.Sum256(content)) + place
	}
	require.NoError(t, w.Close())
	return b.Bytes(), fmt.Sprintf("#mtree\n# size: %d\n# format: tar\n# unpacked size: %d\n# entries: 4\n#: frame=0,0\n%s#: frame=4096,4096\n# end\n", b.Len(), b.Len(), entries)
}

// read reads what is wanted, and returns names and contents.
func read(text string, src Source, wanted string) (string, error) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	p, err := MakePlan(context.Background(), open, func(path string) bool { return path == wanted })
	if err != nil {
		return "", err
	}
	s, err := p.Read(context.Background(), src)
	if err != nil {
		return "", err
	}
	defer s.Close()
	got := ""
	for {
		var m *entry.Member
		if m, err = s.Next(); err != nil {
			break
		}
		got += m.Path + " "
		for {
			var b []byte
			if _, b, err = s.Data(1 << 20); err != nil {
				break
			}
			got += string(b[:1])
		}
		if err != io.EOF {
			break
		}
	}
	if err == io.EOF {
		err = nil
	}
	return got, err
}

func TestMembers(t *testing.T) {
	image, text := sample(t)
	for name, want := range map[string]string{"./f0": "./f0 a", "./f1": "./f1 b", "./f2": "./f2 c", "./none": ""} {
		got, err := read(text, bytes.NewReader(image), name)
		require.NoError(t, err, name)
		require.Equal(t, want, got)
	}
	s := &spans{Reader: bytes.NewReader(image)}
	_, err := read(text, s, "./f1")
	require.NoError(t, err)
	require.Equal(t, "2048+2048 ", s.asked, "the frame of the file")
}

type spans struct {
	*bytes.Reader
	asked string
}

func (s *spans) ReadAt(p []byte, off int64) (int, error) {
	s.asked += fmt.Sprintf("%d+%d ", off, len(p))
	return s.Reader.ReadAt(p, off)
}

// TestWrongIndex: a wrong index is an error, and needs no more memory than a right one.
func TestWrongIndex(t *testing.T) {
	image, text := sample(t)
	const frame, huge = "#: frame=2048,2048\n", "1000000000000000000"
	size := fmt.Sprint(len(image))
	for name, c := range map[string]struct{ old, new, want string }{
		"offset in the image": {frame, "#: frame=2048,2560\n", "./f1 is not in the image as the MANIFEST lists it: read image: byte 2048 of the tar: the frame at byte 2560 of the image is not that of bytes 2048 to 4096 of the tar: it has another length"},
		"offset in both":      {frame, "#: frame=2560,2560\n", "is not in the image as the MANIFEST lists it"},
		"other frame":         {"nlink=1 sha256digest=" + fmt.Sprintf("%x", sha256.Sum256(bytes.Repeat([]byte("b"), 1024))) + "\n#: block=0", "nlink=1 sha256digest=" + fmt.Sprintf("%x", sha256.Sum256(bytes.Repeat([]byte("b"), 1024))) + "\n#: block=3", "is at its place"},
		"overlap":             {frame, frame + "#: frame=3072,2048\n", "a frame at byte 3072 of the tar and 2048 of the image cannot be here"},
		"order":               {frame, "#: frame=5120,5120\n", "a frame at byte 4096 of the tar and 4096 of the image cannot be here"},
		"cut short":           {"#: frame=4096,4096\n# end\n", "", "cut short"},
		"attributes":          {"./f1 type=file mode=0644", "./f1 type=file mode=0600", "it has another mode there"},
		"huge offset":         {frame, "#: frame=2048," + huge + "\n", "cannot be here"},
		"huge image":          {"# size: " + size, "# size: " + huge, fmt.Sprintf("the image has %s bytes, and the MANIFEST is of one of %s", size, huge)},
		"huge tar":            {"# unpacked size: " + size, "# unpacked size: " + huge, ""},
		"huge frame":          {"#: frame=4096,4096\n# end", "#: frame=999999999999999488,4096\n# end", "cannot be here"},
	} {
		wrong := strings.Replace(text, c.old, c.new, 1)
		require.NotEqual(t, text, wrong, name)
		got, err := read(wrong, bytes.NewReader(image), "./f1")
		if c.want == "" { // of frames that are not read nothing is known
			require.NoError(t, err, name)
			require.Equal(t, "./f1 b", got)
			continue
		}
		require.ErrorContains(t, err, c.want, name)
	}
	long := strings.Replace(text, "# unpacked size: "+size, "# unpacked size: "+huge, 1)
	_, err := read(long, bytes.NewReader(image), "./f2")
	require.EqualError(t, err, "a frame has more than 16 MiB, as its MANIFEST says")
}

// TestSourceError tells an error of reading from a wrong image.
func TestSourceError(t *testing.T) {
	image, text := sample(t)
	broken := errors.New("broken")
	_, err := read(text, &failing{bytes.NewReader(image), broken}, "./f1")
	require.Equal(t, broken, err)
}

type failing struct {
	*bytes.Reader
	err error
}

func (f *failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
