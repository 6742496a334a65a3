package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// readableToken is a token as DRP v4 may give it: a JSON Web Token.
func readableToken(actions []string, expires time.Time) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Sprintf("token: %v", err))
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	var claims []map[string]string
	for _, a := range actions {
		claims = append(claims, map[string]string{"scope": "files", "action": a, "specific": "*"})
	}
	return part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." +
		part(map[string]any{"exp": expires.Unix(), "drp_claims": claims}) + "." +
		base64.RawURLEncoding.EncodeToString([]byte("a signature that nobody here verifies"))
}
