package compress

// mixed compresses each frame by one of two encoders. Kernel modules and
// executables, which compress well, hardly become smaller by a longer search; what
// cannot be compressed does not either. Text, and what repeats from far away, does.
//
// Nothing but the frame's own bytes decides, so that the image does not depend on who
// compresses which frame.
type mixed struct {
	light, thorough Encoder
	// percent is to how much of its size a sample may shrink by light alone for the
	// frame to be left to it.
	percent int
	out     []byte
}

// The sample is the first sampleSize bytes of each sampleEvery: it costs under 1 % of
// the time of light.
const (
	sampleSize  = 8 << 10
	sampleEvery = 1 << 20
	// incompressible is the percentage from which on nothing is to be gained.
	incompressible = 98
)

func newMixed(light, thorough func() (Encoder, error), percent int) (Encoder, error) {
	l, err := light()
	if err != nil {
		return nil, err
	}
	t, err := thorough()
	if err != nil {
		return nil, err
	}
	return &mixed{light: l, thorough: t, percent: percent}, nil
}

func (m *mixed) Encode(dst, frame []byte) ([]byte, error) {
	percent, err := m.sample(frame)
	if err != nil {
		return dst, err
	}
	if percent <= m.percent || percent >= incompressible {
		return m.light.Encode(dst, frame)
	}
	return m.thorough.Encode(dst, frame)
}

// sample returns to how many percent of its size light brings a sample of the frame.
func (m *mixed) sample(frame []byte) (int, error) {
	in, out := 0, 0
	for at := 0; at < len(frame); at += sampleEvery {
		piece := frame[at:min(at+sampleSize, len(frame))]
		var err error
		if m.out, err = m.light.Encode(m.out[:0], piece); err != nil {
			return 0, err
		}
		in += len(piece)
		out += len(m.out)
	}
	return out * 100 / max(in, 1), nil
}
