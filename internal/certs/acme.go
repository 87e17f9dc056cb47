package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// ACMEOptions say which certificates are fetched, and where.
type ACMEOptions struct {
	// Domains are the names, each of which gets a certificate.
	Domains []string
	// Email is where the authority writes to; "" for nowhere.
	Email string
	// DirectoryURL is the authority; "" is Let's Encrypt.
	DirectoryURL string
	// Dir is the directory of the account's key, the certificates and their keys,
	// readable by its owner only.
	Dir string
}

// ACME fetches certificates when they are first needed, proves the names by
// TLS-ALPN-01 on the listener or HTTP-01 beside it, and renews them in time.
type ACME struct {
	manager *autocert.Manager
	domains []string
}

// NewACME makes the directory. Naming an authority here is agreeing to its terms:
// the setting tls.acme.accept_terms asks for that.
func NewACME(o ACMEOptions) (*ACME, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "cannot make the directory of the certificates: %w", err)
	}
	if err := os.Chmod(o.Dir, 0o700); err != nil { //nolint:gosec // a directory needs the x
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "cannot close the directory of the certificates to others: %w", err)
	}
	return &ACME{domains: o.Domains, manager: &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(o.Dir), HostPolicy: autocert.HostWhitelist(o.Domains...),
		Email: o.Email, Client: &acme.Client{DirectoryURL: o.DirectoryURL},
	}}, nil
}

// Certificate is for tls.Config.GetCertificate.
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.manager.GetCertificate(hello)
}

// ALPN is the protocol of the challenge TLS-ALPN-01, for tls.Config.NextProtos.
const ALPN = acme.ALPNProto

// HTTPHandler answers the challenges of HTTP-01 and redirects everything else to
// https. The port in a request's Host does not matter: it is another one than 80
// where an authority of one's own asks.
func (a *ACME) HTTPHandler() http.Handler {
	challenges := a.manager.HTTPHandler(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r = r.Clone(r.Context())
			r.Host = host
		}
		challenges.ServeHTTP(w, r)
	})
}

// Fetch has a certificate for each domain, so that the first sender need not wait
// for one, and whoever runs the daemon reads why there is none. It is the Work of a
// loop, whose backoff must be long: authorities count failures.
func (a *ACME) Fetch(context.Context) (more bool, err error) {
	var errs []error
	for _, domain := range a.domains {
		// What every client of today can: otherwise an RSA certificate would be fetched.
		hello := &tls.ClientHelloInfo{ServerName: domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
		if _, err := a.manager.GetCertificate(hello); err != nil {
			errs = append(errs, fmt.Errorf("no certificate for %s: %w", domain, err))
		}
	}
	return false, errors.Join(errs...)
}

// TrustACME is Trust for the certificate that was fetched for a domain. An authority
// of one's own signs by a root that this machine may not know, so the certificate
// itself is trusted too.
func TrustACME(ctx context.Context, dir, domain string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	text, err := autocert.DirCache(dir).Get(ctx, domain)
	if errors.Is(err, autocert.ErrCacheMiss) {
		return roots, nil
	}
	if err == nil {
		_, err = addPEM(roots, text)
	}
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "cannot read the certificate of %s in %s: %w", domain, dir, err)
	}
	return roots, nil
}

// ExpiresACME is when the certificate ends that was fetched for a domain; the zero time
// where none was yet.
func ExpiresACME(ctx context.Context, dir, domain string) (time.Time, error) {
	text, err := autocert.DirCache(dir).Get(ctx, domain)
	if errors.Is(err, autocert.ErrCacheMiss) {
		return time.Time{}, nil
	}
	var first *x509.Certificate
	if err == nil {
		first, err = addPEM(x509.NewCertPool(), text)
	}
	if err != nil {
		return time.Time{}, meshhook.Errorf(meshhook.CodeInvalid, "cannot read the certificate of %s in %s: %w", domain, dir, err)
	}
	return first.NotAfter, nil
}
