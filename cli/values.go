package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/identity"
)

// flagName is a flag as the page of flags and the man page show it, and the name of its
// value; "" where it has none. optional says that the value may be left out, and follows
// "=" only: else the next argument would be taken for it.
func flagName(f *pflag.Flag) (name, value string, optional bool) {
	name = "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if f.Value.Type() == "bool" {
		return name, "", false
	}
	value, _ = pflag.UnquoteUsage(f)
	return name, value, f.NoOptDefVal != ""
}

// valuesText says how flags are given values.
const valuesText = "A flag that is true or false is turned on by its name alone, and off by --NAME=false. " +
	"A value follows after a space or =. One in brackets may be left out, and follows after = only. An empty one is refused."

// optionalValue is such a flag as pflag writes it.
var optionalValue = regexp.MustCompile(`(--[a-z-]+) ([A-Z0-9]+)\[="[^"]*"\]`)

// showOptional writes them as the pages do, in lines that stay as long as they are.
func showOptional(usages string) string {
	return optionalValue.ReplaceAllStringFunc(usages, func(s string) string {
		return fmt.Sprintf("%-*s", len(s), optionalValue.ReplaceAllString(s, "$1[=$2]"))
	})
}

// given refuses flags with an empty value, as in --exclude-from="$FILE" where nothing has
// set FILE: what was asked for would silently not be done.
func (g *groups) given() error {
	for _, group := range g.list {
		var empty *pflag.Flag
		group.set.VisitAll(func(f *pflag.Flag) {
			values := []string{f.Value.String()}
			if list, ok := f.Value.(pflag.SliceValue); ok {
				values = list.GetSlice()
			}
			if f.Changed && !f.Hidden && (len(values) == 0 || slices.Contains(values, "")) {
				empty = f
			}
		})
		if empty != nil {
			value, _ := pflag.UnquoteUsage(empty)
			return usagef("give it "+value+", or leave it out", "--%s has an empty value", empty.Name)
		}
	}
	return nil
}

// apart refuses a value that follows a flag after a space where it can only follow "=": it
// would be an argument of the command. What names a file or directory is one.
func (g *groups) apart(args []string) error {
	for i, arg := range args[:max(len(args)-1, 0)] {
		if arg == "--" {
			return nil
		}
		name, long := strings.CutPrefix(arg, "--")
		f := g.lookup(name)
		if next := args[i+1]; long && f != nil && f.NoOptDefVal != "" && g.looksLikeValue(f, next) {
			hint := "write --" + name + "=" + next
			if words := g.words[name]; words != nil && !slices.Contains(words, next) {
				hint = "it is one of --" + name + "=" + strings.Join(words, ", --"+name+"=")
			} else if _, err := identity.Select(next); words == nil && f.Value.Type() != "bool" && err != nil {
				hint = "image-capture operations lists what may follow --" + name + "="
			}
			return usagef(hint, "--%s takes its value after =, and %s names no file or directory", name, next)
		}
	}
	return nil
}

func (g *groups) looksLikeValue(f *pflag.Flag, word string) bool {
	if _, err := os.Lstat(word); err == nil {
		return false
	}
	switch {
	case f.Value.Type() == "bool":
		return word == "true" || word == "false"
	case strings.HasPrefix(word, "-"): // it may be another flag
		_, err := identity.Select(word)
		return g.words[f.Name] == nil && err == nil
	}
	return !strings.ContainsAny(word, "/:")
}

// lookup finds a flag.
func (g *groups) lookup(name string) *pflag.Flag {
	for _, gr := range g.list {
		if f := gr.set.Lookup(name); f != nil {
			return f
		}
	}
	return nil
}
