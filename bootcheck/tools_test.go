package bootcheck

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

func TestShebang(t *testing.T) {
	for line, want := range map[string]string{
		"#!/usr/bin/python3\nimport sys":        "usr/bin/python3",
		"#! /usr/bin/python3 -s":                "usr/bin/python3",
		"#!/usr/bin/env python3\n":              "usr/bin/python3",
		"#!/bin/env -S python3\n":               "",
		"#!/bin/env ../../x\n":                  "",
		"#!/bin/env\n":                          "bin/env",
		"#!python3\n":                           "",
		"#!\n":                                  "",
		"#!/../../etc/passwd\n":                 "etc/passwd",
		"#!/\n":                                 ".",
		"\x7fELF":                               "",
		"":                                      "",
		"# !/bin/sh":                            "",
		"#!/usr/bin/" + strings.Repeat("x", 99): "usr/bin/" + strings.Repeat("x", 99),
	} {
		require.Equal(t, want, shebang([]byte(line)), "%q", line)
	}
}

func TestRPMMacro(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"%rhel 9\n":                   "9",
		"# %rhel 9\n":                 "",
		"%rhel\n":                     "",
		"%rhel 8\n%rhel 9\n":          "9",
		"%rhel_min 9\n%el9 1\n":       "",
		"\t%rhel\t7 \r\n":             "7",
		"%dist .el%{rhel}\n%rhel 10.": "10.",
	} {
		require.Equal(t, want, rpmMacro(text, "%rhel"), "%q", text)
	}
}

func TestFamily(t *testing.T) {
	for _, c := range []struct {
		rel Release
		fam family
	}{
		{Release{ID: "debian"}, familyDebian},
		{Release{ID: "almalinux", IDLike: []string{"rhel", "centos", "fedora"}}, familyRedHat},
		{Release{ID: "ol", IDLike: []string{"fedora"}}, familyRedHat},
		{Release{ID: "amzn", IDLike: []string{"centos", "rhel", "fedora"}}, familyRedHat},
		{Release{ID: "opensuse-leap", IDLike: []string{"suse", "opensuse"}}, familySUSE},
		{Release{ID: "manjaro", IDLike: []string{"arch"}}, familyArch},
		{Release{ID: "alpine"}, familyAlpine},
		{Release{ID: "photon"}, familyPhoton},
		{Release{ID: "void", IDLike: []string{"alpine"}}, familyUnknown},
	} {
		require.Equal(t, c.fam, c.rel.family(), c.rel.ID)
	}
}

// What is proven is proven by all of cloud-init's rules, and changes no report.
func TestCloudInitUsable(t *testing.T) {
	for _, c := range []struct {
		on, edit string
		want     bool
	}{
		{"debian12", "", true},
		{"alpine", "", true},
		{"centos7", "", true},
		{"leap15", "", false},
		{"rhel10", "", false},
		{"debian12", "-- usr/bin/python3 [gone] --\n", false},
		{"debian12", "-- etc/cloud/cloud-init.disabled --\n", false},
		{"debian12", "-- etc/cloud/cloud.cfg.d/05_logging.cfg [deny] --\n", false},
	} {
		img, opt, _ := fixture(t, c.on)
		img.add(t, txtar.Parse([]byte(c.edit)))
		s, err := newSurvey(img, opt)
		require.NoError(t, err)
		require.Equal(t, c.want, s.cloudInitRuns() == does, "%s with %q", c.on, c.edit)
		require.Empty(t, s.findings)
		require.Empty(t, s.troubles)
	}
}
