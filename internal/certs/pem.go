package certs

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// addPEM puts the certificates of a PEM text into the pool and returns the first.
func addPEM(pool *x509.CertPool, text []byte) (first *x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = certificate
		}
		pool.AddCert(certificate)
	}
	if first == nil {
		return nil, errors.New("there is no certificate in it")
	}
	return first, nil
}
