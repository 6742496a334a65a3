package drptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const profilesPath = "/api/v3/profiles"

// Profile is one that the server keeps, as models.Profile has it.
type Profile struct {
	Name        string
	Description string
	Meta        map[string]string
	Params      map[string]any
	ReadOnly    bool // from a content pack: it cannot be changed
}

type profiles struct {
	mu  sync.Mutex
	all map[string]Profile
}

// SetProfile plants a Profile.
func (s *Server) SetProfile(p Profile) {
	s.profiles.mu.Lock()
	defer s.profiles.mu.Unlock()
	s.profiles.set(p)
}

func (p *profiles) set(one Profile) {
	if p.all == nil {
		p.all = map[string]Profile{}
	}
	p.all[one.Name] = one
}

// Profile returns a Profile by name.
func (s *Server) Profile(name string) (Profile, bool) {
	s.profiles.mu.Lock()
	defer s.profiles.mu.Unlock()
	p, ok := s.profiles.all[name]
	p.Params = maps.Clone(p.Params)
	return p, ok
}

// serveProfiles serves POST /profiles, and GET and PATCH of /profiles/NAME as dr-provision's
// frontend.go does: the order of its checks, its statuses and its words.
func (s *Server) serveProfiles(w *record, r *http.Request) {
	f := s.fault(r)
	if f.strikes() {
		s.strike(w, r, f)
		return
	}
	if r.Method != http.MethodGet && !strings.Contains(r.Header.Get("Content-Type"), "application/json") {
		fail(w, r, http.StatusBadRequest, r.Method, "Invalid content type: "+r.Header.Get("Content-Type"))
		return
	}
	name, err := url.PathUnescape(strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), profilesPath), "/"))
	switch {
	case err != nil:
		fail(w, r, http.StatusBadRequest, r.Method, err.Error())
	case r.Method == http.MethodPost && name == "":
		s.createProfile(w, r, f)
	case r.Method == http.MethodPatch && name != "":
		s.patchProfile(w, r, name)
	case r.Method == http.MethodGet && name != "":
		s.getProfile(w, r, name)
	default:
		fail(w, r, http.StatusMethodNotAllowed, r.Method, "Method not allowed")
	}
}

func (s *Server) createProfile(w *record, r *http.Request, f Fault) {
	var p Profile
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		fail(w, r, http.StatusBadRequest, r.Method, err.Error())
		return
	}
	if !s.authoriseProfile(w, r, "create", "create", "") {
		return
	}
	s.profiles.mu.Lock()
	defer s.profiles.mu.Unlock()
	if _, ok := s.profiles.all[p.Name]; ok {
		fail(w, r, http.StatusConflict, "CREATE", "already exists")
		return
	}
	if !fits(w, r, p.Params) {
		return
	}
	if p.Params == nil {
		p.Params = map[string]any{}
	}
	s.profiles.set(p)
	if f.Lost {
		drop(w)
		return
	}
	answerProfile(w, http.StatusCreated, p)
}

func (s *Server) patchProfile(w *record, r *http.Request, name string) {
	var patch []struct {
		Op, Path string
		Value    any
	}
	if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
		fail(w, r, http.StatusBadRequest, r.Method, err.Error())
		return
	}
	s.profiles.mu.Lock()
	defer s.profiles.mu.Unlock()
	p, ok := s.profiles.all[name] // the real server looks before it authorises
	if !ok {
		fail(w, r, http.StatusNotFound, r.Method, "Not Found")
		return
	}
	if !s.authoriseProfile(w, r, "update", "patch", name) {
		return
	}
	p.Params = maps.Clone(p.Params)
	for i, line := range patch {
		key, ok := strings.CutPrefix(line.Path, "/Params/")
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		_, there := p.Params[key]
		switch {
		case p.ReadOnly:
			fail(w, r, http.StatusConflict, "PATCH", "readonly: cannot be changed")
			return
		case ok && line.Op == "add":
			p.Params[key] = line.Value
		case ok && line.Op == "remove" && there:
			delete(p.Params, key)
		default:
			fail(w, r, http.StatusConflict, "PATCH", fmt.Sprintf("Patch error at line %d", i))
			return
		}
	}
	if !fits(w, r, p.Params) {
		return
	}
	s.profiles.set(p)
	answerProfile(w, http.StatusOK, p)
}

// fits refuses params that are not of their schema, of which one is known here: that of
// image-deploy/additional-tarballs in RackN's content (digitalrebar/provision-plugins 9d85ad4).
func fits(w *record, r *http.Request, params map[string]any) bool {
	const key = "image-deploy/additional-tarballs"
	list, ok := params[key].([]any)
	if !ok && params[key] != nil {
		fail(w, r, http.StatusUnprocessableEntity, "ValidationError", "Key '"+key+"': invalid val: Expected: array")
		return false
	}
	for i, item := range list {
		m, _ := item.(map[string]any)
		_, uri := m["uri"].(string)
		_, format := m["format"].(string)
		_, served := m["drpserved"].(bool)
		if n, ok := m["index"].(float64); !ok || n != math.Trunc(n) || !uri || !format || !served {
			fail(w, r, http.StatusUnprocessableEntity, "ValidationError", fmt.Sprintf("Key '%s': invalid val: %d: index is an integer, uri and format are strings, drpserved is a boolean", key, i))
			return false
		}
	}
	return true
}

func (s *Server) getProfile(w *record, r *http.Request, name string) {
	p, ok := s.Profile(name)
	switch {
	case !ok:
		fail(w, r, http.StatusNotFound, r.Method, "Not Found")
	case s.authoriseProfile(w, r, "get", "get", name):
		answerProfile(w, http.StatusOK, p)
	}
}

func (s *Server) authoriseProfile(w *record, r *http.Request, action, told, name string) bool {
	g, ok := s.grant(w, r)
	if !ok {
		return false
	}
	if slices.Contains(g.Actions, "*") || slices.Contains(g.Profiles, action) {
		return true
	}
	fail(w, r, http.StatusForbidden, "AUTH", "Cannot access "+r.URL.Path, "Requires: profiles "+told+" "+name)
	return false
}

func answerProfile(w *record, status int, p Profile) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		panic(http.ErrAbortHandler)
	}
}
