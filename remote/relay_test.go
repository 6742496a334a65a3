package remote

import (
	"bufio"
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/capture"
	"image-capture/rootfs"
)

// TestTold: all that an Origin tells is data that goes over the wire, and arrives.
func TestTold(t *testing.T) {
	events := reflect.TypeFor[capture.Events]()
	may := slices.Concat(told, toldOfUpload)
	for _, name := range may {
		m, ok := events.MethodByName(name)
		require.True(t, ok, name)
		e := &event{Method: name}
		for i := range m.Type.NumIn() {
			text, err := encoded(reflect.New(m.Type.In(i)).Interface())
			require.NoError(t, err, name)
			e.Args = append(e.Args, text)
		}
		require.NoError(t, tell(capture.Silent{}, may, e))
	}
	heard := &heard{}
	var sent bytes.Buffer
	r := &relay{server: &server{send: newSender(&sent)}}
	r.Mount(rootfs.Mount{Path: "./a\xff", Captured: true})
	var got report
	in := newReceiver(bufio.NewReader(&sent))
	_, _, err := in.next(&got)
	require.NoError(t, err)
	require.NoError(t, tell(heard, told, got.Event))
	require.Equal(t, rootfs.Mount{Path: "./a\xff", Captured: true}, heard.mount)
	var strange *ProtocolError
	require.ErrorAs(t, tell(heard, told, &event{Method: "ProfileLeftOut", Args: [][]byte{{1}}}), &strange, "not for a host to say")
	require.ErrorAs(t, tell(heard, told, &event{Method: "Mount", Args: [][]byte{{1, 2, 3}}}), &strange)
}

type heard struct {
	capture.Silent
	mount rootfs.Mount
}

func (h *heard) Mount(m rootfs.Mount) { h.mount = m }

// FuzzReceiver: whatever a host sends is a frame or an error.
func FuzzReceiver(f *testing.F) {
	var good bytes.Buffer
	s := newSender(&good)
	require.NoError(f, s.message(&report{Hello: &Hello{Version: "1"}}))
	require.NoError(f, s.alive())
	_, err := s.Write([]byte("image"))
	require.NoError(f, err)
	f.Add(good.Bytes())
	f.Add([]byte("M\xff\xff\xff\xff"))
	f.Add([]byte("\nword"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newReceiver(bufio.NewReader(bytes.NewReader(text)))
		for range 100 {
			var got report
			if kind, _, err := r.next(&got); err != nil || kind == shellLine {
				return
			}
		}
	})
}
