package cli

import "regexp"

// Params are the content pack's, by the flags that its tasks make of them. A test of the
// pack holds both together.
var Params = map[string]string{
	"add-curtin":         "image-capture/add-curtin",
	"attempts":           "image-capture/attempts",
	"base":               "image-capture/base",
	"base-content":       "image-capture/base-content",
	"brand":              "image-capture/brand",
	"ca-cert":            "image-capture/tls-ca",
	"check":              "image-capture/check",
	"curtin":             "image-capture/curtin",
	"default-excludes":   "image-capture/default-excludes",
	"deployer":           "image-capture/deployer",
	"exclude-caches":     "image-capture/exclude-caches",
	"exclude":            "image-builder/additional-excludes",
	"exclude-if-present": "image-capture/exclude-if-present",
	"exclude-mount":      "image-capture/exclude-mounts",
	"file-digests":       "image-capture/file-digests",
	"fingerprint":        "image-capture/tls-fingerprint",
	"firmware":           "image-capture/firmware",
	"fix":                "image-capture/fix",
	"format":             "image-capture/format",
	"generalize":         "image-capture/generalize",
	"include-mount":      "image-capture/include-mounts",
	"insecure":           "image-capture/tls-insecure",
	"jobs":               "image-capture/jobs",
	"json":               "image-capture/json",
	"level":              "image-capture/level",
	"limit-rate":         "image-capture/limit-rate",
	"manifest-name":      "image-builder/upload-manifest-name",
	"nice":               "image-capture/nice",
	"one-file-system":    "image-capture/one-file-system",
	"overwrite":          "image-capture/overwrite",
	"refuse-secrets":     "image-capture/refuse-secrets",
	"relabel":            "image-capture/relabel",
	"require-free":       "image-capture/require-free",
	"rootfs-name":        "image-builder/upload-rootfs-name",
	"save-profile":       "image-capture/save-profile",
	"snapshot":           "image-capture/snapshot",
	"strict":             "image-capture/strict",
	"tag":                "image-capture/tag",
	"target":             "image-capture/target",
	"upload-path":        "image-builder/upload-path",
}

var flagWord = regexp.MustCompile(`(^|[ ("])--([a-z][a-z-]*)`)

// nameParams puts the Param in the place of each flag that a text names.
func nameParams(text string) string {
	return flagWord.ReplaceAllStringFunc(text, func(word string) string {
		m := flagWord.FindStringSubmatch(word)
		if param := Params[m[2]]; param != "" {
			return m[1] + param
		}
		return word
	})
}
