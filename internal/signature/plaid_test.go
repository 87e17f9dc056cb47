package signature_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// plaidAsk is a server of Plaid's API.
type plaidAsk struct {
	asked []map[string]string
	keys  map[string]map[string]any
}

func (p *plaidAsk) fetch(t testing.TB) signature.Fetch {
	return func(_ context.Context, _ string, body []byte) ([]byte, error) {
		var question map[string]string
		if err := json.Unmarshal(body, &question); err != nil {
			t.Error(err)
		}
		p.asked = append(p.asked, question)
		key, ok := p.keys[question["key_id"]]
		if !ok || question["secret"] != "secret" {
			return nil, errors.New("the answer's status is 400 and not 200")
		}
		return json.Marshal(map[string]any{"key": key, "request_id": "r"})
	}
}

func TestJWT_PlaidLooksKeysUp(t *testing.T) {
	t.Parallel()
	p := &plaidAsk{keys: map[string]map[string]any{"a": jwkOf(t, ecKey(), "a"), "old": jwkOf(t, ecKey(), "old")}}
	p.keys["old"]["expired_at"] = 1600000000
	keyring := signature.NewKeyring(p.fetch(t))
	v := newVerifier(t, meshhook.Verification{Scheme: "plaid"}).WithKeyring(keyring)
	sum := sha256.Sum256([]byte(body))
	request := func(kid any, body string) signature.Request {
		token := makeToken(t, "ES256", map[string]any{"kid": kid}, map[string]any{"iat": now().Unix(), "request_body_sha256": hex.EncodeToString(sum[:])}, ecKey())
		return signature.Request{Method: http.MethodPost, Header: http.Header{"Plaid-Verification": {token}}, Body: []byte(body), Now: now()}
	}
	verify := func(kid any, secrets ...string) *signature.Failure {
		_, failure := v.Verify(t.Context(), request(kid, body), keys(secrets...))
		return failure
	}
	require.Nil(t, verify("a", "client:secret"))
	require.Nil(t, verify("a", "client:secret"))
	require.Equal(t, []map[string]string{{"client_id": "client", "secret": "secret", "key_id": "a"}}, p.asked, "asked once")

	require.Nil(t, verify("a", "client:rolled", "client:secret"), "one of the credentials is enough")
	require.Equal(t, signature.ReasonKeysUnavailable, reason(verify("a", "client:wrong")), "what others could look up does not count")
	require.Nil(t, verify("a", "client:secret"), "and what others could not does not, either")
	require.Equal(t, signature.ReasonKeysUnavailable, reason(verify("old", "client:secret")), "an expired key")
	require.Equal(t, signature.ReasonKeysUnavailable, reason(verify("none", "client:secret")))
	before := len(p.asked)
	for _, kid := range []any{"", nil, 5, strings.Repeat("k", 257)} {
		require.Equal(t, signature.ReasonBadToken, reason(verify(kid, "client:secret")), "%v", kid)
	}
	for secret, want := range map[string]signature.Reason{"": signature.ReasonNoSecret, "client": signature.ReasonBadSecret, ":": signature.ReasonBadSecret} {
		require.Equal(t, want, reason(verify("a", secret)), secret)
	}
	require.Len(t, p.asked, before, "which is not worth a question")
	require.NotNil(t, verify(strings.Repeat("k", 256), "client:secret"))
	require.Len(t, p.asked, before+1)

	_, failure := v.Verify(t.Context(), request("a", body+" "), keys("client:secret"))
	require.Equal(t, "the body is not the one that the token was made for", failure.Message)
	for _, skew := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		r := request("a", body)
		r.Now = now().Add(skew)
		_, failure = v.Verify(t.Context(), r, keys("client:secret"))
		require.Nil(t, failure)
		r.Now = r.Now.Add(skew / 300)
		_, failure = v.Verify(t.Context(), r, keys("client:secret"))
		require.Equal(t, signature.ReasonStaleTimestamp, reason(failure))
	}
	require.Nil(t, verify("a", string(asJSON(t, jwkOf(t, ecKey(), "")))), "or the secret is the key")
	for text, err := range map[string]bool{"client:secret": true, "client": false, string(asJSON(t, jwkOf(t, ecKey(), ""))): true} {
		require.Equal(t, err, v.CheckSecret(meshhook.NewSecret(text)) == nil, text)
	}

	text, err := json.Marshal(verify("none", "client:s3cret-of-plaid"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "s3cret-of-plaid")
	undated := makeToken(t, "ES256", map[string]any{"kid": "a"}, map[string]any{"request_body_sha256": hex.EncodeToString(sum[:])}, ecKey())
	_, failure = v.Verify(t.Context(), signature.Request{Header: http.Header{"Plaid-Verification": {undated}}, Body: []byte(body), Now: now()}, keys("client:secret"))
	require.Equal(t, "the token does not say when it was issued; it needs iat", failure.Message)
}
