package signature_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

const body = `{"id":"evt_1"}`

// now is the time of all requests here.
func now() time.Time { return time.Unix(1700000000, 0) }

// keys makes keys of secrets, named k0, k1, …
func keys(secrets ...string) []signature.Key {
	var out []signature.Key
	for i, s := range secrets {
		out = append(out, signature.Key{ID: "k" + strconv.Itoa(i), Value: meshhook.NewSecret(s)})
	}
	return out
}

// secretOf is the secret of a scheme's tests.
func secretOf(s signature.Scheme) string {
	switch s.SecretFormat {
	case signature.SecretWhsec:
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	case signature.SecretUserPassword:
		return "someone:Pa55phrase"
	case signature.SecretUnused:
		return ""
	default:
		return "correct horse battery staple"
	}
}

// signable are the schemes by which a request with a JSON body can be signed here.
// The others sign with a private key that only the provider has, or have what they
// sign inside the body or the query; testdata/vendors has requests of theirs.
func signable() []signature.Scheme {
	elsewhere := []string{
		"discord", "ecdsa", "ed25519", "paypal", "plaid", "rsa-cert", "sendgrid", "sns", // private keys
		"azure-eventgrid", "linear", "mailgun", "msgraph", "twilio", // in the body or query
	}
	return slices.DeleteFunc(signature.Schemes(), func(s signature.Scheme) bool { return slices.Contains(elsewhere, s.Name) })
}

// signed returns a request that the verifier accepts, and its key.
func signed(t testing.TB, v *signature.Verifier) (signature.Request, signature.Key) {
	t.Helper()
	r := signature.Request{Method: http.MethodPost, URL: "https://example.org/hooks/a", Body: []byte(body), Now: now()}
	key := keys(secretOf(v.Scheme()))[0]
	header, err := v.Sign(r, key, "msg_1")
	require.NoError(t, err)
	r.Header = header
	return r, key
}

