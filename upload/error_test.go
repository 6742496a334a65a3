package upload

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRetryable(t *testing.T) {
	for status, want := range map[int]bool{
		307: false, 400: false, 401: false, 403: false, 404: false, 408: true, 409: false, 413: false, 417: false, 429: true,
		500: true, 501: false, 502: true, 503: true, 504: true, 505: false, 507: true,
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			e := &Error{Kind: kindOf(status, method), Status: status}
			require.Equal(t, want, e.Retryable(), "%s %d", method, status)
		}
	}
	require.True(t, (&Error{Kind: Broken}).Retryable())
	require.True(t, (&Error{Kind: Broken, Status: 201}).Retryable())
	require.False(t, (&Error{Kind: TLS}).Retryable())
	require.False(t, (&Error{Kind: Failed, Status: 201}).Retryable())
	require.False(t, (&Error{Kind: Failed}).Retryable())
}

func TestKindOf(t *testing.T) {
	require.Equal(t, Refused, kindOf(404, http.MethodPost))
	require.Equal(t, Failed, kindOf(404, http.MethodGet))
	names := map[string]bool{}
	for k := Refused; k <= TLS; k++ {
		names[k.String()] = true
	}
	require.Len(t, names, int(TLS))
	require.NotContains(t, names, "unknown")
}

func TestErrorText(t *testing.T) {
	e := &Error{Kind: Taken, Op: "store", Path: "a\nb", Status: 409, Msg: "File already uploading"}
	require.Equal(t, `store a\nb: 409 Conflict: File already uploading`, e.Error())
	require.Equal(t, "open x: 599", (&Error{Op: "open", Path: "x", Status: 599}).Error())
	require.False(t, (&Error{Kind: Failed, Msg: "File already uploading"}).PartInTheWay())
}
