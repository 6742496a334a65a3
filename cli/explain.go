package cli

import (
	"fmt"
	"slices"
	"strings"

	"image-capture/bootcheck"
	"image-capture/identity"
)

// allRules is the word for a list of the rules in place of one.
const allRules = "list"

// ruleNames are the words for check --explain.
func ruleNames() []string {
	names := []string{allRules}
	for _, e := range bootcheck.Explanations() {
		names = append(names, e.Rule)
	}
	return names
}

// explanation is the document of check --explain RULE.
type explanation struct {
	bootcheck.Explanation
	Operations []operation `json:"operations,omitempty"` // what --fix and --generalize do about it
}

// explain prints what a rule asks, and on what that rests. No root and no image is looked at.
func (o *checkOptions) explain(a *App, args []string) error {
	if len(args) > 0 {
		return usagef("leave out "+args[0], "--explain looks at no root and at no image")
	}
	all := bootcheck.Explanations()
	if o.rule == allRules {
		return o.listRules(a, all)
	}
	i := slices.IndexFunc(all, func(e bootcheck.Explanation) bool { return e.Rule == o.rule })
	if i < 0 {
		return noRule(o.rule)
	}
	e := explanation{Explanation: all[i]}
	list, err := operationRows(func(op identity.Operation) bool { return op.Rule == e.Rule })
	if err != nil {
		return err
	}
	e.Operations = list
	if o.json {
		return writeJSON(a.stdout, e)
	}
	_, err = fmt.Fprintln(a.stdout, strings.Join(explanationLines(e), "\n"))
	return err
}

// explanationLines are an explanation for people: a paragraph a ground.
func explanationLines(e explanation) []string {
	lines := []string{e.Rule + ": " + e.Why}
	for _, g := range e.Grounds {
		lines = append(lines, "", "looks at: "+g.Looks, "    what happens: "+g.Happens)
		for _, hint := range g.Hints {
			lines = append(lines, "    hint: "+hint)
		}
		basis := "    ground: " + string(g.Basis)
		if g.By != "" {
			basis += ": " + g.By
		}
		lines = append(lines, "    source: "+g.Source, basis)
	}
	if len(e.Operations) > 0 {
		lines = append(lines, "", "operations, of --fix and capture --generalize:")
	}
	for _, op := range e.Operations {
		lines = append(lines, op.lines()...)
		lines = append(lines, "    source: "+op.Source)
	}
	return lines
}

// listRules prints the names of the rules, in the order of reports, and why each matters.
func (o *checkOptions) listRules(a *App, all []bootcheck.Explanation) error {
	if o.json {
		type row struct {
			Rule string `json:"rule"`
			Why  string `json:"why"`
		}
		var rows []row
		for _, e := range all {
			rows = append(rows, row{e.Rule, e.Why})
		}
		return writeJSON(a.stdout, rows)
	}
	width := 0
	for _, e := range all {
		width = max(width, len(e.Rule))
	}
	for _, e := range all {
		if _, err := fmt.Fprintf(a.stdout, "%-*s  %s\n", width, e.Rule, e.Why); err != nil {
			return err
		}
	}
	return nil
}

// noRule says what was probably meant by a word that is no rule: one that is written much the
// same, or the rule of an operation by that name.
func noRule(word string) error {
	hint := "image-capture check --explain " + allRules + " lists the rules"
	if i := slices.IndexFunc(identity.Operations(), func(op identity.Operation) bool { return op.Name == word }); i >= 0 {
		rule := identity.Operations()[i].Rule
		return usagef("image-capture check --explain "+rule, "--explain: %s is an operation, of the rule %s", word, rule)
	}
	if rule := nearest(word, ruleNames()); rule != "" {
		return usagef(hint, "--explain: there is no rule %q; did you mean %s?", word, rule)
	}
	return usagef(hint, "--explain: there is no rule %q", word)
}