func TestVerify_Refuses(t *testing.T) {
	const good = "the right one is signed into the request"
	type change func(h http.Header)
	set := func(name, value string) change { return func(h http.Header) { h.Set(name, value) } }
	edit := func(name string, f func(string) string) change {
		return func(h http.Header) { h.Set(name, f(h.Get(name))) }
	}
	twice := func(name string) change { return func(h http.Header) { h.Add(name, h.Get(name)) } }
	without := func(name string) change { return func(h http.Header) { h.Del(name) } }
	hex64 := strings.Repeat("0", 64)
	at := func(seconds int64) string { return strconv.FormatInt(seconds, 10) }

	for _, test := range []struct {
		name    string
		scheme  string
		change  change
		reason  signature.Reason
		message string
	}{
		{"github", "github", without("X-Hub-Signature-256"), signature.ReasonMissingHeader, "the header X-Hub-Signature-256 is missing"},
		{"github empty", "github", set("X-Hub-Signature-256", ""), signature.ReasonMissingHeader, "the header X-Hub-Signature-256 is empty"},
		{"github twice the same", "github", twice("X-Hub-Signature-256"), signature.ReasonDuplicateHeader, "the header X-Hub-Signature-256 came 2 times; it may come once"},
		{"github without prefix", "github", edit("X-Hub-Signature-256", func(s string) string { return s[7:] }), signature.ReasonMalformedHeader, `the header X-Hub-Signature-256 does not begin with "sha256="`},
		{"github prefix alone", "github", set("X-Hub-Signature-256", "sha256="), signature.ReasonMalformedHeader, "the signature in X-Hub-Signature-256 is not 32 bytes in hex"},
		{"github short", "github", edit("X-Hub-Signature-256", func(s string) string { return s[:len(s)-2] }), signature.ReasonMalformedHeader, "the signature in X-Hub-Signature-256 is not 32 bytes in hex"},
		{"github not hex", "github", set("X-Hub-Signature-256", "sha256="+strings.Repeat("g", 64)), signature.ReasonMalformedHeader, "the signature in X-Hub-Signature-256 is not 32 bytes in hex"},
		{"github wrong", "github", set("X-Hub-Signature-256", "sha256="+hex64), signature.ReasonMismatch, "the signature in X-Hub-Signature-256 does not fit the request and the secret"},
		{"github too long", "github", set("X-Hub-Signature-256", strings.Repeat("a", 8193)), signature.ReasonMalformedHeader, "the header X-Hub-Signature-256 is longer than 8192 bytes"},

		{"stripe without t", "stripe", set("Stripe-Signature", "v1="+hex64), signature.ReasonMalformedHeader, "the header Stripe-Signature has no t="},
		{"stripe t twice", "stripe", edit("Stripe-Signature", func(s string) string { return s + ",t=" + at(1700000000) }), signature.ReasonMalformedHeader, "the header Stripe-Signature has t= twice"},
		{"stripe empty t twice", "stripe", edit("Stripe-Signature", func(s string) string { return "t=," + s }), signature.ReasonMalformedHeader, "the header Stripe-Signature has t= twice"},
		{"stripe without v1", "stripe", set("Stripe-Signature", "t=1700000000,v0="+hex64), signature.ReasonMalformedHeader, "the header Stripe-Signature has no v1="},
		{"stripe only as v0", "stripe", edit("Stripe-Signature", func(s string) string { return strings.Replace(s, "v1=", "v0=", 1) }), signature.ReasonMalformedHeader, "the header Stripe-Signature has no v1="},
		{"stripe no list", "stripe", edit("Stripe-Signature", func(s string) string { return s + ",abc" }), signature.ReasonMalformedHeader, `the header Stripe-Signature is not a list of name=value with "," between them`},
		{"stripe space after comma", "stripe", edit("Stripe-Signature", func(s string) string { return strings.Replace(s, ",", ", ", 1) }), signature.ReasonMalformedHeader, "the header Stripe-Signature has no v1="},
		{"stripe t empty", "stripe", set("Stripe-Signature", "t=,v1="+hex64), signature.ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds"},
		{"stripe t signed", "stripe", edit("Stripe-Signature", func(s string) string { return strings.Replace(s, "t=", "t=+", 1) }), signature.ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds"},
		{"stripe t negative", "stripe", set("Stripe-Signature", "t=-1,v1="+hex64), signature.ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds"},
		{"stripe t spaced", "stripe", set("Stripe-Signature", "t= 1700000000,v1="+hex64), signature.ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds"},
		{"stripe t in milliseconds", "stripe", set("Stripe-Signature", "t=1700000000000,v1="+hex64), signature.ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds"},
		{"stripe t of other digits", "stripe", set("Stripe-Signature", "t=١٧,v1="+hex64), signature.ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds"},
		{"stripe old", "stripe", set("Stripe-Signature", "t="+at(1700000000-301)+",v1="+hex64), signature.ReasonStaleTimestamp, "the timestamp lies 5m1s in the past; at most 5m are allowed"},
		{"stripe early", "stripe", set("Stripe-Signature", "t="+at(1700000000+301)+",v1="+hex64), signature.ReasonStaleTimestamp, "the timestamp lies 5m1s in the future; at most 5m are allowed"},
		{"stripe renewed", "stripe", edit("Stripe-Signature", func(s string) string { return strings.Replace(s, at(1700000000), at(1700000001), 1) }), signature.ReasonMismatch, "the signature in Stripe-Signature does not fit the request and the secret"},

		{"standard without id", "standard-webhooks", without("Webhook-Id"), signature.ReasonMissingHeader, "the header webhook-id is missing"},
		{"standard two ids", "standard-webhooks", twice("Webhook-Id"), signature.ReasonDuplicateHeader, "the header webhook-id came 2 times; it may come once"},
		{"standard other id", "standard-webhooks", set("Webhook-Id", "msg_2"), signature.ReasonMismatch, "the signature in webhook-signature does not fit the request and the secret"},
		{"standard without timestamp", "standard-webhooks", without("Webhook-Timestamp"), signature.ReasonMissingHeader, "the header webhook-timestamp is missing"},
		{"standard two timestamps", "standard-webhooks", twice("Webhook-Timestamp"), signature.ReasonDuplicateHeader, "the header webhook-timestamp came 2 times; it may come once"},
		{"standard far future", "standard-webhooks", set("Webhook-Timestamp", "999999999999"), signature.ReasonStaleTimestamp, "the timestamp lies 2562047h47m16.854775807s in the future; at most 5m are allowed"},
		{"standard 1970", "standard-webhooks", set("Webhook-Timestamp", "0"), signature.ReasonStaleTimestamp, "the timestamp lies 472222h13m20s in the past; at most 5m are allowed"},
		{"standard hex", "standard-webhooks", set("Webhook-Signature", "v1,"+hex64), signature.ReasonMalformedHeader, "the signature in webhook-signature is not 32 bytes in base64"},
		{"standard two lines", "standard-webhooks", twice("Webhook-Signature"), signature.ReasonDuplicateHeader, "the header webhook-signature came 2 times; it may come once"},
		{"standard only v1a", "standard-webhooks", edit("Webhook-Signature", func(s string) string { return strings.Replace(s, "v1,", "v1a,", 1) }), signature.ReasonMalformedHeader, "the header webhook-signature has no v1,"},
		{"standard unpadded", "standard-webhooks", edit("Webhook-Signature", func(s string) string { return strings.TrimRight(s, "=") }), signature.ReasonMalformedHeader, "the signature in webhook-signature is not 32 bytes in base64"},
		{"standard with a line break", "standard-webhooks", edit("Webhook-Signature", func(s string) string { return s + "\n" }), signature.ReasonMalformedHeader, "the signature in webhook-signature is not 32 bytes in base64"},

		{"token missing", "token", without("X-Webhook-Token"), signature.ReasonMissingHeader, "the header X-Webhook-Token is missing"},
		{"token twice", "token", twice("X-Webhook-Token"), signature.ReasonDuplicateHeader, "the header X-Webhook-Token came 2 times; it may come once"},
		{"token in another case", "token", edit("X-Webhook-Token", strings.ToUpper), signature.ReasonMismatch, "what the header X-Webhook-Token holds is not right"},
		{"token and more", "token", edit("X-Webhook-Token", func(s string) string { return s + " " }), signature.ReasonMismatch, "what the header X-Webhook-Token holds is not right"},
		{"token less", "token", edit("X-Webhook-Token", func(s string) string { return s[1:] }), signature.ReasonMismatch, "what the header X-Webhook-Token holds is not right"},

		{"basic missing", "basic", without("Authorization"), signature.ReasonMissingHeader, "the header Authorization is missing"},
		{"basic bearer", "basic", set("Authorization", "Bearer abc"), signature.ReasonMalformedHeader, "the header Authorization holds no Basic credentials"},
		{"basic short", "basic", set("Authorization", "Bas"), signature.ReasonMalformedHeader, "the header Authorization holds no Basic credentials"},
		{"basic not base64", "basic", set("Authorization", "Basic someone:x"), signature.ReasonMalformedHeader, "the credentials in Authorization are not base64"},
		{"basic other", "basic", set("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), signature.ReasonMismatch, "what the header Authorization holds is not right"},
	} {
		t.Run(test.name+": "+string(test.reason), func(t *testing.T) {
			v := newVerifier(t, meshhook.Verification{Scheme: test.scheme})
			r, key := signed(t, v)
			_, failure := v.Verify(t.Context(), r, []signature.Key{key})
			require.Nil(t, failure, good)

			test.change(r.Header)
			got, failure := v.Verify(t.Context(), r, []signature.Key{key})
			require.NotNil(t, failure)
			require.Equal(t, signature.Key{}, got)
			require.Equal(t, test.message, failure.Message)
			require.Equal(t, test.reason, failure.Reason)
			require.Equal(t, meshhook.CodeInvalidSignature, meshhook.ErrorCode(failure))
			require.EqualError(t, failure, test.message)
		})
	}
}

func TestVerify_TokenAfterPrefix(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "token", Header: "Authorization", Prefix: "Bearer "})
	r, key := signed(t, v)
	require.Equal(t, http.Header{"Authorization": {"Bearer correct horse battery staple"}}, r.Header)

	r.Header.Set("Authorization", "BEARER correct horse battery staple")
	_, failure := v.Verify(t.Context(), r, []signature.Key{key})
	require.Nil(t, failure, "RFC 9110: the name of the scheme has no case")

	r.Header.Set("Authorization", key.Value.Reveal())
	_, failure = v.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, signature.ReasonMalformedHeader, failure.Reason)
	require.Equal(t, []string{"Authorization after Bearer equals the secret"}, failure.Findings.Variants)
}

func TestVerify_Tolerance(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "stripe", Tolerance: meshhook.Duration(10 * time.Second)})
	r, key := signed(t, v)
	for _, test := range []struct {
		skew time.Duration
		want bool
	}{
		{0, true},
		{10 * time.Second, true},
		{-10 * time.Second, true},
		{10*time.Second + 1, false},
		{-10*time.Second - 1, false},
	} {
		r.Now = now().Add(test.skew)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Equal(t, test.want, failure == nil, test.skew)
	}
	r.Now = time.Time{}
	_, failure := v.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, signature.ReasonStaleTimestamp, failure.Reason, "a forgotten clock refuses")
}

func TestVerify_None(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "none"})
	for _, k := range [][]signature.Key{nil, keys("unused")} {
		got, failure := v.Verify(t.Context(), signature.Request{}, k)
		require.Nil(t, failure)
		require.Equal(t, signature.Key{}, got)
	}
}

