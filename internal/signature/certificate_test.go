package signature_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

const (
	paypalCertificate = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
	paypalWebhook     = "8PT597110X687430LKGECATA"
)

// paypalRequest is a request with the body as PayPal signs it, and the certificate at a URL.
func paypalRequest(t testing.TB, c certified, url string) signature.Request {
	t.Helper()
	at := now().UTC().Format(time.RFC3339)
	h := http.Header{}
	for name, value := range map[string]string{
		"PAYPAL-TRANSMISSION-ID": "id-1", "PAYPAL-TRANSMISSION-TIME": at, "PAYPAL-CERT-URL": url, "PAYPAL-AUTH-ALGO": "SHA256withRSA",
		"PAYPAL-TRANSMISSION-SIG": c.sign(t, fmt.Sprintf("id-1|%s|%s|%d", at, paypalWebhook, crc32.ChecksumIEEE([]byte(body)))),
	} {
		h.Set(name, value)
	}
	return signature.Request{Method: http.MethodPost, Header: h, Body: []byte(body), Now: now()}
}

// A certificate's URL is the sender's word: nothing may be fetched but the files that
// providers have in one place, each by one spelling.
func TestCertificate_URLs(t *testing.T) {
	t.Parallel()
	const paypal = "https://api.paypal.com/v1/notifications/certs/"
	for url, want := range map[string]bool{
		paypalCertificate: true,
		strings.Replace(paypalCertificate, "api.", "api.sandbox.", 1):   true,
		strings.Replace(paypalCertificate, "api.", "api-m.", 1):         true,
		strings.Replace(paypalCertificate, "api.", "api-m.sandbox.", 1): true,

		"": false, "https://": false, "//api.paypal.com/v1/notifications/certs/x": false, "/v1/notifications/certs/x": false,
		"http" + paypalCertificate[5:]:                                                      false,
		"HTTPS" + paypalCertificate[5:]:                                                     false,
		"ftp" + paypalCertificate[5:]:                                                       false,
		strings.Replace(paypalCertificate, "api.paypal.com", "API.PayPal.com", 1):           false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.paypal.com.", 1):          false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.paypal.com:443", 1):       false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.paypal.com:", 1):          false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.paypal.com:8443", 1):      false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.paypal.com@evil.com", 1):  false,
		strings.Replace(paypalCertificate, "api.paypal.com", "evil.com@api.paypal.com", 1):  false,
		strings.Replace(paypalCertificate, "api.paypal.com", "@api.paypal.com", 1):          false,
		strings.Replace(paypalCertificate, "api.paypal.com", `api.paypal.com\@evil.com`, 1): false,
		strings.Replace(paypalCertificate, "api.paypal.com", `evil.com\.api.paypal.com`, 1): false,
		strings.Replace(paypalCertificate, "api.paypal.com", "evil.com#api.paypal.com", 1):  false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.paypal.com.evil.com", 1):  false,
		strings.Replace(paypalCertificate, "api.paypal.com", "evilapi.paypal.com", 1):       false,
		strings.Replace(paypalCertificate, "api.paypal.com", "www.paypal.com", 1):           false,
		strings.Replace(paypalCertificate, "api.paypal.com", "paypal.com", 1):               false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api.pаypal.com", 1):           false, // a Cyrillic а
		strings.Replace(paypalCertificate, "api.paypal.com", "api.xn--pypal-4ve.com", 1):    false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api%2epaypal.com", 1):         false,
		strings.Replace(paypalCertificate, "api.paypal.com", "api。paypal.com", 1):           false,
		strings.Replace(paypalCertificate, "api.paypal.com", "127.0.0.1", 1):                false,
		strings.Replace(paypalCertificate, "api.paypal.com", "[::1]", 1):                    false,
		paypal: false, paypal + ".": false, paypal + "..": false, paypal + "../../../evil": false, paypal + "a/../../b": false,
		paypal + "a/b": false, paypal + "/a": false, paypal + "%2e%2e": false, paypal + "..%2f..%2fevil": false, paypal + `..\..\evil`: false,
		paypal + "CERT%2D1": false, paypal + "a?": false, paypal + "a?x=1": false, paypal + "a#": false, paypal + "a#x": false,
		paypal + "a;b": false, paypal + "a b": false, paypal + "a\n": false, paypal + "a\x00": false, paypal + "ä": false, " " + paypal + "a": false,
		"https://api.paypal.com/V1/notifications/certs/a": false, "https://api.paypal.com//v1/notifications/certs/a": false,
		"https://api.paypal.com/./v1/notifications/certs/a": false, "https://api.paypal.com/v1/oauth2/token": false,
		snsCertificate: false,
	} {
		h := &server{documents: map[string]string{url: provider().certificate}}
		v := newVerifier(t, meshhook.Verification{Scheme: "paypal"}).WithKeyring(signature.NewKeyring(h.fetch))
		_, failure := v.Verify(t.Context(), paypalRequest(t, provider(), url), keys(paypalWebhook))
		require.Equal(t, want, failure == nil, "%q: %v", url, failure)
		if !want {
			require.Contains(t, []signature.Reason{signature.ReasonBadCertificate, signature.ReasonMissingHeader}, failure.Reason, url)
			require.Zero(t, h.count(), "%q was fetched", url)
		}
	}

	for host, want := range map[string]bool{
		"sns.eu-central-1.amazonaws.com": true, "sns.us-gov-west-1.amazonaws.com": true, "sns.cn-north-1.amazonaws.com.cn": true,
		"sns.ap-southeast-10.amazonaws.com": true,
		// Buckets named sns, or hosts that AWS lets people name.
		"sns.s3.amazonaws.com": false, "sns.s3-us-west-2.amazonaws.com": false, "sns.s3-website-us-east-1.amazonaws.com": false,
		"sns.s3.us-east-1.amazonaws.com": false, "sns.evil.amazonaws.com": false, "sns.elb.amazonaws.com": false, "sns.s3.amazonaws.com.cn": false,
		"evil.us-east-1.amazonaws.com": false, "sns.us-east-1.amazonaws.com.evil.com": false, "sns..amazonaws.com": false, "sns.*.amazonaws.com": false,
		"sns.us-east.amazonaws.com": false, "sns.us-east-.amazonaws.com": false, "sns.us--1.amazonaws.com": false, "sns.-east-1.amazonaws.com": false,
		"sns.use-east-1.amazonaws.com": false, "sns.us-ea5t-1.amazonaws.com": false, "sns.us-east-1a.amazonaws.com": false, "sns.US-east-1.amazonaws.com": false,
		"sns.us-east-1.amazonaws.evil": false, "sns.us-east-1.evilamazonaws.com": false, "a.sns.us-east-1.amazonaws.com": false,
	} {
		url := "https://" + host + "/SimpleNotificationService-0123.pem"
		h := &server{documents: map[string]string{url: provider().certificate}}
		v := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(signature.NewKeyring(h.fetch))
		_, failure := v.Verify(t.Context(), snsRequest(t, url), nil)
		require.Equal(t, want, failure == nil, "%q: %v", url, failure)
		if !want {
			require.Zero(t, h.count(), url)
		}
	}
}

