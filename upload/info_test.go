package upload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"image-capture/upload"
	"image-capture/upload/drptest"
)

// TestFilesURL: the port is the endpoint's own, the host the one it is reached by.
func TestFilesURL(t *testing.T) {
	for _, c := range []struct {
		port    int
		actions []string
		want    string
		status  int
	}{
		{8099, []string{"*"}, "http://127.0.0.1:8099", 0},
		{0, []string{"*"}, "", 200},
		{70000, []string{"*"}, "", 200},
		{8091, []string{"post"}, "", 404},
	} {
		s := drptest.New(t, drptest.Options{TLS: drptest.Plain, FilePort: c.port, Tokens: map[string]drptest.Grant{drptest.DefaultToken: {Actions: c.actions}}})
		client, err := upload.New(upload.Config{Endpoint: s.URL, Token: drptest.DefaultToken})
		require.NoError(t, err)
		got, err := client.FilesURL(t.Context())
		require.Equal(t, c.want, got, "%v", err)
		if c.want == "" {
			var e *upload.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.status, e.Status, err)
		}
	}
}
