package cli

import (
	"slices"

	"image-capture/bootcheck"
	"image-capture/capture"
)

const secretsHint = "leave them out (--exclude, --generalize), or store the image where nobody else reads"

func (e events) Secrets(list []bootcheck.Secret) {
	e.term.warn(secretsHint, "%s", secretsText(list))
}

func (e jsonEvents) Secrets(list []bootcheck.Secret) {
	e.term.emit("secrets", fields{"secrets": slices.Clone(list), "text": secretsText(list), "hint": e.term.words(secretsHint)})
}

func secretsText(list []bootcheck.Secret) string {
	return "stored images can be read by all on the endpoint's network, and this one will hold secrets: " + capture.SecretsText(list)
}
