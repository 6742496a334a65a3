package cli

import (
	"fmt"
	"strings"
)

// example is a command line, and what it is for.
type example struct{ what, line string }

// examples are on top of a command's help and in the man page.
var examples = map[string][]example{
	"capture": {
		{"what a capture of this machine would hold, and how large it gets", "image-capture / --dry-run"},
		{"the tree at /mnt, as two files in the current directory", "image-capture /mnt --add-curtin"},
		{"a running server without its identity, stored on the endpoint", "image-capture / --generalize --upload --token-file token --endpoint https://192.168.124.1:8092"},
		{"only what differs from an earlier image", "image-capture /mnt --base gold.MANIFEST.txt --output update.tgz --deletions update.deletions"},
		{"another host, through ssh, into a file here", "image-capture ssh://admin@server/ --sudo --format tar-zst -o server.tar.zst"},
	},
	"check": {
		{"would an image of this tree boot under UEFI?", "image-capture check /mnt --firmware uefi"},
		{"the same of an image", "image-capture check debian-12.tgz"},
		{"what does a rule ask, and on what does it rest?", "image-capture check --explain command-line"},
	},
	"upload": {{"what an earlier capture wrote", "image-capture upload debian-12.tgz debian-12.MANIFEST.txt --token-file token"}},
	"verify": {{"an image against the MANIFEST beside it", "image-capture verify debian-12.tgz"}},
	"extract": {
		{"all of an image, as root", "image-capture extract debian-12.tgz -C /mnt"},
		{"two things of it", "image-capture extract debian-12.tgz etc/ssh 'var/log/*.log' -C logs"},
	},
	"list": {
		{"what is in an image, as tar -tv shows it", "image-capture list -l debian-12.tgz"},
		{"the largest files", "image-capture list -l --sort size debian-12.tgz | head"},
	},
	"cat": {{"one file of an image on a server", "image-capture cat http://192.168.124.1:8091/files/images/debian-12.tgz etc/os-release"}},
	"report": {
		{"what is in an image, and what takes the space", "image-capture report debian-12.tgz -o debian-12.html"},
		{"how this server has grown since it was deployed", "image-capture report / --base gold.MANIFEST.txt -o server.html"},
	},
	"diff":  {{"how far has this server drifted from its gold image?", "image-capture diff gold.tgz /"}, {"and one on another host?", "image-capture diff gold.MANIFEST.txt ssh://root@server/"}},
	"prune": {{"all but the newest five images of each kind go", "image-capture prune --keep 5 --yes"}},
	"hooks": {{"the archive for image-deploy/additional-tarballs", "image-capture hooks -o hooks.tgz"},
		{"the same with a layer, which the hooks unpack over the image after its deletions", "image-capture hooks --layer update.tgz -o update-hooks.tgz"}},
	"completion": {{"for bash, for all users", "image-capture completion bash > /usr/share/bash-completion/completions/image-capture"}},
	"man":        {{"read it", "image-capture man | man -l -"}},
}

// notes say what a line about a command has no room for, below it.
var notes = map[string]string{
	"cat":     "Of a layer are printed the files that it holds itself: those that are as in its base are in the base.",
	"extract": "A layer is extracted alone: extract its base first, and delete what the layer's MANIFEST lists as deleted.",
	"diff":    "Where an image has its MANIFEST beside it that is read in its place, and verify tells whether the image is whole.",
	"list":    "Where an image has its MANIFEST beside it that is listed, and verify tells whether the image is whole.",
}

// exampleText is the part of the help.
func exampleText(command string) string {
	list := examples[command]
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nExamples:\n")
	for _, e := range list {
		fmt.Fprintf(&b, "  %s\n      %s\n", e.what, e.line)
	}
	return b.String()
}
