package bootcheck

import (
	"os"
	"slices"
	"strings"

	"image-capture/deploy"
)

// sourced is a word of a variable, and the file that put it there.
type sourced struct{ word, file string }

// grubDefaults are the variables that grub-mkconfig(8) has when it sourced /etc/default/grub
// and then the files of grub.d. Conditions are not understood: what is in one counts.
type grubDefaults struct {
	words map[string][]sourced
	order []string // of the variables, as they were first set
	there bool     // there is such a file
}

// grubDefaults evaluates these files. Later ones may set the variables again, or build on
// them.
func (t *tree) grubDefaults() grubDefaults { return t.defaults.get(t, t.readGRUBDefaults) }

func (t *tree) readGRUBDefaults() grubDefaults {
	d := grubDefaults{words: map[string][]sourced{}}
	for _, file := range t.commandFiles() {
		if whereOf(file) != deploy.GRUBDefaults {
			continue
		}
		data, _ := t.read(file)
		d.there = true
		// A value may go on over lines that end in a backslash.
		for line := range lines(strings.ReplaceAll(string(data), "\\\n", "")) {
			line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
			if len(line) > maxCommandLine {
				continue
			}
			// Only bash, which some grub-mkconfig run in, knows "+=".
			name, rest, _ := strings.Cut(line, "=")
			name, more := strings.CutSuffix(name, "+")
			if key, value, _, ok := assignment(name + "=" + rest); ok && strings.HasPrefix(key, "GRUB_") {
				d.set(key, value, file, more)
			}
		}
	}
	return d
}

// set gives a variable its value. What it grows to is bounded: a value may name itself
// often.
func (d *grubDefaults) set(key, value, file string, more bool) {
	room := maxCommandLine
	var now []sourced
	add := func(words ...sourced) {
		for _, w := range words {
			if room -= len(w.word) + 1; room >= 0 {
				now = append(now, w)
			}
		}
	}
	if more {
		add(d.words[key]...)
	}
	for _, field := range commandWords(value) {
		name, whole := strings.CutPrefix(field, "$")
		name = strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
		if old, set := d.words[name]; whole && set {
			add(old...)
		} else if strings.Count(field, "$") < 16 {
			add(sourced{os.Expand(field, d.value), file})
		}
	}
	if _, set := d.words[key]; !set {
		d.order = append(d.order, key)
	}
	d.words[key] = now
}

// value returns the words of a variable.
func (d grubDefaults) value(key string) string {
	var words []string
	for _, w := range d.words[key] {
		words = append(words, w.word)
	}
	return strings.Join(words, " ")
}

// file returns the one that gave a variable its last word.
func (d grubDefaults) file(key string) string {
	if words := d.words[key]; len(words) > 0 {
		return words[len(words)-1].file
	}
	return ""
}

// lines returns the command lines, one a variable and file.
func (d grubDefaults) lines() []bootLine {
	var found []bootLine
	for _, key := range d.order {
		if !strings.HasPrefix(key, "GRUB_CMDLINE_LINUX") {
			continue
		}
		first := len(found)
		for _, w := range d.words[key] {
			i := slices.IndexFunc(found[first:], func(l bootLine) bool { return l.file == w.file })
			if i < 0 {
				found = append(found, bootLine{w.file, deploy.GRUBDefaults, key, nil})
				i = len(found) - 1 - first
			}
			found[first+i].words = append(found[first+i].words, w.word)
		}
	}
	return found
}
