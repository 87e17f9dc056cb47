package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// What nobody compares a secret for is not blamed on the secret.
func TestExplain_Tokens(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		webhook meshhook.Verification
		kid     string
		claims  map[string]any
		mistake signature.Mistake
		says    string
	}{
		{"audience", meshhook.Verification{Audience: "us"}, "first", map[string]any{"aud": "them"}, signature.MistakeToken, `the token's audience (aud) is not this webhook's: it is "them", and the webhook takes "us"`},
		{"no audience", meshhook.Verification{Audience: "us"}, "first", nil, signature.MistakeToken, `it is not there, and the webhook takes "us"`},
		{"issuer", meshhook.Verification{Issuer: "https://a"}, "first", map[string]any{"iss": "https://b"}, signature.MistakeToken, `the token's issuer (iss) is "https://b", and the webhook takes "https://a"`},
		{"algorithm", meshhook.Verification{Algorithm: "ES256"}, "first", nil, signature.MistakeToken, "the token is signed with RS256, and the webhook takes ES256"},
		{"claim", meshhook.Verification{Claims: map[string]string{"sub": "x"}}, "first", nil, signature.MistakeToken, "the token's claim sub is not what this webhook asks for"},
		{"expired", meshhook.Verification{}, "first", map[string]any{"exp": now().Add(-time.Hour).Unix()}, signature.MistakeTime, "more than 1m from the time"},
		{"signer", meshhook.Verification{}, "second", nil, signature.MistakeSigner, `the token is not signed by one of the keys at https://login.example.com/jwks.json (exp 2023-11-14T23:13:20.000Z, kid "second")`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			claims := inAnHour()
			for name, value := range test.claims {
				claims[name] = value
			}
			test.webhook.Scheme, test.webhook.JWKSURL = "jwt", jwksURL
			host := &server{documents: map[string]string{jwksURL: keySet(t, rsaKey(), "first")}}
			v := newVerifier(t, test.webhook).WithKeyring(signature.NewKeyring(host.fetch))
			r := signature.Request{Header: http.Header{"Authorization": {"Bearer " + makeToken(t, "RS256", map[string]any{"kid": test.kid}, claims, rsaKey())}}, Now: now()}

			found := v.Explain(t.Context(), r, nil, nil, nil)
			require.Len(t, found, 1)
			require.Equal(t, test.mistake, found[0].Mistake)
			require.Contains(t, found[0].Message, test.says)
			require.NotContains(t, found[0].Remedy, "secret")

			// Of a token that the log does not keep, the findings of that time tell the same.
			_, was := v.Verify(t.Context(), r, nil)
			if test.mistake == signature.MistakeTime {
				return // that has been proven above
			}
			r.Header = v.Redact(r.Header, nil)
			require.Equal(t, found, v.Explain(t.Context(), r, nil, nil, was))
		})
	}
}

func TestExplain_KeysThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	host, v := fetching(t)
	host.set(func(h *server) { h.down = errors.New("connection refused") })
	found := v.Explain(t.Context(), bearer(t, "first"), nil, nil, nil)
	require.Equal(t, signature.MistakeKeys, found[0].Mistake)
	require.Contains(t, found[0].Message, "connection refused")
}

func TestExplain_Topics(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(serving(map[string]string{snsCertificate: provider().certificate}))
	found := v.Explain(t.Context(), snsRequest(t, snsCertificate), keys("arn:aws:sns:eu-central-1:111111111111:invoices"), nil, nil)
	require.Len(t, found, 1)
	require.Equal(t, signature.MistakeSigner, found[0].Mistake)
	require.Equal(t, "the message is of another TopicArn than this webhook's", found[0].Message)

	found = v.Explain(t.Context(), snsRequest(t, "https://evil.example/x.pem"), nil, nil, nil)
	require.Equal(t, signature.MistakeSigner, found[0].Mistake)
	require.Contains(t, found[0].Message, "the certificate's URL is not one of sns.*.amazonaws.com")

	found = v.Explain(t.Context(), signature.Request{Body: []byte("{}"), Now: now()}, nil, nil, nil)
	require.Equal(t, signature.MistakeNoAttempt, found[0].Mistake)
	require.Equal(t, "the body has no signature in Signature", found[0].Message)

	paypal := newVerifier(t, meshhook.Verification{Scheme: "paypal"}).WithKeyring(serving(map[string]string{paypalCertificate: provider().certificate}))
	found = paypal.Explain(t.Context(), paypalRequest(t, provider(), paypalCertificate), keys("another"), nil, nil)
	require.Contains(t, found[0].Message, "the signature is not for this webhook's identifier (the webhook ID")
}

