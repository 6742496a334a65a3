package cli

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"image-capture/content"
)

// otherDefaults are Params whose default differs from that of their flag, and why.
var otherDefaults = map[string]string{
	"image-capture/add-curtin":          "in a job the image is for image-deploy, as Image Builder's was",
	"image-capture/generalize":          "false is for the flag not given; with a list it is for the command line",
	"image-capture/nice":                "empty is for the flag not given, which depends on the root",
	"image-capture/curtin":              "empty is for the flag's default",
	"image-capture/attempts":            "0 is for the flag's default",
	"image-builder/additional-excludes": "Image Builder's own",
}

// TestParams: a Param that becomes a flag names it, and has its default.
func TestParams(t *testing.T) {
	pack, err := content.Read(os.DirFS("../content/pack"))
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)"--([\w-]+)" +"([\w/-]+)"\) \}\}$`).
		FindAllStringSubmatch(pack.Sections.Templates["image-capture-flags.tmpl"].Contents, -1)
	require.NotEmpty(t, rows)
	g := &groups{}
	(&captureOptions{}).add(g)
	for _, row := range rows {
		name, param := row[1], pack.Sections.Params[row[2]]
		var f *pflag.Flag
		for _, gr := range g.list {
			if found := gr.set.Lookup(name); found != nil {
				f = found
			}
		}
		require.NotNil(t, f, "there is no flag --%s", name)
		require.Contains(t, param.Documentation, "``--"+name+"``", "%s does not name its flag", row[2])
		_, other := otherDefaults[row[2]]
		require.Equal(t, !other, f.DefValue == fmt.Sprint(param.Schema.Default), "%s: default %v, and %s of the flag", row[2], param.Schema.Default, f.DefValue)
	}
}
