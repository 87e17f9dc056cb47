package signature_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// sent is a request as its sender signed it: by this verification and secret.
func sent(t *testing.T, by meshhook.Verification, secret string, r signature.Request) signature.Request {
	t.Helper()
	header, err := newVerifier(t, by).Sign(r, keys(secret)[0], "msg_1")
	require.NoError(t, err)
	for name, values := range r.Header {
		header[name] = values
	}
	r.Header = header
	return r
}

func TestExplain(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery staple"
	const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	spaced := []byte(`{"id": "evt_1", "text": "Gr\u00fc\u00dfe, /x"}`)
	compact := []byte(`{"id":"evt_1","text":"Grüße, /x"}`)
	request := signature.Request{Method: http.MethodPost, URL: "https://example.org/hooks/a", Body: compact, Now: now()}
	with := func(change func(*signature.Request)) signature.Request {
		r := request
		change(&r)
		return r
	}
	scheme := func(name string) meshhook.Verification { return meshhook.Verification{Scheme: name} }
	for _, test := range []struct {
		name     string
		endpoint meshhook.Verification
		secret   string
		request  signature.Request
		mistake  signature.Mistake
		says     string
	}{
		{"nothing is wrong now", scheme("github"), secret, sent(t, scheme("github"), secret, request), signature.MistakeMended, "present configuration"},
		{
			"late", scheme("stripe"), secret, with(func(r *signature.Request) {
				*r = sent(t, scheme("stripe"), secret, request)
				r.Now = r.Now.Add(time.Hour)
			}), signature.MistakeTime, "more than 5m",
		},
		{"a space too many", scheme("github"), secret + " ", sent(t, scheme("github"), secret, request), signature.MistakeSecret, "without the spaces"},
		{"the prefix left out", scheme("stripe"), "abc", sent(t, scheme("stripe"), "whsec_abc", request), signature.MistakeSecret, "with whsec_ before it"},
		{"read as base64", scheme("svix"), whsec, sent(t, meshhook.Verification{
			Scheme: "hmac", Header: "svix-signature", Prefix: "v1,", Encoding: "base64", Template: "{id}.{timestamp}.{body}", TimestampHeader: "svix-timestamp", IDHeader: "svix-id",
		}, whsec, request), signature.MistakeSecret, "read as raw"},
		{"sha1", scheme("hmac"), secret, sent(t, meshhook.Verification{Scheme: "hmac", Algorithm: "sha1"}, secret, request), signature.MistakeEncoding, "HMAC-SHA1 in hex"},
		{"base64", scheme("hmac"), secret, sent(t, meshhook.Verification{Scheme: "hmac", Encoding: "base64", Prefix: "sha256="}, secret, request), signature.MistakeEncoding, "SHA256 in base64"},
		{
			"another string",
			meshhook.Verification{Scheme: "hmac", Template: "{timestamp}.{body}", TimestampHeader: "X-Time"},
			secret,
			sent(t, meshhook.Verification{Scheme: "hmac", Template: "{timestamp}:{body}", TimestampHeader: "X-Time"}, secret, request), signature.MistakeTemplate, "{timestamp}:{body}",
		},
		{
			"another URL", scheme("square"), secret, with(func(r *signature.Request) {
				*r = sent(t, scheme("square"), secret, request)
				r.URL = "http://example.org:8080/hooks/a"
			}), signature.MistakeURL, "https://example.org/hooks/a",
		},
		{
			"a body that was rewritten", scheme("github"), secret, with(func(r *signature.Request) {
				*r = sent(t, scheme("github"), secret, with(func(r *signature.Request) { r.Body = spaced }))
				r.Body = compact
			}), signature.MistakeBody, "as Python writes it",
		},
		{
			"keys in another order", scheme("github"), secret, with(func(r *signature.Request) {
				*r = sent(t, scheme("github"), secret, with(func(r *signature.Request) { r.Body = []byte(`{"a":1,"b":1e400}`) }))
				r.Body = []byte(`{"b":1e400,"a":1}`)
			}), signature.MistakeBody, "another order",
		},
		{"a neighbour", scheme("github"), secret, sent(t, scheme("gitea"), secret, request), signature.MistakeScheme, "gitea"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, test.endpoint)
			found := v.Explain(t.Context(), test.request, keys(test.secret), nil, nil)
			require.NotEmpty(t, found)
			require.Equal(t, test.mistake, found[0].Mistake, found)
			require.True(t, found[0].Proven)
			require.Contains(t, found[0].Message, test.says)
			require.NotEmpty(t, found[0].Remedy)
			text, err := json.Marshal(found)
			require.NoError(t, err)
			require.NotContains(t, string(text), strings.TrimSpace(test.secret), "a secret is shown to nobody")
		})
	}
}

func TestExplain_WhatCannotBeProven(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "github"})
	r := sent(t, meshhook.Verification{Scheme: "github"}, "another secret", signature.Request{Body: []byte(body), Now: now()})
	found := v.Explain(t.Context(), r, keys("secret"), nil, nil)
	require.Equal(t, []signature.Suspicion{{
		Mistake: signature.MistakeSecret, Message: "none of the usual mistakes fits: most likely the sender has another secret",
		Remedy: "copy the sender's secret once more, and set it with 'meshhook webhook rotate-secret PATH'",
	}}, found, "no mistake is made up")

	found = v.Explain(t.Context(), r, keys("secret"), keys("another secret"), nil)
	require.Equal(t, signature.MistakeExpired, found[0].Mistake)
	require.Contains(t, found[0].Message, "k0")

	for name, test := range map[string]struct {
		header http.Header
		keys   []signature.Key
		want   signature.Mistake
		says   string
	}{
		"no secret":  {r.Header, nil, signature.MistakeNoSecret, "no active secret"},
		"unsigned":   {http.Header{"Content-Type": {"application/json"}}, keys("secret"), signature.MistakeNoAttempt, "X-Hub-Signature-256"},
		"by another": {http.Header{"Stripe-Signature": {"t=1,v1=00"}}, keys("secret"), signature.MistakeScheme, "as stripe sends it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := r
			with.Header = test.header
			found := v.Explain(t.Context(), with, test.keys, nil, nil)
			require.Len(t, found, 1)
			require.Equal(t, test.want, found[0].Mistake)
			require.False(t, found[0].Proven)
			require.Contains(t, found[0].Message, test.says)
		})
	}
}

// A token that the log does not keep is explained by its digest.
func TestExplain_ByDigest(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "token"})
	r := signature.Request{Header: http.Header{"X-Webhook-Token": {"Bearer abc"}}, Now: now()}
	salt := []byte("the event's id")
	kept := signature.Request{Header: v.Redact(r.Header, nil), Now: now(), Presented: &signature.Presented{Digest: v.Digest(r, salt), Salt: salt}}

	found := v.Explain(t.Context(), kept, keys("abc"), nil, nil)
	require.NotEmpty(t, found)
	require.Equal(t, signature.MistakeSecret, found[0].Mistake)
	require.Contains(t, found[0].Message, `"Bearer " before it`)
	require.False(t, v.Explain(t.Context(), kept, keys("xyz"), nil, nil)[0].Proven)
}
