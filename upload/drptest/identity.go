package drptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"time"
)

// identity is a server's certificate, and the one to trust it by.
type identity struct {
	leaf tls.Certificate
	root []byte // DER
}

// issuer signs certificates.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

// newIssuer makes an authority, signed by parent, or by itself where that is nil.
func newIssuer(name string, parent *issuer) (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &issuer{cert: template(name), key: key}
	a.cert.IsCA = true
	a.cert.BasicConstraintsValid = true
	a.cert.KeyUsage = x509.KeyUsageCertSign
	if parent == nil {
		parent = a
	}
	if a.der, err = x509.CreateCertificate(rand.Reader, a.cert, parent.cert, &key.PublicKey, parent.key); err != nil {
		return nil, err
	}
	// What it signs names its key by the identifier that is in there only now.
	a.cert, err = x509.ParseCertificate(a.der)
	return a, err
}

func (id identity) fingerprint() string {
	sum := sha256.Sum256(id.leaf.Certificate[0])
	return hex.EncodeToString(sum[:])
}

func newIdentity(mode TLSMode, names []string) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	leaf := template("drptest endpoint")
	leaf.DNSNames = append([]string{"localhost"}, names...)
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

	// From the root down; the server shows all but the root.
	var authorities []*issuer
	if mode == CASigned || mode == Chain {
		for _, name := range []string{"drptest root", "drptest intermediate"} {
			var parent *issuer
			if len(authorities) > 0 {
				parent = authorities[0]
			}
			a, err := newIssuer(name, parent)
			if err != nil {
				return identity{}, err
			}
			if authorities = append(authorities, a); mode == CASigned {
				break
			}
		}
	}
	signer := &issuer{cert: leaf, key: key}
	if n := len(authorities); n > 0 {
		signer = authorities[n-1]
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, signer.cert, &key.PublicKey, signer.key)
	if err != nil {
		return identity{}, err
	}
	id := identity{leaf: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, root: der}
	for i, a := range authorities {
		if i == 0 {
			id.root = a.der
		} else {
			id.leaf.Certificate = append(id.leaf.Certificate, a.der)
		}
	}
	return id, nil
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}
