package hardware

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Config is what modprobe.d(5) and kernel command lines say of modules.
type Config struct {
	blacklist map[string]string // module -> the file that says so
	install   []command         // in the order of the files
	forbidden map[string]string // module -> the file of the command line which forbids it
	aliases   aliases
}

// command is what modprobe(8) runs instead of loading the modules of a pattern.
type command struct {
	pattern, file string
	nothing       bool // the command only returns
}

// confDirs are the folders of modprobe.d(5), the strongest first. A file hides
// those of its name in the ones after it. /run is not part of an image.
var confDirs = []string{"etc/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"}

// maxConfFiles bounds the files of a folder.
const maxConfFiles = 1024

// ReadConfig reads modprobe.d of a tree. A file that cannot be read is an error;
// the Config then holds what the others say.
func ReadConfig(fsys fs.FS) (*Config, error) {
	c := &Config{blacklist: map[string]string{}, forbidden: map[string]string{}}
	byName := map[string]string{} // base name -> path
	var failed error
	note := func(err error) {
		if failed == nil {
			failed = fmt.Errorf("modprobe.d: %w", err)
		}
	}
	for _, dir := range confDirs {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil && there(err) {
			note(err)
		}
		if len(entries) > maxConfFiles {
			note(fmt.Errorf("%s has more than %d files", dir, maxConfFiles))
			entries = entries[:maxConfFiles]
		}
		for _, e := range entries {
			base := e.Name()
			if strings.HasSuffix(base, ".conf") && byName[base] == "" {
				byName[base] = path.Join(dir, base)
			}
		}
	}
	bases := make([]string, 0, len(byName))
	for base := range byName {
		bases = append(bases, base)
	}
	slices.Sort(bases)
	for _, base := range bases {
		name := byName[base]
		// A link to /dev/null hides a file on purpose; in a tree its target may not be
		// there, or be a device.
		if target, err := fs.ReadLink(fsys, name); err == nil && path.Base(target) == "null" {
			continue
		}
		data, err := read(fsys, name, maxConf)
		if err != nil {
			note(err)
			continue
		}
		c.parse(name, string(data))
	}
	return c, failed
}

// parse reads a file of modprobe.d.
func (c *Config) parse(name, text string) {
	// A line that ends in a backslash goes on.
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		module := Canonical(words[1])
		switch words[0] {
		case "blacklist":
			setFirst(c.blacklist, module, name)
		case "install":
			if len(words) > 2 {
				c.install = append(c.install, command{module, name, loadsNothing(words[2])})
			}
		case "alias":
			if len(words) > 2 {
				c.aliases.add(words[1], Canonical(words[2]))
			}
		}
	}
}

func setFirst(m map[string]string, key, value string) {
	if _, there := m[key]; !there {
		m[key] = value
	}
}

// loadsNothing says whether a command only returns, as the hardening guides have
// it.
func loadsNothing(program string) bool {
	switch path.Base(program) {
	case "true", "false", ":", "nologin":
		return true
	}
	return false
}

// CommandLine adds what the words of a kernel command line, kept in the file name, say
// of modules: modprobe.blacklist= of modprobe(8), module_blacklist= of the kernel,
// rd.driver.blacklist= of dracut.cmdline(7), each with names between commas.
func (c *Config) CommandLine(name string, words []string) {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var set map[string]string
		switch strings.ReplaceAll(key, "-", "_") {
		case "modprobe.blacklist", "rd.driver.blacklist", "rdblacklist":
			set = c.blacklist
		case "module_blacklist":
			set = c.forbidden
		default:
			continue
		}
		for module := range strings.SplitSeq(value, ",") {
			if module != "" {
				setFirst(set, Canonical(module), name)
			}
		}
	}
}

// Aliases returns the modules that modprobe.d has for a modalias or a name. They
// take the place of those that the kernel's own aliases lead to.
func (c *Config) Aliases(modalias string) []string {
	key, ok := normalise(modalias)
	if !ok {
		return nil
	}
	steps := int(maxSteps)
	return c.aliases.match(key, &steps)
}

// Blocked says why a module is not loaded when a device asks for it, and which
// file says so; empty when nothing keeps it out. What is built in is there
// whatever is said of it.
func (c *Config) Blocked(mod Module) (why, file string) {
	if mod.BuiltIn {
		return "", ""
	}
	if file, ok := c.blacklist[mod.Name]; ok {
		return "is blacklisted", file
	}
	return c.BlockedAsNeed(mod)
}

// BlockedAsNeed is Blocked for a module that another one needs: a blacklist is
// for aliases alone, and does not hold it back.
func (c *Config) BlockedAsNeed(mod Module) (why, file string) {
	if mod.BuiltIn {
		return "", ""
	}
	steps := int(maxSteps)
	for _, cmd := range c.install {
		if glob(cmd.pattern, mod.Name, &steps) { // kmod takes the first one
			if cmd.nothing {
				return "is kept from loading by an install command", cmd.file
			}
			break
		}
	}
	if file, ok := c.forbidden[mod.Name]; ok {
		return "is forbidden by module_blacklist=", file
	}
	return "", ""
}
