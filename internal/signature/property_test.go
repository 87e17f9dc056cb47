package signature_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// endpoints are one of each scheme, and of what hmac can be made to do.
func endpoints() map[string]meshhook.Verification {
	all := map[string]meshhook.Verification{
		"custom base64": {Scheme: "hmac", Algorithm: "sha512", Encoding: "base64"},
		"custom base64url": {
			Scheme: "hmac", Algorithm: "sha384", Encoding: "base64url", Prefix: "sig ",
			Template: "{method}\n{url}\n{id}\n{timestamp}\n{body}\nend", TimestampHeader: "X-Time", IDHeader: "X-Id",
		},
		"custom sha1": {Scheme: "hmac", Algorithm: "sha1", Header: "X-Hub-Signature"},
		"bearer":      {Scheme: "token", Header: "Authorization", Prefix: "Bearer"},
	}
	for _, s := range signable() {
		all[s.Name] = meshhook.Verification{Scheme: s.Name}
	}
	return all
}

// computes tells whether a scheme signs the request rather than showing a secret.
func computes(v *signature.Verifier) bool { return v.Scheme().Engine == signature.EngineHMAC }

func TestSignThenVerify(t *testing.T) {
	for name, endpoint := range endpoints() {
		v := newVerifier(t, endpoint)
		rapid.Check(t, func(t *rapid.T) {
			r := signature.Request{
				Method: rapid.SampledFrom([]string{"POST", "PUT"}).Draw(t, "method"),
				URL:    rapid.String().Draw(t, "url"),
				Body:   append([]byte("{"), rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "body")...), // X takes no lone token
				Now:    time.Unix(rapid.Int64Range(1, 99999999999).Draw(t, "now"), 0),
			}
			key := signature.Key{ID: "generated", Value: v.GenerateSecret()}
			header, err := v.Sign(r, key, "msg_1")
			require.NoError(t, err, name)
			r.Header = header
			got, failure := v.Verify(t.Context(), r, []signature.Key{{ID: "old", Value: v.GenerateSecret()}, key})
			require.Nil(t, failure, name)
			if !computes(v) {
				return
			}
			require.Equal(t, key, got, name)

			bit := rapid.IntRange(0, 8*len(r.Body)-1).Draw(t, "bit")
			r.Body[bit/8] ^= 1 << (bit % 8)
			_, failure = v.Verify(t.Context(), r, []signature.Key{key})
			require.NotNil(t, failure, name)
			require.Equal(t, signature.ReasonMismatch, failure.Reason, name)
		})
	}
}

// Every bit of every header that Sign sets is changed in turn. What still passes
// has to be another spelling of the same: a digit of hex in the other case, the
// name of an authentication scheme likewise.
func TestVerify_EveryBitOfTheHeadersCounts(t *testing.T) {
	for name, endpoint := range endpoints() {
		v := newVerifier(t, endpoint)
		r, key := signed(t, v)
		for header, values := range r.Header {
			if covered := []string{v.Scheme().Header, v.Scheme().IDHeader, v.Scheme().Timestamp.Header}; !containsFold(covered, header) {
				continue // a delivery id beside the signature, as of GitHub
			}
			original := values[0]
			for bit := range 8 * len(original) {
				changed := []byte(original)
				changed[bit/8] ^= 1 << (bit % 8)
				altered := r
				altered.Header = r.Header.Clone()
				altered.Header.Set(header, string(changed))
				_, failure := v.Verify(t.Context(), altered, []signature.Key{key})
				if failure == nil {
					require.True(t, mayDiffer(v.Scheme(), original, bit/8, changed), "%s: %s: %q passes for %q", name, header, changed, original)
				}
			}
		}
	}
}

// mayDiffer tells whether the i-th byte may come in another case.
func mayDiffer(s signature.Scheme, original string, i int, changed []byte) bool {
	if !strings.EqualFold(original, string(changed)) {
		return false
	}
	switch s.Engine {
	case signature.EngineHMAC:
		digits := original[strings.LastIndex(original, "=")+1:]
		return s.Encoding == "hex" && i >= len(original)-len(digits)
	case signature.EngineBasic:
		return i < len("Basic")
	default:
		return i < len(s.Prefix)
	}
}

// containsFold tells whether names has name, in whatever case.
func containsFold(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func TestVerify_URLAndMethodAreSigned(t *testing.T) {
	v := newVerifier(t, endpoints()["custom base64url"])
	r, key := signed(t, v)
	for _, change := range []func(*signature.Request){
		func(r *signature.Request) { r.URL += "/" },
		func(r *signature.Request) { r.Method = http.MethodPut },
		func(r *signature.Request) { r.Now = now().Add(time.Hour) },
	} {
		altered := r
		change(&altered)
		_, failure := v.Verify(t.Context(), altered, []signature.Key{key})
		require.NotNil(t, failure)
	}
}

func TestVerify_PaddingOfBase64URL(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "hmac", Encoding: "base64url"})
	r, key := signed(t, v)
	raw := r.Header.Get("X-Signature")
	for text, want := range map[string]bool{raw: true, raw + "=": true, raw + "==": false, raw + "\n": false} {
		r.Header.Set("X-Signature", text)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Equal(t, want, failure == nil, "%q", text)
	}
}

// The reference library and we have to accept each other's signatures.
func TestStandardWebhooks_AgreesWithTheReferenceLibrary(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "standard-webhooks"})
	rapid.Check(t, func(t *rapid.T) {
		key := signature.Key{Value: v.GenerateSecret()}
		theirs, err := standardwebhooks.NewWebhook(key.Value.Reveal())
		require.NoError(t, err)
		r := signature.Request{
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
			Now:  time.Unix(rapid.Int64Range(0, 999999999999).Draw(t, "now"), 0),
		}
		id := rapid.StringMatching(`[!-~]{1,40}`).Draw(t, "id")

		r.Header, err = v.Sign(r, key, id)
		require.NoError(t, err)
		require.NoError(t, theirs.VerifyIgnoringTimestamp(r.Body, r.Header))

		text, err := theirs.Sign(id, r.Now, r.Body)
		require.NoError(t, err)
		r.Header.Set("webhook-signature", "v1a,AAAA "+text)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure)
	})
}

func TestVerifier_IsSafeForConcurrentUse(t *testing.T) {
	v := newVerifier(t, meshhook.Verification{Scheme: "standard-webhooks"})
	r, key := signed(t, v)
	for range 4 {
		t.Run("at once", func(t *testing.T) {
			t.Parallel()
			for range 100 {
				_, failure := v.Verify(t.Context(), r, []signature.Key{key})
				require.Nil(t, failure)
				require.Equal(t, r.Header, v.Redact(r.Header, nil))
			}
		})
	}
}
