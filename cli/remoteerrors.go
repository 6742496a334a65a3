package cli

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"

	"image-capture/upload"
)

// diagnoseRemote says what to do about an endpoint.
func diagnoseRemote(e *upload.Error) diagnosis {
	if e.Status == http.StatusBadRequest && strings.HasPrefix(cmp.Or(e.Endpoint, e.Path), "http://") {
		return diagnosis{ExitEndpoint, "if that port speaks TLS, write https://, not http://", ""}
	}
	switch e.Kind {
	case upload.Refused:
		if e.Password && e.Status == http.StatusUnauthorized {
			return diagnosis{ExitRefused, "set RS_KEY to USER:PASSWORD of a user of the endpoint: it does not take these", ""}
		}
		if e.Password {
			return diagnosis{ExitRefused, "the user in RS_KEY needs a role that allows it: scope files, action \"post, get\", specific \"*\"; see whether its password is right, too", ""}
		}
		if e.Op == "open" && e.Endpoint == "" {
			return diagnosis{ExitRefused, "see whether the URL is right, and what follows its ? still valid; an endpoint's own files take the token of a job", ""}
		}
		return diagnosis{ExitRefused, "use the token of a job that is running and whose task has ExtraClaims: scope files, action \"post, get\", specific \"*\"", ""}
	case upload.Taken:
		if e.PartInTheWay() {
			return diagnosis{ExitTaken, "another upload of this name is running, or a broken one left " + e.Path + ".part: delete it with drpcli files destroy " + words(e.Path+".part") + ", or use another name", ""}
		}
		return diagnosis{ExitTaken, otherName + ", or --overwrite to replace the file", ""}
	case upload.TooLarge:
		return diagnosis{ExitEndpoint, "a proxy limits the size of uploads: raise its limit, or bypass it with NO_PROXY", ""}
	case upload.NoSpace:
		return diagnosis{ExitEndpoint, "free space on the endpoint's disk; the endpoint has deleted what was sent", ""}
	case upload.TLS:
		if e.Fingerprint != "" {
			return diagnosis{ExitEndpoint, "if that is your endpoint, add --fingerprint " + e.Fingerprint + ", or --ca-cert FILE, or --insecure", ""}
		}
		return diagnosis{ExitEndpoint, "check that the endpoint speaks TLS on that port", ""}
	case upload.Broken:
		return diagnosis{ExitEndpoint, "check that the endpoint can be reached, and look in its log", ""}
	}
	switch {
	case e.NoAPI:
		return diagnosis{ExitEndpoint, e.Endpoint + " is no DRP API: give its address alone, as in https://HOST:8092", ""}
	case e.Op == "list" && e.Status == http.StatusNotFound:
		return diagnosis{ExitEndpoint, "there is no such folder, or the token may not list it; --upload-path names another", ""}
	case e.Endpoint != "":
		return diagnosis{ExitEndpoint, "look in the endpoint's log, or see whether " + e.Endpoint + " is its API", ""}
	case e.Status == http.StatusNotFound:
		return diagnosis{ExitEndpoint, "the server has nothing there: see whether the URL is right", ""}
	}
	return diagnosis{ExitEndpoint, "look in that server's log", ""}
}

// distrusted is the hint about a certificate that is not trusted, as diagnoseRemote gives it,
// which does not know what flags there are.
var distrusted = regexp.MustCompile(`if that is your endpoint, add (--fingerprint \S+), or --ca-cert FILE, or --insecure`)

// trusting has that hint fit the flags that say whom to trust.
func (a *App) trusting(hint string, err error) string {
	switch g := a.flags; {
	case g == nil || !distrusted.MatchString(hint):
	case g.set("fingerprint"):
		return distrusted.ReplaceAllString(hint, "the certificate is new, or somebody is in between: ask who runs the endpoint, then replace the fingerprint given by $1")
	case g.set("ca-cert") && strings.Contains(err.Error(), "unknown authority"):
		file := strings.ReplaceAll(words(g.lookup("ca-cert").Value.String()), "$", "$$")
		return distrusted.ReplaceAllString(hint, "no CA in "+file+" signed it: replace it by the file of the endpoint's CA; or, if that is your endpoint, add $1")
	}
	return hint
}
