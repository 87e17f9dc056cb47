package signature_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// FuzzVerify_Body puts other bodies under a right signature.
func FuzzVerify_Body(f *testing.F) {
	type side struct {
		v   *signature.Verifier
		r   signature.Request
		key signature.Key
	}
	var sides []side
	for _, endpoint := range endpoints() {
		if v := newVerifier(f, endpoint); computes(v) {
			r, key := signed(f, v)
			sides = append(sides, side{v, r, key})
		}
	}
	f.Add([]byte(body))
	f.Add([]byte(body + "\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, other []byte) {
		for _, s := range sides {
			s.r.Body = other
			_, failure := s.v.Verify(t.Context(), s.r, []signature.Key{s.key})
			require.Equal(t, string(other) == body, failure == nil, s.v.Scheme().Name)
		}
	})
}

// FuzzVerify_Headers puts other headers over a body: only one that holds the
// right signature, id and time may pass.
func FuzzVerify_Headers(f *testing.F) {
	names := slices.Collect(func(yield func(string) bool) {
		for _, s := range signable() {
			if s.Engine != signature.EngineNone && !yield(s.Name) {
				return
			}
		}
	})
	for i, name := range names {
		v := newVerifier(f, meshhook.Verification{Scheme: name})
		r, _ := signed(f, v)
		s := v.Scheme()
		f.Add(uint8(i), r.Header.Get(s.Header), r.Header.Get(s.Timestamp.Header), r.Header.Get(s.IDHeader))
		f.Add(uint8(i), "v1, t=,v1=,v1,=,,", "+1700000000", "")
	}
	f.Fuzz(func(t *testing.T, scheme uint8, value, timestamp, id string) {
		v := newVerifier(t, meshhook.Verification{Scheme: names[int(scheme)%len(names)]})
		r, key := signed(t, v)
		right, s := r.Header, v.Scheme()
		r.Header = http.Header{}
		set := func(name, value string) {
			if name != "" {
				r.Header.Set(name, value)
			}
		}
		set(s.Header, value)
		set(s.Timestamp.Header, timestamp)
		set(s.IDHeader, id)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		if failure != nil {
			require.NotEmpty(t, failure.Message)
			return
		}
		for _, name := range []string{s.Timestamp.Header, s.IDHeader} {
			require.Equal(t, right.Get(name), r.Header.Get(name))
		}
		want := right.Get(s.Header)
		want = want[strings.LastIndexAny(want, ", ")+1:] // the signature of a list, mark and all or without
		want = strings.TrimPrefix(want, s.OptionalPrefix)
		require.Contains(t, strings.ToLower(value), strings.ToLower(want))
	})
}

// FuzzStandardWebhooks: what we accept, the reference library accepts.
func FuzzStandardWebhooks(f *testing.F) {
	v := newVerifier(f, meshhook.Verification{Scheme: "standard-webhooks"})
	r, key := signed(f, v)
	theirs, err := standardwebhooks.NewWebhook(key.Value.Reveal())
	require.NoError(f, err)
	right := r.Header.Get("webhook-signature")
	f.Add(right)
	f.Add("v1a,abc " + right)
	f.Add(right + ",")
	f.Add(right + " " + right)
	f.Fuzz(func(t *testing.T, text string) {
		altered := r
		altered.Header = r.Header.Clone()
		altered.Header.Set("webhook-signature", text)
		if _, failure := v.Verify(t.Context(), altered, []signature.Key{key}); failure == nil {
			require.NoError(t, theirs.VerifyIgnoringTimestamp(altered.Body, altered.Header))
		}
	})
}

// FuzzNew feeds specs of users: New never panics, and what it takes works.
func FuzzNew(f *testing.F) {
	f.Add("X-Sig", "v0=", "sha256", "hex", "v0:{timestamp}:{body}", "X-Time", "")
	f.Add("", "", "sha1", "base64", "{id}{timestamp}{body}", "t", "i")
	f.Add("X-Sig", "{", "", "base64url", "{body}{{body}", "", "")
	f.Fuzz(func(t *testing.T, header, prefix, algorithm, encoding, template, timestampHeader, idHeader string) {
		v, err := signature.New(meshhook.Verification{
			Scheme: "hmac", Header: header, Prefix: prefix, Algorithm: algorithm, Encoding: encoding,
			Template: template, TimestampHeader: timestampHeader, IDHeader: idHeader,
		})
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		r, key := signed(t, v)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure)
	})
}

// FuzzCheckSecret: a secret that is taken works, for every scheme.
func FuzzCheckSecret(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("user:password")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		for name, endpoint := range endpoints() {
			v := newVerifier(t, endpoint)
			key := keys(text)[0]
			if err := v.CheckSecret(key.Value); err != nil {
				require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
				continue
			}
			if text == "" && v.Scheme().SecretOptional {
				continue // it comes with the provider's handshake
			}
			r := signature.Request{Body: []byte(body), Now: now()}
			header, err := v.Sign(r, key, "msg_1")
			require.NoError(t, err, name)
			r.Header = header
			_, failure := v.Verify(t.Context(), r, []signature.Key{key})
			require.Nil(t, failure, name)
		}
	})
}
