package signature_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func TestCheckSecret(t *testing.T) {
	const control = "the secret holds a line break or another control character; give it without"
	const whsec = "the secret is not whsec_ followed by base64; copy it as it is shown"
	const pair = "the secret of scheme basic is user:password"
	const notPublic = "the secret is not a public key in PEM, hex or base64; copy it as the provider shows it"
	const spaced = "the token begins or ends with a space, which no header can carry; give it without"
	for _, test := range []struct{ scheme, secret, want string }{
		{"github", "x", ""},
		{"github", " It's a Secret to Everybody ", ""},
		{"github", "pässword 🔑", ""},
		{"github", strings.Repeat("x", 2048), ""},
		{"github", strings.Repeat("x", 2049), "the secret is longer than 2048 bytes"},
		{"github", "", "the secret is empty"},
		{"github", "\x00\x00", "the secret is empty"},
		{"github", "a\x00", control},
		{"github", "secret\n", control},
		{"github", "secret\x7f", control},
		{"stripe", "whsec_abc", ""},
		{"standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""},
		{"standard-webhooks", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""},
		{"standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", whsec},
		{"standard-webhooks", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", notPublic},
		{"standard-webhooks", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", ""},
		{"gitlab", "any text", ""},
		{"gitlab", "whsec_???", whsec},
		{"discord", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", ""},
		{"discord", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511", notPublic},
		{"sendgrid", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", notPublic},
		{"meta", "secret:token", ""},
		{"meta", ":token", "the secret is empty"},
		{"meta", "\x00:token", "the secret is empty"},
		{"notion", "", ""},
		{"asana", "", ""},
		{"sns", "", ""},
		{"sns", "arn:aws:sns:eu-central-1:123456789012:orders", ""},
		{"jwt", "any text", ""},
		{"jwt", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----", "the secret is a public or private key, which HS256 cannot use; set algorithm to that of the sender, like RS256"},
		{"jwt", "{}", "there is no key for HS256 in it"},
		{"jwt", "{", "the key is not JSON as RFC 7517 has it"},
		{"plaid", "client:secret", ""},
		{"plaid", "client", notPublic},
		{"standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", control},
		{"standard-webhooks", "whsec_", "the secret is empty"},
		{"standard-webhooks", "whsec_AAAA", "the secret is empty"},
		{"token", "abc def", ""},
		{"token", " abc", spaced},
		{"token", "abc ", spaced},
		{"token", "a\tb", control},
		{"basic", "user:pass:word", ""},
		{"basic", "user", pair},
		{"basic", "user:", pair},
		{"basic", ":password", pair},
		{"none", "", ""},
		{"none", "x", "scheme none takes no secret"},
	} {
		t.Run(fmt.Sprintf("%s %.20q", test.scheme, test.secret), func(t *testing.T) {
			v := newVerifier(t, meshhook.Verification{Scheme: test.scheme})
			err := v.CheckSecret(meshhook.NewSecret(test.secret))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		})
	}
}

// What CheckSecret takes has to fit into a header that Verify reads.
func TestCheckSecret_LongestFits(t *testing.T) {
	for name, v := range map[string]meshhook.Verification{
		"token": {Scheme: "token", Prefix: strings.Repeat("p", 128)},
		"basic": {Scheme: "basic"},
	} {
		verifier := newVerifier(t, v)
		key := keys("u:" + strings.Repeat("x", 2046))[0]
		header, err := verifier.Sign(signature.Request{}, key, "")
		require.NoError(t, err)
		_, failure := verifier.Verify(t.Context(), signature.Request{Header: header}, []signature.Key{key})
		require.Nil(t, failure, name)
	}
}

func TestGenerateSecret(t *testing.T) {
	shape := map[signature.SecretFormat]string{
		signature.SecretRaw:          `^([0-9a-f]{64}|[0-9a-f]{40})$`,
		signature.SecretWhsec:        `^whsec_[A-Za-z0-9+/]{43}=$`,
		signature.SecretUserPassword: `^meshhook:[0-9a-f]{64}$`,
		signature.SecretWithToken:    `^[0-9a-f]{64}$`,
		signature.SecretJWTKey:       `^([0-9a-f]{64})?$`,
		signature.SecretUnused:       `^$`,
		signature.SecretPublicKey:    `^$`,
		signature.SecretIdentifier:   `^$`,
	}
	for _, s := range signature.Schemes() {
		v := newVerifier(t, meshhook.Verification{Scheme: s.Name})
		secret := v.GenerateSecret()
		require.Regexp(t, shape[s.SecretFormat], secret.Reveal(), s.Name)
		if !secret.IsZero() {
			require.NoError(t, v.CheckSecret(secret), s.Name)
			require.NotEqual(t, secret, v.GenerateSecret(), s.Name)
		}
	}
}

func TestSign(t *testing.T) {
	// The digests are OpenSSL's.
	const digest = "158358df725840d50618b53e72c3a4ce9074a08e316d7f9a77141f58eab263a5"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("someone:Pa55phrase"))
	for scheme, want := range map[string]http.Header{
		"none":   {},
		"token":  {"X-Webhook-Token": {"correct horse battery staple"}},
		"basic":  {"Authorization": {basic}},
		"hmac":   {"X-Signature": {"sha256=" + digest}},
		"github": {"X-Hub-Signature-256": {"sha256=" + digest}, "X-Github-Delivery": {"msg_1"}},
		"stripe": {"Stripe-Signature": {"t=1700000000,v1=266ceee0f807507ab38aae9b5a8f207307d8498623f3ad14ffa3c4eec625fbfe"}},
		"svix": {
			"Svix-Id": {"msg_1"}, "Svix-Timestamp": {"1700000000"},
			"Svix-Signature": {"v1,YvZ0WbZa1/aSr6rYI+WcCNp6iQc1VGsNE8L2cBNlvT4="},
		},
	} {
		r, _ := signed(t, newVerifier(t, meshhook.Verification{Scheme: scheme}))
		require.Equal(t, want, r.Header, scheme)
	}
}

func TestSign_Refuses(t *testing.T) {
	for _, test := range []struct{ scheme, secret, id, want string }{
		{"github", "", "msg_1", "the secret is empty"},
		{"basic", "user", "", "the secret of scheme basic is user:password"},
		{"none", "x", "", "scheme none takes no secret"},
		{"svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", "scheme svix signs a message id; give one"},
		{"paypal", "9XL90610J3647323C", "msg_1", "only the provider has the private key of this scheme, so nothing can be signed here; send an event from the provider"},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: test.scheme})
		header, err := v.Sign(signature.Request{Now: now()}, keys(test.secret)[0], test.id)
		require.Nil(t, header)
		require.EqualError(t, err, test.want)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	}
}

func TestRedact(t *testing.T) {
	// Those of all providers that send a secret are among them: a sender is easily set
	// up with another's scheme.
	always := []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Gitlab-Token", "X-Hook-Secret", "X-Telegram-Bot-Api-Secret-Token", "X-Webhook-Token"}
	for _, test := range []struct {
		in   meshhook.Verification
		want []string
	}{
		{meshhook.Verification{Scheme: "github"}, always},
		{meshhook.Verification{Scheme: "none"}, always},
		{meshhook.Verification{Scheme: "basic"}, always},
		{meshhook.Verification{Scheme: "token", Header: "authorization"}, always},
		{meshhook.Verification{Scheme: "token", Header: "x-gitlab-token"}, always},
		{meshhook.Verification{Scheme: "token", Header: "x-zz-own"}, append(slices.Clone(always), "X-Zz-Own")},
	} {
		v := newVerifier(t, test.in)
		require.Equal(t, test.want, v.SecretHeaders())
		v.SecretHeaders()[0] = "X-Other"
		require.Equal(t, test.want, v.SecretHeaders(), "the list is the caller's own")
	}

	v := newVerifier(t, meshhook.Verification{Scheme: "token", Header: "x-gitlab-token"})
	h := http.Header{
		"X-Gitlab-Token": {"one", "two"},
		"x-gitlab-token": {"not canonical"},
		"Cookie":         {"session=1"},
		"X-Signature":    {"abc"},
	}
	require.Equal(t, http.Header{
		"X-Gitlab-Token": {signature.Redacted, signature.Redacted},
		"x-gitlab-token": {signature.Redacted},
		"Cookie":         {signature.Redacted},
		"X-Signature":    {"abc"},
	}, v.Redact(h, nil))
	require.Equal(t, http.Header{"X-Other": {signature.Redacted, "x"}, "X-Basic": {signature.Redacted}}, v.Redact(http.Header{
		"X-Other": {"Bearer the-secret", "x"}, "X-Basic": {"Basic dGhlLXNlY3JldA=="},
	}, keys("the-secret")), "the secret itself is stored nowhere")
	require.Equal(t, "a=b&t=[redacted]&u=[redacted]", v.RedactQuery("a=b&t=the-secret&u=the%2Dsecret", keys("the-secret")))
	require.Equal(t, []string{"one", "two"}, h["X-Gitlab-Token"], "what came stays as it is")
	require.Nil(t, v.Redact(nil, nil))
}
