package signature_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func TestNew_OverridesOfTokensAndTimes(t *testing.T) {
	t.Parallel()
	scheme := func(name string, change func(*signature.Scheme)) signature.Scheme {
		s, ok := signature.Find(name)
		require.True(t, ok)
		change(&s)
		return s
	}
	for name, test := range map[string]struct {
		in   meshhook.Verification
		want signature.Scheme
	}{
		"a token in the query": {
			meshhook.Verification{Scheme: "token", Query: "key"},
			scheme("token", func(s *signature.Scheme) { s.Header, s.Query = "", "key" }),
		},
		"or in a header after all": {
			meshhook.Verification{Scheme: "azure-eventgrid", Header: "X-Token"},
			scheme("azure-eventgrid", func(s *signature.Scheme) { s.Header, s.Query = "X-Token", "" }),
		},
		"a secret in base64": {
			meshhook.Verification{Scheme: "hmac", SecretEncoding: "base64"},
			scheme("hmac", func(s *signature.Scheme) { s.SecretFormat = signature.SecretBase64 }),
		},
		"a timestamp in milliseconds": {
			meshhook.Verification{Scheme: "hmac", Template: "{timestamp}{body}", TimestampHeader: "X-T", TimestampFormat: "unix-ms"},
			scheme("hmac", func(s *signature.Scheme) {
				s.Template, s.Timestamp = "{timestamp}{body}", signature.Timestamp{Header: "X-T", Format: signature.TimeUnixMilli}
				s.Tolerance = meshhook.Duration(5 * time.Minute)
			}),
		},
		"all of a token": {
			meshhook.Verification{
				Scheme: "jwt", Header: "X-Jwt", Algorithm: "ES256", Issuer: "i", Audience: "a", Claims: map[string]string{"c": "d"},
				JWKSURL: "https://example.com/jwks", Tolerance: meshhook.Duration(time.Second),
			},
			scheme("jwt", func(s *signature.Scheme) {
				s.Header, s.Prefix, s.Algorithm, s.Tolerance = "X-Jwt", "", "ES256", meshhook.Duration(time.Second)
				s.JWT = signature.JWT{Issuer: "i", Audience: "a", Claims: map[string]string{"c": "d"}, JWKSURL: "https://example.com/jwks"}
				s.SecretFormat = signature.SecretUnused
			}),
		},
		"published keys are RSA by default": {
			meshhook.Verification{Scheme: "jwt", JWKSURL: "https://example.com/jwks"},
			scheme("jwt", func(s *signature.Scheme) {
				s.Algorithm, s.JWT.JWKSURL, s.SecretFormat = "RS256", "https://example.com/jwks", signature.SecretUnused
			}),
		},
		"a prefix that is written out": {
			meshhook.Verification{Scheme: "jwt", Header: "X-Jwt", Prefix: "bearer"},
			scheme("jwt", func(s *signature.Scheme) { s.Header, s.Prefix = "X-Jwt", "bearer " }),
		},
		"Plaid's sandbox": {
			meshhook.Verification{Scheme: "plaid", JWKSURL: "https://sandbox.plaid.com/webhook_verification_key/get"},
			scheme("plaid", func(s *signature.Scheme) { s.JWT.JWKSURL = "https://sandbox.plaid.com/webhook_verification_key/get" }),
		},
		"confirming": {
			meshhook.Verification{Scheme: "sns", ConfirmSubscription: true},
			scheme("sns", func(*signature.Scheme) {}),
		},
	} {
		require.Equal(t, test.want, newVerifier(t, test.in).Scheme(), name)
	}
	for _, test := range []struct {
		in   meshhook.Verification
		want string
	}{
		{meshhook.Verification{Scheme: "linear", TimestampHeader: "X-T"}, "scheme linear does not take timestamp_header: its timestamp stands in the body as webhookTimestamp"},
		{meshhook.Verification{Scheme: "linear", TimestampFormat: "unix"}, "scheme linear does not take timestamp_format: its timestamp stands in the body as webhookTimestamp"},
		{meshhook.Verification{Scheme: "jwt", JWKSURL: "https://user@example.com/"}, "the jwks_url has to be an https URL, like https://login.example.com/.well-known/jwks.json"},
		{meshhook.Verification{Scheme: "jwt", JWKSURL: "https:///jwks"}, "the jwks_url has to be an https URL, like https://login.example.com/.well-known/jwks.json"},
		{meshhook.Verification{Scheme: "jwt", JWKSURL: "https://exa mple.com"}, "the jwks_url has to be an https URL, like https://login.example.com/.well-known/jwks.json"},
		{meshhook.Verification{Scheme: "jwt", Encoding: "hex"}, "scheme jwt does not take encoding: what is signed in a JSON Web Token is settled"},
		{meshhook.Verification{Scheme: "ed25519", SecretEncoding: "hex"}, "scheme ed25519 does not take secret_encoding: only an hmac secret can be written in other ways"},
		{meshhook.Verification{Scheme: "github", Issuer: "i"}, "scheme github does not take issuer: it verifies no JSON Web Tokens"},
		{meshhook.Verification{Scheme: "github", Audience: "a"}, "scheme github does not take audience: it verifies no JSON Web Tokens"},
		{meshhook.Verification{Scheme: "github", Claims: map[string]string{"a": "b"}}, "scheme github does not take claims: it verifies no JSON Web Tokens"},
		{meshhook.Verification{Scheme: "mailgun", Template: "{body}"}, "scheme mailgun does not take template: its signature stands in the body"},
		{meshhook.Verification{Scheme: "token", Query: strings.Repeat("q", 129)}, "the query parameter's name has to be at most 128 bytes without control characters"},
		{meshhook.Verification{Scheme: "paypal", Template: "{id}|{timestamp}"}, "the template does not name {body}, so a signature would fit any content; add {body}"},
	} {
		_, err := signature.New(test.in)
		require.EqualError(t, err, test.want)
	}
}

