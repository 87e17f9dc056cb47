// Package certs keeps the certificate of the public listener: read from files, and
// again when they change, or fetched from an authority by ACME (RFC 8555).
package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 1 << 20

// Files is a certificate chain and its key in two PEM files. Connections that are
// open keep what they were opened with; new ones take the newest that can be used.
// It is safe for concurrent use; one loop calls Reload.
type Files struct {
	certFile, keyFile string
	current           atomic.Pointer[pair]
}

// pair is what the two files held when they were last right.
type pair struct {
	cert, key   []byte
	certificate *tls.Certificate
}

// Open reads the files. Errors have CodeInvalid and name the file: one that cannot
// be read, a key of another certificate, a certificate that is not valid now.
func Open(certFile, keyFile string) (*Files, error) {
	f := &Files{certFile: certFile, keyFile: keyFile}
	return f, f.reload()
}

// Reload takes the files over where they have changed. What they hold is compared,
// not when they were written: so it does not matter how they are replaced. Where
// they cannot be used, as for a moment when the second of them is not written yet,
// the error says why and the old pair stays. It is the Work of a loop.
func (f *Files) Reload(context.Context) (more bool, err error) { return false, f.reload() }

func (f *Files) reload() error {
	cert, err := read("certificate", f.certFile)
	if err != nil {
		return err
	}
	key, err := read("key", f.keyFile)
	if err != nil {
		return err
	}
	if old := f.current.Load(); old != nil && bytes.Equal(old.cert, cert) && bytes.Equal(old.key, key) {
		return nil
	}
	certificate, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return meshhook.Errorf(meshhook.CodeInvalid, "the certificate %s and the key %s cannot be used together: %w", f.certFile, f.keyFile, err)
	}
	if err := validNow(f.certFile, certificate.Leaf, time.Now()); err != nil {
		return err
	}
	f.current.Store(&pair{cert, key, &certificate})
	return nil
}

// Certificate is for tls.Config.GetCertificate.
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load().certificate, nil
}

// Expires is when the certificate that is in use ends.
func (f *Files) Expires() time.Time { return f.current.Load().certificate.Leaf.NotAfter }

func read(what, path string) (text []byte, err error) {
	fail := func(err error) error {
		if path, ok := errors.AsType[*os.PathError](err); ok {
			err = path.Err
		}
		return meshhook.Errorf(meshhook.CodeInvalid, "cannot read the %s %s: %w", what, path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fail(err)
	}
	return text, nil
}

func validNow(path string, leaf *x509.Certificate, now time.Time) error {
	const day = "2006-01-02 15:04 MST"
	switch {
	case now.After(leaf.NotAfter):
		return meshhook.Errorf(meshhook.CodeInvalid, "the certificate %s expired on %s; put a new one there", path, leaf.NotAfter.UTC().Format(day))
	case now.Before(leaf.NotBefore):
		return meshhook.Errorf(meshhook.CodeInvalid, "the certificate %s is not valid before %s; check this machine's clock", path, leaf.NotBefore.UTC().Format(day))
	}
	return nil
}

// Trust returns what a client on this machine needs to call the listener of this
// certificate: the certificates to trust, and a name that stands in the first one.
func Trust(certFile string) (roots *x509.CertPool, name string, err error) {
	text, err := read("certificate", certFile)
	if err != nil {
		return nil, "", err
	}
	roots = x509.NewCertPool()
	first, err := addPEM(roots, text)
	if err != nil {
		return nil, "", meshhook.Errorf(meshhook.CodeInvalid, "cannot read the certificate %s: %w", certFile, err)
	}
	switch {
	case len(first.DNSNames) > 0:
		name = first.DNSNames[0]
	case len(first.IPAddresses) > 0:
		name = first.IPAddresses[0].String()
	}
	return roots, name, nil
}
