package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// WebhookURL is how the world reaches a webhook, as far as the configuration
// knows.
func WebhookURL(c *config.Config, path string) string { return PublicURL(c) + ingress.Prefix + path }

// PublicURL is how the world reaches the listener for webhooks, as far as the
// configuration knows.
func PublicURL(c *config.Config) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		port = "8080" // not reached: the configuration is validated
	}
	switch domains := c.TLS.ACME.Domains; {
	case len(domains) > 0: // the port of the world is 443: certificates are fetched through it
		return "https://" + domains[0]
	case c.TLS.IsOn():
		return "https://localhost:" + port
	default:
		return "http://localhost:" + port
	}
}

// Sign returns the method and the headers of a request with these headers and this
// body, or why it cannot be signed.
func Sign(verifier *signature.Verifier, e meshhook.Endpoint, url string, header http.Header, body []byte, secret meshhook.Secret) (method string, signed http.Header, err error) {
	method = http.MethodPost
	if !slices.Contains(e.Methods, method) {
		method = e.Methods[0]
	}
	r := signature.Request{Method: method, URL: url, Header: header, Body: body, Now: time.Now()}
	proof, err := verifier.Sign(r, signature.Key{Value: secret}, meshhook.NewID().String())
	signed = header.Clone()
	maps.Copy(signed, proof)
	return method, signed, err
}

// Test is a request to a webhook of a public listener on this machine.
type Test struct {
	Config *config.Config
	// Listen is the address that the listener was told.
	Listen   string
	Endpoint meshhook.Endpoint
	// Header is what is sent beside the signature, or instead of it; Body is a small
	// sample when nil.
	Header  http.Header
	Body    []byte
	Version string
}

// SendTest signs the request with the webhook's newest secret and sends it. Errors:
// CodeInvalid for a header that cannot be sent, and for a scheme by which only the
// provider can sign; CodeInternal where no daemon answers.
func (db *Database) SendTest(ctx context.Context, t Test) (meshhook.Tested, error) {
	// With the rights of the endpoint's project, and no other's.
	live, err := db.Tenant(t.Endpoint.ProjectID).LiveEndpoint(ctx, t.Endpoint.ID.String())
	if err != nil {
		return meshhook.Tested{}, err
	}
	var secret meshhook.Secret
	if len(live.Secrets) > 0 {
		secret = live.Secrets[0].Value // the newest comes first
	}
	verifier, err := signature.New(t.Endpoint.Verification)
	if err != nil {
		return meshhook.Tested{}, err
	}
	before := t.headers(verifier)
	base, client, err := t.dialer(ctx)
	if err != nil {
		return meshhook.Tested{}, err
	}
	defer client.Close()
	key := signature.Key{Value: secret}
	url := base + ingress.Prefix + t.Endpoint.Path
	known := url // by which the daemon verifies
	if t.Config.PublicURL != "" {
		known = WebhookURL(t.Config, t.Endpoint.Path)
	}
	method, header, err := Sign(verifier, t.Endpoint, verifier.SignedURL(known, key), before, t.Body, secret)
	if err != nil {
		return meshhook.Tested{}, err
	}
	maps.Copy(header, t.Header)
	reply, err := client.Do(ctx, egress.Call{Method: method, URL: verifier.SignedURL(url, key), Header: header, Body: t.Body})
	if failed, ok := errors.AsType[*egress.Error](err); ok && failed.Reason == egress.ReasonBadRequest {
		return meshhook.Tested{}, meshhook.Errorf(meshhook.CodeInvalid, "the test cannot be sent: %w", err)
	}
	if err != nil {
		host, _ := listening(t.Listen)
		return meshhook.Tested{}, meshhook.Errorf(meshhook.CodeInternal, "no daemon answers at %s: %w; start one with 'meshhook daemon', or name its address in MESHHOOK_LISTEN", host, err)
	}
	return meshhook.Tested{Status: reply.Status, Body: string(reply.Body), DurationMS: reply.Duration.Milliseconds()}, nil
}

// headers are those that are sent beside the signature; it completes the body. What is
// JSON is sent as such, whatever the scheme's sample is.
func (t *Test) headers(verifier *signature.Verifier) http.Header {
	contentType, sample := verifier.Sample()
	switch {
	case t.Body == nil:
		t.Body = sample
	case json.Valid(t.Body):
		contentType = "application/json"
	}
	header := http.Header{"Content-Type": {contentType}}
	maps.Copy(header, t.Header)
	return header
}

// dialer returns where the listener on this machine is reached, and a client for
// it. Where it speaks TLS, its certificate is checked by the name that stands in it,
// whatever the address is.
func (t Test) dialer(ctx context.Context) (base string, client *egress.Client, err error) {
	host, network := listening(t.Listen)
	o := egress.Options{Allow: network, UserAgent: "meshhook/" + t.Version}
	base = "http://" + host
	switch acme := t.Config.TLS.ACME; {
	case t.Config.TLS.CertFile != "":
		base = "https://" + host
		o.RootCAs, o.ServerName, err = certs.Trust(t.Config.TLS.CertFile)
	case len(acme.Domains) > 0:
		base, o.ServerName = "https://"+host, acme.Domains[0]
		o.RootCAs, err = certs.TrustACME(ctx, ACMEDir(t.Config), acme.Domains[0])
	}
	if err != nil {
		return "", nil, err
	}
	client, err = egress.New(o)
	return base, client, err
}

// listening is where a listener on this machine is reached, and the networks
// that must be allowed for it.
func listening(address string) (string, []netip.Prefix) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, nil // not reached: the configuration is validated
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip.IsUnspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case err != nil: // a name, such as localhost
		return address, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return net.JoinHostPort(ip.String(), port), []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}
}
