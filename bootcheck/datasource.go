package bootcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"go.yaml.in/yaml/v4"
)

// datasources is the datasource_list that cloud-init goes by.
type datasources struct {
	set   bool     // a file has a list; cloud-init's own has NoCloud
	names []string // in order; case counts, they are names of Python modules
	file  string   // the path that has it
}

// datasources reads cloud-init's configuration as its util.read_conf_with_confd
// does: cloud.cfg, then the *.cfg in cloud.cfg.d by name, of which the last one
// that has a list gives all of it. A file that is no YAML is left out there
// too, and is a trouble here.
//
// rackn says that image-deploy writes a file of its own, which hides those that sort
// before it, and takes the place of one of the image's by that name.
func (t *tree) datasources(rackn bool) datasources {
	const main, dir = "etc/cloud/cloud.cfg", "etc/cloud/cloud.cfg.d"
	var found datasources
	if rackn {
		found = datasources{set: true, names: []string{"NoCloud"}, file: path.Join(dir, deployersList)}
	}
	for _, name := range t.cloudFiles() {
		data, ok := t.read(name)
		if !ok {
			continue
		}
		names, set, err := parseDatasources(data)
		if err != nil {
			t.note(name, fmt.Sprintf("is not YAML, and cloud-init leaves it out: %v", err))
			continue
		}
		if hidden := rackn && (name == main || path.Base(name) <= deployersList); set && !hidden {
			found = datasources{set: true, names: names, file: name}
		}
	}
	return found
}

// parseDatasources returns the datasource_list of one file of configuration,
// and whether it has one. An empty value is none: ds-identify takes its default
// then.
func parseDatasources(data []byte) (names []string, set bool, err error) {
	// A tree of nodes leaves aliases alone, so that none can be made to blow up,
	// and does not care for the types of all that is of no interest here.
	var doc yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, false, err
	}
	if err := loader.Load(&doc); err == io.EOF { // nothing, or comments only
		return nil, false, nil
	} else if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return nil, false, errors.New(shorten(line))
	}
	root := &doc
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return nil, false, nil
	}
	var list *yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "datasource_list" {
			list = resolved(root.Content[i+1]) // the last one counts, as in PyYAML
		}
	}
	switch {
	case list == nil, list.Kind == yaml.ScalarNode && (list.Tag == "!!null" || list.Value == ""):
		return nil, false, nil
	case list.Kind == yaml.ScalarNode:
		return []string{list.Value}, true, nil
	case list.Kind == yaml.SequenceNode:
		for _, item := range list.Content {
			if item = resolved(item); item.Kind == yaml.ScalarNode {
				names = append(names, item.Value)
			}
		}
	}
	return names, true, nil
}

// resolved returns what an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}