func TestSecretEncodings(t *testing.T) {
	t.Parallel()
	for encoding, spell := range map[string]func(string) string{
		"raw": strings.Clone, "hex": func(s string) string { return hex.EncodeToString([]byte(s)) },
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: "hmac", SecretEncoding: encoding})
		r := signedBody("X-Signature", "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17") // GitHub's example
		r.Body = []byte("Hello, World!")
		_, failure := v.Verify(t.Context(), r, keys(spell("It's a Secret to Everybody")))
		require.Nil(t, failure, encoding)
		for _, bad := range []string{spell("\x00\x00\x00"), ""} {
			require.EqualError(t, v.CheckSecret(meshhook.NewSecret(bad)), "the secret is empty", encoding)
			_, failure = v.Verify(t.Context(), r, keys(bad))
			require.NotNil(t, failure)
		}
		generated := v.GenerateSecret()
		require.NoError(t, v.CheckSecret(generated))
	}
	require.EqualError(t, newVerifier(t, meshhook.Verification{Scheme: "hmac", SecretEncoding: "hex"}).CheckSecret(meshhook.NewSecret("xyz")),
		"the secret is not hexadecimal; copy it as it is shown")
	require.EqualError(t, newVerifier(t, meshhook.Verification{Scheme: "hmac", SecretEncoding: "base64"}).CheckSecret(meshhook.NewSecret("?")),
		"the secret is not base64; copy it as it is shown")
}

