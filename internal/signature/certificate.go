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
	text, failure := m.request.keys.get(ctx, wanted{name: address, url: address, chosen: true, check: func(text []byte) error {
		_, err := readCertificate(text)
		return err
	}})
	if failure != nil {
		return nil, failure
	}
	certificate, err := readCertificate(text)
	if err != nil { // it could be read when it was fetched
		return nil, refuse(ReasonBadCertificate, "the certificate of the signature cannot be read")
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
	if !isCertificate(text, c) {
		return "", refuse(ReasonBadCertificate, "the certificate's URL is not one of %s", strings.Join(c.Hosts, ", "))
	}
	return text, nil
}

// pinned reads a URL that is https and on one of the hosts, spelled as the
// providers do, or is nil. That two spellings of one URL are not both taken keeps
// strangers from having the same document fetched again and again.
func pinned(text string, hosts []string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.String() != text {
		return nil
	}
	if !slices.ContainsFunc(hosts, func(pattern string) bool { return hostFits(u.Host, pattern) }) {
		return nil
	}
	return u
}

// isCertificate tells whether a URL is that of a file in the place where the
// provider has its certificates.
func isCertificate(text string, c Certificate) bool {
	u := pinned(text, c.Hosts)
	if u == nil || u.RawPath != "" || u.RawQuery != "" || u.ForceQuery {
		return false
	}
	file, ok := strings.CutPrefix(u.Path, c.Path)
	return ok && strings.Trim(file, ".") != "" && !strings.ContainsFunc(file, func(c rune) bool {
		return c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// hostFits compares a host with a pattern, in which a * stands for a region of AWS.
func hostFits(host, pattern string) bool {
	labels, wanted := strings.Split(host, "."), strings.Split(pattern, ".")
	if len(labels) != len(wanted) {
		return false
	}
	for i, want := range wanted {
		if want == "*" && !isRegion(labels[i]) || want != "*" && labels[i] != want {
			return false
		}
	}
	return true
}

// isRegion tells whether a label is written like a region of AWS: us-gov-west-1. It
// must not be s3 or s3-us-west-2, since whoever has the bucket "sns" has those hosts.
func isRegion(label string) bool {
	words := strings.Split(label, "-")
	last := len(words) - 1
	if last < 2 || len(words[0]) != 2 {
		return false
	}
	for i, word := range words {
		rest := strings.Trim(word, "abcdefghijklmnopqrstuvwxyz")
		if i == last {
			rest = strings.Trim(word, "0123456789")
		}
		if word == "" || rest != "" {
			return false
		}
	}
	return true
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, meshhook.Errorf(meshhook.CodeUnavailable, "what the certificate's URL gives is no certificate in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeUnavailable, "the certificate cannot be read: %w", err)
	}
	return certificate, nil
}

// stranger is the proof of a request that is meant for somebody else.
type stranger struct{}

// messageOther says that a request is meant for somebody else.
func messageOther(s Scheme) string {
	return "the message is of another " + s.Certificate.Identifier + " than this webhook's"
}

func (stranger) fits(template, *message, [][]byte) bool { return false }

func (stranger) sign(template, *message) ([]byte, error) { return nil, errOnlyProvider() }
