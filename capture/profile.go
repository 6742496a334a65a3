package capture

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"image-capture/manifest"
)

// Profile is a Profile as the endpoint's API has it.
type Profile struct {
	Name   string            `json:"Name" yaml:"Name"`
	Meta   map[string]string `json:"Meta" yaml:"Meta"`
	Params map[string]any    `json:"Params" yaml:"Params"`
}

// imageParams are the params that say which image is deployed, and how. A Profile
// that had an image for the other deployer loses those of that one.
var imageParams = []string{
	"image-deploy/image-os", "image-deploy/image-type", "image-deploy/image-url",
	"eikon/image-type", "eikon/image-url", "eikon/image-checksum",
}

// NewProfile reads back what the file has, so that file and API never differ.
func NewProfile(p manifest.ProfileParams) (*Profile, error) {
	b, err := manifest.Profile(p)
	if err != nil {
		return nil, err
	}
	d := &Profile{}
	if err := yaml.Load(b, d); err != nil {
		return nil, fmt.Errorf("profile %s: %w", p.Name, err)
	}
	return d, nil
}
