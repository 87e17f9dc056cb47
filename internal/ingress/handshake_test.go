package ingress_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// by gives the webhook a scheme.
func by(scheme string) func(*meshhook.Endpoint) {
	return func(e *meshhook.Endpoint) { e.Verification = meshhook.Verification{Scheme: scheme} }
}

// ask sends a request that is not signed.
func (h *house) ask(method, query, body string, header ...string) reply {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+"/hooks/"+h.endpoint.Path+query, strings.NewReader(body))
	require.NoError(h.t, err)
	r.Header.Set("Content-Type", "application/json")
	for _, text := range header {
		name, value, _ := strings.Cut(text, ": ")
		r.Header.Set(name, value)
	}
	return h.send(r)
}

// signed sends a request signed by the webhook's scheme with a secret.
func (h *house) signed(secret, body string) reply {
	h.t.Helper()
	verifier, err := signature.New(h.endpoint.Verification)
	require.NoError(h.t, err)
	url := h.server.URL + "/hooks/" + h.endpoint.Path
	header, err := verifier.Sign(signature.Request{Method: http.MethodPost, URL: url, Body: []byte(body), Now: time.Now()}, signature.Key{Value: meshhook.NewSecret(secret)}, "msg_1")
	require.NoError(h.t, err)
	var lines []string
	for name := range header {
		lines = append(lines, name+": "+header.Get(name))
	}
	return h.ask(http.MethodPost, "", body, lines...)
}

func TestHandshakesAreAnsweredAndStartNoRun(t *testing.T) {
	t.Parallel()
	for scheme, test := range map[string]struct {
		secret, method, query, body, header string
		status                              int
		answer, answerHeader                string
	}{
		"meta":    {"app-secret:my-token", "GET", "?hub.mode=subscribe&hub.verify_token=my-token&hub.challenge=1158201444", "", "", 200, "1158201444", ""},
		"dropbox": {"s", "GET", "?challenge=abc", "", "", 200, "abc", "X-Content-Type-Options: nosniff"},
		"trello":  {"s", "HEAD", "", "", "", 200, "", ""},
		"okta":    {"s", "GET", "", "", "X-Okta-Verification-Challenge: xyz", 200, `{"verification":"xyz"}`, "Content-Type: application/json"},
		"msgraph": {"s", "POST", "?validationToken=Validation%3A+Testing", "", "", 200, "Validation: Testing", "Content-Type: text/plain; charset=utf-8"},
		"notion":  {"", "POST", "", `{"verification_token":"secret_tMrl"}`, "", 200, "", ""},
		"azure-eventgrid": {
			"s", "OPTIONS", "?code=s", "", "WebHook-Request-Origin: eventgrid.azure.net", 200, "", "Webhook-Allowed-Origin: eventgrid.azure.net",
		},
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			h := buildWithSecret(t, test.secret, by(scheme))
			var header []string
			if test.header != "" {
				header = append(header, test.header)
			}
			got := h.ask(test.method, test.query, test.body, header...)
			require.Equal(t, test.status, got.code)
			require.Equal(t, test.answer, got.text)
			if name, value, ok := strings.Cut(test.answerHeader, ": "); ok {
				require.Equal(t, value, got.header.Get(name))
			}
			require.Equal(t, "handshake", (<-h.outcomes).Result)
			events := h.events()
			require.Len(t, events, 1)
			require.Equal(t, meshhook.EventFiltered, events[0].Status)
			require.Contains(t, events[0].Reason, "handshake of "+scheme)
			require.NotContains(t, events[0].Query, "my-token", "a token is stored nowhere")
		})
	}
}

// What only looks like a question is judged like any request.
func TestWhatIsNoHandshake(t *testing.T) {
	t.Parallel()
	h := buildWithSecret(t, "app-secret:my-token", by("meta"))
	got := h.ask(http.MethodGet, "", "")
	require.Equal(t, http.StatusMethodNotAllowed, got.code)
	require.Equal(t, "GET, POST", got.header.Get("Allow"))
	got = h.ask(http.MethodGet, "?hub.mode=subscribe&hub.verify_token=other&hub.challenge=1", "")
	require.Equal(t, http.StatusUnauthorized, got.code)
	require.Equal(t, "invalid_signature", got.Error.Code)
	require.NotContains(t, got.text, "my-token")
	got = h.ask(http.MethodPost, "?hub.mode=subscribe&hub.verify_token=my-token&hub.challenge=1", "{}")
	require.Equal(t, http.StatusUnauthorized, got.code)
}