func TestVerify_TimeFormats(t *testing.T) {
	t.Parallel()
	for format, texts := range map[string]map[string]signature.Reason{
		"unix-ms": {
			"1700000000000": "", "1700000300000": "", "1699999700000": "", "1700000300001": signature.ReasonStaleTimestamp,
			"1699999699999": signature.ReasonStaleTimestamp, "1700000000": signature.ReasonStaleTimestamp, "0": signature.ReasonStaleTimestamp,
			"001700000000000": "", "0001700000000000": signature.ReasonUnreadableTimestamp, "999999999999999": signature.ReasonStaleTimestamp,
			"1700000000000.5": signature.ReasonUnreadableTimestamp, "1.7e12": signature.ReasonUnreadableTimestamp, "-1": signature.ReasonUnreadableTimestamp,
		},
		"unix": {"1700000000": "", "001700000000": "", "0001700000000": signature.ReasonUnreadableTimestamp, "1700000000000": signature.ReasonUnreadableTimestamp},
		"rfc3339": {
			"2023-11-14T22:13:20Z": "", "2023-11-14T22:13:20.123456789Z": "", "2023-11-14T23:13:20+01:00": "", "2023-11-14T22:13:20-00:00": "",
			"2023-11-14T22:18:20Z": "", "2023-11-14T22:18:20.001Z": signature.ReasonStaleTimestamp, "2023-11-14T22:08:20Z": "", "2023-11-14T22:08:19.999Z": signature.ReasonStaleTimestamp,
			"2023-11-14T22:13:20": signature.ReasonUnreadableTimestamp, "2023-11-14t22:13:20z": signature.ReasonUnreadableTimestamp,
			"2023-11-14 22:13:20Z": signature.ReasonUnreadableTimestamp, "2023-11-14T22:13:60Z": signature.ReasonUnreadableTimestamp, // a leap second
			"2023-11-14T24:00:00Z": signature.ReasonUnreadableTimestamp, "2023-02-29T22:13:20Z": signature.ReasonUnreadableTimestamp,
			"2023-11-14T22:13:20+0100": signature.ReasonUnreadableTimestamp, "2023-11-14T22:13:20Z ": signature.ReasonUnreadableTimestamp,
			"20231114T221320Z": signature.ReasonUnreadableTimestamp, "1700000000": signature.ReasonUnreadableTimestamp,
			"0000-01-01T00:00:00Z": signature.ReasonStaleTimestamp, "9999-12-31T23:59:59Z": signature.ReasonStaleTimestamp, "10000-01-01T00:00:00Z": signature.ReasonUnreadableTimestamp,
		},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: "hmac", Template: "{timestamp}.{body}", TimestampHeader: "X-Time", TimestampFormat: format})
		plain := newVerifier(t, meshhook.Verification{Scheme: "hmac"})
		key := keys("secret")
		for text, want := range texts {
			header, err := plain.Sign(signature.Request{Body: []byte(text + "." + body)}, key[0], "")
			require.NoError(t, err)
			r := signedBody("X-Signature", header.Get("X-Signature"))
			r.Header.Set("X-Time", text)
			_, failure := v.Verify(t.Context(), r, key)
			require.Equal(t, want, reason(failure), "%s %q: %v", format, text, failure)
		}
		header, err := v.Sign(signature.Request{Body: []byte(body), Now: now()}, key[0], "")
		require.NoError(t, err)
		_, failure := v.Verify(t.Context(), signature.Request{Header: header, Body: []byte(body), Now: now()}, key)
		require.Nil(t, failure, format)
	}
}

// Svix and Standard Webhooks have the same headers by two names; a request may come
// with either, and mixing them changes nothing of what has to be signed.
func TestVerify_TwoFamilies(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "svix"})
	r, key := signed(t, v)
	names := []string{"Id", "Timestamp", "Signature"}
	for mask := range 8 {
		h := http.Header{}
		for i, name := range names {
			family := "Svix-"
			if mask&(1<<i) != 0 {
				family = "Webhook-"
			}
			h.Set(family+name, r.Header.Get("Svix-"+name))
		}
		mixed := r
		mixed.Header = h
		_, failure := v.Verify(t.Context(), mixed, []signature.Key{key})
		require.Nil(t, failure, mask)
	}
	for _, name := range names {
		both := r
		both.Header = r.Header.Clone()
		both.Header.Set("Webhook-"+name, "other")
		_, failure := v.Verify(t.Context(), both, []signature.Key{key})
		require.Nil(t, failure, "its own name counts, as it does for the key by which repetitions are known")
		both.Header.Set("Svix-"+name, "other")
		both.Header.Set("Webhook-"+name, r.Header.Get("Svix-"+name))
		_, failure = v.Verify(t.Context(), both, []signature.Key{key})
		require.NotNil(t, failure)
		both.Header["Svix-"+name] = []string{""}
		_, failure = v.Verify(t.Context(), both, []signature.Key{key})
		require.Equal(t, signature.ReasonMissingHeader, reason(failure), "empty is there")
	}
	own := newVerifier(t, meshhook.Verification{Scheme: "svix", Header: "acme-signature", TimestampHeader: "acme-timestamp", IDHeader: "acme-id"})
	_, failure := own.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, signature.ReasonMissingHeader, reason(failure))
}

func TestVerify_SeveralHeaders(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "docusign"})
	r, key := signed(t, v)
	right := r.Header.Get("X-DocuSign-Signature-1")
	wrong := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for at := 1; at <= 16; at++ {
		h := http.Header{}
		for i := 1; i <= 16; i++ {
			h.Set(fmt.Sprint("X-DocuSign-Signature-", i), map[bool]string{true: right, false: wrong}[i == at])
		}
		r.Header = h
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure, at)
	}
	r.Header = http.Header{"X-Docusign-Signature-17": {right}}
	_, failure := v.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, "the header X-DocuSign-Signature-1 is missing", failure.Message)
	require.Len(t, failure.Findings.Headers, 3, "the rest is numbered on")
	r.Header = http.Header{"X-Docusign-Signature-3": {right}}
	_, failure = v.Verify(t.Context(), r, []signature.Key{key})
	require.Nil(t, failure)
	r.Header.Add("X-DocuSign-Signature-3", right)
	_, failure = v.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, signature.ReasonDuplicateHeader, reason(failure))
	r.Header = http.Header{"X-Docusign-Signature-1": {""}, "X-Docusign-Signature-2": {right}}
	_, failure = v.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, signature.ReasonMissingHeader, reason(failure))
}

