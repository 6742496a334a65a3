package durable

// ExistsError says that a name is taken.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string { return e.Path + " exists" }

// BusyError says that another process is writing a file of that name.
type BusyError struct{ Path string }

func (e *BusyError) Error() string { return e.Path + " is being written by another process" }

// PlaceError says that there can be no file of that name.
type PlaceError struct {
	Path    string
	Problem Problem
	err     error
}

// Problem is what is wrong with a place.
type Problem uint8

// The problems.
const (
	IsDir       Problem = iota + 1 // a directory has the name
	LeadsNoPath                    // a symbolic link to nowhere has it
	NoDir                          // the directory that it should be in cannot be looked at
	NotDir                         // it leads through a file
	NotOurs                        // another user's file has it, where all may write
)

func (e *PlaceError) Error() string { return e.err.Error() }

// missingDir says what is wrong with the way to a path, in place of the kernel's words.
type missingDir struct {
	path, what string
	err        error
}

func (e *missingDir) Error() string { return e.path + e.what }
func (e *missingDir) Unwrap() error { return e.err }

// Unwrap returns the error of the kernel, if there was one.
func (e *PlaceError) Unwrap() error { return e.err }
