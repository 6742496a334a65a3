package main

import (
	"bytes"
	"context"
	"errors"
	"os"

	"image-capture/edit"
	"image-capture/rootfs"
)

// tree is a root with what shall be captured of it.
type tree struct {
	*edit.Tree
	root   *rootfs.Root
	plan   *edit.Plan
	mounts *rootfs.Mounts
	told   map[string]bool // mount points whose decision was printed
	term   *terminal
}

// openTree opens the root and applies the flags of the group "Tree".
func (a *app) openTree(ctx context.Context, fl *flags, path string) (*tree, error) {
	if err := fl.readExcludes(ctx); err != nil {
		return nil, err
	}
	root, err := rootfs.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil, &failure{exitFailed, err, "run as root"}
	}
	if err != nil {
		return nil, &failure{exitUsage, err, "ROOT is the directory where the root filesystem is mounted, such as / or /mnt"}
	}
	t := &tree{root: root, plan: &edit.Plan{}, told: map[string]bool{}, term: a.term}
	if err := t.build(fl); err != nil {
		root.Close()
		return nil, err
	}
	return t, nil
}

func (t *tree) build(fl *flags) error {
	if fl.defaults {
		t.plan.Defaults()
	}
	for _, pattern := range fl.exclude {
		if err := t.plan.Exclude(pattern); err != nil {
			return usagef("patterns are those of tar --exclude, such as './var/cache/*'", "--exclude: %w", err)
		}
	}
	for _, name := range fl.excludeFrom {
		if err := t.plan.ExcludeFrom(name, bytes.NewReader(fl.excludeText[name])); err != nil {
			return usagef("", "--exclude-from: %w", err)
		}
	}
	if fl.addCurtin {
		if err := t.plan.AddDir("./curtin", 0o755); err != nil {
			return err
		}
	}
	if fl.relabel {
		if err := t.plan.AddFile("./.autorelabel", 0o644, nil); err != nil {
			return err
		}
	}
	var err error
	t.mounts, err = t.root.Mounts(rootfs.MountOptions{
		OneFileSystem: fl.oneFileSystem, Include: fl.includeMounts, Exclude: fl.excludeMounts,
		Dropped: func(path string) bool {
			// No file has such a name: only what drops all that is there matches it.
			return t.plan.Hidden(path) || t.plan.Hidden(path+"/\x01")
		},
	})
	if err != nil {
		return err
	}
	t.Tree = edit.NewTree(t.root, t.mounts, t.plan)
	return nil
}

func (t *tree) close() { t.root.Close() }

// view is the tree as it will be in the image, links resolved inside it.
func (t *tree) view() *rootfs.Resolved { return rootfs.Follow(t.FS()) }

// tellMounts prints the decisions that were not printed yet: all, and after the
// walk those that it met on the way.
func (t *tree) tellMounts() {
	for _, m := range t.mounts.List() {
		if !t.told[m.Path] {
			t.told[m.Path] = true
			t.term.say("mount point %s", m)
		}
	}
}
