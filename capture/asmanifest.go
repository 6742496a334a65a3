package capture

import (
	"strings"

	"image-capture/edit"
	"image-capture/entry"
	"image-capture/manifest"
	"image-capture/rootfs"
)

// Edited is what a MANIFEST says of a path where its image differs on purpose from the tree
// that was captured.
type Edited struct {
	Reason string
	// Content says that only the content differs: the entry is in both.
	Content bool
}

// Like leaves out of the tree what was left out of an image, by the facts of its MANIFEST:
// what excludes matched, directories and mount points that are in it without what they held,
// and paths that were dropped; see Unlike for the rest.
func (s *Source) Like(f manifest.Facts) error {
	_, err := like(s.plan, f)
	return err
}

// Unlike are the edits of an image, by path, that Source.Like cannot make again. The error
// is what Like would say.
func Unlike(f manifest.Facts) (map[string]Edited, error) { return like(&edit.Plan{}, f) }

func like(plan *edit.Plan, f manifest.Facts) (map[string]Edited, error) {
	edited := map[string]Edited{}
	for _, n := range f.Edits {
		var err error
		switch {
		case strings.HasPrefix(n.Reason, entry.Exclude.Done()+" "):
			err = plan.ExcludeAlways(n.Path)
		case n.Reason == entry.KeepOnly.Done():
			err = plan.KeepOnly(n.Path)
		case strings.HasPrefix(n.Reason, entry.KeepTagged.Done()+" ("):
			tags := strings.TrimPrefix(n.Reason, entry.KeepTagged.Done()+" (")
			err = plan.KeepTagged(n.Path, strings.Split(strings.TrimSuffix(tags, ")"), "/"))
		case n.Reason == entry.Drop.Done():
			err = plan.Remove(n.Path)
		default:
			edited[n.Path] = Edited{n.Reason, n.Reason == entry.Empty.Done() || strings.HasPrefix(n.Reason, entry.Rewrite.Done())}
		}
		if err != nil {
			return nil, err
		}
	}
	for _, n := range f.Mounts {
		if strings.HasPrefix(n.Reason, entry.Drop.Done()) && !strings.HasSuffix(n.Reason, rootfs.ButNotUnder) {
			if err := plan.KeepOnly(n.Path); err != nil {
				return nil, err
			}
		}
	}
	for _, n := range f.Omitted {
		edited[n.Path] = Edited{Reason: "omitted: " + n.Reason}
	}
	return edited, nil
}
