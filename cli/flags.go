package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// groups are the flags of a command, under the titles that the help has.
type groups struct {
	list   []group
	checks []func() error
	// words are what flags take, for those that take one of a few.
	words map[string][]string
	// removed are flags that an older version had, and why they are gone.
	removed map[string]string
}

// group is a set of flags under a title in the help.
type group struct {
	title string
	set   *pflag.FlagSet
}

// group begins a group. One of that title that is there goes on.
func (g *groups) group(title string) *pflag.FlagSet {
	for _, old := range g.list {
		if old.title == title {
			return old.set
		}
	}
	set := pflag.NewFlagSet(title, pflag.ContinueOnError)
	set.SortFlags = false
	g.list = append(g.list, group{title, set})
	return set
}

// gone adds a flag of an older version that does nothing any more. For one version it is
// accepted with a warning, so that jobs which have it go on; help does not list it.
func (g *groups) gone(s *pflag.FlagSet, name, why string) {
	s.String(name, "", "")
	_ = s.MarkHidden(name) // fails for an unknown name only
	if g.removed == nil {
		g.removed = map[string]string{}
	}
	g.removed[name] = why
}

// check adds what is to be checked of the values, whatever the command makes of them.
func (g *groups) check(f func() error) { g.checks = append(g.checks, f) }

func (g *groups) valid() error {
	if err := g.given(); err != nil {
		return err
	}
	for _, check := range g.checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// oneOf checks a flag that takes a word.
func (g *groups) oneOf(flag string, value *string, words ...string) {
	g.choices(flag, words...)
	g.check(func() error { return oneOf(flag, *value, words...) })
}

// choices are the words that a flag takes, which something else checks.
func (g *groups) choices(flag string, words ...string) {
	if g.words == nil {
		g.words = map[string][]string{}
	}
	g.words[flag] = words
}

// within checks a flag that takes a number.
func (g *groups) within(flag string, value *int, from, to int) {
	g.check(func() error {
		if *value < from {
			return usagef(fmt.Sprintf("such as --%s %d", flag, from), "--%s is %d: it must be %d or more", flag, *value, from)
		}
		if *value > to {
			return usagef(fmt.Sprintf("such as --%s %d", flag, to), "--%s is %d: it must be at most %d", flag, *value, to)
		}
		return nil
	})
}

// parse returns the arguments that are no flags.
func (g *groups) parse(args []string) ([]string, error) {
	all := pflag.NewFlagSet("image-capture", pflag.ContinueOnError)
	all.Usage = func() {}
	for _, g := range g.list {
		all.AddFlagSet(g.set)
	}
	if err := all.Parse(args); err != nil {
		return nil, err
	}
	return all.Args(), nil
}

// mend is the hint for flags that cannot be parsed.
func (g *groups) mend(command string, err error) string {
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		if words := g.words[missing.GetFlag().Name]; len(words) > 0 {
			return "it is one of " + strings.Join(words, ", ")
		}
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := unknown.GetSpecifiedName()
		if name == "token" {
			return "put the token into RS_TOKEN, or into a file that --token-file names: others can read arguments"
		}
		var names []string
		for _, gr := range g.list {
			gr.set.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		}
		if meant := nearest(name, names); meant != "" {
			return "did you mean --" + meant + "?"
		}
	}
	return "image-capture " + command + " --help lists the flags"
}

// set says whether a flag was given.
func (g *groups) set(name string) bool {
	for _, gr := range g.list {
		if p := gr.set.Lookup(name); p != nil {
			return p.Changed
		}
	}
	return false
}

// changed are the flags that were given.
func (g *groups) changed() []string {
	var names []string
	for _, g := range g.list {
		g.set.VisitAll(func(p *pflag.Flag) {
			if p.Changed {
				names = append(names, p.Name)
			}
		})
	}
	return names
}

// oneOf checks a flag that takes a word.
func oneOf(flag, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return usagef("such as --"+flag+" "+cmp.Or(nearest(value, words), words[0]), "--%s is %q: it must be one of %s", flag, value, strings.Join(words, ", "))
}

// usage is the help of a command.
func usage(cmd command, g *groups) string {
	var b strings.Builder
	fmt.Fprintf(&b, "image-capture %s: %s\n", cmd.name, cmd.short)
	if note := notes[cmd.name]; note != "" {
		fmt.Fprintln(&b, note)
	}
	fmt.Fprintf(&b, "%s\nUsage:\n", exampleText(cmd.name))
	line := "  image-capture " + cmd.name
	if len(g.list) > 0 {
		line += " [flags]"
	}
	fmt.Fprintln(&b, strings.TrimRight(line+" "+cmd.args, " "))
	if cmd.name == "capture" {
		fmt.Fprint(&b, "\nCommands:\n")
		for _, c := range commands() {
			fmt.Fprintf(&b, "  %-11s%-21s%s\n", c.name, c.args, c.short)
		}
	}
	for _, g := range g.list {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, showOptional(g.set.FlagUsagesWrapped(120)))
	}
	if len(g.list) > 0 {
		fmt.Fprint(&b, "\n"+exitHelp)
	}
	return b.String()
}
