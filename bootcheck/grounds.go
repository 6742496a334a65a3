package bootcheck

import "slices"

// Basis says how well founded it is what a rule says.
type Basis string

const (
	// Seen: it happened in the deploy-and-boot tests or in experiments of this project.
	Seen Basis = "seen here"
	// Reported: others say in public that it happened to them.
	Reported Basis = "reported"
	// Read: it is only read in the source code or the documentation of who does it.
	Read Basis = "read"
)

// Ground is a part of what a rule asks, and on what it rests.
type Ground struct {
	Rule    string   `json:"-"`
	Looks   string   `json:"looks_at"`
	Happens string   `json:"what_happens"`    // to the deployment or the clone, where it is not as it should be
	Hints   []string `json:"hints,omitempty"` // those that are always the same; words in capitals stand for what differs
	Source  string   `json:"source"`          // where it is written down: a manual page, a package's file, a commit
	Basis   Basis    `json:"basis"`
	// By says of Seen what was done and where, of Reported who reported it. Of Read it may say
	// what the reading was held against.
	By string `json:"by,omitempty"`
}

// Explanation is all that there is to say of a rule.
type Explanation struct {
	Rule    string   `json:"rule"`
	Why     string   `json:"why"` // why its warnings and failures matter
	Grounds []Ground `json:"grounds"`
}

// grounds of every rule, in the order of rules.
var grounds = slices.Concat(groundsOfImage, groundsOfBoot, groundsOfDisks, groundsOfCloudInit, groundsOfIdentity)

// Explanations returns what there is to say of all rules, in the order of reports.
func Explanations() []Explanation {
	var all []Explanation
	for _, r := range rules {
		e := Explanation{Rule: r.name, Why: r.why}
		for _, g := range grounds {
			if g.Rule == r.name {
				e.Grounds = append(e.Grounds, g)
			}
		}
		all = append(all, e)
	}
	return all
}
