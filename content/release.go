package content

import (
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// releaseTemplate is where the task finds the version of its binary and the
// SHA-256 of each. In the folder it holds placeholders, and a task that meets one
// refuses to run.
const releaseTemplate = "image-capture-release.tmpl"

// Platforms are those that the task has binaries for.
var Platforms = []string{"linux-amd64", "linux-arm64"}

// Release makes the pack one version's. sums are the SHA-256 of the binaries in hex,
// one for each of Platforms. The version is a part of a path, and endpoints refuse a pack
// whose version is not a semantic one.
func (p *Pack) Release(version string, sums map[string]string) error {
	if !semver.MatchString(version) {
		return fmt.Errorf("%q is not a version that endpoints take (like 1.2.3 or 1.2.3-dev.4+gabcdef; see semver.org)", version)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(sums)), Platforms) {
		return fmt.Errorf("the binaries must be those of %s", strings.Join(Platforms, " and "))
	}
	t, ok := p.Sections.Templates[releaseTemplate]
	if !ok {
		return fmt.Errorf("the pack has no template %s", releaseTemplate)
	}
	values := map[string]string{"@VERSION@": version}
	for platform, sum := range sums {
		if b, err := hex.DecodeString(sum); err != nil || len(b) != 32 {
			return fmt.Errorf("%s: %q is no SHA-256", platform, sum)
		}
		values["@SHA256:"+platform+"@"] = strings.ToLower(sum)
	}
	for mark, value := range values {
		if strings.Count(t.Contents, mark) != 1 {
			return fmt.Errorf("template %s: %s must be there once", releaseTemplate, mark)
		}
		t.Contents = strings.Replace(t.Contents, mark, value, 1)
	}
	p.Sections.Templates[releaseTemplate] = t
	p.Meta["Version"] = version
	return nil
}

// semver is what endpoints take for a pack's version: see semver.org, 2.0.0, points 2, 9
// and 10.
var semver = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// imageBuilder is the pack whose place this one takes.
const imageBuilder = "image-builder"

// builderParams, builderTasks are names that both packs have: the public contract
// of Image Builder.
var (
	builderParams = []string{
		"image-builder/additional-excludes", "image-builder/additional-packages", "image-builder/additional-tar-options",
		"image-builder/post-builder-flexiflow", "image-builder/pre-builder-flexiflow", "image-builder/skip-package-reset",
		"image-builder/upload-manifest-name", "image-builder/upload-path", "image-builder/upload-rootfs-name",
	}
	builderTasks = []string{
		"image-builder-cleanup", "image-capture", "image-install-cloud-init", "image-reset-package-repos", "image-update-packages",
	}
)

// Beside returns the pack for an endpoint that keeps the pack image-builder. An
// endpoint refuses a second object of a name, so what has a name of Image Builder's
// is left out, and that pack becomes a prerequisite. What is left captures: the
// stage image-capture takes the place of image-builder-capture in a workflow.
func (p *Pack) Beside() *Pack {
	meta := maps.Clone(p.Meta)
	meta["Prerequisites"] = strings.Trim(meta["Prerequisites"]+", "+imageBuilder, ", ")
	s := p.Sections
	builder := func(name string) bool {
		return strings.HasPrefix(name, imageBuilder+"-") || strings.HasPrefix(name, imageBuilder+"/") || slices.Contains(builderTasks, name)
	}
	return &Pack{Meta: meta, Sections: Sections{
		Params: without(s.Params, builder), Profiles: without(s.Profiles, builder), Workflows: without(s.Workflows, builder),
		Tasks: without(s.Tasks, builder), Templates: without(s.Templates, builder),
		// The stage has the name of a task of theirs: those are two name spaces.
		Stages: without(s.Stages, func(name string) bool { return strings.HasPrefix(name, imageBuilder+"-") }),
	}}
}

func without[T any](section map[string]T, drop func(string) bool) map[string]T {
	kept := maps.Clone(section)
	maps.DeleteFunc(kept, func(name string, _ T) bool { return drop(name) })
	return kept
}
