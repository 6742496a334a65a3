package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"image-capture/deploy"
	"image-capture/manifest"
	"image-capture/upload"
)

// hooksArchive stores the archive that the Profile of a layer with deletions names. The
// layers are read from the endpoint, where they have to be for the Profile as well.
func (r *run) hooksArchive(ctx context.Context) error {
	p := r.profile()
	name := p.HooksArchive()
	if name == "" {
		return nil
	}
	layers := append(slices.Clone(p.Under[1:]), manifest.Under{Path: p.Path, SHA256: p.SHA256, Size: r.facts.Size, Deleted: r.facts.Deleted})
	_, err := r.delivery.file(ctx, name, func(w io.Writer) error {
		var list []deploy.Layer
		for _, u := range layers {
			var deleted []string
			for _, n := range u.Deleted {
				deleted = append(deleted, n.Path)
			}
			image := &storedImage{ctx: ctx, end: r.opt.Endpoint, path: u.Path, size: u.Size, sum: u.SHA256}
			defer image.close()
			list = append(list, deploy.Layer{Deleted: deleted, Tar: image, Size: u.Size})
		}
		return deploy.Tarball(w, list...)
	})
	if err != nil {
		return &HooksArchiveError{name, p.Layers(), err}
	}
	return nil
}

// ErrOtherLayer says that the endpoint has something else than the layer that a MANIFEST
// describes.
var ErrOtherLayer = errors.New("has another size or SHA-256 than the MANIFEST of the layer says")

// storedImage reads an image of the endpoint, from when it is wanted, and ends with
// ErrOtherLayer where it has another size or SHA-256.
type storedImage struct {
	ctx       context.Context
	end       *upload.Endpoint
	path, sum string
	size      int64
	in        *upload.Download
	hash      hash.Hash
}

func (s *storedImage) Read(p []byte) (int, error) {
	if s.in == nil {
		in, err := s.end.Fetch(s.ctx, s.path)
		if err != nil {
			return 0, err
		}
		s.in, s.hash = in, sha256.New()
		if in.Size >= 0 && in.Size != s.size {
			return 0, s.other()
		}
	}
	n, err := s.in.Read(p)
	s.hash.Write(p[:n])
	if err == io.EOF && hex.EncodeToString(s.hash.Sum(nil)) != s.sum {
		err = s.other()
	}
	return n, err
}

func (s *storedImage) other() error {
	return fmt.Errorf("%s on the endpoint %w", s.path, ErrOtherLayer)
}

func (s *storedImage) close() {
	if s.in != nil {
		s.in.Close()
	}
}
