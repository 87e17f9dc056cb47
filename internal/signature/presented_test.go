package signature_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// The log keeps a digest instead of a credential, by which the request can be
// verified again.
func TestDigest(t *testing.T) {
	t.Parallel()
	salt := []byte("salt")
	for name, test := range map[string]struct {
		verification meshhook.Verification
		secret       string
		has          bool
	}{
		"token":   {meshhook.Verification{Scheme: "token"}, "s3cret", true},
		"bearer":  {meshhook.Verification{Scheme: "token", Header: "Authorization", Prefix: "Bearer"}, "s3cret", true},
		"query":   {meshhook.Verification{Scheme: "token", Query: "key"}, "s3cret &=;", true},
		"basic":   {meshhook.Verification{Scheme: "basic"}, "user:pass:word", true},
		"gitlab":  {meshhook.Verification{Scheme: "gitlab"}, "s3cret", true},
		"github":  {meshhook.Verification{Scheme: "github"}, "s3cret", false},
		"svix":    {meshhook.Verification{Scheme: "svix"}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false},
		"jwt":     {meshhook.Verification{Scheme: "jwt"}, tokenSecret, false},
		"signing": {meshhook.Verification{Scheme: "gitlab"}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false},
		"none":    {meshhook.Verification{Scheme: "none"}, "", false},
	} {
		v := newVerifier(t, test.verification)
		key := keys(test.secret)[0]
		r := signature.Request{Method: http.MethodPost, URL: v.SignedURL("https://example.org/a", key), Body: []byte(body), Now: now()}
		var err error
		r.Header, err = v.Sign(r, key, "msg_1")
		require.NoError(t, err, name)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure, name)

		digest := v.Digest(r, salt)
		require.Equal(t, test.has, digest != nil, name)
		if !test.has {
			continue
		}
		require.NotEqual(t, digest, v.Digest(r, []byte("other salt")), name)
		kept := signature.Request{
			Method: r.Method, URL: "https://example.org/a", Header: v.Redact(r.Header, nil), Body: r.Body, Now: now().Add(time.Hour),
			Presented: &signature.Presented{Digest: digest, Salt: salt},
		}
		got, failure := v.Verify(t.Context(), kept, []signature.Key{{ID: "other", Value: meshhook.NewSecret("x:y")}, key})
		require.Nil(t, failure, name)
		require.Equal(t, key, got)
		for _, presented := range []*signature.Presented{{Digest: digest, Salt: []byte("other salt")}, {}, {Digest: digest[1:], Salt: salt}, nil} {
			kept.Presented = presented
			_, failure = v.Verify(t.Context(), kept, []signature.Key{key})
			require.NotNil(t, failure, name)
		}
		require.Nil(t, v.Digest(signature.Request{URL: "https://example.org/a", Header: http.Header{}}, salt), "nothing came")
	}
}

func TestSignedURL(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "azure-eventgrid"})
	key := keys("a&b=c d%")[0]
	for in, want := range map[string]string{
		"https://example.org/a":     "https://example.org/a?code=a%26b%3Dc+d%25",
		"https://example.org/a?b=c": "https://example.org/a?b=c&code=a%26b%3Dc+d%25",
	} {
		require.Equal(t, want, v.SignedURL(in, key))
		r := signature.Request{Method: http.MethodPost, URL: want}
		header, err := v.Sign(r, key, "")
		require.NoError(t, err)
		require.Equal(t, http.Header{}, header)
		r.Header = header
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure)
		require.Equal(t, in, v.SignedURL(in, signature.Key{}))
		require.Equal(t, in, newVerifier(t, meshhook.Verification{Scheme: "token"}).SignedURL(in, key))
		_, err = v.Sign(signature.Request{URL: in}, key, "")
		require.EqualError(t, err, "scheme azure-eventgrid has its token in the query's code, not in a header; put it there yourself")
	}
}

func TestVerify_TokenInTheQuery(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "token", Query: "key"})
	for query, want := range map[string]string{
		"?key=s3cret": "", "?a=b&key=s3cret&c": "", "?key=s3c%72et": "", "?%6bey=s3cret": "",
		"?key=s3cret&key=s3cret":            "the query parameter key came 2 times; it may come once",
		"?key=s3cret&key=":                  "the query parameter key came 2 times; it may come once",
		"":                                  "the query parameter key is missing",
		"?key":                              "the query parameter key is missing",
		"?key=":                             "the query parameter key is missing",
		"?Key=s3cret":                       "the query parameter key is missing",
		"?a=b;key=s3cret":                   "the query parameter key is missing",
		"#key=s3cret":                       "the query parameter key is missing",
		"?key=s3cret+":                      "what the query's key holds is not right",
		"?key=" + strings.Repeat("s", 8193): "the query parameter key is longer than 8192 bytes",
		"\x7f":                              "the URL cannot be read",
	} {
		_, failure := v.Verify(t.Context(), signature.Request{URL: "https://example.org/a" + query, Header: http.Header{"X-Webhook-Token": {"s3cret"}}}, keys("s3cret"))
		if want == "" {
			require.Nil(t, failure, query)
			continue
		}
		require.NotNil(t, failure, query)
		require.Equal(t, want, failure.Message)
		require.Equal(t, []string{"the whole of the query's key equals the secret"}, failure.Findings.Variants)
	}
}

