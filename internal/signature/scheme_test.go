package signature_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// allNames are those of the design, no more and no less.
const allNames = "asana, azure-eventgrid, basic, bitbucket, box, calendly, clerk, discord, docusign, dropbox, ecdsa, ed25519, forgejo, gitea, github, gitlab, " +
	"hmac, hubspot, intercom, jira, jwt, lemonsqueezy, linear, mailgun, meta, msgraph, none, notion, okta, openai, paddle, pagerduty, paypal, plaid, postmark, " +
	"resend, rsa-cert, sendgrid, shopify, slack, sns, square, standard-webhooks, stripe, svix, telegram, token, trello, twilio, twitch, twitter, typeform, " +
	"vercel, xero, zendesk, zoom"

func TestSchemes(t *testing.T) {
	var names []string
	for _, s := range signature.Schemes() {
		names = append(names, s.Name)
		found, ok := signature.Find(s.Name)
		require.True(t, ok)
		require.Equal(t, s, found)
		require.NotEmpty(t, s.SecretHint, s.Name)
		if s.Docs != "" {
			require.True(t, strings.HasPrefix(s.Docs, "https://"), s.Docs)
		}
		require.Equal(t, s, newVerifier(t, meshhook.Verification{Scheme: s.Name}).Scheme(),
			"without overrides an endpoint's scheme is the one in the table")
	}
	require.Equal(t, strings.Split(allNames, ", "), names)
	require.True(t, slices.IsSorted(names))

	_, ok := signature.Find("GitHub")
	require.False(t, ok)
}

func TestSchemes_AreTheCallersOwn(t *testing.T) {
	signature.Schemes()[0].Engine = signature.EngineNone
	require.Equal(t, signature.EngineHMAC, signature.Schemes()[0].Engine)
}

func TestNew_Overrides(t *testing.T) {
	hmac, _ := signature.Find("hmac")
	github, _ := signature.Find("github")
	stripe, _ := signature.Find("stripe")
	svix, _ := signature.Find("svix")
	token, _ := signature.Find("token")
	with := func(s signature.Scheme, change func(*signature.Scheme)) signature.Scheme {
		change(&s)
		return s
	}
	for name, test := range map[string]struct {
		in   meshhook.Verification
		want signature.Scheme
	}{
		"everything of hmac": {
			meshhook.Verification{
				Scheme: "hmac", Header: "X-Sig", Prefix: "s=", Algorithm: "sha512", Encoding: "base64url",
				Template: "{method} {url} {id} {timestamp} {body}", TimestampHeader: "X-Time", IDHeader: "X-Id",
				Tolerance: meshhook.Duration(time.Minute),
			},
			with(hmac, func(s *signature.Scheme) {
				s.Header, s.Prefix, s.OptionalPrefix = "X-Sig", "s=", ""
				s.Algorithm, s.Encoding = "sha512", "base64url"
				s.Template = "{method} {url} {id} {timestamp} {body}"
				s.Timestamp.Header, s.IDHeader, s.Dedup = "X-Time", "X-Id", "header:X-Id"
				s.Tolerance = meshhook.Duration(time.Minute)
			}),
		},
		"a timestamp brings the default tolerance": {
			meshhook.Verification{Scheme: "hmac", Template: "{timestamp}{body}", TimestampHeader: "X-Time"},
			with(hmac, func(s *signature.Scheme) {
				s.Template, s.Timestamp.Header = "{timestamp}{body}", "X-Time"
				s.Tolerance = meshhook.Duration(5 * time.Minute)
			}),
		},
		"an optional prefix names the algorithm": {
			meshhook.Verification{Scheme: "hmac", Algorithm: "sha1"},
			with(hmac, func(s *signature.Scheme) { s.Algorithm, s.OptionalPrefix = "sha1", "sha1=" }),
		},
		"so does a required one": {
			meshhook.Verification{Scheme: "github", Algorithm: "sha1", Header: "X-Hub-Signature"},
			with(github, func(s *signature.Scheme) { s.Algorithm, s.Prefix, s.Header = "sha1", "sha1=", "X-Hub-Signature" }),
		},
		"but not one that is written out": {
			meshhook.Verification{Scheme: "github", Algorithm: "sha1", Prefix: "sha256="},
			with(github, func(s *signature.Scheme) { s.Algorithm = "sha1" }),
		},
		"tolerance of a provider": {
			meshhook.Verification{Scheme: "stripe", Tolerance: meshhook.Duration(time.Hour)},
			with(stripe, func(s *signature.Scheme) { s.Tolerance = meshhook.Duration(time.Hour) }),
		},
		"white-labelled headers": {
			meshhook.Verification{Scheme: "svix", Header: "acme-signature", TimestampHeader: "acme-timestamp", IDHeader: "acme-id"},
			with(svix, func(s *signature.Scheme) {
				s.Header, s.Timestamp.Header, s.IDHeader, s.Dedup = "acme-signature", "acme-timestamp", "acme-id", "header:acme-id"
				other := *s.Alternative // both ways of signing stand in the same headers
				other.Header, other.Timestamp.Header, other.IDHeader = s.Header, s.Timestamp.Header, s.IDHeader
				s.Alternative = &other
			}),
		},
		"Bearer gets its space": {
			meshhook.Verification{Scheme: "token", Header: "Authorization", Prefix: "bearer"},
			with(token, func(s *signature.Scheme) { s.Header, s.Prefix = "Authorization", "bearer " }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, newVerifier(t, test.in).Scheme())
		})
	}
}

