package remote

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Scheme begins what names a host.
const Scheme = "ssh://"

// Destination is a root on a host.
type Destination struct {
	User string // "" is what the configuration of ssh says
	Host string // a name that ssh knows, or an address
	Port int    // 0 is what the configuration of ssh says
	Root string // absolute
}

// ParseDestination reads ssh://[user@]host[:port]/[root]. Bytes may be written as %41.
func ParseDestination(text string) (d Destination, err error) {
	u, err := url.Parse(text)
	if err != nil {
		// The message of url.Error has the text in it, and with it a password.
		return d, fmt.Errorf("it is not written as ssh://user@host:port/root")
	}
	if _, has := u.User.Password(); has {
		return d, fmt.Errorf("a password has no place in it: ssh asks for it, or uses keys")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return d, fmt.Errorf("write ? and # in a path as %%3F and %%23")
	}
	d = Destination{User: u.User.Username(), Host: u.Hostname(), Root: path.Clean("/" + u.Path)}
	if p := u.Port(); p != "" {
		if d.Port, err = strconv.Atoi(p); err != nil || d.Port < 1 || d.Port > 65535 {
			return d, fmt.Errorf("port %s is none", p)
		}
	}
	for _, s := range []string{d.User, d.Host} {
		// ssh refuses most of these itself, since CVE-2023-51385; older ones do not.
		if strings.HasPrefix(s, "-") || strings.ContainsFunc(s, func(r rune) bool {
			return r <= ' ' || r == 0x7f || strings.ContainsRune("`'\"$;&<>|(){}*?!", r)
		}) {
			return d, fmt.Errorf("%q is neither a user nor a host", s)
		}
	}
	if d.Host == "" {
		return d, fmt.Errorf("the host is missing")
	}
	if strings.Contains(d.Root, "\x00") {
		return d, fmt.Errorf("a path has no byte 0")
	}
	return d, nil
}

// Name is the host as the user named it.
func (d Destination) Name() string {
	host := d.Host
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = "[" + host + "]"
	}
	if d.User != "" {
		host = d.User + "@" + host
	}
	if d.Port != 0 {
		host += ":" + strconv.Itoa(d.Port)
	}
	return host
}

// args are those of ssh that name the host.
func (d Destination) args() []string {
	var args []string
	if d.User != "" {
		args = append(args, "-l", d.User)
	}
	if d.Port != 0 {
		args = append(args, "-p", strconv.Itoa(d.Port))
	}
	return append(args, "--", d.Host)
}
