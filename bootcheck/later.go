package bootcheck

// occasion is what a clone does later, that a step of the source's breaks.
type occasion string

const (
	kernelUpdate occasion = "the first kernel update"
	grubUpdate   occasion = "the first update of GRUB"
)

// later is for an image whose clone boots today, and not after an update: a level of its
// own in words. It changes no answer; the verdicts tell it too.
func (s *survey) later(when occasion, name, problem, hint string) *Finding {
	f := s.warn(name, string(when)+" will "+problem, hint)
	f.Later = true
	return f
}
