// Package identity knows what clones of one system must not share: keys, ids,
// registrations, leases, and what people left behind.
//
// It is a table. The rules of bootcheck report what is there of it, and the same
// rows say what a capture may do about each on the way into the image. Whether an
// edit is safe can hang on the rest of the tree (host keys go only where something
// makes new ones): then the row says so in words, and the rule that finds it decides.
//
// The rows come from virt-sysprep(1), from cloud-init's "clean", and from what
// packages and vendors write about cloning: each row names its source.
package identity

import (
	"fmt"
	"slices"
	"strings"

	"image-capture/entry"
)

// Operation is one kind of thing that tells a system from its clones, and what
// becomes of it.
type Operation struct {
	// Name is what people select it by: a-z, 0-9 and dashes.
	Name string
	// Rule is the rule of bootcheck that reports it.
	Rule string
	// Paths are where it is: io/fs paths, in which each part may be a pattern of
	// path.Match. A file that is empty, and a directory without names, is nothing.
	Paths []string
	// What says what a path is, as the end of a sentence that begins with it.
	What string
	// Why says what happens to clones that share it.
	Why string
	// Hint is what to type in the source. Empty: remove or empty the path.
	Hint string
	// Op is what is done about it in the image; empty when it can only be reported.
	Op entry.Op
	// When says what must hold for that, where it is not always right.
	When string
	// Unless are paths, as in Paths, of which none may be there for that: beside them
	// the thing belongs to a server, or is in use.
	Unless []string
	// Scope says who may do it.
	Scope Scope
	// Note says that clones are none the worse for it.
	Note bool
	// Source is where it is known from: a manual page, a vendor's page, a package's file.
	Source string
	// Rewrite makes the new content of a file for [entry.Rewrite]. Where it is nil, the
	// rule makes it. A content that has nothing to take out comes back as it is.
	Rewrite func(old []byte) ([]byte, error)
	// Judged says that paths alone do not tell whether it is there: a rule of its own
	// looks into them, and at what is around them.
	Judged bool
}

// Scope says who may do an operation.
type Scope uint8

// The scopes, from the most harmless on.
const (
	// Always is for what a clone makes anew, or does without.
	Always Scope = iota
	// Generalized is for what a golden image is better without, although a clone may
	// miss something until it is set up again.
	Generalized
	// Named is for what may be in the image on purpose: nobody does it unasked.
	Named
)

// Operations returns the table, in the order of the rules.
func Operations() []Operation { return slices.Clone(table) }

// Of returns what a rule reports by its paths, in the order of its findings.
func Of(rule string) []Operation {
	return slices.DeleteFunc(Operations(), func(o Operation) bool { return o.Rule != rule || o.Judged })
}

// All is the word for every operation that has an edit and need not be named.
const All = "all"

// Select returns the operations that a list of names chooses, in the order of the
// table. An empty list, and All, choose all that have an edit and need not be named. Names
// choose these alone; with a sign before each, also after All, "-" takes from all and "+"
// adds one that must be named. An error names the word that is wrong.
func Select(list string) ([]Operation, error) {
	chosen := map[string]bool{}
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	all := len(words) > 0 && words[0] == All
	if all {
		words = words[1:]
	}
	signed := all || len(words) == 0 || strings.ContainsAny(words[0][:1], "+-")
	for _, o := range table {
		chosen[o.Name] = signed && o.Op != "" && o.Scope != Named
	}
	for _, word := range words {
		name := strings.TrimLeft(word, "+-")
		if (name != word) != signed {
			return nil, fmt.Errorf("%q: give all operations with + or - before them, or none", word)
		}
		i := slices.IndexFunc(table, func(o Operation) bool { return o.Name == name })
		switch {
		case i < 0 || len(word)-len(name) > 1:
			return nil, fmt.Errorf("%q: there is no such operation", word)
		case table[i].Op == "" && word[0] != '-':
			return nil, fmt.Errorf("%q: it can only be reported: %s", word, table[i].Hint)
		}
		chosen[name] = word[0] != '-'
	}
	return slices.DeleteFunc(Operations(), func(o Operation) bool { return !chosen[o.Name] }), nil
}

// table in the order of bootcheck's rules.
var table = slices.Concat(
	[]Operation{ResumeDevice}, disks, []Operation{StorageWords, LVMDevicesFile, Arrays},
	[]Operation{MachineID, Journal}, []Operation{SSHHostKeys},
	cloudState, []Operation{CloudSSHConfig},
	[]Operation{CloudNetwork, CloudNetworkConfig, UdevNames, Ifcfg, Keyfile, Networkd, Netplan, Interfaces, InterfaceNames, WireguardProfile},
	host, registrations, keys, []Operation{Initiator, Hostname, HostsName, SourceRoot},
	[]Operation{DRPAgent, DRPAccess}, agents, overlays, clusters, []Operation{UnlistedID}, leases, traces, []Operation{UnlistedKey},
)
