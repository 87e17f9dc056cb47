package signature_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func TestDocument_EveryElementShowsTheToken(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "msgraph"})
	const right = `{"clientState":"s3cret","resource":"a"}`
	for text, want := range map[string]signature.Reason{
		`{"value":[` + right + `]}`:                           "",
		` {"value" : [` + right + `,` + right + `] } ` + "\n": "",
		`{"value":[` + right + `],"value":[` + right + `]}`:   "",
		`{"value":[]}`:                 signature.ReasonMissingHeader,
		`{"value":{}}`:                 signature.ReasonMissingHeader,
		`{"value":null}`:               signature.ReasonMissingHeader,
		`{"value":"s3cret"}`:           signature.ReasonMissingHeader,
		`{}`:                           signature.ReasonMissingHeader,
		``:                             signature.ReasonMissingHeader,
		`[` + right + `]`:              signature.ReasonMissingHeader,
		`{"Value":[` + right + `]}`:    signature.ReasonMissingHeader,
		`{"value":[{"resource":"a"}]}`: signature.ReasonMissingHeader,
		`{"value":[` + right + `,{"resource":"b"}]}`:                                      signature.ReasonMissingHeader,
		`{"value":[` + right + `,{"clientState":null}]}`:                                  signature.ReasonMissingHeader,
		`{"value":[` + right + `,null]}`:                                                  signature.ReasonMissingHeader,
		`{"value":[` + right + `,[` + right + `]]}`:                                       signature.ReasonMissingHeader,
		`{"value":[` + right + `,{"clientState":["s3cret"]}]}`:                            signature.ReasonMissingHeader,
		`{"value":[` + right + `]}{"value":[{}]}`:                                         signature.ReasonMissingHeader,
		`{"value":[` + right + `]} x`:                                                     signature.ReasonMissingHeader,
		`{"value":[` + right + `,{"clientState":"s3cre"}]}`:                               signature.ReasonMismatch,
		`{"value":[{"clientState":"other"},` + right + `]}`:                               signature.ReasonMismatch,
		`{"value":[{"clientState":true}]}`:                                                signature.ReasonMismatch,
		`{"value":[{"clientState":""}]}`:                                                  signature.ReasonMismatch,
		`{"value":[{"clientState":"s3cret","clientState":"x"}]}`:                          signature.ReasonMismatch,
		`{"value":[` + right + strings.Repeat(`,`+right, 4999) + `]}`:                     "",
		`{"value":[` + right + strings.Repeat(`,`+right, 20000) + `]}`:                    signature.ReasonMissingHeader,
		`{"value":` + strings.Repeat("[", 9000) + right + strings.Repeat("]", 9000) + `}`: signature.ReasonMissingHeader,
	} {
		r := signature.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(text), Now: now()}
		_, failure := v.Verify(t.Context(), r, keys("old", "s3cret"))
		require.Equal(t, want, reason(failure), "%.60s: %v", text, failure)
	}
	r := signature.Request{Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte("clientState=s3cret"), Now: now()}
	_, failure := v.Verify(t.Context(), r, keys("s3cret"))
	require.Equal(t, signature.ReasonMissingHeader, reason(failure), "Microsoft sends no forms")
	_, err := v.Sign(r, keys("s3cret")[0], "")
	require.EqualError(t, err, "scheme msgraph has its token in the body's value[].clientState, not in a header; put it there yourself")
}

// The content type is not signed: JSON that holds a form in a text of the attacker's
// must not be read as one.
func TestAttack_JSONReadAsAForm(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "linear"})
	old, fresh := now().Add(-time.Hour).UnixMilli(), now().UnixMilli()
	text := fmt.Sprintf(`{"webhookTimestamp":%d,"data":{"title":"&webhookTimestamp=%d&"}}`, old, fresh)
	plain := newVerifier(t, meshhook.Verification{Scheme: "hmac"})
	key := keys("secret")
	header, err := plain.Sign(signature.Request{Body: []byte(text)}, key[0], "")
	require.NoError(t, err)
	r := signature.Request{Header: http.Header{"Linear-Signature": {strings.TrimPrefix(header.Get("X-Signature"), "sha256=")}}, Body: []byte(text)}
	for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8", "APPLICATION/X-WWW-FORM-URLENCODED", ""} {
		r.Header.Set("Content-Type", contentType)
		r.Now = now()
		_, failure := v.Verify(t.Context(), r, key)
		require.NotNil(t, failure, contentType)
		r.Now = now().Add(-time.Hour)
		_, failure = v.Verify(t.Context(), r, key)
		require.Equal(t, !strings.Contains(strings.ToLower(contentType), "form"), failure == nil, contentType)
	}
}

