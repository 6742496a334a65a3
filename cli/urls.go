package cli

import (
	"maps"
	"net/url"
	"path"
	"slices"

	"github.com/spf13/pflag"
)

// urls are the URLs that the user gave, by what is shown of each: what follows the path, and
// a user and password, may be secrets, and names get into messages, documents and pages.
type urls map[string]*url.URL

// hide returns what is shown of a name; what is no URL stays as it is.
func (a *App) hide(name string) (string, error) {
	if !isURL(name) {
		return name, nil
	}
	u, err := url.Parse(name)
	if err != nil { // its words quote what may be a password
		return "", usagef(plainURLHint, "open: not a valid URL")
	}
	shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
	if shown != name {
		if a.urls == nil {
			a.urls = urls{}
		}
		a.urls[shown] = u
	}
	return shown, nil
}

// hideAll hides what is secret of the arguments that name images, and of the flags that do.
func (a *App) hideAll(cmd string, args []string, g *groups) (err error) {
	named := args
	if slices.Contains([]string{"list", "cat", "extract"}, cmd) {
		named = args[:min(1, len(args))] // the others name what is in the image
	}
	for i := range named {
		if named[i], err = a.hide(named[i]); err != nil {
			return err
		}
	}
	for _, name := range []string{"base", "layer", "manifest"} {
		f := g.lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values := list.GetSlice()
			for i := range values {
				if values[i], err = a.hide(values[i]); err != nil {
					return err
				}
			}
			err = list.Replace(values)
		} else {
			var value string
			if value, err = a.hide(f.Value.String()); err == nil {
				err = f.Value.Set(value)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// whole is the URL to open for what is shown of one. One that was derived, such as that of
// the MANIFEST beside an image, has what a URL in the same folder was given.
func (u urls) whole(shown string) string {
	if given := u[shown]; given != nil {
		return given.String()
	}
	var near *url.URL
	most := 0
	for _, other := range slices.Sorted(maps.Keys(u)) {
		if n := common(other, shown); n > most && path.Dir(other) == path.Dir(shown) {
			near, most = u[other], n
		}
	}
	w, err := url.Parse(shown)
	if near == nil || err != nil {
		return shown
	}
	w.User, w.RawQuery = near.User, near.RawQuery
	return w.String()
}

// common is how many bytes two texts begin with alike.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