// How a time is written is found by its look, and proven where the secret fits.
func TestExplain_TimeFormats(t *testing.T) {
	t.Parallel()
	webhook := meshhook.Verification{Scheme: "hmac", Template: "{timestamp}.{body}", TimestampHeader: "X-Time"}
	for _, format := range []string{"unix-ms", "rfc3339"} {
		sender := webhook
		sender.TimestampFormat = format
		r := sent(t, sender, "secret", signature.Request{Body: []byte(body), Now: now()})
		for secret, proven := range map[string]bool{"secret": true, "another": false} {
			found := newVerifier(t, webhook).Explain(t.Context(), r, keys(secret), nil, nil)
			require.Len(t, found, 1)
			require.Equal(t, signature.MistakeFormat, found[0].Mistake)
			require.Equal(t, "meshhook webhook update PATH --verify-timestamp-format "+format, found[0].Remedy)
			require.Equal(t, proven, found[0].Proven)
		}
		r.Header.Set("X-Time", "yesterday")
		found := newVerifier(t, webhook).Explain(t.Context(), r, keys("secret"), nil, nil)
		require.Equal(t, "the timestamp is not a number of Unix seconds", found[0].Message)
	}
}

// The sender knows another host than public_url says: the one that it called.
func TestExplain_Host(t *testing.T) {
	t.Parallel()
	form := []byte(url.Values{"From": {"+1"}, "Body": {"hi"}}.Encode())
	for scheme, r := range map[string]signature.Request{
		"square": {Body: []byte(body)},
		"twilio": {Body: form, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
	} {
		r.Method, r.Now, r.URL = http.MethodPost, now(), "https://hooks.example.org/hooks/a"
		r = sent(t, meshhook.Verification{Scheme: scheme}, "secret", r)
		for _, wrong := range []string{"https://wrong.example.org/hooks/a", "http://wrong.example.org:8080/mesh/hooks/a"} {
			r.URL, r.Host = wrong, "hooks.example.org"
			found := newVerifier(t, meshhook.Verification{Scheme: scheme}).Explain(t.Context(), r, keys("secret"), nil, nil)
			require.Len(t, found, 1, scheme)
			require.Equal(t, signature.MistakeURL, found[0].Mistake)
			require.True(t, found[0].Proven)
			require.Contains(t, found[0].Message, "the sender signs the URL https://hooks.example.org")
		}
	}
}

// Bytes that several ways of changing a body lead to are one finding.
func TestExplain_OneFindingForTheSameBytes(t *testing.T) {
	t.Parallel()
	github := meshhook.Verification{Scheme: "github"}
	r := sent(t, github, "secret", signature.Request{Body: []byte(`{"a":1}`), Now: now()})
	r.Body = []byte("{\"a\":1}\n")
	found := newVerifier(t, github).Explain(t.Context(), r, keys("secret"), nil, nil)
	require.Len(t, found, 1)
	require.Contains(t, found[0].Message, "without the line break at the end")
}

// What stands too much behind the sender's secret is the sender's to mend.
func TestExplain_TheSendersLineBreak(t *testing.T) {
	t.Parallel()
	github := meshhook.Verification{Scheme: "github"}
	for _, end := range []string{"\n", " "} {
		r := signature.Request{Body: []byte(body), Now: now(), Header: http.Header{"X-Hub-Signature-256": {"sha256=" + mac("secret"+end, body)}}}
		found := newVerifier(t, github).Explain(t.Context(), r, keys("secret"), nil, nil)
		require.Len(t, found, 1, strconv.Quote(end))
		require.Contains(t, found[0].Remedy, "at the sender")
		require.NotContains(t, found[0].Remedy, "rotate-secret")
	}
}

// A sender does not hear that a webhook waits for its secret, nor where keys are.
func TestFailure_ForSender(t *testing.T) {
	t.Parallel()
	const neutral = "the request could not be verified"
	asana := newVerifier(t, meshhook.Verification{Scheme: "asana"})
	_, failure := asana.Verify(t.Context(), signature.Request{Header: http.Header{"X-Hook-Signature": {mac("secret", body)}}, Body: []byte(body), Now: now()}, nil)
	require.Equal(t, signature.ReasonNoSecret, failure.Reason)
	require.Equal(t, neutral, failure.ForSender())
	require.Contains(t, failure.Message, "no active secret")

	_, v := fetching(t)
	_, failure = v.Verify(t.Context(), bearer(t, "second"), nil)
	require.Equal(t, neutral, failure.ForSender())
	require.Contains(t, failure.Message, jwksURL)

	_, failure = v.Verify(t.Context(), signature.Request{Now: now()}, nil)
	require.Equal(t, failure.Message, failure.ForSender())
}

// What is wrong in a way that has nothing to do with keys is said as it was refused.
func TestExplain_Reasons(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		webhook meshhook.Verification
		secret  string
		header  http.Header
		mistake signature.Mistake
		says    string
	}{
		"malformed":  {meshhook.Verification{Scheme: "github"}, "secret", http.Header{"X-Hub-Signature-256": {"sha256=zz"}}, signature.MistakeFormat, "is not 32 bytes in hex"},
		"twice":      {meshhook.Verification{Scheme: "github"}, "secret", http.Header{"X-Hub-Signature-256": {"sha256=00", "sha256=00"}}, signature.MistakeFormat, "came 2 times"},
		"no query":   {meshhook.Verification{Scheme: "token", Query: "key"}, "secret", nil, signature.MistakeNoAttempt, "the URL has no parameter key"},
		"before it":  {meshhook.Verification{Scheme: "notion"}, "", http.Header{"X-Notion-Signature": {"sha256=" + mac("secret", body)}}, signature.MistakeNoSecret, "the sender shows it before the first event"},
		"public key": {meshhook.Verification{Scheme: "discord"}, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", http.Header{"X-Signature-Ed25519": {strings.Repeat("a", 128)}, "X-Signature-Timestamp": {"1700000000"}}, signature.MistakeSigner, "private key of the webhook's public one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var active []signature.Key
			if test.secret != "" {
				active = keys(test.secret)
			}
			found := newVerifier(t, test.webhook).Explain(t.Context(), signature.Request{Header: test.header, Body: []byte(body), Now: now(), URL: "https://example.org/hooks/a"}, active, nil, nil)
			require.Len(t, found, 1)
			require.Equal(t, test.mistake, found[0].Mistake)
			require.Contains(t, found[0].Message, test.says)
			require.False(t, found[0].Proven)
		})
	}
}

