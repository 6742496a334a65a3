// Package report shows an image as one HTML page: what it is, whether it deploys, what
// takes the space, and what changed against another.
//
// The page needs nothing but itself: its style and drawings are in it, it has no script,
// and loads nothing from elsewhere. All that comes from an image or a tree is escaped: a
// name may be anything.
//
// Sizes are bytes of content as they are stored: of holes nothing, and of a file with
// several names once, under the first.
package report
