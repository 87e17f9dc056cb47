package signature_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// vector is a signed request that somebody else published.
type vector struct {
	name    string
	verify  meshhook.Verification
	secret  string
	header  map[string]string
	body    string
	seconds int64 // the time of signing
}

// vectors come from the vendors' documentation and libraries and from the RFCs.
func vectors() []vector {
	const slackBody = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V" +
		"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
		"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	const stripeBody = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}"
	const jefe, jefeBody = "Jefe", "what do ya want for nothing?"
	standard := func(family string) map[string]string {
		return map[string]string{
			family + "-id":        "msg_p5jXN8AQM9LWM0D4loKWxJek",
			family + "-timestamp": "1614265330",
			family + "-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		}
	}
	return []vector{
		{
			name:   "github: Validating webhook deliveries",
			verify: meshhook.Verification{Scheme: "github"},
			secret: "It's a Secret to Everybody",
			header: map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
			body:   "Hello, World!",
		},
		{
			name:   "the same without the prefix, to a plain hmac endpoint",
			verify: meshhook.Verification{Scheme: "hmac"},
			secret: "It's a Secret to Everybody",
			header: map[string]string{"X-Signature": "757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17"},
			body:   "Hello, World!",
		},
		{
			name:   "stripe: made with stripe-go v82.5.1, GenerateTestSignedPayload",
			verify: meshhook.Verification{Scheme: "stripe"},
			secret: "whsec_test_secret",
			header: map[string]string{"Stripe-Signature": "t=1492774577,v1=c2f890decbc5ede7c5060bb9a6d31e0626a4342bacb9aeae2adb1bcea72f9812"},
			body:   stripeBody, seconds: 1492774577,
		},
		{
			name:   "stripe: a secret that rolls, and the test scheme beside it",
			verify: meshhook.Verification{Scheme: "stripe"},
			secret: "whsec_test_old_secret",
			header: map[string]string{"Stripe-Signature": "t=1492774577," +
				"v1=c2f890decbc5ede7c5060bb9a6d31e0626a4342bacb9aeae2adb1bcea72f9812," +
				"v1=15aa45411516c5221a67d70ff726d545304d8e5f6d4ebc8cf54991d1e00dedf2," +
				"v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"},
			body: stripeBody, seconds: 1492774577,
		},
		{
			name:   "standard-webhooks: the specification's libraries",
			verify: meshhook.Verification{Scheme: "standard-webhooks"},
			secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			header: standard("webhook"),
			body:   `{"test": 2432232314}`, seconds: 1614265330,
		},
		{
			name:   "standard-webhooks: the secret without its prefix",
			verify: meshhook.Verification{Scheme: "openai"},
			secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			header: standard("webhook"),
			body:   `{"test": 2432232314}`, seconds: 1614265330,
		},
		{
			name:   "resend: Verify webhook requests",
			verify: meshhook.Verification{Scheme: "resend"},
			secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			header: standard("svix"),
			body:   `{"test": 2432232314}`, seconds: 1614265330,
		},
		{
			name: "slack, described by hand: Verifying requests from Slack",
			verify: meshhook.Verification{
				Scheme: "hmac", Header: "X-Slack-Signature", Prefix: "v0=",
				Template: "v0:{timestamp}:{body}", TimestampHeader: "X-Slack-Request-Timestamp",
			},
			secret: "8f742231b10e8888abcd99yyyzzz85a5",
			header: map[string]string{
				"X-Slack-Signature":         "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
				"X-Slack-Request-Timestamp": "1531420618",
			},
			body: slackBody, seconds: 1531420618,
		},
		{
			name:   "RFC 2202, HMAC-SHA1, case 2",
			verify: meshhook.Verification{Scheme: "hmac", Algorithm: "sha1"},
			secret: jefe, body: jefeBody,
			header: map[string]string{"X-Signature": "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		},
		{
			name:   "RFC 4231, HMAC-SHA-384, case 2",
			verify: meshhook.Verification{Scheme: "hmac", Algorithm: "sha384"},
			secret: jefe, body: jefeBody,
			header: map[string]string{"X-Signature": "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
		},
		{
			name:   "RFC 4231, HMAC-SHA-512, case 2",
			verify: meshhook.Verification{Scheme: "github", Algorithm: "sha512"},
			secret: jefe, body: jefeBody,
			header: map[string]string{"X-Hub-Signature-256": "sha512=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
		},
		{
			name:   "RFC 7617, section 2",
			verify: meshhook.Verification{Scheme: "basic"},
			secret: "Aladdin:open sesame",
			header: map[string]string{"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		},
		{
			name:   "RFC 7617, section 2.1, UTF-8; the scheme's name in another case",
			verify: meshhook.Verification{Scheme: "basic"},
			secret: "test:123£",
			header: map[string]string{"Authorization": "basic dGVzdDoxMjPCow=="},
		},
		{
			name:   "RFC 6750, section 2.1",
			verify: meshhook.Verification{Scheme: "token", Header: "Authorization", Prefix: "Bearer"},
			secret: "mF_9.B5f-4.1JqM",
			header: map[string]string{"Authorization": "Bearer mF_9.B5f-4.1JqM"},
		},
	}
}

// request turns a vector into what Verify takes.
func (v vector) request() signature.Request {
	h := http.Header{}
	for name, value := range v.header {
		h.Set(name, value)
	}
	return signature.Request{Method: http.MethodPost, Header: h, Body: []byte(v.body), Now: time.Unix(v.seconds, 0)}
}

func TestVerify_PublishedVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			key := signature.Key{ID: "current", Value: meshhook.NewSecret(v.secret)}
			verifier := newVerifier(t, v.verify)
			require.NoError(t, verifier.CheckSecret(key.Value))

			got, failure := verifier.Verify(t.Context(), v.request(), []signature.Key{key})
			require.Nil(t, failure)
			require.Equal(t, key, got)

			other := signature.Key{ID: "other", Value: meshhook.NewSecret(v.secret[:len(v.secret)-4] + "AAAA")}
			_, failure = verifier.Verify(t.Context(), v.request(), []signature.Key{other})
			require.NotNil(t, failure)
			require.Equal(t, signature.ReasonMismatch, failure.Reason)
		})
	}
}

// newVerifier is New for a verification that the test knows to be good.
func newVerifier(t testing.TB, v meshhook.Verification) *signature.Verifier {
	t.Helper()
	verifier, err := signature.New(v)
	require.NoError(t, err)
	return verifier
}
