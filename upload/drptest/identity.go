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

func (id identity) fingerprint() string {
	sum := sha256.Sum256(id.leaf.Certificate[0])
	return hex.EncodeToString(sum[:])
}

func newIdentity(mode TLSMode) (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	leaf := template("drptest endpoint")
	leaf.DNSNames = []string{"localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

	signer, signerKey := leaf, key
	var root []byte
	if mode == CASigned {
		signer = template("drptest authority")
		signer.IsCA = true
		signer.BasicConstraintsValid = true
		signer.KeyUsage = x509.KeyUsageCertSign
		if signerKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return identity{}, err
		}
		if root, err = x509.CreateCertificate(rand.Reader, signer, signer, &signerKey.PublicKey, signerKey); err != nil {
			return identity{}, err
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, signer, &key.PublicKey, signerKey)
	if err != nil {
		return identity{}, err
	}
	if root == nil {
		root = der
	}
	return identity{leaf: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, root: root}, nil
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}