// Who signs with a key of its own has no secret to enter.
func TestExplain_UnsignedWithoutASecret(t *testing.T) {
	t.Parallel()
	_, v := fetching(t)
	found := v.Explain(t.Context(), signature.Request{Header: http.Header{}, Now: now()}, nil, nil, nil)
	require.Equal(t, []signature.Suspicion{{
		Mistake: signature.MistakeNoAttempt, Message: "the request has no header Authorization and nothing else that looks like a signature",
		Remedy: "have the sender sign its requests; or name the header that it uses with --verify-header",
	}}, found)
}

// Of a handshake with a wrong token, the token is not kept, and no signature is missed.
func TestExplain_Handshakes(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "meta"})
	r := signature.Request{Method: http.MethodGet, URL: "https://example.org/hooks/a?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1", Now: now()}
	_, was := v.Handshake(r, keys("secret:token"), false)
	require.Equal(t, signature.ReasonBadHandshake, was.Reason)
	found := v.Explain(t.Context(), r, keys("secret:token"), nil, was)
	require.Len(t, found, 1)
	require.Equal(t, signature.MistakeSecret, found[0].Mistake)
	require.Contains(t, found[0].Remedy, "compare the token that you typed at the provider")
}

// mac is an HMAC-SHA256 in hexadecimal.
func mac(secret, text string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}
