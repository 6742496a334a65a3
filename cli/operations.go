package cli

import (
	"context"
	"fmt"
	"strings"

	"image-capture/identity"
)

// operationsOptions are the command operations'.
type operationsOptions struct{ json bool }

func (o *operationsOptions) add(g *groups) {
	g.group("Messages").BoolVar(&o.json, "json", false, "print the list as one JSON document")
}

// operation is a row of the list.
type operation struct {
	Name    string   `json:"name"`
	Does    string   `json:"does"` // "" when it is only reported
	Default bool     `json:"default"`
	Paths   []string `json:"paths"`
	What    string   `json:"what"`
	Why     string   `json:"why,omitempty"`
	When    string   `json:"when,omitempty"`
	Hint    string   `json:"hint,omitempty"`
	Source  string   `json:"source,omitempty"`
}

// run lists the operations: name, what is done, to which paths, and why.
func (o *operationsOptions) run(_ context.Context, a *App, _ *groups, args []string) error {
	if len(args) > 0 {
		return usagef("image-capture operations", "operations takes no argument")
	}
	list, err := operationRows(func(identity.Operation) bool { return true })
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(a.stdout, list)
	}
	for _, op := range list {
		if _, err := fmt.Fprintln(a.stdout, strings.Join(op.lines(), "\n")); err != nil {
			return err
		}
	}
	return nil
}

// operationRows are the rows of the operations that are wanted.
func operationRows(wanted func(identity.Operation) bool) ([]operation, error) {
	all, err := identity.Select("")
	if err != nil {
		return nil, err
	}
	byDefault := map[string]bool{}
	for _, op := range all {
		byDefault[op.Name] = true
	}
	var list []operation
	for _, op := range identity.Operations() {
		if !wanted(op) {
			continue
		}
		var paths []string
		for _, p := range op.Paths {
			paths = append(paths, "/"+p)
		}
		does := ""
		if op.Op != "" {
			does = op.Op.Does()
		}
		list = append(list, operation{op.Name, does, byDefault[op.Name], paths, op.What, op.Why, op.When, op.Hint, op.Source})
	}
	return list, nil
}

// lines are a row for people.
func (op operation) lines() []string {
	kind := op.Does
	switch {
	case kind == "":
		kind = "only reported"
	case !op.Default:
		kind += "; only when it is named"
	}
	lines := []string{op.Name + " (" + kind + ")", "    " + strings.Join(op.Paths, " "), "    " + op.What}
	for _, more := range []struct{ what, text string }{{"why", op.Why}, {"when", op.When}} {
		if more.text != "" {
			lines = append(lines, "    "+more.what+": "+more.text)
		}
	}
	return lines
}
