package upload

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// tlsConfig turns the trust settings into one of three rules: a pin, nothing, or
// the system's roots and the caller's.
func tlsConfig(cfg Config) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.Fingerprint != "" {
		if cfg.Insecure {
			return nil, errors.New("a fingerprint to verify and no verification at all exclude each other")
		}
		pin, err := parseFingerprint(cfg.Fingerprint)
		if err != nil {
			return nil, &ConfigError{"Fingerprint", err}
		}
		// The pin is the whole rule; crypto/tls would refuse a self-signed
		// certificate before VerifyConnection was asked.
		t.InsecureSkipVerify = true
		t.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("the server showed no certificate")
			}
			if leaf := s.PeerCertificates[0]; sha256.Sum256(leaf.Raw) != pin {
				return &pinError{fingerprint: fingerprint(leaf)}
			}
			return nil
		}
		return t, nil
	}
	if cfg.Insecure {
		t.InsecureSkipVerify = true
		return t, nil
	}
	if len(cfg.CACert) > 0 {
		// A discovery OS may have no roots at all, which is no reason to stop here.
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(cfg.CACert) {
			return nil, &ConfigError{"CACert", errors.New("the CA file holds no PEM certificate")}
		}
		t.RootCAs = pool
	}
	return t, nil
}

func parseFingerprint(s string) (sum [sha256.Size]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("fingerprint %q: not a SHA-256, which is %d hex digits", bounded(s, 200), 2*len(sum))
	}
	return [sha256.Size]byte(b), nil
}

// fingerprint is the form that openssl x509 -fingerprint -sha256 prints.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// pinError is a certificate other than the pinned one.
type pinError struct{ fingerprint string }

func (e *pinError) Error() string {
	return "the server's certificate is not the pinned one: its SHA-256 is " + e.fingerprint
}

// tlsFailure reports whether err is a failed TLS handshake rather than a broken
// connection, with a message and the fingerprint of the certificate if one came.
func tlsFailure(err error) (msg, seen string, ok bool) {
	var (
		pin     *pinError
		verify  *tls.CertificateVerificationError
		header  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &pin):
		return pin.Error(), pin.fingerprint, true
	case errors.As(err, &verify):
		if len(verify.UnverifiedCertificates) > 0 {
			seen = fingerprint(verify.UnverifiedCertificates[0])
		}
		return verify.Error(), seen, true
	case errors.As(err, &header):
		if string(header.RecordHeader[:]) == "HTTP/" {
			return "the server speaks plain HTTP on this port, not TLS", "", true
		}
		return header.Error(), "", true
	case errors.As(err, &alert), errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return err.Error(), "", true
	}
	// Among the rest of what crypto/tls says (no common version, a bad key share)
	// there is no type to look for.
	if text := err.Error(); strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "remote error: tls: ") {
		return text, "", true
	}
	return "", "", false
}
