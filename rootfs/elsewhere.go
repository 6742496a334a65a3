package rootfs

// OpenFrom opens the root at path as it is seen at from, another directory, such as that
// of a snapshot of it, or in what MountAlone mounted. The path of the root is that of path. What is mounted in it is not
// found there: the decisions are to come from Mounts.ReadFrom.
func OpenFrom(path, from string) (*Root, error) {
	r, err := Open(from)
	if err != nil {
		return nil, err
	}
	at, err := Open(path)
	if err != nil {
		r.Close()
		return nil, err
	}
	defer at.Close()
	r.path, r.alone = at.path, isAlone(from)
	return r, nil
}

// ReadFrom returns the decisions for a root of OpenFrom: by their paths, where what is
// captured is seen, as in Mount.From. more are decisions on subvolumes that the walk of
// the root itself would meet.
func (m *Mounts) ReadFrom(from map[string]string, more []Mount) *Mounts {
	c := m.Copy()
	for _, d := range more {
		if c.at(d.Path) == nil {
			d.standIn = !d.Captured // in a snapshot
			c.add(d)
		}
	}
	for i := range c.list {
		d := &c.list[i]
		if d.id = 0; d.Captured { // what is mounted there is not looked at
			d.From = from[d.Path]
		}
	}
	return c
}

// Subvolume decides on a subvolume of btrfs, by its path, as the walk would; nil where
// none begins.
func (r *Root) Subvolume(m *Mounts, path string) *Mount {
	if d := m.at(path); d != nil {
		return nil // something is mounted there
	}
	return r.decideAt(m.subvolumes, path)
}