func TestDocument_Limits(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "msgraph"})
	verify := func(text string) bool {
		_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{}, Body: []byte(text)}, keys("s"))
		return failure == nil
	}
	const start, end = `{"value":[{"clientState":"s"}],"a":`, `}`
	for size, want := range map[int]bool{1 << 20: true, 1<<20 + 1: false} { // bytes
		require.Equal(t, want, verify(start+`"`+strings.Repeat("x", size-len(start)-len(end)-2)+`"`+end), size)
	}
	const used = 5 // of the values: two objects, a list, two texts
	for count, want := range map[int]bool{20_000 - used: true, 20_001 - used: false} {
		require.Equal(t, want, verify(start+`[`+strings.Repeat(`0,`, count-1)+`0]`+end), count)
	}
	require.True(t, verify(start+`"`+strings.Repeat(`,[{\",`, 50_000)+`"`+end), "those in texts do not count")
}

func mailgunForm(t testing.TB, key string, more url.Values) (signature.Request, signature.Key) {
	t.Helper()
	v := newVerifier(t, meshhook.Verification{Scheme: "hmac"})
	at := fmt.Sprint(now().Unix())
	k := keys(key)[0]
	header, err := v.Sign(signature.Request{Body: []byte(at + "token-1")}, k, "")
	require.NoError(t, err)
	form := url.Values{"timestamp": {at}, "token": {"token-1"}, "signature": {strings.TrimPrefix(header.Get("X-Signature"), "sha256=")}}
	for name, values := range more {
		form[name] = values
	}
	return signature.Request{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, Body: []byte(form.Encode()), Now: now(),
	}, k
}

func TestDocument_Forms(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "mailgun"})
	for name, test := range map[string]struct {
		more url.Values
		want signature.Reason
	}{
		"right":           {nil, ""},
		"and more":        {url.Values{"event": {"opened"}}, ""},
		"two tokens":      {url.Values{"token": {"token-1", "token-2"}}, signature.ReasonMismatch},
		"two times":       {url.Values{"timestamp": {"1", "2"}}, signature.ReasonUnreadableTimestamp},
		"two signatures":  {url.Values{"signature": {"a", "b"}}, signature.ReasonMissingHeader},
		"no signature":    {url.Values{"signature": nil}, signature.ReasonMissingHeader},
		"empty signature": {url.Values{"signature": {""}}, signature.ReasonMissingHeader},
		"no hex":          {url.Values{"signature": {"xyz"}}, signature.ReasonMalformedHeader},
		"old":             {url.Values{"timestamp": {"1"}}, signature.ReasonStaleTimestamp},
	} {
		r, key := mailgunForm(t, "secret", test.more)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Equal(t, test.want, reason(failure), name)
	}
	r, key := mailgunForm(t, "secret", nil)
	r.Body = append(r.Body, ";"...)
	_, failure := v.Verify(t.Context(), r, []signature.Key{key})
	require.Equal(t, "the body has no signature in signature.signature", failure.Message)
	require.Equal(t, []string{"HMAC-SHA256 of {timestamp}{field:signature.token}, hex in the body's signature.signature"}, failure.Findings.Variants)
	_, err := v.Sign(r, key, "")
	require.EqualError(t, err, "scheme mailgun signs inside the body, which cannot be done to a body of yours; send an event from the provider")
}

// Gitea and Forgejo sign the JSON, also where it comes as a form.
func TestDocument_Payload(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "gitea"})
	r, key := signed(t, v)
	form := "payload=" + url.QueryEscape(body)
	for text, want := range map[string]bool{
		form: true, form + "&": true, form + "&x=1": false, form + "&payload=x": false, form + "&" + form: false, form + ";": false,
		"Payload=" + url.QueryEscape(body): false, "x=" + url.QueryEscape(body): false, body: true,
	} {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = []byte(text)
		_, failure := v.Verify(t.Context(), r, []signature.Key{key})
		require.Equal(t, want, failure == nil, text)
		r.Header.Set("Content-Type", "application/json")
		_, failure = v.Verify(t.Context(), r, []signature.Key{key})
		require.Equal(t, text == body, failure == nil, text)
	}
}