// Slack signs its question, so nobody else gets an answer.
func TestASignedHandshakeIsVerifiedFirst(t *testing.T) {
	t.Parallel()
	h := buildWithSecret(t, secret, by("slack"))
	const question = `{"type":"url_verification","challenge":"3eZbrw1a"}`
	require.Equal(t, http.StatusUnauthorized, h.ask(http.MethodPost, "", question).code)
	got := h.signed(secret, question)
	require.Equal(t, http.StatusOK, got.code)
	require.JSONEq(t, `{"challenge":"3eZbrw1a"}`, got.text)
	require.Equal(t, http.StatusAccepted, h.signed(secret, `{"type":"event_callback","event_id":"Ev1"}`).code)
}

// Asana's secret comes with its handshake; only a webhook without one takes it over.
func TestASecretComesWithTheHandshake(t *testing.T) {
	t.Parallel()
	h := buildWithSecret(t, "", by("asana"))
	require.Equal(t, http.StatusUnauthorized, h.signed("first", `{"events":[]}`).code)

	got := h.ask(http.MethodPost, "", "", "X-Hook-Secret: first")
	require.Equal(t, http.StatusOK, got.code)
	require.Equal(t, "first", got.header.Get("X-Hook-Secret"))
	h.refresh()
	require.Equal(t, http.StatusAccepted, h.signed("first", `{"events":[]}`).code)

	got = h.ask(http.MethodPost, "", "", "X-Hook-Secret: of-an-attacker")
	require.Equal(t, "of-an-attacker", got.header.Get("X-Hook-Secret"))
	h.refresh()
	require.Equal(t, http.StatusUnauthorized, h.signed("of-an-attacker", `{"events":[]}`).code)
	require.Equal(t, http.StatusAccepted, h.signed("first", `{"events":[1]}`).code)
	for _, e := range h.events() {
		if value := e.Header.Get("X-Hook-Secret"); value != "" {
			require.Equal(t, signature.Redacted, value)
		}
	}
}

// snsVector is a signed message of testdata in package signature.
func snsVector(t *testing.T, name string) (body string, header map[string]string, keys map[string]string, now time.Time) {
	t.Helper()
	text, err := os.ReadFile("../signature/testdata/vendors/vectors/sns.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Name    string
			Body    string
			Headers map[string]string
			Keys    map[string]string
			Now     time.Time
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	for _, c := range file.Cases {
		if c.Name == name {
			return c.Body, c.Headers, c.Keys, c.Now
		}
	}
	t.Fatal("no vector " + name)
	return "", nil, nil, now
}

// A subscription is confirmed where the owner asked for it, and SNS is told to come
// again while that fails. The message is years old by now, hence the tolerance.
func TestASubscriptionIsConfirmed(t *testing.T) {
	t.Parallel()
	body, header, keys, now := snsVector(t, "subscription confirmation, version 2")
	for _, confirm := range []bool{true, false} {
		var confirmed []string
		down := true
		fetch := func(_ context.Context, url string, _ []byte) ([]byte, error) {
			if text, ok := keys[url]; ok {
				return []byte(text), nil
			}
			if down {
				return nil, errors.New("the line is cut")
			}
			confirmed = append(confirmed, url)
			return nil, nil
		}
		h := buildWithSecret(t, "", func(e *meshhook.Endpoint) {
			e.Verification = meshhook.Verification{Scheme: "sns", ConfirmSubscription: confirm, Tolerance: meshhook.Duration(time.Since(now).Abs() + time.Hour)}
		}, func(o *ingress.Options) { o.Fetch = fetch })
		var lines []string
		for name, value := range header {
			lines = append(lines, name+": "+value)
		}
		if confirm {
			got := h.ask(http.MethodPost, "", body, lines...)
			require.Equal(t, http.StatusServiceUnavailable, got.code)
			require.Empty(t, confirmed)
		}
		down = false
		got := h.ask(http.MethodPost, "", body, lines...)
		require.Equal(t, http.StatusOK, got.code, got.text)
		if confirm {
			require.Len(t, confirmed, 1)
			require.Contains(t, confirmed[0], "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription")
		} else {
			require.Empty(t, confirmed, "the owner reads the URL in the event")
		}
	}
}

// jwks is a set of one EC key.
func jwks(t *testing.T, kid string) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(point[1:33]), "y": encode(point[33:])}}})
	require.NoError(t, err)
	return string(text), key
}

