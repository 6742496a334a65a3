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
	"strings"

	"go.yaml.in/yaml/v4"
)

// filesPort is where an endpoint serves files/ by plain HTTP and without a token:
// what deployers, which have none, can read.
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
	// host is used. Empty means that the deployer's own endpoint fills it in, by
	// the template {{ .ProvisionerURL }}.
	Endpoint string
	// SHA256 of the image, 64 lower-case hexadecimal digits. Eikon checks it:
	// needed for TarZst and Tar.
	SHA256 string
	// Title shown for the Profile. Empty means "Built by Image Builder".
	Title string
}

// The order of the fields is the order of the lines.
type (
	profile struct {
		Name   string      `yaml:"Name"`
		Meta   profileMeta `yaml:"Meta"`
		Params any         `yaml:"Params"`
	}
	profileMeta struct {
		Color string `yaml:"color"`
		Icon  string `yaml:"icon"`
		Title string `yaml:"title"`
	}
	imageDeployParams struct {
		OS      string `yaml:"image-deploy/image-os"`
		Type    string `yaml:"image-deploy/image-type"`
		URL     string `yaml:"image-deploy/image-url"`
		KexecOK bool   `yaml:"kexec-ok"`
	}
	eikonParams struct {
		Type     string `yaml:"eikon/image-type"`
		URL      string `yaml:"eikon/image-url"`
		Checksum string `yaml:"eikon/image-checksum"`
	}
)

// Profile returns the YAML of a Digital Rebar Profile that deploys the image: with
// image-deploy for TGZ, with Eikon for the other formats. Whoever adds it to a
// machine deploys this image.
func Profile(p ProfileParams) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("profile of image %q: %w", p.Path, err)
	}
	address, err := p.url()
	if err != nil {
		return nil, fmt.Errorf("profile of image %q: endpoint: %w", p.Path, err)
	}
	out := profile{
		Name: cmp.Or(p.Name, p.name()),
		Meta: profileMeta{Color: "purple", Icon: "wizard", Title: cmp.Or(p.Title, "Built by Image Builder")},
	}
	if p.Format == TGZ {
		out.Params = imageDeployParams{OS: "linux", Type: p.Format.String(), URL: address, KexecOK: true}
	} else {
		out.Params = eikonParams{Type: p.Format.String(), URL: address, Checksum: p.SHA256}
	}
	b, err := yaml.Dump(out, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("profile of image %q: %w", p.Path, err)
	}
	return b, nil
}

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
	if p.SHA256 != "" || p.Format != TGZ {
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
	if p.Endpoint == "" {
		b.WriteString("{{ .ProvisionerURL }}")
	} else {
		host, err := endpointHost(p.Endpoint)
		if err != nil {
			return "", err
		}
		u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, filesPort)}
		b.WriteString(u.String())
	}
	b.WriteString("/files")
	for segment := range strings.SplitSeq(p.Path, "/") {
		b.WriteString("/" + url.PathEscape(segment))
	}
	return b.String(), nil
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
		return "", fmt.Errorf("%q is no host", host)
	}
	return host, nil
}
