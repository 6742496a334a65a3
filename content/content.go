// Package content reads, checks and bundles the content pack in content/pack: the
// objects by which a Digital Rebar Provision endpoint runs image-capture in a job.
//
// A pack is a folder: ._NAME.meta files, each holding one field of its metadata,
// and a folder for each kind of object: params, profiles, stages, tasks and
// workflows hold a YAML file an object, templates holds *.tmpl files, whose name is
// the template's ID. An object's file is named like the object, with "." for "/".
// A bundle is the same in one YAML document, meta and sections, as drpcli contents
// bundle makes it and drpcli contents upload takes it (see models.Content in
// digitalrebar/provision).
//
// Reading is strict: a field that the models do not document, a file of another
// kind or a second object of a name is an error. Not read are the kinds of object
// that the pack has none of (bootenvs, roles, ...), and JSON.
//
// The pack in the folder belongs to no version. Release writes the version and the
// SHA-256 of its binaries into it: the task fetches the binary of exactly that
// version from the endpoint's files, and runs no other.
package content

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Pack is a content pack; see models.Content.
type Pack struct {
	Meta     map[string]string `yaml:"meta"`
	Sections Sections          `yaml:"sections"`
}

// Sections are the objects of a pack by their names.
type Sections struct {
	Params    map[string]Param    `yaml:"params,omitempty"`
	Profiles  map[string]Profile  `yaml:"profiles,omitempty"`
	Stages    map[string]Stage    `yaml:"stages,omitempty"`
	Tasks     map[string]Task     `yaml:"tasks,omitempty"`
	Templates map[string]Template `yaml:"templates,omitempty"`
	Workflows map[string]Workflow `yaml:"workflows,omitempty"`
}

// Read reads a pack from its folder.
func Read(fsys fs.FS) (*Pack, error) {
	p := &Pack{Meta: map[string]string{}, Sections: Sections{
		Params: map[string]Param{}, Profiles: map[string]Profile{}, Stages: map[string]Stage{},
		Tasks: map[string]Task{}, Templates: map[string]Template{}, Workflows: map[string]Workflow{},
	}}
	top, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read the pack: %w", err)
	}
	for _, e := range top {
		if e.IsDir() {
			err = p.readKind(fsys, e.Name())
		} else {
			err = p.readMeta(fsys, e.Name())
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Pack) readMeta(fsys fs.FS, name string) error {
	field, ok := strings.CutSuffix(name, ".meta")
	field, dotted := strings.CutPrefix(field, "._")
	if !ok || !dotted {
		return fmt.Errorf("%s: at the top of a pack there are folders and ._NAME.meta files", name)
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return fmt.Errorf("read the pack: %w", err)
	}
	p.Meta[field] = strings.TrimSpace(string(text))
	return nil
}

// readKind reads all objects of a kind.
func (p *Pack) readKind(fsys fs.FS, kind string) error {
	list, err := fs.ReadDir(fsys, kind)
	if err != nil {
		return fmt.Errorf("read the pack: %w", err)
	}
	for _, e := range list {
		name := path.Join(kind, e.Name())
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("read the pack: %w", err)
		}
		var got string
		switch kind {
		case "params":
			got, err = add(p.Sections.Params, text)
		case "profiles":
			got, err = add(p.Sections.Profiles, text)
		case "stages":
			got, err = add(p.Sections.Stages, text)
		case "tasks":
			got, err = add(p.Sections.Tasks, text)
		case "workflows":
			got, err = add(p.Sections.Workflows, text)
		case "templates":
			got = e.Name()
			p.Sections.Templates[got] = Template{ID: got, Contents: string(text)}
		default:
			return fmt.Errorf("%s: a pack has no such kind of object", kind)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if kind != "templates" && e.Name() != strings.ReplaceAll(got, "/", ".")+".yaml" {
			return fmt.Errorf("%s: holds the object %q, and is not named like it", name, got)
		}
	}
	return nil
}

// object is what has a name.
type object interface{ key() string }

// add decodes an object strictly and adds it to its section.
func add[T object](section map[string]T, text []byte) (string, error) {
	var o T
	if err := load(text, &o); err != nil {
		return "", err
	}
	if _, again := section[o.key()]; again {
		return "", fmt.Errorf("%q is there twice", o.key())
	}
	section[o.key()] = o
	return o.key(), nil
}

func load(text []byte, out any) error {
	return yaml.Load(text, out, yaml.WithV4Defaults(), yaml.WithKnownFields())
}

// Parse reads a bundle.
func Parse(text []byte) (*Pack, error) {
	p := &Pack{}
	if err := load(text, p); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	return p, nil
}

// Bundle writes the pack as one YAML document. The same pack gives the same bytes.
func (p *Pack) Bundle() ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if p.Meta["Version"] == "" {
		return nil, errors.New("the pack has no version")
	}
	text, err := yaml.Dump(p, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("bundle the pack: %w", err)
	}
	return append(bytes.TrimRight(text, "\n"), '\n'), nil
}
