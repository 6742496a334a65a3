package drptest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Grant is what a token may do on scope files.
type Grant struct {
	// Actions of list, get, post, delete, or "*".
	Actions []string
	// Specifics are names with a leading slash, matched exactly, or "*". Nil means
	// all.
	Specifics []string
	// Profiles are the actions on scope profiles, of create, update and get. "*" in
	// Actions grants them, too.
	Profiles []string
	// Expires ends the token, unless zero. It is looked at when a request begins.
	Expires time.Time
	// Requests ends the token after so many requests, unless zero.
	Requests int
}

func (g Grant) allows(action, name string) bool {
	return (slices.Contains(g.Actions, "*") || slices.Contains(g.Actions, action)) &&
		(g.Specifics == nil || slices.Contains(g.Specifics, "*") || slices.Contains(g.Specifics, name))
}

// tokens is who may do what, and how often each has.
type tokens struct {
	mu             sync.Mutex
	grants         map[string]Grant
	used           map[string]int
	user, password string
}

func newTokens(opts Options) *tokens {
	t := &tokens{grants: map[string]Grant{}, used: map[string]int{}, user: opts.User, password: opts.Password}
	if t.user == "" && t.password == "" {
		t.user, t.password = DefaultUser, DefaultPassword
	}
	if opts.Tokens == nil {
		t.grants[DefaultToken] = Grant{Actions: []string{"*"}}
	}
	for name, g := range opts.Tokens {
		t.grants[name] = g
	}
	return t
}

// Allow makes the server know a token from the next request on, as it does with that of a
// job that begins.
func (s *Server) Allow(token string, g Grant) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.grants[token] = g
}

// Revoke makes the server treat a token as foreign from the next request on.
func (s *Server) Revoke(token string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	delete(s.tokens.grants, token)
}

// grant finds who asks. It returns false after it has answered: 401 without
// credentials or with wrong ones, and for a bad token 403 with the token in it, as
// the real server has it.
func (s *Server) grant(w http.ResponseWriter, r *http.Request) (Grant, bool) {
	t := s.tokens
	if user, password, ok := r.BasicAuth(); ok {
		if user == t.user && password == t.password {
			return Grant{Actions: []string{"*"}}, true
		}
		w.WriteHeader(http.StatusUnauthorized)
		return Grant{}, false
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return Grant{}, false
	}
	t.mu.Lock()
	g, known := t.grants[token]
	t.used[token]++
	spent := g.Requests > 0 && t.used[token] > g.Requests
	t.mu.Unlock()
	if !known || spent || (!g.Expires.IsZero() && !time.Now().Before(g.Expires)) {
		fail(w, r, http.StatusForbidden, "AUTH", "Unable to authenticate: invalid token "+token, "Token: "+token)
		return Grant{}, false
	}
	return g, true
}

// authorise is grant, and the claim for an action on a name.
func (s *Server) authorise(w http.ResponseWriter, r *http.Request, action, name string) bool {
	g, ok := s.grant(w, r)
	if !ok {
		return false
	}
	if g.allows(action, name) {
		return true
	}
	status := http.StatusForbidden
	switch action {
	case "get":
		status = http.StatusNotFound
		if s.opts.GetDenied != 0 {
			status = s.opts.GetDenied
		}
	case "post":
		if s.opts.PostDenied != 0 {
			status = s.opts.PostDenied
		}
	}
	if status == http.StatusNotFound {
		fail(w, r, status, "API_ERROR", "Not Found")
		return false
	}
	fail(w, r, status, "AUTH", "Cannot access files", "Requires: files "+action+" "+name)
	return false
}
