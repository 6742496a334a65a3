package bootcheck

import (
	"path"
	"regexp"
	"strings"

	"image-capture/identity"
)

// checkAgentState asks for what agents know of the source. What lets its holder in to
// the endpoint is a failure: stored images can be read by all on its network.
func checkAgentState(s *survey) {
	before := len(s.findings)
	for _, o := range []identity.Operation{identity.DRPAgent, identity.DRPAccess} {
		for _, pattern := range o.Paths {
			for _, name := range s.filled(pattern) {
				s.checkAccess(o, name)
			}
		}
	}
	for _, o := range identity.Of(s.rule.name) {
		s.leftover(o)
	}
	s.fine(before, "", "no agent's state of the source")
	s.tell(identity.UnlistedID, s.findUnlisted().ids)
}

// checkAccess reports a file of Digital Rebar's agent or of drpcli.
func (s *survey) checkAccess(o identity.Operation, name string) {
	hint := "rm -r " + typed(name)
	switch {
	case strings.HasSuffix(name, ".state"):
		s.fail(name, "is the runner's state of the source, with the machine's secret and Params", hint).because(o.Why).offer(s, o, name)
	case path.Base(path.Dir(name)) == "tokens":
		s.fail(name, "is a token for the Digital Rebar endpoint", hint).because(o.Why).offer(s, o, name)
	case s.hasAccess(name):
		s.fail(name, o.What+", with a token or password", hint).because(o.Why).offer(s, o, name)
	default:
		s.warn(name, o.What, hint).because(o.Why).offer(s, o, name)
	}
}

// accessWords are the keys of drpcli's and the agent's files that let somebody in,
// with a value: RS_TOKEN=..., Token: ..., "Secret": "...", drpcli -T ....
var accessWords = regexp.MustCompile(`(?im)\b(RS_TOKEN|RS_KEY|RS_PASSWORD|token|secret|password)["']?[ \t]*[:=][ \t]*["']?[^\s"'#]|\bdrpcli -T \S`)

// hasAccess says whether a file, or one in a directory, holds a token or password.
func (s *survey) hasAccess(name string) bool {
	if s.isDir(name) {
		for _, base := range s.list(name) {
			if below := path.Join(name, base); s.isFile(below) && s.hasAccess(below) {
				return true
			}
		}
		return false
	}
	if !s.isFile(name) {
		return false
	}
	data, ok := s.head(name, maxState)
	return ok && accessWords.Match(data)
}
