package upload

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"image-capture/entry"
)

// TokenState is what a look at a token says about one action.
type TokenState uint8

// The states of a token.
const (
	// Opaque: the token cannot be read, or grants what cannot be judged here. This
	// is not a fault: tokens of DRP v3 are encrypted.
	Opaque TokenState = iota
	// Granted: the token has the claim and has not expired.
	Granted
	// Expired: the token expired at TokenCheck.Expires.
	Expired
	// Lacking: the token has no claim for this.
	Lacking
)

// String names the state.
func (s TokenState) String() string {
	switch s {
	case Granted:
		return "granted"
	case Expired:
		return "expired"
	case Lacking:
		return "lacking"
	}
	return "opaque"
}

// TokenCheck is what a token says of itself.
type TokenCheck struct {
	State TokenState
	// Expires is the zero time if the token does not tell.
	Expires time.Time
	// Need is the claim that was looked for, as the server writes it: "files post
	// /images/x.tgz".
	Need string
}

// CheckToken reads the client's token, if it is a JSON Web Token, and tells
// whether it allows an action (list, get, post or delete) on a file at a time.
// It is a courtesy that can save a long capture from a refusal at its end: no
// signature is verified, and only the server's answer counts.
func (c *Client) CheckToken(now time.Time, action, path string) TokenCheck {
	// The server matches a file's name with its leading slash.
	return c.checkClaim(now, "files", action, "/"+strings.TrimPrefix(path, "/"))
}

// CheckProfileToken is CheckToken for the actions create, update and get on a Profile.
// What is to be created has no name yet for the server: only "*" grants it.
func (c *Client) CheckProfileToken(now time.Time, action, name string) TokenCheck {
	if action == "create" {
		name = ""
	}
	return c.checkClaim(now, "profiles", action, name)
}

func (c *Client) checkClaim(now time.Time, scope, action, specific string) TokenCheck {
	check := TokenCheck{Need: entry.Printable(scope + " " + action + " " + cmp.Or(specific, "*"))}
	t, ok := parseToken(c.auth.token)
	if !ok {
		return check
	}
	check.Expires = t.expires
	switch {
	case !t.expires.IsZero() && !now.Before(t.expires):
		check.State = Expired
	case !t.judgeable:
		check.State = Opaque
	case slices.ContainsFunc(t.claims, func(cl claim) bool { return cl.allows(scope, action, specific) }):
		check.State = Granted
	default:
		check.State = Lacking
	}
	return check
}

// claim is one entry of drp_claims.
type claim struct {
	Scope    string `json:"scope"`
	Action   string `json:"action"`
	Specific string `json:"specific"`
}

func (c claim) allows(scope, action, specific string) bool {
	return inList(c.Scope, scope) && inList(c.Action, action) && inList(c.Specific, specific)
}

// inList matches as the server does: each item of a comma list whole, with the
// spaces around it gone, or a lone star for all. There are no globs.
func inList(list, want string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "*" || item == want {
			return true
		}
	}
	return false
}

// token is the readable part of a JSON Web Token.
type token struct {
	expires time.Time
	claims  []claim
	// judgeable: the token lists claims, and grants nothing in another way.
	judgeable bool
}

// parseToken reads the payload of s. It reports false for anything but three parts
// of base64url of which the middle one is a JSON object.
func parseToken(s string) (token, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return token{}, false
	}
	var payload []byte
	for i, p := range parts {
		// RFC 7515 has no padding; some writers do.
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(p, "="))
		if err != nil {
			return token{}, false
		}
		if i == 1 {
			payload = b
		}
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil || fields == nil {
		return token{}, false
	}
	var t token
	var exp float64
	// Beyond this a time.Time has no date that could be written.
	const lastYear = 253402300799
	if json.Unmarshal(fields["exp"], &exp) == nil && exp > 0 && exp <= lastYear {
		sec, frac := math.Modf(exp)
		t.expires = time.Unix(int64(sec), int64(frac*1e9))
	}
	if raw, ok := fields["drp_claims"]; ok && json.Unmarshal(raw, &t.claims) == nil && t.claims != nil {
		// Roles, where a server knows them, grant claims that only it can list.
		roles := string(fields["drp_roles"])
		t.judgeable = roles == "" || roles == "null" || roles == "[]"
	}
	return t, true
}
