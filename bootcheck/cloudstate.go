package bootcheck

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"image-capture/identity"
)

// certainty is how far a thing is proven.
type certainty int

const (
	doesNot certainty = iota
	may
	does
)

// cloudInitRuns says whether cloud-init runs on the first boot of a clone: it
// does when it is installed, enabled and not switched off, and it may where the
// rules about cloud-init only warn.
func (s *survey) cloudInitRuns() certainty {
	if !s.isFile(cloudInitProgram) {
		return doesNot
	}
	probe := survey{tree: tree{fsys: s.fsys}, opt: s.opt, curtin: s.curtin, system: s.system, packages: s.packages}
	checkCloudInit(&probe)
	checkCloudInitDisabled(&probe)
	checkPython(&probe)
	worst := Report{Findings: probe.findings}.Worst()
	switch {
	case worst == Fail:
		return doesNot
	case worst == Warn || len(probe.troubles) > 0:
		return may
	}
	return does
}

// checkCloudState asks for what cloud-init keeps about the instance that the
// source is: what its "clean" removes, but for the seed, which the deployer
// writes over.
func checkCloudState(s *survey) {
	before := len(s.findings)
	for _, o := range identity.Of(s.rule.name) {
		s.leftover(o)
	}
	ssh := identity.CloudSSHConfig
	if s.cloudInitRuns() != does {
		ssh.Op, ssh.Hint = "", "rm "+typed(ssh.Paths[0])
	}
	s.leftover(ssh)
	s.fine(before, "", "no state of cloud-init")
	if names := s.filled("var/lib/cloud/seed"); len(names) > 0 {
		s.info(names[0], "holds what cloud-init was told on the source; a deployer writes its own in its place", "")
	}
}

// cloudInitMakesHostKeys says whether cloud-init's configuration lets it make SSH
// host keys: its module "ssh" runs, with key types to make. An empty
// ssh_genkeytypes leaves that to others (Enterprise Linux had it so), see cc_ssh.py.
func (t *tree) cloudInitMakesHostKeys() bool {
	runs, types := false, true
	conf := t.cloudConfig("cloud_init_modules", "cloud_config_modules", "cloud_final_modules", "ssh_genkeytypes")
	for key, node := range conf {
		if key == "ssh_genkeytypes" {
			types = node.Kind == yaml.SequenceNode && len(node.Content) > 0 ||
				node.Kind == yaml.ScalarNode && node.Tag != "!!null" && node.Value != ""
			continue
		}
		for _, item := range node.Content {
			item = resolved(item)
			if item.Kind == yaml.SequenceNode && len(item.Content) > 0 { // [ssh, always]
				item = resolved(item.Content[0])
			}
			runs = runs || item.Value == "ssh" || item.Value == "cc_ssh"
		}
	}
	return runs && types
}

// cloudConfig returns what cloud-init's configuration says under the keys, read
// as datasources reads it: of lists and single values, the last file has its way.
func (t *tree) cloudConfig(keys ...string) map[string]*yaml.Node {
	found := map[string]*yaml.Node{}
	for _, name := range t.cloudFiles() {
		data, _ := t.read(name)
		root := yamlMapping(data)
		if root == nil {
			continue
		}
		for _, key := range keys {
			if v := yamlValue(root, key); v != nil {
				found[key] = v
			}
		}
	}
	return found
}

// cloudFiles returns the files of cloud-init's configuration, in the order in which it
// reads them.
func (t *tree) cloudFiles() []string {
	const dir = "etc/cloud/cloud.cfg.d"
	files := []string{"etc/cloud/cloud.cfg"}
	for _, base := range t.list(dir) {
		if strings.HasSuffix(base, ".cfg") {
			files = append(files, path.Join(dir, base))
		}
	}
	return slices.DeleteFunc(files, func(name string) bool { return !t.isFile(name) })
}

// yamlMapping returns the mapping that a document is, nil for all else. Aliases
// are left alone: none can be made to blow up.
func yamlMapping(data []byte) *yaml.Node {
	var doc yaml.Node
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil || loader.Load(&doc) != nil {
		return nil
	}
	root := &doc
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return nil
	}
	return root
}

// yamlValue returns the value of a key, the last one as in PyYAML, or nil.
func yamlValue(m *yaml.Node, key string) *yaml.Node {
	var found *yaml.Node
	for i := 0; m != nil && m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			found = resolved(m.Content[i+1])
		}
	}
	return found
}
