package bootcheck

import (
	"slices"

	"image-capture/bootcheck/initramfs"
	"image-capture/deploy"
	"image-capture/identity"
)

// wordsOf tells of the words on command lines that are for disks of the source: what
// becomes of them in each file, until it is known who takes them out.
func (s *survey) wordsOf(o identity.Operation, problem string, bad func(string) bool, waits bool) {
	effective := s.effectiveLines()
	for _, l := range s.commandLines() {
		i := slices.IndexFunc(l.words, bad)
		if i < 0 {
			continue
		}
		// Of the variables of GRUB's defaults each has its own fate.
		by, reads := deploy.Rewriter(""), never
		for _, e := range effective {
			if j := slices.IndexFunc(e.words, bad); j >= 0 && e.file == l.file {
				if who := s.rewriter(e, e.words[j]); who != deploy.Nobody && who != deploy.ByMkconfig {
					by = who
				} else {
					by, reads = deploy.Nobody, max(reads, s.reads(e))
					break
				}
			}
		}
		word := problem + shorten(l.words[i])
		var f *Finding
		switch {
		case by != deploy.Nobody:
			f = s.info(l.file, word+takenOut[by], "")
		case waits && reads == atBoot && s.builtIn():
			f = s.stop(Both, l.file, word+", and nobody takes it out", "remove the word there")
			f.brief = "the initramfs waits for storage of the source"
		default:
			f = s.warn(l.file, word, "remove the word there")
			if waits && reads == atBoot && s.opt.Deployer == Eikon {
				s.doubts(boots, Both, "whether Eikon takes the source's storage off the command line is not known")
			}
		}
		f.because(o.Why).offerWords(s, o, l.file, bad)
	}
}

// takenOut says of words who takes them out.
var takenOut = map[deploy.Rewriter]string{
	deploy.ByHooks:  "; the hooks take that out",
	deploy.ByCurtin: "; curtin puts words of its own in that place",
}

// byDracut says whether the clone's initramfs is one of dracut.
func (s *survey) byDracut() bool {
	first, known := s.defaultKernel()
	for _, b := range s.initramfses() {
		if b.whole() && (!known || b.kernel.version == first.version) {
			return b.content.Generator() == initramfs.Dracut
		}
	}
	return false
}
