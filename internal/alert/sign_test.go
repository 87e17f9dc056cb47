package alert_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func secret(text string) meshhook.Secret { return meshhook.NewSecret(text) }

func TestSignV1AsThePublicLibraryVerifies(t *testing.T) {
	t.Parallel()
	body, now := []byte(`{"type":"run.failed"}`), time.Now()
	newest, old := alert.NewSecret(meshhook.SigningV1), alert.NewSecret(meshhook.SigningV1)
	headers, err := alert.Sign(meshhook.SigningV1, deliveryID, now, body, []meshhook.Secret{newest, old})
	require.NoError(t, err)
	require.Equal(t, deliveryID.String(), headers.Get("webhook-id"))
	require.Len(t, strings.Fields(headers.Get("webhook-signature")), 2)
	require.Len(t, headers, 3)
	for _, key := range []meshhook.Secret{newest, old} {
		library, err := standardwebhooks.NewWebhook(key.Reveal())
		require.NoError(t, err)
		require.NoError(t, library.Verify(body, headers))
		require.Error(t, library.Verify(append(body, ' '), headers))
	}
	stranger, err := standardwebhooks.NewWebhook(alert.NewSecret(meshhook.SigningV1).Reveal())
	require.NoError(t, err)
	require.Error(t, stranger.Verify(body, headers))

	// The example of the specification's own test suite.
	library, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	want, err := library.Sign(deliveryID.String(), noon, body)
	require.NoError(t, err)
	headers, err = alert.Sign(meshhook.SigningV1, deliveryID, noon, body, []meshhook.Secret{secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")})
	require.NoError(t, err)
	require.Equal(t, want, headers.Get("webhook-signature"))
}

func TestSignV1a(t *testing.T) {
	t.Parallel()
	private := alert.NewSecret(meshhook.SigningV1a)
	public, err := alert.PublicKey(private)
	require.NoError(t, err)
	headers, err := alert.Sign(meshhook.SigningV1a, deliveryID, noon, []byte("x"), []meshhook.Secret{private})
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	require.NoError(t, err)
	signed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(headers.Get("webhook-signature"), "v1a,"))
	require.NoError(t, err)
	message := fmt.Sprintf("%s.%d.x", deliveryID, noon.Unix())
	require.True(t, ed25519.Verify(raw, []byte(message), signed))

	seed := strings.Repeat("\x01", 32)
	short := secret("whsk_" + base64.StdEncoding.EncodeToString([]byte(seed)))
	long := secret("whsk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed([]byte(seed))))
	a, err := alert.PublicKey(short)
	require.NoError(t, err)
	b, err := alert.PublicKey(long)
	require.NoError(t, err)
	require.Equal(t, a, b)
	_, err = alert.PublicKey(secret("whsec_x"))
	require.Error(t, err)
}

func TestSignHMAC(t *testing.T) {
	t.Parallel()
	newest, old := alert.NewSecret(meshhook.SigningHMAC), secret("sixteen letters!")
	headers, err := alert.Sign(meshhook.SigningHMAC, deliveryID, noon, []byte("x"), []meshhook.Secret{newest, old})
	require.NoError(t, err)
	for header, key := range map[string]meshhook.Secret{"X-Signature": newest, "X-Signature-Previous": old} {
		mac := hmac.New(sha256.New, []byte(key.Reveal()))
		mac.Write([]byte("x"))
		require.Equal(t, "sha256="+hex.EncodeToString(mac.Sum(nil)), headers.Get(header))
	}
	require.Equal(t, deliveryID.String(), headers.Get("webhook-id"))
	require.Equal(t, "1773489600", headers.Get("webhook-timestamp"))
	require.Empty(t, headers.Get("webhook-signature"))
}

func TestSignNothing(t *testing.T) {
	t.Parallel()
	headers, err := alert.Sign(meshhook.SigningNone, deliveryID, noon, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.Header{"Webhook-Id": {deliveryID.String()}, "Webhook-Timestamp": {"1773489600"}}, headers)
	require.True(t, alert.NewSecret(meshhook.SigningNone).IsZero())

	_, err = alert.Sign(meshhook.SigningV1, deliveryID, noon, nil, nil)
	require.EqualError(t, err, "the alert has no active secret to sign by; rotate it to have one made")
	for _, signing := range meshhook.Signings()[:3] {
		_, err = alert.Sign(signing, deliveryID, noon, nil, []meshhook.Secret{secret("short")})
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), signing)
	}
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	encoded := func(prefix string, n int) string {
		return prefix + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n)))
	}
	const v1, v1a = "whsec_ followed by base64", "whsk_ followed by the base64 of an Ed25519 key"
	tests := []struct {
		signing       meshhook.Signing
		secret, wrong string
	}{
		{meshhook.SigningV1, encoded("whsec_", 24), ""},
		{meshhook.SigningV1, encoded("whsec_", 64), ""},
		{meshhook.SigningV1, encoded("whsec_", 23), "has 23 bytes after whsec_; Standard Webhooks asks for 24 to 64"},
		{meshhook.SigningV1, encoded("whsec_", 65), "has 65 bytes"},
		{meshhook.SigningV1, encoded("", 32), v1},
		{meshhook.SigningV1, "whsec_" + strings.Repeat("%", 32), v1},
		{meshhook.SigningV1, encoded("whsec_", 32) + "\n", v1},
		{meshhook.SigningV1, "whsec_" + strings.Repeat("A", 44), "empty"},
		{meshhook.SigningV1, "", v1},
		{meshhook.SigningV1a, encoded("whsk_", 32), ""},
		{meshhook.SigningV1a, encoded("whsk_", 31), v1a},
		{meshhook.SigningV1a, encoded("whsk_", 64), "the two halves of the secret do not belong together"},
		{meshhook.SigningV1a, encoded("whpk_", 32), v1a},
		{meshhook.SigningHMAC, strings.Repeat("x", 16), ""},
		{meshhook.SigningHMAC, strings.Repeat("x", 15), "fewer than 16 characters"},
		{meshhook.SigningHMAC, strings.Repeat("x", 2049), "longer than 2048 bytes"},
		{meshhook.SigningHMAC, encoded("whsec_", 32), "begins with whsec_"},
		{meshhook.SigningNone, "", ""},
		{meshhook.SigningNone, "x", "messages that are not signed take no secret"},
	}
	for _, test := range tests {
		err := alert.CheckSecret(test.signing, secret(test.secret))
		if test.wrong == "" {
			require.NoError(t, err, test)
			continue
		}
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), test)
		require.ErrorContains(t, err, test.wrong)
		require.True(t, len(test.secret) < 4 || !strings.Contains(err.Error(), test.secret))
	}
	for _, signing := range meshhook.Signings() {
		require.NoError(t, alert.CheckSecret(signing, alert.NewSecret(signing)), signing)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	keys := map[meshhook.Signing]meshhook.Secret{}
	for _, signing := range meshhook.Signings()[:3] {
		keys[signing] = alert.NewSecret(signing)
	}
	for signing, key := range keys {
		headers, err := alert.Sign(signing, deliveryID, noon, body, []meshhook.Secret{key})
		require.NoError(t, err)
		proof, err := alert.Verify(headers, body, []meshhook.Secret{alert.NewSecret(meshhook.SigningV1), alert.NewSecret(meshhook.SigningHMAC), key}, noon.Add(5*time.Minute), 0)
		require.NoError(t, err, signing)
		want := alert.Proof{Signing: signing, ID: deliveryID.String(), At: noon, Key: 2}
		if signing == meshhook.SigningHMAC {
			want.At = time.Time{}
		}
		require.Equal(t, want, proof)
	}
	public, err := alert.PublicKey(keys[meshhook.SigningV1a])
	require.NoError(t, err)
	headers, err := alert.Sign(meshhook.SigningV1a, deliveryID, noon, body, []meshhook.Secret{alert.NewSecret(meshhook.SigningV1a), keys[meshhook.SigningV1a]})
	require.NoError(t, err)
	lower := http.Header{}
	for name, values := range headers {
		lower[strings.ToLower(name)] = values
	}
	_, err = alert.Verify(lower, body, []meshhook.Secret{secret(public)}, noon, time.Second)
	require.NoError(t, err, "headers by the names that a file has")

	old := alert.NewSecret(meshhook.SigningHMAC)
	headers, err = alert.Sign(meshhook.SigningHMAC, deliveryID, noon, body, []meshhook.Secret{keys[meshhook.SigningHMAC], old})
	require.NoError(t, err)
	_, err = alert.Verify(headers, body, []meshhook.Secret{old}, noon.Add(1000*time.Hour), 0)
	require.NoError(t, err, "the previous secret, which signs no time")
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	body, key := []byte(`{"a":1}`), alert.NewSecret(meshhook.SigningV1)
	good, err := alert.Sign(meshhook.SigningV1, deliveryID, noon, body, []meshhook.Secret{key})
	require.NoError(t, err)
	plain, err := alert.Sign(meshhook.SigningHMAC, deliveryID, noon, body, []meshhook.Secret{secret("sixteen letters!")})
	require.NoError(t, err)
	without := func(name string) http.Header { h := good.Clone(); h.Del(name); return h }
	with := func(name string, values ...string) http.Header { h := good.Clone(); h[name] = values; return h }
	one := []meshhook.Secret{key}
	tests := map[string]struct {
		headers   http.Header
		body      string
		keys      []meshhook.Secret
		now       time.Time
		tolerance time.Duration
		reason    signature.Reason
		message   string
	}{
		"no keys":            {good, `{"a":1}`, nil, noon, 0, "", "give the secret (whsec_…), the public key (whpk_…) or the hmac secret"},
		"an empty key":       {good, `{"a":1}`, []meshhook.Secret{{}}, noon, 0, "", "the secret is empty"},
		"a broken key":       {good, `{"a":1}`, []meshhook.Secret{secret("whsec_%")}, noon, 0, "", "the secret is not whsec_ followed by base64"},
		"a broken private":   {good, `{"a":1}`, []meshhook.Secret{secret("whsk_%")}, noon, 0, "", "whsk_ followed by"},
		"negative tolerance": {good, `{"a":1}`, one, noon, -1, "", "the tolerance is not negative"},
		"no signature":       {without("Webhook-Signature"), `{"a":1}`, one, noon, 0, signature.ReasonMissingHeader, "the header webhook-signature is missing; pass on all headers"},
		"no id":              {without("Webhook-Id"), `{"a":1}`, one, noon, 0, signature.ReasonMissingHeader, "the header webhook-id is missing"},
		"no time":            {without("Webhook-Timestamp"), `{"a":1}`, one, noon, 0, signature.ReasonMissingHeader, "the header webhook-timestamp is missing"},
		"two signatures":     {with("Webhook-Signature", "v1,a", "v1,b"), `{"a":1}`, one, noon, 0, signature.ReasonDuplicateHeader, "came 2 times"},
		"no time at all":     {with("Webhook-Timestamp", "noon"), `{"a":1}`, one, noon, 0, signature.ReasonUnreadableTimestamp, "pass on the header webhook-timestamp as it came"},
		"another body":       {good, `{"a": 1}`, one, noon, 0, signature.ReasonMismatch, "the body is the raw one"},
		"another id":         {with("Webhook-Id", "msg_2"), `{"a":1}`, one, noon, 0, signature.ReasonMismatch, "does not fit"},
		"another secret":     {good, `{"a":1}`, []meshhook.Secret{alert.NewSecret(meshhook.SigningV1)}, noon, 0, signature.ReasonMismatch, "check that it is this alert's secret"},
		"stale":              {good, `{"a":1}`, one, noon.Add(5*time.Minute + time.Second), 0, signature.ReasonStaleTimestamp, "the timestamp lies 5m1s in the past; at most 5m are allowed; an old message may be a replayed one"},
		"early":              {good, `{"a":1}`, one, noon.Add(-2 * time.Second), time.Second, signature.ReasonStaleTimestamp, "in the future"},
		"hmac for standard":  {good, `{"a":1}`, []meshhook.Secret{secret("sixteen letters!")}, noon, 0, signature.ReasonMissingHeader, "the message is signed by Standard Webhooks"},
		"standard for hmac":  {plain, `{"a":1}`, one, noon, 0, signature.ReasonMissingHeader, "the message is signed by hmac (X-Signature)"},
		"svix":               {http.Header{"svix-id": good["Webhook-Id"], "svix-timestamp": good["Webhook-Timestamp"], "Svix-Signature": good["Webhook-Signature"]}, `{"a":1}`, one, noon, 0, signature.ReasonMissingHeader, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := alert.Verify(test.headers, []byte(test.body), test.keys, test.now, test.tolerance)
			require.ErrorContains(t, err, test.message)
			var failure *signature.Failure
			if test.reason == "" {
				require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
				require.NotErrorAs(t, err, &failure)
				return
			}
			require.Equal(t, meshhook.CodeInvalidSignature, meshhook.ErrorCode(err))
			require.ErrorAs(t, err, &failure)
			require.Equal(t, test.reason, failure.Reason)
		})
	}
}

func TestWhatIsSignedVerifiesAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		signing := rapid.SampledFrom(meshhook.Signings()[:3]).Draw(t, "signing")
		key := alert.NewSecret(signing)
		body := append([]byte("{"), rapid.SliceOf(rapid.Byte()).Draw(t, "body")...)
		headers, err := alert.Sign(signing, meshhook.NewID(), noon, body, []meshhook.Secret{alert.NewSecret(signing), key})
		require.NoError(t, err)
		_, err = alert.Verify(headers, body, []meshhook.Secret{key}, noon, 0)
		require.NoError(t, err)
		bit := rapid.IntRange(0, 8*len(body)-1).Draw(t, "bit")
		body[bit/8] ^= 1 << (bit % 8)
		_, err = alert.Verify(headers, body, []meshhook.Secret{key}, noon, 0)
		require.Error(t, err)
	})
}

func FuzzVerify(f *testing.F) {
	key := secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	headers, err := alert.Sign(meshhook.SigningV1, deliveryID, noon, []byte("{}"), []meshhook.Secret{key})
	require.NoError(f, err)
	f.Add(key.Reveal(), deliveryID.String(), "1773489600", headers.Get("Webhook-Signature"), "", []byte("{}"))
	f.Add("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "a.b", "-1", "v1a,AAAA v1,BBBB", "sha256=00", []byte("x"))
	f.Add("raw secret", "", "", "", "sha256=zz", []byte(nil))
	f.Fuzz(func(t *testing.T, key, id, at, signed, plain string, body []byte) {
		headers := http.Header{"webhook-id": {id}, "Webhook-Timestamp": {at}, "WEBHOOK-SIGNATURE": {signed}, "X-Signature": {plain}}
		proof, err := alert.Verify(headers, body, []meshhook.Secret{secret(key)}, noon, time.Minute)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		// Only who knows the key can have made it.
		require.False(t, strings.HasPrefix(key, "whpk_") && proof.Signing != meshhook.SigningV1a)
		if proof.Signing == meshhook.SigningHMAC {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write(body)
			require.Equal(t, hex.EncodeToString(mac.Sum(nil)), strings.ToLower(strings.TrimPrefix(strings.TrimSpace(plain), "sha256=")))
		}
	})
}
