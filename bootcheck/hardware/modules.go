package hardware

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Module is a kernel module, or a driver that is built into the kernel.
type Module struct {
	Name    string // canonical: "_" for "-"
	BuiltIn bool
	// File is its path in the tree. It is empty for what is built in, and for a
	// name that an alias leads to and nobody has.
	File  string
	needs []byte // the paths that modules.dep lists after it
}

// Exists says whether the kernel has it.
func (m Module) Exists() bool { return m.BuiltIn || m.File != "" }

// Modules is what depmod(8) knows of the modules of a kernel.
type Modules struct {
	dir     string
	files   map[string]Module // by name
	builtIn map[string]string // the path in modules.builtin by name

	aliases aliases // of modules.alias
	inside  aliases // of modules.builtin.modinfo
	soft    map[string][]string
	missing error // why there are no aliases
}

// OpenModules reads the database of a kernel in dir, usr/lib/modules/V. Without
// modules.dep there is none. A kernel without modules.alias is still known by
// the names of its modules; lookups by modalias are then an error.
func OpenModules(fsys fs.FS, dir string) (*Modules, error) {
	m := &Modules{dir: dir, files: map[string]Module{}, builtIn: map[string]string{}, soft: map[string][]string{}}
	// In the order in which depmod(8) describes them.
	for _, part := range []struct {
		name  string
		parse func([]byte)
	}{
		{"modules.dep", m.parseDep},
		{"modules.alias", m.aliases.parseText},
		{"modules.softdep", m.parseSoftdep},
		{"modules.builtin", m.parseBuiltIn},
		{"modules.builtin.modinfo", m.parseModinfo},
	} {
		name := path.Join(dir, part.name)
		data, err := read(fsys, name, MaxDatabase)
		switch {
		case err == nil:
			part.parse(data)
		case there(err), part.name == "modules.dep":
			return nil, fmt.Errorf("modules: %w", err)
		case part.name == "modules.alias":
			m.missing = fmt.Errorf("modules: %w", err)
			if _, err := fs.Stat(fsys, name+".bin"); err == nil {
				m.missing = errors.New("modules: there is no modules.alias, and modules.alias.bin is not read")
			}
		}
	}
	return m, nil
}

// parseDep reads "kernel/drivers/net/tg3.ko: kernel/drivers/ptp/ptp.ko ...".
// Paths are below dir; those of ancient depmods begin with "/".
func (m *Modules) parseDep(data []byte) {
	for line := range bytes.Lines(data) {
		file, needs, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		name := moduleName(string(file))
		if name == "" {
			continue
		}
		m.files[name] = Module{Name: name, File: m.path(string(file)), needs: bytes.TrimSpace(needs)}
	}
}

// path is where a file named in the database is in the tree.
func (m *Modules) path(file string) string {
	if path.IsAbs(file) {
		return strings.TrimPrefix(path.Clean(file), "/")
	}
	return path.Join(m.dir, path.Clean("/"+file))
}

// parseSoftdep reads "softdep r8169 pre: realtek". What stands before "pre:" and
// "post:" is ignored, as by kmod, and so are all lines of a module but the first.
func (m *Modules) parseSoftdep(data []byte) {
	for line := range bytes.Lines(data) {
		words := strings.Fields(string(line))
		if len(words) < 3 || words[0] != "softdep" {
			continue
		}
		name, open := Canonical(words[1]), false
		if _, again := m.soft[name]; again {
			continue
		}
		m.soft[name] = nil
		for _, w := range words[2:] {
			switch {
			case w == "pre:" || w == "post:":
				open = true
			case open:
				m.soft[name] = append(m.soft[name], w)
			}
		}
	}
}

// parseBuiltIn reads "kernel/drivers/ata/ahci.ko".
func (m *Modules) parseBuiltIn(data []byte) {
	for line := range bytes.Lines(data) {
		file := string(bytes.TrimSpace(line))
		if name := moduleName(file); name != "" {
			m.builtIn[name] = file
		}
	}
}

// parseModinfo reads "ahci.alias=pci:v*...", each ended by a zero byte.
func (m *Modules) parseModinfo(data []byte) {
	for entry := range bytes.SplitSeq(data, []byte{0}) {
		key, value, _ := strings.Cut(string(entry), "=")
		if name, ok := strings.CutSuffix(key, ".alias"); ok {
			m.inside.add(value, Canonical(name))
		}
	}
}

// module returns what the database has under a canonical name, a module that
// does not exist when it has nothing.
func (m *Modules) module(name string) Module {
	if mod, ok := m.files[name]; ok {
		return mod
	}
	_, builtIn := m.builtIn[name]
	return Module{Name: name, BuiltIn: builtIn}
}

// Lookup returns the module of a name, in which "-" and "_" are the same.
func (m *Modules) Lookup(name string) (Module, bool) {
	mod := m.module(Canonical(name))
	return mod, mod.Exists()
}

// Needs returns the modules that must be loaded before mod, all of them.
func (m *Modules) Needs(mod Module) []Module {
	var list []Module
	for file := range bytes.FieldsSeq(mod.needs) {
		if name := moduleName(string(file)); name != "" {
			list = append(list, m.module(name))
		}
	}
	return list
}

// Wants returns what mod's soft dependencies are, as modules.softdep names them:
// it is loaded without them too, and may not work.
func (m *Modules) Wants(mod Module) []string { return m.soft[mod.Name] }

// Match returns the modules that modprobe(8) would load for a modalias or for
// the name of a module, in its order, without what modprobe.d says. None is no
// error. Some may not exist: an alias outlives its module.
func (m *Modules) Match(modalias string) ([]Module, error) {
	key, ok := normalise(modalias)
	if !ok {
		return nil, nil
	}
	if mod, ok := m.files[key]; ok {
		return []Module{mod}, nil
	}
	steps := int(maxSteps)
	names := m.aliases.match(key, &steps)
	if _, ok := m.builtIn[key]; ok && len(names) == 0 {
		names = []string{key}
	}
	if len(names) == 0 {
		names = m.inside.match(key, &steps)
	}
	switch {
	case steps < 0:
		return nil, fmt.Errorf("modules: %.80q takes too long to look up among the aliases", modalias)
	case len(names) == 0 && m.missing != nil:
		return nil, m.missing
	}
	list := make([]Module, 0, len(names))
	for _, name := range names {
		list = append(list, m.module(name))
	}
	return list, nil
}