func TestNew_Refuses(t *testing.T) {
	hmac := func(change func(*meshhook.Verification)) meshhook.Verification {
		v := meshhook.Verification{Scheme: "hmac"}
		change(&v)
		return v
	}
	known := "{body} {timestamp} {id} {url} {method}"
	for _, test := range []struct {
		in   meshhook.Verification
		want string
	}{
		{meshhook.Verification{}, "the verification scheme is missing; 'meshhook webhook schemes' lists those there are (none accepts every request)"},
		{meshhook.Verification{Scheme: "GitHub"}, `"GitHub" is not a verification scheme; did you mean github? 'meshhook webhook schemes' lists them all`},
		{meshhook.Verification{Scheme: "strype"}, `"strype" is not a verification scheme; did you mean stripe? 'meshhook webhook schemes' lists them all`},
		{meshhook.Verification{Scheme: "frobnicate"}, `"frobnicate" is not a verification scheme; 'meshhook webhook schemes' lists those there are`},
		{meshhook.Verification{Scheme: strings.Repeat("x", 65)}, `"` + strings.Repeat("x", 64) + `…" is not a verification scheme; 'meshhook webhook schemes' lists those there are`},

		{meshhook.Verification{Scheme: "none", Header: "X"}, "scheme none does not take header: it verifies nothing"},
		{meshhook.Verification{Scheme: "none", Tolerance: 1}, "scheme none does not take tolerance: it verifies nothing"},
		{meshhook.Verification{Scheme: "basic", Header: "X"}, "scheme basic does not take header: Basic credentials always come in Authorization"},
		{meshhook.Verification{Scheme: "basic", Prefix: "X"}, "scheme basic does not take prefix: Basic credentials always come in Authorization"},
		{meshhook.Verification{Scheme: "basic", Encoding: "hex"}, "scheme basic does not take encoding: credentials are compared, nothing is computed"},
		{meshhook.Verification{Scheme: "token", Algorithm: "sha1"}, "scheme token does not take algorithm: the token is compared, nothing is computed"},
		{meshhook.Verification{Scheme: "token", Template: "{body}"}, "scheme token does not take template: the token is compared, nothing is computed"},
		{meshhook.Verification{Scheme: "token", TimestampHeader: "X"}, "scheme token does not take timestamp_header: the token is compared, nothing is computed"},
		{meshhook.Verification{Scheme: "token", IDHeader: "X"}, "scheme token does not take id_header: the token is compared, nothing is computed"},
		{meshhook.Verification{Scheme: "stripe", Prefix: "v1="}, "scheme stripe does not take prefix: its signatures are marked v1="},
		{meshhook.Verification{Scheme: "stripe", TimestampHeader: "X"}, "scheme stripe does not take timestamp_header: its timestamp stands in Stripe-Signature as t="},

		{hmac(func(v *meshhook.Verification) { v.Algorithm = "md5" }), `algorithm "md5" is not known; write sha1, sha256, sha384 or sha512`},
		{hmac(func(v *meshhook.Verification) { v.Encoding = "Hex" }), `encoding "Hex" is not known; write hex, base64 or base64url`},
		{hmac(func(v *meshhook.Verification) { v.Header = "X Signature" }), `header "X Signature" is not the name of a request header; write it like X-Signature`},
		{hmac(func(v *meshhook.Verification) { v.Header = "X-Signatür" }), `header "X-Signatür" is not the name of a request header; write it like X-Signature`},
		{hmac(func(v *meshhook.Verification) { v.Header = "host" }), `header "host" is not the name of a request header; write it like X-Signature`},
		{
			hmac(func(v *meshhook.Verification) { v.Template, v.IDHeader = "{id}{body}", "x-signature" }),
			"header and id_header are both x-signature; each needs its own header",
		},
		{hmac(func(v *meshhook.Verification) { v.Prefix = "a\n" }), "the prefix has to be at most 128 bytes without control characters"},
		{hmac(func(v *meshhook.Verification) { v.Prefix = strings.Repeat("a", 129) }), "the prefix has to be at most 128 bytes without control characters"},
		{hmac(func(v *meshhook.Verification) { v.Tolerance = -1 }), "the tolerance is negative; write it like 5m"},

		{hmac(func(v *meshhook.Verification) { v.Template = "{url}" }), "the template does not name {body}, so a signature would fit any content; add {body}"},
		{hmac(func(v *meshhook.Verification) { v.Template = "{body}{secret}" }), "the template has {secret}; it may name " + known},
		{hmac(func(v *meshhook.Verification) { v.Query = "q" }), "scheme hmac does not take query: only tokens can stand in the query"},
		{hmac(func(v *meshhook.Verification) { v.JWKSURL = "https://x.example" }), "scheme hmac does not take jwks_url: it verifies no JSON Web Tokens"},
		{hmac(func(v *meshhook.Verification) { v.ConfirmSubscription = true }), "scheme hmac does not take confirm_subscription: it has no subscriptions to confirm"},
		{hmac(func(v *meshhook.Verification) { v.SecretEncoding = "rot13" }), `secret_encoding "rot13" is not known; write raw, hex or base64`},
		{hmac(func(v *meshhook.Verification) { v.TimestampFormat = "rfc3339" }), "timestamp_format is for a timestamp; set timestamp_header to the header that carries it"},
		{
			hmac(func(v *meshhook.Verification) {
				v.Template, v.TimestampHeader, v.TimestampFormat = "{timestamp}{body}", "X-T", "iso"
			}),
			`timestamp_format "iso" is not known; write unix, unix-ms or rfc3339`,
		},
		{meshhook.Verification{Scheme: "github", SecretEncoding: "whsec"}, `secret_encoding "whsec" is not known; write raw, hex or base64`},
		{meshhook.Verification{Scheme: "token", SecretEncoding: "hex"}, "scheme token does not take secret_encoding: only an hmac secret can be written in other ways"},
		{meshhook.Verification{Scheme: "token", Query: "a\n"}, "the query parameter's name has to be at most 128 bytes without control characters"},
		{meshhook.Verification{Scheme: "msgraph", Header: "X"}, "scheme msgraph does not take header: its token stands in the body"},
		{meshhook.Verification{Scheme: "mailgun", Header: "X"}, "scheme mailgun does not take header: its signature stands in the body"},
		{meshhook.Verification{Scheme: "ed25519", Algorithm: "sha512"}, "scheme ed25519 does not take algorithm: Ed25519 hashes in one way only"},
		{meshhook.Verification{Scheme: "jwt", Template: "{body}"}, "scheme jwt does not take template: what is signed in a JSON Web Token is settled"},
		{meshhook.Verification{Scheme: "jwt", Algorithm: "none"}, `algorithm "none" is not one for tokens; write one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA`},
		{
			meshhook.Verification{Scheme: "jwt", Algorithm: "HS256", JWKSURL: "https://x.example/jwks"},
			"the keys at a jwks_url are public, and HS256 needs a secret one; set algorithm to that of the sender, like RS256",
		},
		{ // the credentials are sent there
			meshhook.Verification{Scheme: "plaid", JWKSURL: "https://evil.example/x"},
			"the jwks_url of scheme plaid has to be on production.plaid.com, sandbox.plaid.com, development.plaid.com",
		},
		{
			meshhook.Verification{Scheme: "jwt", JWKSURL: "http://x.example/jwks"},
			"the jwks_url has to be an https URL, like https://login.example.com/.well-known/jwks.json",
		},
		{hmac(func(v *meshhook.Verification) { v.Template = "{body}{" }), "the template has {; it may name " + known},
		{hmac(func(v *meshhook.Verification) { v.Template = "{body}.{body}" }), "the template names {body} twice"},
		{hmac(func(v *meshhook.Verification) { v.Template = "{body}" + strings.Repeat("a", 1019) }), "the template is longer than 1024 bytes"},
		{hmac(func(v *meshhook.Verification) { v.Template = "{timestamp}{body}" }), "the template names {timestamp}; set timestamp_header to the header that carries it"},
		{hmac(func(v *meshhook.Verification) { v.TimestampHeader = "X-Time" }), "the timestamp is not signed, so anybody could renew it; name {timestamp} in the template"},
		{hmac(func(v *meshhook.Verification) { v.Tolerance = 1 }), "the tolerance is for a timestamp; set timestamp_header and name {timestamp} in the template"},
		{hmac(func(v *meshhook.Verification) { v.Template = "{id}{body}" }), "the template names {id}; set id_header to the header that carries it"},
		{hmac(func(v *meshhook.Verification) { v.IDHeader = "X-Id" }), "id_header X-Id is not signed; name {id} in the template, or leave id_header out"},
		{meshhook.Verification{Scheme: "stripe", Template: "{body}"}, "the timestamp is not signed, so anybody could renew it; name {timestamp} in the template"},
	} {
		t.Run(test.want, func(t *testing.T) {
			verifier, err := signature.New(test.in)
			require.Nil(t, verifier)
			require.EqualError(t, err, test.want)
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		})
	}
}

func TestNew_LongestNames(t *testing.T) {
	for _, v := range []meshhook.Verification{
		{Scheme: "hmac", Template: "{body}" + strings.Repeat("a", 1018)},
		{Scheme: "hmac", Prefix: strings.Repeat("a", 128)},
		{Scheme: "hmac", Header: strings.Repeat("a", 128)},
	} {
		newVerifier(t, v)
	}
	_, err := signature.New(meshhook.Verification{Scheme: "hmac", Header: strings.Repeat("a", 129)})
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}
