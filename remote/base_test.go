package remote

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/compare"
	"image-capture/entry"
)

// TestOddWishes: a host that wants a base where there is none, or more of it at once than is
// on its way at any moment, is refused.
func TestOddWishes(t *testing.T) {
	var sent bytes.Buffer
	base := func() compare.Stream { return compare.List([]*entry.Member{{Entry: entry.Entry{Path: "."}}}) }
	var strange *ProtocolError
	require.ErrorAs(t, (&supply{send: newSender(&sent)}).give(1), &strange)
	require.ErrorAs(t, (&supply{send: newSender(&sent), base: base()}).give(maxBatches+1), &strange)
	require.ErrorAs(t, (&supply{send: newSender(&sent), base: base()}).give(-1), &strange)
	require.Zero(t, sent.Len())
	require.NoError(t, (&supply{send: newSender(&sent), base: base()}).give(maxBatches))
	require.NotZero(t, sent.Len())
}