func TestVerify_Secrets(t *testing.T) {
	const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	const nothing = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // NUL only: the empty key of HMAC
	for _, test := range []struct {
		name   string
		scheme string
		keys   []signature.Key
		want   string
		reason signature.Reason
	}{
		{"the second matches", "github", keys("old", "correct horse battery staple"), "k1", ""},
		{"the first of two alike", "github", keys("correct horse battery staple", "correct horse battery staple"), "k0", ""},
		{"a bad one beside it", "standard-webhooks", keys("???", "", whsec), "k2", ""},
		{"neither", "github", keys("old", "older"), "", signature.ReasonMismatch},
		{"no keys", "github", nil, "", signature.ReasonNoSecret},
		{"empty", "github", keys(""), "", signature.ReasonNoSecret},
		{"empty token", "token", keys("", ""), "", signature.ReasonNoSecret},
		{"empty credentials", "basic", keys(""), "", signature.ReasonNoSecret},
		{"NUL", "github", keys("\x00\x00"), "", signature.ReasonBadSecret},
		{"NUL in base64", "standard-webhooks", keys(nothing), "", signature.ReasonBadSecret},
		{"nothing after the prefix", "standard-webhooks", keys("whsec_"), "", signature.ReasonBadSecret},
		{"not base64", "standard-webhooks", keys("whsec_???", ""), "", signature.ReasonBadSecret},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier(t, meshhook.Verification{Scheme: test.scheme})
			r, _ := signed(t, v)
			got, failure := v.Verify(t.Context(), r, test.keys)
			require.Equal(t, test.want, got.ID)
			if test.reason == "" {
				require.Nil(t, failure)
				return
			}
			require.Equal(t, test.reason, failure.Reason)
		})
	}
}