// Keys are fetched over https, from a real server; while it is down senders are asked
// to come again, and its private address has to be allowed.
func TestKeysAreFetched(t *testing.T) {
	t.Parallel()
	set, key := jwks(t, "k1")
	up := make(chan bool, 1)
	up <- false
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		is := <-up
		up <- is
		if !is {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(set))
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	open := func(allow ...netip.Prefix) *house {
		client, err := egress.New(egress.Options{RootCAs: roots, Allow: allow})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		return buildWithSecret(t, "", func(e *meshhook.Endpoint) {
			e.Verification = meshhook.Verification{Scheme: "jwt", Algorithm: "ES256", JWKSURL: server.URL, Issuer: "me"}
		}, func(o *ingress.Options) { o.Fetch = client.Fetch })
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": "me", "exp": time.Now().Add(time.Minute).Unix()})
	token.Header["kid"] = "k1"
	text, err := token.SignedString(key)
	require.NoError(t, err)

	loopback := netip.MustParsePrefix("127.0.0.0/8")
	h := open(loopback)
	got := h.ask(http.MethodPost, "", "{}", "Authorization: Bearer "+text)
	require.Equal(t, http.StatusServiceUnavailable, got.code)
	require.NotEmpty(t, got.header.Get("Retry-After"))

	<-up
	up <- true
	require.Equal(t, http.StatusAccepted, open(loopback).ask(http.MethodPost, "", "{}", "Authorization: Bearer "+text).code)
	require.Equal(t, http.StatusServiceUnavailable, open().ask(http.MethodPost, "", "{}", "Authorization: Bearer "+text).code, "loopback is not allowed")
}

// The URL that Square signs is the one that the proxy was asked for.
func TestTheURLBehindAProxy(t *testing.T) {
	t.Parallel()
	proxied := func(o *ingress.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }
	public := func(o *ingress.Options) { o.PublicURL = "https://hooks.example.com/" }
	for name, test := range map[string]struct {
		option func(*ingress.Options)
		header []string
		want   int
	}{
		"trusted":       {proxied, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example, hooks.example.com"}, http.StatusAccepted},
		"of the config": {public, nil, http.StatusAccepted},
		"not trusted":   {func(*ingress.Options) {}, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: hooks.example.com"}, http.StatusUnauthorized},
		"the first one": {proxied, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: hooks.example.com, evil.example"}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, by("square"), test.option)
			verifier, err := signature.New(h.endpoint.Verification)
			require.NoError(t, err)
			header, err := verifier.Sign(signature.Request{URL: "https://hooks.example.com/hooks/shop/orders", Body: []byte("{}"), Now: time.Now()}, signature.Key{Value: meshhook.NewSecret(secret)}, "")
			require.NoError(t, err)
			lines := append(test.header, "x-square-hmacsha256-signature: "+header.Get("x-square-hmacsha256-signature"))
			require.Equal(t, test.want, h.ask(http.MethodPost, "", "{}", lines...).code)
		})
	}
}

// A wrong token hears no more than its address may hear, and of the address that may
// not come at all it is not even looked at.
func TestTokensOfHandshakesCannotBeTried(t *testing.T) {
	t.Parallel()
	const right, wrong = "?hub.mode=subscribe&hub.verify_token=my-token&hub.challenge=1", "?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1"
	h := buildWithSecret(t, "app-secret:my-token", by("meta"), func(o *ingress.Options) {
		o.FailedVerifications = limit.NewSenders(meshhook.RateLimit{Limit: 3, Period: time.Hour})
	})
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, h.ask(http.MethodGet, wrong, "").code)
	}
	require.Equal(t, http.StatusTooManyRequests, h.ask(http.MethodGet, wrong, "").code)
	require.Equal(t, http.StatusOK, h.ask(http.MethodGet, right, "").code)

	h = buildWithSecret(t, "app-secret:my-token", func(e *meshhook.Endpoint) {
		e.Verification.Scheme, e.AllowedIPs = "meta", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	for _, query := range []string{right, wrong} {
		require.Equal(t, http.StatusForbidden, h.ask(http.MethodGet, query, "").code)
	}
}

// Anybody may ask some questions: only so many are kept, and little of each.
func TestAnsweredHandshakesAreKeptWithinBounds(t *testing.T) {
	t.Parallel()
	h := buildWithSecret(t, "s", by("msgraph"))
	for range 70 {
		require.Equal(t, http.StatusOK, h.ask(http.MethodPost, "?validationToken=x", strings.Repeat("x", 10_000)).code)
	}
	events := h.events()
	require.Len(t, events, 60)
	for _, e := range events {
		require.True(t, e.Handshake)
		require.True(t, e.BodyTruncated)
	}
}

// A question that was refused starts no run when it is judged again.
func TestAHandshakeIsNoRunEither(t *testing.T) {
	t.Parallel()
	h := buildWithSecret(t, "wrong", by("slack"))
	require.Equal(t, http.StatusUnauthorized, h.signed(secret, `{"type":"url_verification","challenge":"c"}`).code)
	require.NoError(t, h.project.RotateEndpointSecret(t.Context(), h.endpoint.ID.String(), meshhook.NewSecret(secret), 0))
	live, err := h.project.LiveEndpoint(t.Context(), h.endpoint.ID.String())
	require.NoError(t, err)
	event, err := h.project.Event(t.Context(), h.events()[0].ID)
	require.NoError(t, err)
	_, err = rejudge(t.Context(), live, event)
	require.EqualError(t, err, "it is a handshake of slack, which starts no run")
}
