package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"time"
)

// layersPath is where the hooks look for layers, which they unpack and remove: see
// hooks/25-layers.sh.
const layersPath = ".image-capture-layers"

// Layer is an image of what differs from the one before, for the hooks to unpack.
type Layer struct {
	// Deleted are the names to delete before it is unpacked, below the root, with or without
	// "./" at the front.
	Deleted []string
	// Tar is the image, a tar that may be compressed by gzip: deployers may have no program
	// for another codec. Size is how many bytes it has.
	Tar  io.Reader
	Size int64
}

// Tarball writes the hooks as a gzip-compressed tar archive for the Param
// image-deploy/additional-tarballs, which image-deploy unpacks over the image; and with them
// layers over that image, the lowest first. The same input gives the same bytes.
func Tarball(w io.Writer, layers ...Layer) error {
	if err := writeTarball(w, layers); err != nil {
		return fmt.Errorf("write the hooks: %w", err)
	}
	return nil
}

func writeTarball(w io.Writer, layers []Layer) error {
	level := gzip.DefaultCompression
	if len(layers) > 0 {
		level = gzip.NoCompression // they are compressed
	}
	zw, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(zw)
	put := func(h tar.Header, content io.Reader) error {
		h.ModTime = time.Unix(0, 0)
		if err := tw.WriteHeader(&h); err != nil {
			return err
		}
		if content == nil {
			return nil
		}
		n, err := io.Copy(tw, content)
		if err == nil && n != h.Size {
			err = fmt.Errorf("%s ends after %d of %d bytes", h.Name, n, h.Size)
		}
		return err
	}
	if err := put(tar.Header{Typeflag: tar.TypeDir, Name: "./curtin/", Mode: 0o755, Format: tar.FormatUSTAR}, nil); err != nil {
		return err
	}
	for _, f := range Hooks() {
		h := tar.Header{Typeflag: tar.TypeReg, Name: "./" + f.Path, Mode: int64(f.Mode.Perm()), Size: int64(len(f.Content)), Format: tar.FormatUSTAR}
		if err := put(h, bytes.NewReader(f.Content)); err != nil {
			return err
		}
	}
	if len(layers) > 0 {
		if err := put(tar.Header{Typeflag: tar.TypeDir, Name: "./" + layersPath + "/", Mode: 0o700}, nil); err != nil {
			return err
		}
	}
	for i, l := range layers {
		var list strings.Builder
		for _, name := range l.Deleted {
			if err := checkName(name); err != nil {
				return err
			}
			list.WriteString(name + "\x00")
		}
		// The hooks unpack them in the order of these names.
		name := fmt.Sprintf("./%s/%04d", layersPath, i+1)
		if err := put(tar.Header{Typeflag: tar.TypeReg, Name: name + ".deletions", Mode: 0o600, Size: int64(list.Len())}, strings.NewReader(list.String())); err != nil {
			return err
		}
		if err := put(tar.Header{Typeflag: tar.TypeReg, Name: name + ".tar", Mode: 0o600, Size: l.Size}, l.Tar); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return zw.Close()
}

// Overlaid says whether image-deploy's task 06_drp puts something over this file of an image:
// its agent, and what its cloud-init reads. It has the last word there, also over a layer; see
// keep_deployers of the hooks.
func Overlaid(name string) bool {
	name = strings.TrimPrefix(name, "./")
	if below, ok := strings.CutPrefix(name, "curtin/"); ok {
		return below != "" && name != HooksPath && name != SettingsPath
	}
	return name == "usr/local/bin/drpcli" || name == "etc/cloud/cloud.cfg.d/95_datasource.cfg"
}

// checkName refuses what the hooks refuse to delete.
func checkName(name string) error {
	for part := range strings.SplitSeq(strings.TrimPrefix(name, "./"), "/") {
		if part == "" || part == "." || part == ".." || strings.Contains(part, "\x00") {
			return fmt.Errorf("a layer deletes %q, which is no name below the root", name)
		}
	}
	return nil
}