func TestVerify_EmptyKeyIsNoKey(t *testing.T) {
	// A request that anybody can sign: HMAC-SHA256 of the body under the empty key.
	v := newVerifier(t, meshhook.Verification{Scheme: "hmac"})
	h := http.Header{"X-Signature": {"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"}} // of "", RFC 2104
	for _, secret := range []string{"", "\x00", strings.Repeat("\x00", 64), strings.Repeat("\x00", 65)} {
		_, failure := v.Verify(t.Context(), signature.Request{Header: h, Now: now()}, keys(secret))
		require.NotNil(t, failure)
		require.NotEqual(t, signature.ReasonMismatch, failure.Reason)
	}
}

func TestVerify_NumberOfSignatures(t *testing.T) {
	for scheme, header := range map[string]struct{ name, element string }{
		"stripe":            {"Stripe-Signature", ",v1=" + strings.Repeat("0", 64)},
		"standard-webhooks": {"Webhook-Signature", " v1," + strings.Repeat("A", 43) + "="},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: scheme})
		r, key := signed(t, v)
		right := r.Header.Get(header.name)

		r.Header.Set(header.name, right+strings.Repeat(header.element, 15))
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure, "sixteen are tried")

		r.Header.Set(header.name, right+strings.Repeat(header.element, 16))
		_, failure = v.Verify(t.Context(), r, []signature.Key{key})
		require.Equal(t, "the header "+v.Scheme().Header+" has more than 16 signatures", failure.Message)

		r.Header.Set(header.name, strings.Repeat("v2"+header.element[3:4]+"x"+header.element[:1], 20)+right)
		_, failure = v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure, "those of another version do not count")

		unreadable := header.element[:4] + "x"
		r.Header.Set(header.name, right+unreadable)
		_, failure = v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure, "one that cannot be read stands in nobody's way")
	}
}

func TestVerify_LongestHeader(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "standard-webhooks"})
	r, key := signed(t, v)
	for length, want := range map[int]bool{8192: true, 8193: false} {
		signedAgain, err := v.Sign(r, key, strings.Repeat("i", length))
		require.NoError(t, err)
		_, failure := v.Verify(t.Context(), signature.Request{Header: signedAgain, Body: r.Body, Now: r.Now}, []signature.Key{key})
		require.Equal(t, want, failure == nil, length)
	}
}

