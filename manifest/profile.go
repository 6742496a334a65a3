package manifest

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// filesPort is where an endpoint serves files/ by plain HTTP and without a token:
// what deployers, which have none, can read.
//
// It is the default of a setting: see ProfileParams.Files.
const filesPort = "8091"

// profileName is the rule of Digital Rebar's models.ValidName, without the letters
// and digits beyond ASCII.
var profileName = regexp.MustCompile(`^[A-Za-z][-_. A-Za-z0-9]+$`)

// hostName is what a host may look like that is no IP address.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$`)

// ProfileParams say which image a Profile is for.
type ProfileParams struct {
	// Name of the Profile: a letter, then at least one of letters, digits, "-",
	// "_", "." and space. Empty means the image's name without its suffix, with
	// other characters made "-", and "image-" before it when it begins with no
	// letter.
	Name   string
	Format Format
	// Path of the image under files/, as Names.Image.
	Path string
	// Endpoint is the endpoint's URL, or its host with or without a port; only the
	// host is used. Empty, and a loopback address, which means another machine to each,
	// mean that the deployer's own endpoint fills it in, by the template
	// {{ .ProvisionerURL }}.
	Endpoint string
	// Files is the URL below which the endpoint serves files/ without a token, where that
	// is known, such as http://192.0.2.1:8091. Empty means the usual port of Endpoint.
	Files string
	// SHA256 of the image, 64 lower-case hexadecimal digits. Eikon checks it:
	// needed for TarZst and Tar.
	SHA256 string
	// Eikon deploys it although the format is TGZ.
	Eikon bool
	// Ubuntu says that the image is one of Ubuntu, Hooks that it has curtin hooks, which
	// take the place of what a subtype would ask for.
	Ubuntu, Hooks bool
	// Under are the images that this one, a layer, is over: the base, and then layers.
	Under []Under
	// NeedsHooks says that this layer deletes names, or has some of a deployer's, which would
	// come after the deployer's own: see deploy.Overlaid.
	NeedsHooks bool
	// Title shown for the Profile. Empty means "Built by Image Builder".
	Title string
}

// Profile is a Digital Rebar Profile, as the endpoint's API and a file have it.
type Profile struct {
	Name   string            `json:"Name" yaml:"Name"`
	Meta   map[string]string `json:"Meta" yaml:"Meta"`
	Params map[string]any    `json:"Params" yaml:"Params"`
}

// imageParams are the params that say which image is deployed, and how.
var imageParams = []string{
	"image-deploy/image-os", "image-deploy/image-os-subtype", "image-deploy/image-type", "image-deploy/image-url",
	"eikon/image-type", "eikon/image-url", "eikon/image-checksum",
}

// Deployed is the image that a Profile of these params deploys: its path under files/, or its
// URL, without what may be secret, where it is elsewhere; of layers the last one. It is empty for none.
func Deployed(params map[string]any) string {
	list, _ := params[additionalTarballs].([]any)
	for _, item := range slices.Backward(list) {
		if m, _ := item.(map[string]any); Shared()[additionalTarballs](item) {
			if uri, _ := m["uri"].(string); uri != "" {
				return layerOf(indexOf(m), underFiles("/"+uri))
			}
		}
	}
	for _, param := range []string{"image-deploy/image-url", "eikon/image-url"} {
		if at, _ := params[param].(string); at != "" {
			return underFiles(at)
		}
	}
	return ""
}

func underFiles(at string) string {
	at, _, _ = strings.Cut(at, "?") // what follows may be secret, as may a password
	_, below, ok := strings.Cut(at, "/files/")
	if path, err := url.PathUnescape(below); ok && err == nil {
		return path
	}
	if u, err := url.Parse(at); err == nil {
		u.User = nil
		return u.String()
	}
	return at
}

// ImageParams are the params that say which image is deployed, and how. A Profile that
// had another image loses those that it does not have any more.
func ImageParams() []string { return slices.Clone(imageParams) }

