package upload

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Grants says whether a readable token says that it grants an action on a file. Of a token
// that cannot be read only the endpoint knows, once it is asked to do it.
func (e *Endpoint) Grants(action, path string) bool {
	return e.client.CheckToken(time.Now(), action, path).State == Granted
}

// Sees says whether this token sees that a name is free, or is not. A readable one that
// grants it does, also where the folder is not there yet.
func (e *Endpoint) Sees(ctx context.Context, path string) (sees bool, err error) {
	err = e.Do(ctx, func(int) error {
		found, err := e.client.Exists(ctx, path)
		sees = found != Unknown || e.Grants("get", path) // then it would see it
		return err
	})
	return sees, err
}

// Known asks whether the endpoint takes the token at all, which it says to any question. The
// error is an Error that is Refused where it does not. Servers answer 403 to a token that they
// do not know and to one that lacks a claim: their words tell which.
func (e *Endpoint) Known(ctx context.Context, path string) error {
	return e.Do(ctx, func(int) error {
		x, err := e.client.firstByte(ctx, "look for", path)
		if err != nil {
			return err
		}
		defer x.close()
		switch x.resp.StatusCode {
		case http.StatusUnauthorized:
			return x.refusal()
		case http.StatusForbidden:
			if refused := x.refusal(); strings.Contains(refused.Msg, "Unable to authenticate") {
				return refused
			}
		}
		return nil
	})
}
