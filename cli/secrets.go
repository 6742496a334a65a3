package cli

import (
	"slices"

	"github.com/spf13/pflag"

	"image-capture/bootcheck"
	"image-capture/capture"
	"image-capture/entry"
)

const (
	secretsHint   = "leave them out (--exclude, --generalize), or store the image where nobody else reads"
	madeAgainHint = "capture again without them (--exclude, --generalize)"
)

func (e events) Secrets(list []bootcheck.Secret) { e.term.secrets(list, "will hold", secretsHint) }

func (e jsonEvents) Secrets(list []bootcheck.Secret) { e.term.secrets(list, "will hold", secretsHint) }

// secrets warns of those that an image holds, or will hold.
func (t *terminal) secrets(list []bootcheck.Secret, holds, hint string) {
	text := "stored images can be read by all on the endpoint's network, and this one " + holds + " secrets: " + capture.SecretsText(list)
	if t.json {
		shown := slices.Clone(list)
		for i := range shown {
			shown[i].Path = entry.Escape(shown[i].Path)
		}
		t.emit("secrets", fields{"secrets": shown, "text": text, "hint": t.words(hint)})
		return
	}
	t.warn(hint, "%s", text)
}

func addRefuseSecrets(s *pflag.FlagSet, refuse *bool, verb string) {
	s.BoolVar(refuse, "refuse-secrets", false, verb+" nothing, and exit with 3, when the image would hold private keys, passwords, tokens, keytabs or metadata of a cloud; hashes of passwords and SSH host keys, which every root has, do not count")
}
