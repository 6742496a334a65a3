package capture

import (
	"strings"

	"image-capture/database"
	"image-capture/snapshot"
)

// Database is a server that runs on the tree's host, and whose data is captured.
type Database struct {
	database.Server
	Path string // of its data in the tree, "./var/lib/mysql"
	Held Held
}

// Held says what is done so that what is read of a server's data fits together.
type Held string

// What is done.
const (
	NotHeld   Held = ""      // it is read while the server writes
	HeldHooks Held = "hooks" // the user's hooks are run around the reading
	HeldFiles Held = "files" // each of its files is read as it is at one moment
	HeldWhole Held = "whole" // all is read as it is at one moment
)

// databases are the servers that run and whose data is captured.
func (s *Source) databases() []Database {
	var list []Database
	for _, server := range database.Running("/proc") {
		path, ok := s.pathOf(server.Dir)
		if ok && s.captures(path) {
			list = append(list, Database{Server: server, Path: path})
		}
	}
	return list
}

// pathOf is where the tree has a directory of this host.
func (s *Source) pathOf(dir string) (path string, ok bool) {
	root := s.root.Path()
	if dir == root {
		return ".", true
	}
	if root != "/" {
		if dir, ok = strings.CutPrefix(dir, root+"/"); !ok {
			return "", false
		}
	}
	return "./" + strings.TrimPrefix(dir, "/"), true
}

// captures says whether what a directory of the tree holds is captured.
func (s *Source) captures(path string) bool {
	// No file has such a name: only what drops all that is there matches it.
	if s.plan.Hidden(path) || s.plan.HiddenByName(path+"/\x01") {
		return false
	}
	captured, deepest := true, -1
	for _, m := range s.mounts.List() {
		if (path == m.Path || strings.HasPrefix(path, m.Path+"/")) && len(m.Path) > deepest {
			captured, deepest = m.Captured, len(m.Path)
		}
	}
	return captured
}

// findDatabases names what runs, before a hook stops it, and what is done about it.
func (h *here) findDatabases() {
	h.databases = h.src.databases()
	for i := range h.databases {
		d := &h.databases[i]
		switch h.choiceAt(d.Path).Mode {
		case snapshot.Btrfs, snapshot.LVM:
			d.Held = HeldWhole
		case snapshot.Reflink:
			d.Held = HeldFiles
		}
		if h.opt.Hooks.Pre != "" {
			d.Held = HeldHooks
		}
		h.events.Database(*d)
	}
}

// ofDatabase says whether a path is one of a server that ran.
func (h *here) ofDatabase(path string) bool {
	for _, d := range h.databases {
		if strings.HasPrefix(path, d.Path+"/") {
			return true
		}
	}
	return false
}