func TestCertificate_Refuses(t *testing.T) {
	t.Parallel()
	expired := certify(2048, func(c *x509.Certificate) { c.NotAfter = now().Add(-time.Second) })
	early := certify(2048, func(c *x509.Certificate) { c.NotBefore = now().Add(time.Second) })
	edge := certify(2048, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now(), now() })
	weak := certify(1024, nil)
	other := certify(2048, nil)
	block, _ := pem.Decode([]byte(provider().certificate))
	for name, test := range map[string]struct {
		signer   certified
		document string
		want     signature.Reason
		why      string
	}{
		"right":         {provider(), provider().certificate, "", ""},
		"to the second": {edge, edge.certificate, "", ""},
		"expired":       {expired, expired.certificate, signature.ReasonBadCertificate, ""},
		"not yet":       {early, early.certificate, signature.ReasonBadCertificate, ""},
		"weak":          {weak, weak.certificate, signature.ReasonBadCertificate, ""},
		"another's":     {other, provider().certificate, signature.ReasonMismatch, ""},
		"no PEM":        {provider(), "<html>", signature.ReasonKeysUnavailable, "what the certificate's URL gives is no certificate in PEM"},
		"a key":         {provider(), inPEM("PUBLIC KEY", der(t, provider().key.Public())), signature.ReasonKeysUnavailable, "what the certificate's URL gives is no certificate in PEM"},
		"cut":           {provider(), inPEM("CERTIFICATE", block.Bytes[:100]), signature.ReasonKeysUnavailable, "the certificate cannot be read: "},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: "paypal"}).WithKeyring(serving(map[string]string{paypalCertificate: test.document}))
		_, failure := v.Verify(t.Context(), paypalRequest(t, test.signer, paypalCertificate), keys(paypalWebhook))
		require.Equal(t, test.want, reason(failure), name)
		if test.why != "" {
			require.Contains(t, failure.Findings.Fetch, test.why, name)
		}
	}
}

// Without a secret any topic is taken, but a secret that is empty is none.
func TestCertificate_EmptyIdentifier(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(serving(map[string]string{snsCertificate: provider().certificate}))
	for _, test := range []struct {
		keys []signature.Key
		want signature.Reason
	}{
		{nil, ""},
		{keys("arn:aws:sns:eu-central-1:111111111111:orders"), ""},
		{keys("another topic"), signature.ReasonMismatch},
		{keys("another topic", ""), signature.ReasonMismatch},
		{keys(""), signature.ReasonNoSecret},
	} {
		_, failure := v.Verify(t.Context(), snsRequest(t, snsCertificate), test.keys)
		require.Equal(t, test.want, reason(failure), test.keys)
	}
}

func TestCertificate_OnlyForTheRightEndpoint(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "paypal"}).WithKeyring(serving(map[string]string{paypalCertificate: provider().certificate}))
	r := paypalRequest(t, provider(), paypalCertificate)
	_, failure := v.Verify(t.Context(), r, keys("another webhook"))
	require.Equal(t, signature.ReasonMismatch, reason(failure))
	_, failure = v.Verify(t.Context(), r, nil)
	require.Equal(t, signature.ReasonNoSecret, reason(failure))

	topics := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(serving(map[string]string{snsCertificate: provider().certificate}))
	for version, want := range map[string]signature.Reason{"1": signature.ReasonMismatch, "2": "", "3": signature.ReasonMalformedHeader, "": signature.ReasonMalformedHeader} {
		m := snsMessage(t, "arn:aws:sns:eu-central-1:1:orders", "hello")
		m["SignatureVersion"] = version
		_, failure = topics.Verify(t.Context(), signature.Request{Header: http.Header{}, Body: asJSON(t, m), Now: now()}, nil)
		require.Equal(t, want, reason(failure), version)
	}
	_, err := topics.Sign(signature.Request{Body: asJSON(t, map[string]string{})}, keys("arn")[0], "")
	require.EqualError(t, err, "scheme sns signs inside the body, which cannot be done to a body of yours; send an event from the provider")
	_, err = v.Sign(signature.Request{Now: now()}, keys(paypalWebhook)[0], "id")
	require.EqualError(t, err, "only the provider has the private key of this scheme, so nothing can be signed here; send an event from the provider")
}