func TestRedactQuery(t *testing.T) {
	t.Parallel()
	token := newVerifier(t, meshhook.Verification{Scheme: "token", Query: "key"})
	meta := newVerifier(t, meshhook.Verification{Scheme: "meta"})
	for _, test := range []struct {
		v        *signature.Verifier
		in, want string
	}{
		{token, "", ""},
		{token, "a=b&c", "a=b&c"},
		{token, "key=s3cret", "key=[redacted]"},
		{token, "key=", "key=[redacted]"},
		{token, "key", "key"},
		{token, "a=b&key=s3cret&c=d&key=again", "a=b&key=[redacted]&c=d&key=[redacted]"},
		{token, "%6Bey=s3cret", "%6Bey=[redacted]"},
		{token, "k%zz=s3cret", "k%zz=[redacted]"},
		{token, "a=b;key=s3;cret&c", "a=b;key=[redacted]&c"},
		{token, "key=s3=cret", "key=[redacted]"},
		{token, "Key=x&akey=y", "Key=x&akey=y"},
		{meta, "hub.mode=subscribe&hub.verify_token=token&hub.challenge=1", "hub.mode=subscribe&hub.verify_token=[redacted]&hub.challenge=1"},
		{newVerifier(t, meshhook.Verification{Scheme: "github"}), "key=s3cret", "key=s3cret"},
	} {
		require.Equal(t, test.want, test.v.RedactQuery(test.in, nil))
	}
	require.Contains(t, newVerifier(t, meshhook.Verification{Scheme: "asana"}).SecretHeaders(), "X-Hook-Secret")
}

func TestScheme_PlaceAndMethod(t *testing.T) {
	t.Parallel()
	for scheme, want := range map[string][2]string{
		"hmac":              {"X-Signature", "HMAC-SHA256, hex"},
		"twilio":            {"X-Twilio-Signature", "HMAC-SHA1, base64"},
		"shopify":           {"X-Shopify-Hmac-Sha256, Shopify-Hmac-Sha256", "HMAC-SHA256, base64"},
		"docusign":          {"X-DocuSign-Signature-1…", "HMAC-SHA256, base64"},
		"mailgun":           {"body: signature.signature", "HMAC-SHA256, hex"},
		"azure-eventgrid":   {"?code=", "token"},
		"msgraph":           {"body: value[].clientState", "token"},
		"none":              {"", "none"},
		"basic":             {"Authorization", "basic"},
		"jwt":               {"Authorization", "jwt, HS256"},
		"sendgrid":          {"X-Twilio-Email-Event-Webhook-Signature", "SHA256 with ecdsa, base64"},
		"paypal":            {"PAYPAL-TRANSMISSION-SIG", "SHA256 with rsa-cert, base64"},
		"discord":           {"X-Signature-Ed25519", "ed25519, hex"},
		"standard-webhooks": {"webhook-signature", "HMAC-SHA256, base64; or ed25519, base64 (whpk_…)"},
		"gitlab":            {"X-Gitlab-Token", "token; or HMAC-SHA256, base64 (whsec_…)"},
	} {
		s, ok := signature.Find(scheme)
		require.True(t, ok)
		require.Equal(t, want, [2]string{s.Place(), s.Method()}, scheme)
	}
	for _, s := range signature.Schemes() {
		require.Equal(t, s.Engine == signature.EngineNone, s.Place() == "", s.Name)
		require.NotEmpty(t, s.Method(), s.Name)
	}
}

func TestVerify_QueriesAreReadAsURLsAre(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "token", Query: "a b&"})
	key := keys("s")[0]
	address := v.SignedURL("https://example.org/", key)
	u, err := url.Parse(address)
	require.NoError(t, err)
	require.Equal(t, "s", u.Query().Get("a b&"))
	require.Equal(t, "a+b%26=[redacted]", v.RedactQuery(u.RawQuery, nil))
}