func TestVerify_Lists(t *testing.T) {
	t.Parallel()
	for scheme, texts := range map[string]map[string]bool{
		"pagerduty": {"v1=%s": true, "v1=00, v1=%s": true, " v1=%s ": true, "v2=x,v1=%s": true, "v1=%s,": false, ",v1=%s": false, "v1 =%s": false, "v1= %s": false, "V1=%s": false, "v1=%s;v1=00": false},
		"svix":      {"v1,%s": true, "v2,x v1,%s": true, "v1,%s v1,": true, "v1,%s ": false, "v1,%s  v1,x": false, "v1=%s": false, "%s": false, "v1,%s,x": false},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: scheme})
		r, key := signed(t, v)
		name := http.CanonicalHeaderKey(v.Scheme().Header)
		sum := strings.TrimPrefix(strings.TrimPrefix(r.Header.Get(name), "v1="), "v1,")
		for text, want := range texts {
			r.Header.Set(name, fmt.Sprintf(text, sum))
			_, failure := v.Verify(t.Context(), r, []signature.Key{key})
			require.Equal(t, want, failure == nil, "%s %q: %v", scheme, text, failure)
		}
	}
}

func TestVerify_Alternatives(t *testing.T) {
	t.Parallel()
	const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	v := newVerifier(t, meshhook.Verification{Scheme: "gitlab"})
	for secret, header := range map[string]string{"any token": "X-Gitlab-Token", whsec: "Webhook-Signature"} {
		r := signature.Request{Method: http.MethodPost, Body: []byte(body), Now: now()}
		var err error
		r.Header, err = v.Sign(r, keys(secret)[0], "msg_1")
		require.NoError(t, err)
		require.NotEmpty(t, r.Header.Get(header))
		for _, active := range [][]string{{secret}, {"old", secret}, {"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", secret}, {secret, "any token", whsec}} {
			_, failure := v.Verify(t.Context(), r, keys(active...))
			require.Nil(t, failure, "%s with %v", header, active)
		}
		_, failure := v.Verify(t.Context(), r, keys("other", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))
		require.NotNil(t, failure)
		require.Len(t, failure.Findings.Variants, 2)
		_, failure = v.Verify(t.Context(), r, nil)
		require.NotNil(t, failure)
	}
	// A signing secret does not serve as a token.
	_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{"X-Gitlab-Token": {whsec}}, Now: now()}, keys(whsec))
	require.Equal(t, "the header webhook-signature is missing", failure.Message)

	// What everybody knows of a public key makes no HMAC.
	standard := newVerifier(t, meshhook.Verification{Scheme: "standard-webhooks"})
	const public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	r := signature.Request{Method: http.MethodPost, Body: []byte(body), Now: now()}
	for _, key := range []string{"whsec_" + strings.TrimPrefix(public, "whpk_"), "whsec_" + base64.StdEncoding.EncodeToString([]byte(public))} {
		var err error
		r.Header, err = standard.Sign(r, keys(key)[0], "msg_1")
		require.NoError(t, err)
		_, failure := standard.Verify(t.Context(), r, keys(public))
		require.Equal(t, "the header webhook-signature has no v1a,", failure.Message)
	}
}

func TestVerify_Constants(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "box"})
	r, key := signed(t, v)
	for _, test := range []struct {
		name   string
		values []string
		want   bool
	}{
		{"Box-Signature-Version", nil, true},
		{"Box-Signature-Version", []string{"1"}, true},
		{"Box-Signature-Version", []string{"2"}, false},
		{"Box-Signature-Version", []string{"1", "1"}, false},
		{"Box-Signature-Version", []string{""}, false},
		{"Box-Signature-Algorithm", []string{"HmacSHA1"}, false},
	} {
		altered := r
		altered.Header = r.Header.Clone()
		altered.Header[test.name] = test.values
		_, failure := v.Verify(t.Context(), altered, []signature.Key{key})
		require.Equal(t, test.want, failure == nil, test)
	}
}
