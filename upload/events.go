package upload

import "time"

// Events are what happens on the way, for people: none of it is an error.
type Events interface {
	// Retry says that the nth attempt failed, and how long it takes to the next.
	Retry(n, most int, err error, wait time.Duration)
	// Replace says that a file on the endpoint will be replaced.
	Replace(path string)
	// TokenEnds says before anything is sent that the token ends soon, and when.
	TokenEnds(at time.Time)
	// TokenEnded says that the endpoint took a file and then refused to show its SHA-256,
	// as the token has ended meanwhile.
	TokenEnded(path string)
	// Confirmed says that the endpoint took a file, and whether it was seen to have the
	// same SHA-256.
	Confirmed(path string, verified bool)
	// AnswerLost says that a connection broke after all was sent, and the endpoint has
	// the file.
	AnswerLost(path string)
	// NamesOnly says that MANIFESTs cannot be read with this token, so that what belongs
	// together is known by names alone.
	NamesOnly()
	// OddName says that a file's name has bytes that no upload here would give it, and that
	// it is left alone.
	OddName(name string)
	// ProfileSaved says that a Profile was created, or changed; before is another image that
	// it deployed till then, "" where there is none, or this token does not see it.
	ProfileSaved(name string, created bool, before string)
}

// Silent is for who wants to hear of nothing.
type Silent struct{}

// Retry is for Events.
func (Silent) Retry(int, int, error, time.Duration) {}

// Replace is for Events.
func (Silent) Replace(string) {}

// TokenEnds is for Events.
func (Silent) TokenEnds(time.Time) {}

// TokenEnded is for Events.
func (Silent) TokenEnded(string) {}

// Confirmed is for Events.
func (Silent) Confirmed(string, bool) {}

// AnswerLost is for Events.
func (Silent) AnswerLost(string) {}

// NamesOnly is for Events.
func (Silent) NamesOnly() {}

// OddName is for Events.
func (Silent) OddName(string) {}

// ProfileSaved is for Events.
func (Silent) ProfileSaved(string, bool, string) {}
