package report

import (
	"cmp"
	"crypto/sha256"
	"io"
	"maps"
	"slices"
	"strings"

	"image-capture/entry"
)

// Space is what takes the space of an image. Of each file it holds path and size, so
// memory grows with their number: about 200 bytes each.
type Space struct {
	root     *folder
	files    []*File
	byPath   map[string]*File
	entries  int64
	packages []fileList
	// byRPM are the packages of rpm by name, as places in packages.
	byRPM map[string]int
}

// fileList are the paths of a package's files, a line each.
type fileList struct {
	name, paths string
	more        []string
}

// File is a regular file.
type File struct {
	Path  string
	Bytes int64 // that are stored
	// member has the digest once its content was read.
	member *entry.Member
}

// Package is a package of the image's package manager, with the files that it lists.
type Package struct {
	Name  string
	Bytes int64
}

// Duplicate is files of one content.
type Duplicate struct {
	Paths []string
	Bytes int64 // of one
}

// Wasted is what all but one take.
func (d Duplicate) Wasted() int64 { return int64(len(d.Paths)-1) * d.Bytes }

// folder is a directory with what is below it.
type folder struct {
	name    string
	path    string
	bytes   int64 // in and below
	own     int64 // of the files in it
	folders map[string]*folder
}

// NewSpace returns that of an empty image.
func NewSpace() *Space {
	return &Space{root: &folder{name: "/", path: "."}, byPath: map[string]*File{}}
}

// Add takes an entry with the bytes that are stored of it. The digest of a file may come
// into the member later.
func (s *Space) Add(m *entry.Member, stored int64) {
	s.entries++
	if m.Type != entry.File || m.HardLink != "" {
		return
	}
	f := &File{m.Path, stored, m}
	s.files = append(s.files, f)
	s.byPath[m.Path] = f
	d := s.root
	d.bytes += stored
	parts := strings.Split(strings.TrimPrefix(m.Path, "./"), "/")
	for i, name := range parts[:len(parts)-1] {
		next := d.folders[name]
		if next == nil {
			if d.folders == nil {
				d.folders = map[string]*folder{}
			}
			next = &folder{name: name, path: "./" + strings.Join(parts[:i+1], "/")}
			d.folders[name] = next
		}
		d = next
		d.bytes += stored
	}
	d.own += stored
}

// dpkgInfo is where dpkg has the list of each package's files.
const dpkgInfo = "./var/lib/dpkg/info/"

// IsPackage says whether a path is a list of a package's files that Package reads: one of
// dpkg. For rpm see IsDatabase.
func IsPackage(path string) bool {
	name, ok := strings.CutPrefix(path, dpkgInfo)
	return ok && strings.HasSuffix(name, ".list") && !strings.Contains(name, "/")
}

// Package reads the list at a path for which IsPackage holds. All files of the image must
// have been added before Page, not before this.
func (s *Space) Package(path string, list io.Reader) error {
	text, err := ReadPackage(list)
	s.packages = append(s.packages, fileList{name: strings.TrimSuffix(strings.TrimPrefix(path, dpkgInfo), ".list"), paths: string(text)})
	return err
}

// IsDatabase says whether a path is a file of rpm's database, in which the packages of an
// image have their files. It is for rpm to read: see Installed.
func IsDatabase(path string) bool {
	for _, dir := range []string{"./var/lib/rpm/", "./usr/lib/sysimage/rpm/", "./usr/share/rpm/"} {
		if name, ok := strings.CutPrefix(path, dir); ok {
			return name == "rpmdb.sqlite" || name == "rpmdb.sqlite-wal" || name == "Packages" || name == "Packages.db"
		}
	}
	return false
}

// Installed says of a file that a package of rpm has it.
func (s *Space) Installed(name, path string) {
	if s.byRPM == nil {
		s.byRPM = map[string]int{}
	}
	i, ok := s.byRPM[name]
	if !ok {
		i = len(s.packages)
		s.byRPM[name] = i
		s.packages = append(s.packages, fileList{name: name})
	}
	s.packages[i].more = append(s.packages[i].more, path)
}

// manager is whose packages there are.
func (s *Space) manager() string {
	switch len(s.byRPM) {
	case 0:
		return "dpkg"
	case len(s.packages):
		return "rpm"
	}
	return "dpkg and rpm"
}

// ReadPackage reads a list for Package, which takes it later.
func ReadPackage(list io.Reader) ([]byte, error) {
	const most = 16 << 20 // the longest have some hundred KiB
	return io.ReadAll(io.LimitReader(list, most))
}

// resolve counts the files of the packages; each counts for the first that has it. Where
// /lib is a link to usr/lib, dpkg goes on to list /lib.
func (s *Space) resolve() []Package {
	taken := map[*File]bool{}
	var list []Package
	for _, p := range s.packages {
		sum := int64(0)
		for _, path := range append(strings.Split(p.paths, "\n"), p.more...) {
			f := cmp.Or(s.byPath["."+path], s.byPath["./usr"+path])
			if f != nil && !taken[f] {
				taken[f] = true
				sum += f.Bytes
			}
		}
		list = append(list, Package{p.name, sum})
	}
	slices.SortStableFunc(list, func(a, b Package) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return list
}

// smallestDuplicate is from which size on files are looked at for duplicates.
const smallestDuplicate = 16 << 10

// Digest takes the digests of the files that may be duplicates, those of one size, where
// they have none yet. What cannot be read is no duplicate.
func (s *Space) Digest(open func(path string) (io.ReadCloser, error)) {
	bySize := map[int64][]*File{}
	for _, f := range s.files {
		if f.Bytes >= smallestDuplicate && f.member.SHA256 == nil {
			bySize[f.member.Size] = append(bySize[f.member.Size], f)
		}
	}
	for _, list := range bySize {
		if len(list) < 2 {
			continue
		}
		for _, f := range list {
			in, err := open(f.Path)
			if err != nil {
				continue
			}
			h := sha256.New()
			if n, err := io.Copy(h, in); err == nil && n == f.member.Size {
				f.member.SHA256 = h.Sum(nil)
			}
			in.Close()
		}
	}
}

// duplicates are files of one content, the most wasteful first.
func (s *Space) duplicates() (list []Duplicate, wasted int64) {
	byDigest := map[string][]*File{}
	for _, f := range s.files {
		if f.Bytes >= smallestDuplicate && f.member.SHA256 != nil {
			byDigest[string(f.member.SHA256)] = append(byDigest[string(f.member.SHA256)], f)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byDigest)) {
		files := byDigest[key]
		if len(files) < 2 {
			continue
		}
		d := Duplicate{Bytes: files[0].Bytes}
		for _, f := range files {
			d.Paths = append(d.Paths, f.Path)
		}
		list = append(list, d)
		wasted += d.Wasted()
	}
	slices.SortStableFunc(list, func(a, b Duplicate) int { return cmp.Compare(b.Wasted(), a.Wasted()) })
	return list, wasted
}

// largest are the largest files.
func (s *Space) largest(n int) []*File {
	list := slices.Clone(s.files)
	slices.SortStableFunc(list, func(a, b *File) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return list[:min(n, len(list))]
}
