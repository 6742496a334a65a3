package manifest

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"image-capture/entry"
)

// Under is an image under a layer.
type Under struct {
	// Path is that of Names.Image; empty where it is not known to be on an endpoint.
	Path   string
	Format Format
	// SHA256, Size and Deleted are of a layer, as in its Facts.
	SHA256  string
	Size    int64
	Deleted []entry.Note
}

// NoLayersError says why no Profile can deploy a layer with its base.
type NoLayersError struct{ reason string }

func (e *NoLayersError) Error() string { return "no Profile deploys this layer: " + e.reason }

const (
	additionalTarballs = "image-deploy/additional-tarballs"
	// RackN's schema of the Param wants integers. hooksIndex, and those of layers, which follow
	// it, come after 7, by which people give an image hooks alone.
	hooksIndex  = 7000
	endOfIndex  = 8000
	hooksSuffix = "-hooks"
)

// Shared are params that are lists, in which a Profile may have items of others too, and
// say which are of a layer.
func Shared() map[string]func(item any) bool {
	return map[string]func(any) bool{additionalTarballs: func(item any) bool {
		m, _ := item.(map[string]any)
		index := indexOf(m)
		return index >= hooksIndex && index < endOfIndex
	}}
}

// indexOf is the number of an item: an integer, or what JSON makes of one.
func indexOf(item map[string]any) int {
	n, _ := strconv.Atoi(fmt.Sprint(item["index"]))
	return n
}

// layered says why a layer cannot be deployed with what it is over.
func (p ProfileParams) layered() error {
	if len(p.Under) == 0 {
		return nil
	}
	if p.eikon() {
		return &NoLayersError{"Eikon unpacks one archive, and no layers over it"}
	}
	for _, u := range p.Under {
		if u.Format != TGZ {
			return &NoLayersError{"image-deploy takes tgz, and " + u.Path + " is " + u.Format.String()}
		}
		if checkUploadPath(u.Path) != nil {
			return &NoLayersError{"it is not known where its base is stored"}
		}
	}
	if p.needsHooks() {
		if err := roomForHooks(p.Path); err != nil {
			return &NoLayersError{err.Error()}
		}
	}
	return nil
}

func (p ProfileParams) needsHooks() bool {
	return p.NeedsHooks || slices.ContainsFunc(p.Under, func(u Under) bool { return len(u.Deleted) > 0 })
}

// ForLayer refuses the name of an image for a layer with a Profile: it has to leave room for
// that of an archive of hooks.
func (n Names) ForLayer() error { return roomForHooks(n.Image) }

func roomForHooks(image string) error {
	if n := len(path.Base(image)) + len(hooksSuffix); n > maxName {
		return fmt.Errorf("image name %q: %d bytes with the %s of the archive of hooks for a layer, the limit is %d", path.Base(image), n, hooksSuffix, maxName)
	}
	return nil
}

// HooksArchive is the path under files/ of the archive by which the Profile has the hooks
// delete what the layers delete, and unpack them: image-deploy deletes nothing. It is empty
// where the Profile names the layers themselves, or there is none.
func (p ProfileParams) HooksArchive() string {
	if !p.needsHooks() || len(p.Under) == 0 || p.layered() != nil {
		return ""
	}
	return strings.TrimSuffix(p.Path, TGZ.Suffix()) + hooksSuffix + TGZ.Suffix()
}

// Layers are the paths under files/ of the layers, the lowest first: this one is the last.
func (p ProfileParams) Layers() []string {
	if len(p.Under) == 0 {
		return nil
	}
	var list []string
	for _, u := range p.Under[1:] {
		list = append(list, u.Path)
	}
	return append(list, p.Path)
}

// LayerOfArchive is the layer whose archive of HooksArchive has this name.
func LayerOfArchive(name string) (layer string, ok bool) {
	base, ok := strings.CutSuffix(name, hooksSuffix+TGZ.Suffix())
	return base + TGZ.Suffix(), ok && base != ""
}

// layerOf is the layer that an item of these has, or whose archive it is.
func layerOf(index int, path string) string {
	if layer, ok := LayerOfArchive(path); ok && index == hooksIndex {
		return layer
	}
	return path
}

// tarballs are the layers, for image-deploy/additional-tarballs: curtin unpacks its sources
// in the order of their names, of which the image's is 05_primary and image-deploy's own is
// 06_drp. Its configuration goes through JSON, which makes text of the numbers: 10 is before 7.
func (p ProfileParams) tarballs() []map[string]any {
	var list []map[string]any
	add := func(index int, path string) {
		list = append(list, map[string]any{"index": index, "format": TGZ.String(), "drpserved": true, "uri": "files" + escapedPath(path)})
	}
	if archive := p.HooksArchive(); archive != "" {
		add(hooksIndex, archive)
		return list
	}
	for i, path := range p.Layers() {
		add(hooksIndex+1+i, path)
	}
	return list
}