func TestFailure_IsStoredWithTheEvent(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "stripe"})
	r, _ := signed(t, v)
	r.Header.Set("Stripe-Signature", r.Header.Get("Stripe-Signature")+",v0=00")
	r.Now = r.Now.Add(-3 * time.Second)
	_, failure := v.Verify(t.Context(), r, keys("old", "", "older"))

	skew := int64(-3)
	require.Equal(t, &signature.Failure{
		Reason:  signature.ReasonMismatch,
		Message: "the signature in Stripe-Signature does not fit the request and the secret",
		Findings: signature.Findings{
			Scheme:       "stripe",
			Headers:      []signature.HeaderFinding{{Name: "Stripe-Signature", Count: 1, Length: 86}},
			Variants:     []string{"HMAC-SHA256 of {timestamp}.{body}, hex in Stripe-Signature as v1="},
			SkewSeconds:  &skew,
			Tolerance:    meshhook.Duration(5 * time.Minute),
			SignedLength: len("1700000000.") + len(body),
			Signatures:   1,
			Ignored:      1,
			Secrets:      2,
			BadSecrets:   1,
		},
	}, failure)

	text, err := json.Marshal(failure)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"reason": "mismatch",
		"message": "the signature in Stripe-Signature does not fit the request and the secret",
		"findings": {
			"scheme": "stripe",
			"headers": [{"name": "Stripe-Signature", "count": 1, "length": 86}],
			"variants": ["HMAC-SHA256 of {timestamp}.{body}, hex in Stripe-Signature as v1="],
			"timestamp_skew_seconds": -3,
			"tolerance": "5m0s",
			"signed_length": 25,
			"signatures_tried": 1,
			"values_ignored": 1,
			"secrets_tried": 2,
			"bad_secrets": 1
		}
	}`, string(text))

	var again signature.Failure
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, failure, &again)
}

func TestFailure_NamesEveryHeader(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "svix"})
	_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{"Svix-Id": {"msg_1", "msg_2"}}, Now: now()}, keys("x"))
	require.Equal(t, []signature.HeaderFinding{
		{Name: "svix-signature"},
		{Name: "svix-timestamp"},
		{Name: "svix-id", Count: 2, Length: 5},
	}, failure.Findings.Headers)
}

func TestFailure_CountsSecrets(t *testing.T) {
	for _, s := range signable() {
		if s.Engine == signature.EngineNone {
			continue
		}
		v := newVerifier(t, meshhook.Verification{Scheme: s.Name})
		r, _ := signed(t, v)
		other := []string{v.GenerateSecret().Reveal(), v.GenerateSecret().Reveal()}
		_, failure := v.Verify(t.Context(), r, keys("", other[0], "\x00", other[1], ""))
		require.Equal(t, []int{2, 3, 1},
			[]int{failure.Findings.Secrets, failure.Findings.BadSecrets, failure.Findings.Signatures}, s.Name)
	}
}

// A failure may hold neither what came nor what would have been right: whoever
// reads the event log could otherwise sign.
func TestFailure_LeaksNothing(t *testing.T) {
	for _, s := range signable() {
		if s.Engine == signature.EngineNone {
			continue
		}
		v := newVerifier(t, meshhook.Verification{Scheme: s.Name})
		right, key := signed(t, v)
		wrong := right
		wrong.Header = right.Header.Clone()
		wrong.Header.Set(s.Header, flipLetter(right.Header.Get(s.Header)))

		_, failure := v.Verify(t.Context(), wrong, []signature.Key{key})
		require.NotNil(t, failure)
		text, err := json.Marshal(failure)
		require.NoError(t, err)
		hidden := []string{key.Value.Reveal(), tail(right.Header.Get(s.Header)), tail(wrong.Header.Get(s.Header)), "Pa55phrase"}
		for _, h := range hidden {
			require.NotContains(t, string(text), h, s.Name)
		}
	}
}

// flipLetter changes the tenth character from the end for another of its kind.
func flipLetter(text string) string {
	i := len(text) - 10
	other := "0"
	if text[i] == '0' {
		other = "1"
	}
	return text[:i] + other + text[i+1:]
}

// tail is the last part of a header's value: signature, without its marks.
func tail(text string) string { return text[len(text)-12:] }
