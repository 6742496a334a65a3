package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"image-capture/entry"
)

// Profile is what SaveProfile stores, as dr-provision's models.Profile has it.
type Profile struct {
	Name   string            // a letter, then letters, digits and "-", "_", ".", " "
	Meta   map[string]string // of a new Profile; that of an older one stays
	Params map[string]any
	// Obsolete are names of params that go where an older Profile has them and
	// Params has not.
	Obsolete []string
	// Shared are params that are lists, of which an older Profile keeps the items that are
	// not ours.
	Shared map[string]func(item any) (ours bool)
	// Deploys is the image that a Profile with such params deploys; it may be nil.
	Deploys func(params map[string]any) string
}

func (p Profile) deploys(params map[string]any) string {
	if p.Deploys == nil {
		return ""
	}
	return p.Deploys(params)
}

// Saved is what SaveProfile did.
type Saved struct {
	// Created: there was no Profile of that name; else its Params were changed.
	Created bool
}

// SaveProfile creates a Profile (POST /api/v3/profiles, which takes the claim
// create on scope profiles), or, when there is one of that name, sets its Params
// and no others (PATCH, which takes the claim update). So what people added to a
// Profile stays. See dr-provision's frontend/profiles.go.
//
// Done twice, it does no harm: a caller may try it again after a broken
// connection.
func (c *Client) SaveProfile(ctx context.Context, p Profile) (Saved, error) {
	const op = "save profile"
	switch {
	case c.endpoint == nil:
		return Saved{}, fmt.Errorf("%s: %w", op, errNoEndpoint)
	case p.Name == "" || strings.ContainsAny(p.Name, "/:\\") || p.Name == "." || p.Name == "..":
		// A colon would make the server look in an index.
		return Saved{}, fmt.Errorf("%s: %q is not a valid name for a Profile", op, bounded(p.Name, 200))
	}
	_, refused := c.sendJSON(ctx, p.Name, http.MethodPost, "", struct {
		Name   string
		Meta   map[string]string
		Params map[string]any
	}{p.Name, p.Meta, p.Params})
	var e *Error
	if refused == nil {
		return Saved{Created: true}, nil
	} else if !errors.As(refused, &e) || e.Status != http.StatusConflict && e.Status != http.StatusForbidden {
		return Saved{}, refused
	}
	err := c.patchProfile(ctx, p)
	if e.Status == http.StatusForbidden && err != nil {
		// A token may have the claim update alone. If that did not help either, create is
		// what was asked for.
		err = refused
	}
	return Saved{}, err
}

// maxProfile bounds a Profile that is read: its params may hold certificates and scripts.
const maxProfile = 4 << 20

// ProfileParams are the params of a stored Profile; none where there is no such Profile,
// or where this token may not see it, which takes the claim get on scope profiles.
func (c *Client) ProfileParams(ctx context.Context, name string) (map[string]any, error) {
	const op = "look for profile"
	switch {
	case c.endpoint == nil:
		return nil, fmt.Errorf("%s: %w", op, errNoEndpoint)
	case c.CheckProfileToken(time.Now(), "get", name).State == Lacking:
		return nil, nil
	}
	x, err := c.exchange(ctx, request{op: op, path: name, method: http.MethodGet, url: c.endpoint.JoinPath("api/v3/profiles", url.PathEscape(name)), headers: c.timeouts.Headers})
	if err != nil {
		return nil, err
	}
	defer x.close()
	switch x.resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusForbidden:
		return nil, nil
	default:
		return nil, x.refusal()
	}
	var p struct{ Params map[string]any }
	if err := json.NewDecoder(io.LimitReader(&patientReader{x: x}, maxProfile)).Decode(&p); err != nil {
		return nil, x.nonsense("it is no Profile")
	}
	return p.Params, nil
}

func (c *Client) patchProfile(ctx context.Context, p Profile) error {
	var patch []patchLine
	for _, name := range slices.Sorted(maps.Keys(p.Params)) {
		if p.Shared[name] != nil {
			continue // until it is known what is there
		}
		// Where the param is there, add replaces it: RFC 6902, 4.1.
		patch = append(patch, patchLine{"add", "/Params/" + pointer(name), p.Params[name]})
	}
	text, err := c.sendJSON(ctx, p.Name, http.MethodPatch, p.Name, patch)
	if err != nil {
		return err
	}
	// What an image of another kind has left would send a deployer to that image. To
	// see what is there in advance would take the claim get; the answer tells it.
	var now struct{ Params map[string]any }
	if json.Unmarshal(text, &now) != nil {
		return nil // saved; the rest is a courtesy
	}
	patch = nil
	for _, name := range p.Obsolete {
		if _, there := now.Params[name]; there && !has(p.Params, name) {
			patch = append(patch, patchLine{Op: "remove", Path: "/Params/" + pointer(name)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Shared)) {
		patch = append(patch, p.share(name, now.Params[name])...)
	}
	if patch == nil {
		return nil
	}
	_, err = c.sendJSON(ctx, p.Name, http.MethodPatch, p.Name, patch)
	return err
}

// share is the patch for a param of Shared.
func (p *Profile) share(name string, now any) []patchLine {
	old, _ := now.([]any)
	list := slices.DeleteFunc(slices.Clone(old), p.Shared[name])
	if v := reflect.ValueOf(p.Params[name]); v.Kind() == reflect.Slice {
		for i := range v.Len() {
			list = append(list, v.Index(i).Interface())
		}
	}
	path := "/Params/" + pointer(name)
	switch {
	case len(list) > 0:
		return []patchLine{{"add", path, list}}
	case len(old) > 0:
		return []patchLine{{Op: "remove", Path: path}}
	}
	return nil
}

func has(m map[string]any, name string) bool {
	_, ok := m[name]
	return ok
}

// patchLine is an operation of RFC 6902.
type patchLine struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// pointer escapes a name for a JSON pointer: RFC 6901, 3.
func pointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// sendJSON sends a document about the Profile name and returns the answer, of which
// it reads maxAnswer bytes. Under is the path below profiles/, "" for none.
func (c *Client) sendJSON(ctx context.Context, name, method, under string, doc any) ([]byte, error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("save profile %s: %w", entry.Printable(name), err)
	}
	u := c.endpoint.JoinPath("api/v3/profiles")
	if under != "" {
		u = u.JoinPath(url.PathEscape(under))
	}
	f := newFeed(bytes.NewReader(body), int64(len(body)))
	defer f.finish(nil)
	x, err := c.exchange(ctx, request{
		op: "save profile", path: name, method: method, url: u, headers: c.timeouts.Headers,
		header: map[string]string{"Content-Type": "application/json"},
		body:   newView(f), size: f.size,
	})
	if err != nil {
		return nil, err
	}
	defer x.close()
	want := http.StatusOK
	if method == http.MethodPost {
		want = http.StatusCreated
	}
	if x.resp.StatusCode != want {
		return nil, x.refusal()
	}
	text, err := x.answer()
	if err != nil {
		return nil, x.failure(err)
	}
	return text, nil
}