// NewProfile returns the Profile that deploys the image: with image-deploy for TGZ,
// with Eikon for the other formats and where that is asked for. Whoever adds it to a
// machine deploys this image.
func NewProfile(p ProfileParams) (*Profile, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("profile of image %q: %w", p.Path, err)
	}
	address, err := p.url()
	if err != nil {
		return nil, fmt.Errorf("profile of image %q: endpoint: %w", p.Path, err)
	}
	out := &Profile{
		Name: cmp.Or(p.Name, p.name()),
		Meta: map[string]string{"color": "purple", "icon": "wizard", "title": cmp.Or(p.Title, "Built by Image Builder")},
	}
	if err := p.layered(); err != nil {
		return nil, err
	}
	if p.eikon() {
		out.Params = map[string]any{"eikon/image-type": p.Format.String(), "eikon/image-url": address}
		if p.SHA256 != "" {
			out.Params["eikon/image-checksum"] = p.SHA256
		}
		return out, nil
	}
	out.Params = map[string]any{"image-deploy/image-os": "linux", "image-deploy/image-type": p.Format.String(), "image-deploy/image-url": address, "kexec-ok": true}
	if p.Ubuntu && !p.Hooks && p.HooksArchive() == "" {
		// It names a kernel package for curtin. Other subtypes change nothing, or put
		// RackN's own hooks over the image's (raw, other).
		out.Params["image-deploy/image-os-subtype"] = "ubuntu"
	}
	if len(p.Under) > 0 {
		out.Params[additionalTarballs] = p.tarballs()
	}
	return out, nil
}

func escapedPath(path string) string {
	var b strings.Builder
	for segment := range strings.SplitSeq(path, "/") {
		b.WriteString("/" + url.PathEscape(segment))
	}
	return b.String()
}

// YAML is the Profile as a file.
func (p *Profile) YAML() ([]byte, error) {
	b, err := yaml.Dump(p, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("profile %q: %w", p.Name, err)
	}
	return b, nil
}

func (p ProfileParams) eikon() bool { return p.Eikon || p.Format != TGZ }

func (p ProfileParams) check() error {
	if !p.Format.valid() {
		return fmt.Errorf("unknown image format %v", p.Format)
	}
	if err := checkUploadPath(p.Path); err != nil {
		return err
	}
	if p.Name != "" && !profileName.MatchString(p.Name) {
		return fmt.Errorf("%q is not a valid name for a Profile", p.Name)
	}
	if p.SHA256 != "" || p.eikon() {
		if b, err := hex.DecodeString(p.SHA256); err != nil || len(b) != 32 || strings.ToLower(p.SHA256) != p.SHA256 {
			return fmt.Errorf("sha256sum %q is not 64 lower-case hexadecimal digits", p.SHA256)
		}
	}
	return nil
}

// name makes a name that the server takes of the image's.
func (p ProfileParams) name() string {
	base := p.Path[strings.LastIndexByte(p.Path, '/')+1:]
	base = strings.TrimSuffix(base, p.Format.Suffix())
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, base), "-_.")
	if !profileName.MatchString(name) {
		name = "image-" + name
	}
	return name
}

// url is where a deployer finds the image.
func (p ProfileParams) url() (string, error) {
	var b strings.Builder
	if p.Files != "" {
		u, err := url.Parse(p.Files)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return "", errors.New("the URL of the endpoint's files is not like http://HOST:8091")
		}
		b.WriteString(strings.TrimRight(p.Files, "/"))
	} else if host, err := p.host(); err != nil {
		return "", err
	} else if host == "" {
		b.WriteString("{{ .ProvisionerURL }}")
	} else {
		u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, filesPort)}
		b.WriteString(u.String())
	}
	path := p.Path
	if len(p.Under) > 0 {
		path = p.Under[0].Path
	}
	return b.String() + "/files" + escapedPath(path), nil
}

// host is the endpoint's, empty where it is not known to deployers.
func (p ProfileParams) host() (string, error) {
	if p.Endpoint == "" {
		return "", nil
	}
	host, err := endpointHost(p.Endpoint)
	if err != nil || isLoopback(host) {
		return "", err
	}
	return host, nil
}

// IsLoopback says whether the endpoint's address is one that means another machine to
// whoever reads it.
func (p ProfileParams) IsLoopback() bool {
	host, err := endpointHost(p.Endpoint)
	return p.Endpoint != "" && err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback() || a.IsUnspecified()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// endpointHost returns the host in an endpoint. No error repeats the endpoint: it
// may hold a password.
func endpointHost(endpoint string) (string, error) {
	if a, err := netip.ParseAddr(endpoint); err == nil {
		return a.String(), nil
	}
	if !strings.Contains(endpoint, "://") {
		endpoint = "//" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", errors.New("not a URL or a host")
	}
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String(), nil
	}
	if !hostName.MatchString(host) {
		return "", fmt.Errorf("%q is not a host", host)
	}
	return host, nil
}
