package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
)

// badKeyPair finds half a pair of files.
func badKeyPair(c *Config) string {
	switch {
	case c.TLS.CertFile != "" && c.TLS.KeyFile == "":
		return "it is empty, but tls.cert_file is set; name the certificate's private key"
	case c.TLS.CertFile == "" && c.TLS.KeyFile != "":
		return "it is set, but tls.cert_file is empty; name the key's certificate"
	}
	return ""
}

// domainShape is a name of two labels or more, as certificates are made for.
// ACME's challenges here cannot prove a wildcard.
var domainShape = regexp.MustCompile(`^(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?))+$`)

func badDomains(c *Config) string {
	for _, domain := range c.TLS.ACME.Domains {
		_, noAddress := netip.ParseAddr(domain)
		if noAddress == nil || len(domain) > 253 || !domainShape.MatchString(domain) {
			return fmt.Sprintf("%q is not a name that a certificate can be fetched for; write it like hooks.example.com", domain)
		}
	}
	if c.TLS.CertFile != "" && len(c.TLS.ACME.Domains) > 0 {
		return "there is a tls.cert_file too; use the one or the other"
	}
	return ""
}

func badDirectory(text string) string {
	if text == "" {
		return ""
	}
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return "it is not the URL of an ACME directory; write it like https://acme-v02.api.letsencrypt.org/directory"
	}
	return ""
}
