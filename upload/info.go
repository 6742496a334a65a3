package upload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// infoWait bounds the question, whose answer is a help only.
const infoWait = 10 * time.Second

// maxInfo bounds the answer.
const maxInfo = 1 << 20

// FilesURL asks the endpoint on which port it serves files/ without a token (GET
// /api/v3/info, file_port), and returns the URL of that on the host by which the endpoint
// is reached: deployers read images there. Which claim the question takes depends on the
// server; without it the answer is an Error.
func (c *Client) FilesURL(ctx context.Context) (string, error) {
	const op = "look up the file port of"
	if c.endpoint == nil {
		return "", fmt.Errorf("%s the endpoint: %w", op, errNoEndpoint)
	}
	ctx, cancel := context.WithTimeout(ctx, infoWait)
	defer cancel()
	x, err := c.exchange(ctx, request{op: op, path: "the endpoint", method: http.MethodGet, url: c.endpoint.JoinPath("api/v3/info"), headers: c.timeouts.Headers})
	if err != nil {
		return "", err
	}
	defer x.close()
	if x.resp.StatusCode != http.StatusOK {
		return "", x.refusal()
	}
	var info struct {
		FilePort int `json:"file_port"`
	}
	// Statistics and rights are in there, too.
	if err := json.NewDecoder(io.LimitReader(&patientReader{x: x}, maxInfo)).Decode(&info); err != nil || info.FilePort < 1 || info.FilePort > 65535 {
		return "", x.nonsense("no file_port in its info")
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(c.endpoint.Hostname(), strconv.Itoa(info.FilePort))}
	return u.String(), nil
}

// FilesURL asks once: see Client.FilesURL.
func (e *Endpoint) FilesURL(ctx context.Context) (string, error) { return e.client.FilesURL(ctx) }
