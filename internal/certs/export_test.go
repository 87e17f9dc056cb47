package certs

import (
	"crypto/x509"
	"time"
)

// ValidNow tells whether the certificate in the file is valid at the time now.
func ValidNow(path string, now time.Time) error {
	text, err := read("certificate", path)
	if err != nil {
		return err
	}
	leaf, err := addPEM(x509.NewCertPool(), text)
	if err != nil {
		return err
	}
	return validNow(path, leaf, now)
}
