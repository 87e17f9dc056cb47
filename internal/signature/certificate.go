package signature

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// certificateProver knows keys in certificates that a request names by URL. The
// URL is the sender's word, so it has to point to the provider's own host; that
// the certificate is the provider's is what TLS says of that host.
type certificateProver struct {
	scheme Scheme
	hash   crypto.Hash
}

func (p *certificateProver) size() int    { return 0 }
func (p *certificateProver) name() string { return "RSA" }

func (p *certificateProver) proof(ctx context.Context, m *message, secret meshhook.Secret) (proof, error) {
	m.secret = secret.Reveal()
	// Who signed it is known; that it is meant for this endpoint, the identifier says.
	if path := p.scheme.Certificate.Identifier; path != "" && m.secret != "" && m.document.value(path) != m.secret {
		return stranger{}, nil
	}
	hash, failure := p.hashFor(m)
	if failure != nil {
		return nil, failure
	}
	address, failure := p.address(m)
	if failure != nil {
		return nil, failure
	}
	text, failure := m.request.keyring.document(ctx, address)
	if failure != nil {
		return nil, failure
	}
	certificate, failure := readCertificate(text)
	if failure != nil {
		return nil, failure
	}
	if now := m.request.Now; now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, refuse(ReasonBadCertificate, "the certificate of the signature is not valid at this time")
	}
	key, _ := certificate.PublicKey.(*rsa.PublicKey)
	if key == nil || strongRSA(key) != nil {
		return nil, refuse(ReasonBadCertificate, "the certificate holds no RSA key of %d bits or more", minRSA)
	}
	return publicKey{key, hash}, nil
}

// hashFor is the scheme's hash, or the one that the body's version stands for.
func (p *certificateProver) hashFor(m *message) (crypto.Hash, *Failure) {
	versions := p.scheme.Certificate.Versions
	if versions == nil {
		return p.hash, nil
	}
	version := m.document.value(p.scheme.Certificate.VersionField)
	hash, err := hashOf(versions[version])
	if err != nil {
		return 0, refuse(ReasonMalformedHeader, "the signature's version %q is not known", clip(version))
	}
	return hash, nil
}

// address is the certificate's URL, checked.
func (p *certificateProver) address(m *message) (string, *Failure) {
	c := p.scheme.Certificate
	text := m.document.value(c.Field)
	if c.Header != "" {
		var failure *Failure
		if text, failure = one(m.request.Header, newHeaderName(c.Header)); failure != nil {
			return "", failure
		}
	}
	if text == "" {
		return "", refuse(ReasonMissingHeader, "the request names no certificate")
	}
	if !pinned(text, c.Hosts, c.Path) {
		return "", refuse(ReasonBadCertificate, "the certificate's URL is not one of %s", strings.Join(c.Hosts, ", "))
	}
	return text, nil
}

// pinned tells whether a URL is https, on one of the hosts and below the path.
func pinned(text string, hosts []string, path string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" || u.Fragment != "" {
		return false
	}
	return strings.HasPrefix(u.Path, path) && !strings.Contains(u.Path, "..") &&
		slices.ContainsFunc(hosts, func(pattern string) bool { return hostFits(strings.ToLower(u.Hostname()), pattern) })
}

// hostFits compares a host with a pattern, in which a * stands for one label.
func hostFits(host, pattern string) bool {
	labels, wanted := strings.Split(host, "."), strings.Split(pattern, ".")
	if len(labels) != len(wanted) {
		return false
	}
	for i, want := range wanted {
		if labels[i] == "" || want != "*" && labels[i] != want {
			return false
		}
	}
	return true
}

func readCertificate(text []byte) (*x509.Certificate, *Failure) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, refuse(ReasonBadCertificate, "what the certificate's URL gives is no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, refuse(ReasonBadCertificate, "the certificate of the signature cannot be read")
	}
	return certificate, nil
}

// stranger is the proof of a request that is meant for somebody else.
type stranger struct{}

func (stranger) fits(template, *message, [][]byte) bool { return false }

func (stranger) sign(template, *message) ([]byte, error) { return publicKey{}.sign(nil, nil) }
