package bootcheck

import (
	"context"
	"io/fs"
	"slices"

	"image-capture/entry"
	"image-capture/identity"
	"image-capture/image"
	"image-capture/image/imagefs"
)

// Secret is something in a tree that opens something to who gets the image.
type Secret struct {
	Path string `json:"path"` // as in io/fs
	What string `json:"what"` // the end of a sentence that begins with Path
	// Usual is what every root has: hashes of passwords, and SSH host keys.
	Usual bool `json:"usual,omitempty"`
}

// Unusual are those of a list that not every root has.
func Unusual(list []Secret) []Secret {
	return slices.DeleteFunc(slices.Clone(list), func(s Secret) bool { return s.Usual })
}

// maxSecret is how much of a file is looked at.
const maxSecret = 64 << 10

// ReadSecrets reads an image to its end, in one pass, and finds the secrets that it has in
// it. Errors are as those of [ReadImage].
func ReadSecrets(ctx context.Context, r *image.Reader) ([]Secret, error) {
	kept, err := imagefs.Read(ctx, r, imagefs.Options{Interest: func(name string, m *entry.Member) imagefs.Interest {
		if identity.SecretsConcern(name) {
			return imagefs.Interest{Meta: true, Content: maxSecret}
		}
		w := wantsUnlisted(name)
		return imagefs.Interest{Meta: w.Attributes, Content: w.Content}
	}})
	if err != nil {
		return nil, err
	}
	return Secrets(ctx, kept.Follow())
}

// Secrets finds them in a tree, in the order of the table, each path once, and after them
// private keys in places that no row names. The view is as for [Check]: where it shows edits,
// what they take out is none.
func Secrets(ctx context.Context, fsys fs.FS) ([]Secret, error) {
	s, err := newSurvey(fsys, Options{})
	if err != nil {
		return nil, err
	}
	var found []Secret
	seen := map[string]bool{}
	add := func(name, what string, usual bool) {
		// Two names of one thing are one, such as cloud-init's link to the instance.
		if real, ok := s.real(name, true); ok && !seen[real] {
			seen[real] = true
			found = append(found, Secret{name, what, usual})
		}
	}
	for _, k := range identity.Secrets() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for _, pattern := range k.Paths {
			for _, name := range s.filled(pattern) {
				if k.Holds != nil {
					if !s.isFile(name) {
						continue
					}
					if text, _ := s.head(name, maxSecret); !k.Holds(text) {
						continue
					}
				}
				add(name, k.What, k.Usual)
			}
		}
	}
	for _, name := range s.findUnlisted().keys {
		add(name, "holds a private key", false)
	}
	return found, nil
}
