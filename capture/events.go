package capture

import (
	"image-capture/bootcheck"
	"image-capture/edit"
	"image-capture/entry"
	"image-capture/rootfs"
	"image-capture/snapshot"
	"image-capture/upload"
)

// Events are what a person may want to see of a capture while it goes on. None is an
// error, and all that matters of them is in the Result, too. They are called by one
// goroutine at a time.
type Events interface {
	upload.Events

	// Mount is the decision on a mount point, once each.
	Mount(m rootfs.Mount)
	// NotMounted is a mount point that shall be left out, where nothing is mounted.
	NotMounted(path string)
	// LittleRoom says that a folder has fewer bytes free than are in use in the tree.
	LittleRoom(folder string, free, used int64)
	// LittleTempRoom says that the folder for temp files has fewer bytes free than the
	// entries of the MANIFEST need while they wait.
	LittleTempRoom(folder string, free, need int64)
	// Fixed is an edit that the image gets, by the check or by an operation.
	Fixed(f bootcheck.Fix, by By)
	// Checked is the report on the tree as it will be in the image.
	Checked(r bootcheck.Report)
	// BaseAbsent is an image under a layer that the endpoint does not have where the
	// Profile says it is.
	BaseAbsent(path string)
	// Layered is what a layer will hold.
	Layered(l Layer)
	// NoManifest says that no MANIFEST will be written, as there is no file to put it
	// beside, and no endpoint.
	NoManifest()
	// Database is a server that runs and whose data is captured.
	Database(d Database)
	// Secrets are those that will be in the image.
	Secrets(list []bootcheck.Secret)

	// Snapshot is what is done about a filesystem.
	Snapshot(c snapshot.Choice)
	// Removed is something that a capture which was killed had left on the host.
	Removed(what string)
	// NotHeld is a filesystem, or a subvolume, of which no snapshot could be made, and why.
	NotHeld(path, reason string)
	// NotCloned says that files were read as they are, and not as clones, and why; path
	// is the first of them. None: all that are below path will be.
	NotCloned(path string, files int, reason string)
	// Hook is a hook of Steady that is run now; which is pre-hook or post-hook.
	Hook(which, command string)
	// LeftBehind is something that could not be removed from the host, and the command that
	// removes it.
	LeftBehind(what, command string)
	// Sending says that an image will be sent. estimate gives its bytes, before compression
	// unless compressed is set; it may take some seconds, and is 0 where that is
	// not known yet.
	Sending(estimate func() int64, compressed bool)
	// Walking begins a walk of the tree, which the returned function ends. p may be read
	// at any time.
	Walking(p Progress) (done func())
	// Captured is an entry that is in the image, by its path; see package edit.
	Captured(path string)
	// Unmatched is an exclude pattern that matched nothing.
	Unmatched(pattern string)
	// Unapplied is an edit that was not made.
	Unapplied(u edit.Unapplied)
	// Walked is what became of the tree, after a walk that gave a whole image.
	Walked(unreadable, changed, omitted []entry.Note)
	// ProfileLeftOut says that a Profile is not stored since the image lacks something.
	ProfileLeftOut(name string)
	// ProfileWillFail says early that the token cannot store a Profile; it has neither
	// claim.
	ProfileWillFail(create, update string)
}

// Progress is how far a walk is.
type Progress interface {
	// Done are the bytes and entries that are in the image, Total is how many bytes
	// there will be; 0 while that is not known. Who never asks for it does not have them
	// counted.
	Done() (bytes, entries int64)
	Total() int64
}

// Silent is for who wants to hear of nothing.
type Silent struct{ upload.Silent }

// Mount is for Events.
func (Silent) Mount(rootfs.Mount) {}

// NotMounted is for Events.
func (Silent) NotMounted(string) {}

// LittleRoom is for Events.
func (Silent) LittleRoom(string, int64, int64) {}

// LittleTempRoom is for Events.
func (Silent) LittleTempRoom(string, int64, int64) {}

// Fixed is for Events.
func (Silent) Fixed(bootcheck.Fix, By) {}

// Checked is for Events.
func (Silent) Checked(bootcheck.Report) {}

// BaseAbsent is for Events.
func (Silent) BaseAbsent(string) {}

// Layered is for Events.
func (Silent) Layered(Layer) {}

// NoManifest is for Events.
func (Silent) NoManifest() {}

// Database is for Events.
func (Silent) Database(Database) {}

// Secrets does nothing.
func (Silent) Secrets([]bootcheck.Secret) {}

// Snapshot is for Events.
func (Silent) Snapshot(snapshot.Choice) {}

// Removed is for Events.
func (Silent) Removed(string) {}

// NotHeld is for Events.
func (Silent) NotHeld(_, _ string) {}

// NotCloned is for Events.
func (Silent) NotCloned(string, int, string) {}

// Hook is for Events.
func (Silent) Hook(_, _ string) {}

// LeftBehind is for Events.
func (Silent) LeftBehind(_, _ string) {}

// Sending is for Events.
func (Silent) Sending(func() int64, bool) {}

// Walking is for Events.
func (Silent) Walking(Progress) func() { return func() {} }

// Captured is for Events.
func (Silent) Captured(string) {}

// Unmatched is for Events.
func (Silent) Unmatched(string) {}

// Unapplied is for Events.
func (Silent) Unapplied(edit.Unapplied) {}

// Walked is for Events.
func (Silent) Walked(_, _, _ []entry.Note) {}

// ProfileLeftOut is for Events.
func (Silent) ProfileLeftOut(string) {}

// ProfileWillFail is for Events.
func (Silent) ProfileWillFail(_, _ string) {}
