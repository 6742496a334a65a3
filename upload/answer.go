package upload

import (
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// refusal makes an Error of an answer with a status that was not wished for. The
// message is read if it can be; the status alone says enough.
func (x *exchange) refusal() *Error {
	body, _ := x.answer()
	e := &Error{
		Kind: kindOf(x.resp.StatusCode, x.resp.Request.Method),
		Op:   x.op, Path: x.path, Endpoint: x.asked, Status: x.resp.StatusCode,
		RetryAfter: retryAfter(x.resp.Header, time.Now()),
	}
	e.Password = e.Endpoint != "" && x.client.auth.header != "" && x.client.auth.token == ""
	if e.Status == http.StatusNotFound && e.Endpoint != "" && len(body) > 0 && !json.Valid(body) {
		e.Kind, e.NoAPI = Failed, true // such as "404 page not found" of another server
	}
	text := messages(body, http.StatusText(x.resp.StatusCode))
	if s := e.Status; s >= 300 && s < 400 {
		text = "the server redirects to " + x.resp.Header.Get("Location")
	}
	e.Msg = x.client.redact.message(text)
	return e
}

// messages takes the text from an error of the API, {"Type":"AUTH","Messages":[...]},
// or from whatever else a proxy put in its place: of a page for people its title, where that
// says more than the status.
func messages(body []byte, status string) string {
	var e struct{ Messages []string }
	if json.Unmarshal(body, &e) == nil && len(e.Messages) > 0 {
		return strings.Join(e.Messages, "; ")
	}
	if m := pageTitle.FindSubmatch(body); m != nil {
		title := strings.Join(strings.Fields(html.UnescapeString(string(m[1]))), " ")
		if strings.Contains(title, status) {
			return ""
		}
		return title
	}
	return string(body)
}

var pageTitle = regexp.MustCompile(`(?is)<title>(.*?)</title>`)

// nonsense is an answer with the right status that cannot be believed.
func (x *exchange) nonsense(msg string) *Error {
	return &Error{
		Kind: Failed, Op: x.op, Path: x.path, Endpoint: x.asked,
		Status: x.resp.StatusCode, Msg: x.client.redact.message(msg),
	}
}

func refusedToShow(status int) bool {
	return status == http.StatusForbidden || status == http.StatusNotFound
}
