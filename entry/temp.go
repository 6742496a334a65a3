package entry

// TempSuffix ends the names of files that are not complete yet, which begin with a dot. No
// other program's files have it, so they can be told from others' by name: an image never
// holds one, and what killed runs left is removed.
const TempSuffix = ".image-capture.tmp"
