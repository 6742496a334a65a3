// Package upload stores files on a Digital Rebar Provision (DRP) endpoint through
// its files API, confirms what was stored, lists and deletes, reads files back over
// HTTP, and saves the Profile that deploys an image.
//
// # Contract
//
// A Client speaks HTTP/1.1 only and opens one connection per request, so nothing
// is left open or running when a method returns. Redirects of the files API are
// never followed.
//
//   - Store streams a body of known or unknown size in constant memory. The
//     body is not read before the server has said "100 Continue" (or has kept
//     silent for Timeouts.Continue), so a refused token costs nothing. A success
//     is believed only when the server reports the number of bytes sent.
//   - Confirm compares the digest that the server computes with the caller's.
//   - Exists looks for a name before a long upload is begun.
//   - Open reads a http or https URL with the same TLS rules, Fetch a stored file.
//   - List and Delete are for what is old. The API tells no size, time or owner.
//   - SaveProfile creates a Profile, or changes the params of one that is there.
//   - CheckToken and CheckProfileToken read a token that can be read, as a courtesy.
//
// Config.Rate bounds what a Client sends, evenly, in portions of a twentieth of a
// second; the wait for a portion's turn is never counted against the server.
//
// There is no timeout on a whole transfer. Each wait has its own: see Timeouts.
// Waiting for a slow body is never counted against the server.
//
// Credentials never come out: not in an error or anything an error wraps, not
// in a formatted Config or Client. Text from the server is redacted, since DRP
// echoes a token that it refuses, then bounded and made printable.
//
// # Limits
//
// The server offers no append, no resume, no rename and no checksum on upload.
// A broken upload takes an older finished file of the same name with it, so
// store under a fresh name. The client never retries; Error.Retryable tells
// whether doing so could help, Error.RetryAfter when the server wishes it. A
// pinned Fingerprint applies to every TLS peer of the client, also to a https
// proxy and to redirect targets of Open.
package upload
