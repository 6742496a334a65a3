package drptest

import (
	"fmt"
	"net/http"
	"strings"
)

// info serves GET /api/v3/info, of which only what clients here look at is true.
func (s *Server) info(w *record, r *http.Request) {
	if !s.authorise(w, r, "get", "/info") {
		return
	}
	port := ""
	if s.opts.FilePort != 0 {
		port = fmt.Sprintf(`,"file_port":%d`, s.opts.FilePort)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"arch":"amd64","os":"linux","version":"v4.8.0","api_port":8092%s,"address":"192.0.2.9","scopes":{"x":"%s"}}`, port, strings.Repeat("y", 100_000))
}
