package signature_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// ask asks a webhook of the scheme by a query string.
func ask(t testing.TB, scheme, method, query string, keys []signature.Key) (*signature.Reply, *signature.Failure) {
	t.Helper()
	return newVerifier(t, meshhook.Verification{Scheme: scheme}).Handshake(
		signature.Request{Method: method, URL: "https://example.org/hooks/a?" + query, Header: http.Header{}, Now: now()}, keys, false)
}

func TestHandshake_Methods(t *testing.T) {
	t.Parallel()
	for scheme, want := range map[string][]string{
		"github": nil, "slack": nil, "none": nil, "meta": {"GET"}, "trello": {"HEAD"}, "azure-eventgrid": {"OPTIONS"}, "okta": {"GET"},
	} {
		require.Equal(t, want, newVerifier(t, meshhook.Verification{Scheme: scheme}).Methods(), scheme)
	}
}

func TestHandshake_TokenOfMeta(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		secret, query string
		want          string
	}{
		{"secret:token", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=token", "17"},
		{"secret:to:ken", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=to:ken", "17"},
		{"secret", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=secret", "17"},
		{"secret:token", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=secret", ""},
		{"secret:token", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=secret:token", ""},
		{"secret:token", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=Token", ""},
		{"secret:token", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=", ""},
		{"secret:token", "hub.mode=subscribe&hub.challenge=17", ""},
		{"secret:token", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=token&hub.verify_token=token", ""},
		{"secret:", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=", ""},
		{"secret:", "hub.mode=subscribe&hub.challenge=17", ""},
		{"", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=", ""},
		{":", "hub.mode=subscribe&hub.challenge=17&hub.verify_token=", ""},
	} {
		reply, failure := ask(t, "meta", http.MethodGet, test.query, keys("old:other", test.secret))
		if test.want == "" {
			require.Nil(t, reply, test)
			require.Equal(t, signature.ReasonBadHandshake, reason(failure), test)
			require.Equal(t, signature.Findings{Scheme: "meta", Secrets: 2}, failure.Findings)
			require.NotContains(t, failure.Message, "17")
			continue
		}
		require.Nil(t, failure)
		require.Equal(t, &signature.Reply{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte(test.want),
		}, reply)
	}
	_, failure := ask(t, "meta", http.MethodGet, "hub.mode=subscribe&hub.challenge=17&hub.verify_token=x", nil)
	require.Equal(t, signature.ReasonBadHandshake, reason(failure))
	for _, query := range []string{"", "hub.mode=unsubscribe&hub.challenge=17&hub.verify_token=token", "hub.mode=subscribe&hub.verify_token=token", "hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token=token"} {
		reply, failure := ask(t, "meta", http.MethodGet, query, keys("secret:token"))
		require.Nil(t, reply, query)
		require.Nil(t, failure, "no question, so the method is not allowed")
	}
	reply, failure := ask(t, "meta", http.MethodPost, "hub.mode=subscribe&hub.challenge=17&hub.verify_token=token", keys("secret:token"))
	require.Nil(t, reply)
	require.Nil(t, failure)
}

// What is sent back is never more than text, of bounded length, and no header is
// ever split by it.
func TestHandshake_SendsTextBackAsText(t *testing.T) {
	t.Parallel()
	const script = "<script>alert(1)</script>"
	for scheme, query := range map[string]string{"dropbox": "challenge", "msgraph": "validationToken"} {
		reply, failure := ask(t, scheme, http.MethodGet, query+"="+url.QueryEscape(script), nil)
		require.Nil(t, failure)
		require.Equal(t, "text/plain; charset=utf-8", reply.Header.Get("Content-Type"), "which nosniff stands beside in ingress")
		require.Equal(t, script, string(reply.Body))
		for length, want := range map[int]bool{4096: true, 4097: false} {
			reply, failure = ask(t, scheme, http.MethodGet, query+"="+strings.Repeat("x", length), nil)
			require.Equal(t, want, failure == nil && reply != nil, length)
		}
	}
	with := func(scheme, method, header, value string) (*signature.Reply, *signature.Failure) {
		h := http.Header{}
		h.Set(header, value)
		return newVerifier(t, meshhook.Verification{Scheme: scheme}).Handshake(signature.Request{Method: method, URL: "https://example.org/", Header: h, Now: now()}, nil, false)
	}
	for _, test := range []struct{ scheme, method, header, back string }{
		{"asana", http.MethodPost, "X-Hook-Secret", "X-Hook-Secret"},
		{"azure-eventgrid", http.MethodOptions, "WebHook-Request-Origin", "WebHook-Allowed-Origin"},
	} {
		reply, failure := with(test.scheme, test.method, test.header, "eventgrid.azure.net")
		require.Nil(t, failure)
		require.Equal(t, "eventgrid.azure.net", reply.Header.Get(test.back))
		require.Empty(t, reply.Body)
		for _, value := range []string{"a\r\nSet-Cookie: x=1", "a\n", "\x00", "a\x7f", strings.Repeat("a", 4097)} {
			_, failure := with(test.scheme, test.method, test.header, value)
			require.Equal(t, signature.ReasonBadHandshake, reason(failure), "%q", value)
		}
	}
	reply, failure := with("okta", http.MethodGet, "X-Okta-Verification-Challenge", `</script>"\`)
	require.Nil(t, failure)
	require.JSONEq(t, `{"verification":"</script>\"\\"}`, string(reply.Body))
	require.NotContains(t, string(reply.Body), "<", "no browser takes it for a page")
	reply, failure = with("asana", http.MethodPost, "X-Hook-Secret", "s3cret")
	require.Nil(t, failure)
	require.Equal(t, "s3cret", reply.Adopt.Reveal())
}

func TestHandshake_InTheBody(t *testing.T) {
	t.Parallel()
	shake := func(scheme, text string, verified bool, change ...func(http.Header)) (*signature.Reply, *signature.Failure) {
		h := http.Header{"Content-Type": {"application/json"}}
		for _, c := range change {
			c(h)
		}
		return newVerifier(t, meshhook.Verification{Scheme: scheme}).Handshake(
			signature.Request{Method: http.MethodPost, Header: h, Body: []byte(text), Now: now()}, keys("secret"), verified)
	}
	const slack, zoom = `{"type":"url_verification","challenge":"c"}`, `{"event":"endpoint.url_validation","payload":{"plainToken":"p"}}`
	for _, test := range []struct {
		scheme, text string
		verified     bool
		want         string
	}{
		{"slack", slack, true, `{"challenge":"c"}`},
		{"slack", slack, false, ""}, // nothing is answered that Slack did not sign
		{"slack", `{"type":"url_verification","challenge":"c"} {}`, true, ""},
		{"slack", `{"type":"event_callback","challenge":"url_verification"}`, true, ""},
		{"slack", `{"event":{"type":"url_verification"}}`, true, ""},
		{"slack", strings.Repeat(" ", 1<<20) + slack, true, ""},
		{"zoom", zoom, false, ""},
		{"zoom", zoom, true, "by the key"},
		{"discord", `{"type":1}`, true, `{"type":1}`},
		{"discord", `{"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}`, true, ""},
		{"discord", `{"type":1}`, false, ""},
		{"xero", `{"events":[],"firstEventSequence":0,"lastEventSequence":0}`, false, ""},
	} {
		reply, failure := shake(test.scheme, test.text, test.verified)
		require.Nil(t, failure)
		switch {
		case test.want == "":
			require.Nil(t, reply, "%.60s", test.text)
		case test.scheme == "zoom":
			var answer map[string]string
			require.NoError(t, json.Unmarshal(reply.Body, &answer))
			require.Regexp(t, "^[0-9a-f]{64}$", answer["encryptedToken"])
			require.Equal(t, "p", answer["plainToken"])
		default:
			require.Equal(t, test.want, string(reply.Body))
			require.Equal(t, "application/json", reply.Header.Get("Content-Type"))
		}
	}
	reply, _ := shake("discord", `{"type":0}`, true)
	require.Equal(t, http.StatusNoContent, reply.Status)
	reply, _ = shake("notion", `{"verification_token":"secret_x"}`, false)
	require.Equal(t, http.StatusOK, reply.Status)
	require.Empty(t, reply.Body)
	reply, _ = shake("notion", `{"verification_token":"secret_x"}`, false, func(h http.Header) { h.Set("X-Notion-Signature", "sha256=00") })
	require.Nil(t, reply, "an event with a signature is none")
	_, failure := shake("zoom", strings.Replace(zoom, `"p"`, `"`+strings.Repeat("p", 4097)+`"`, 1), true)
	require.Equal(t, "what is to be sent back is longer than 4096 bytes, or no text", failure.Message)
}

func TestHandshake_NeedsASecretToHash(t *testing.T) {
	t.Parallel()
	_, failure := ask(t, "twitter", http.MethodGet, "crc_token=a", nil)
	require.Equal(t, signature.ReasonNoSecret, reason(failure))
	_, failure = ask(t, "twitter", http.MethodGet, "crc_token=a", keys("\x00"))
	require.Equal(t, signature.ReasonBadSecret, reason(failure))
	reply, failure := ask(t, "twitter", http.MethodGet, "crc_token=a&crc_token=b", keys("s"))
	require.Nil(t, reply)
	require.Nil(t, failure)
}

func TestHandshake_ConfirmsOnlyAtTheProvider(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "sns", ConfirmSubscription: true})
	const right = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:1:a&Token=23"
	for address, want := range map[string]bool{
		right: true,
		"https://sns.s3.amazonaws.com/?Action=ConfirmSubscription": false,
		"http" + right[5:]: false, "": false, "https://evil.example.com/?" + right: false, strings.Replace(right, "/?", ":8443/?", 1): false,
		strings.Replace(right, "sns.", "sns@evil.", 1): false, right + "#x": false,
	} {
		text := asJSON(t, map[string]string{"Type": "SubscriptionConfirmation", "SubscribeURL": address})
		reply, failure := v.Handshake(signature.Request{Method: http.MethodPost, Header: http.Header{}, Body: text}, nil, true)
		require.Equal(t, want, failure == nil, address)
		if want {
			require.Equal(t, address, reply.Confirm)
		}
		reply, failure = v.Handshake(signature.Request{Method: http.MethodPost, Header: http.Header{}, Body: text}, nil, false)
		require.Nil(t, reply)
		require.Nil(t, failure)
	}
}
