// Package certtest makes certificates for tests.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Files are a certificate and its key in two PEM files.
type Files struct {
	t         testing.TB
	Cert, Key string
}

// New makes a certificate for localhost, 127.0.0.1 and the names, valid from an
// hour ago for the time; it may be negative.
func New(t testing.TB, valid time.Duration, names ...string) Files {
	t.Helper()
	dir := t.TempDir()
	f := Files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	f.Renew(valid, names...)
	return f
}

// Renew writes another certificate and key into the files.
func (f Files) Renew(valid time.Duration, names ...string) {
	f.t.Helper()
	cert, key := Make(f.t, valid, names...)
	f.Write(cert, key)
}

// Write writes the files.
func (f Files) Write(cert, key []byte) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(f.Cert, cert, 0o600))
	require.NoError(f.t, os.WriteFile(f.Key, key, 0o600))
}

// Pool trusts the certificate that is in the file now.
func (f Files) Pool() *x509.CertPool {
	f.t.Helper()
	text, err := os.ReadFile(f.Cert)
	require.NoError(f.t, err)
	pool := x509.NewCertPool()
	require.True(f.t, pool.AppendCertsFromPEM(text))
	return pool
}

// Make returns a certificate and its key as PEM.
func Make(t testing.TB, valid time.Duration, names ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	begin := time.Now().Add(-time.Hour)
	if valid < 0 {
		begin = begin.Add(2 * valid)
	}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "meshhook test"}, NotBefore: begin, NotAfter: time.Now().Add(valid),
		DNSNames: append([]string{"localhost"}, names...), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM(t, private)
}

func keyPEM(t testing.TB, private crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	return n
}
