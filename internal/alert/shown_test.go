package alert_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// attempt is one with a credential in every place.
func attempt() meshhook.AlertAttempt {
	return meshhook.AlertAttempt{
		ID: meshhook.NewID(), Attempt: 1, URL: "https://hooks.example.com/services/hush-path?token=hush",
		Headers: map[string]string{
			"webhook-id": "1", "content-type": "application/json", "title": "orders failed", "x-own": "Bearer hush-header", "authorization": "hush-auth",
		},
		Body:       []byte(`{"token":"hush-vault","n":1}`),
		HTTPStatus: 500, LatencyMS: 12, Reason: meshhook.DeliveryHTTPStatus, Error: "hush-vault was no good",
		Answer:   []byte(`{"path":"/services/hush-path?token=hush","own":"hush-header","auth":"hush-auth","vault":"hush-vault","said":"no"}`),
		Fallback: "payload: hush-vault has no key",
	}
}

func TestAnAttemptIsShownWithoutCredentials(t *testing.T) {
	t.Parallel()
	vault := map[string]meshhook.Secret{"token": meshhook.NewSecret("hush-vault")}
	a := attempt()
	v := alert.ViewAttempt(a, vault)
	text, err := json.Marshal(v)
	require.NoError(t, err)
	require.NotContains(t, string(text), "hush")
	require.Equal(t, "https://hooks.example.com/…", v.URL)
	require.Equal(t, "orders failed", v.Request.Headers["title"])
	require.Equal(t, meshhook.Mask, v.Request.Headers["x-own"])
	require.Contains(t, v.Request.Body, `"n":1`)
	require.Contains(t, v.Response.Body, `"said":"no"`)
	require.Equal(t, "failed", v.State())
	require.Nil(t, v.Brief().Request)
	require.NotNil(t, v.Request, "the view itself stays as it is")

	a.Answer = []byte("you said hush-header, and hush-h")
	require.NotContains(t, alert.ViewAttempt(a, vault).Response.Body, "hush-h", "the beginning of one that was cut off, too")
	a.URL, a.Answer = "https://example.com/a", []byte("a \xff a")
	require.Equal(t, "a \uFFFD a", alert.ViewAttempt(a, vault).Response.Body, "a short path is a word like any other")

	shown := alert.RevealAttempt(attempt())
	require.Contains(t, shown.URL, "hush-path")
	require.Equal(t, "Bearer hush-header", shown.Request.Headers["x-own"])
	require.Contains(t, shown.Request.Body, "hush-vault")
	require.Equal(t, "under way", alert.ViewAttempt(meshhook.AlertAttempt{}, nil).State())
	require.Nil(t, alert.ViewAttempt(meshhook.AlertAttempt{}, nil).Response)
	require.Equal(t, "delivered", alert.ViewAttempt(meshhook.AlertAttempt{HTTPStatus: 204}, nil).State())
}

func TestATrialChecksTheSignature(t *testing.T) {
	t.Parallel()
	for _, signing := range meshhook.Signings() {
		secret := alert.NewSecret(signing)
		a := meshhook.AlertAttempt{ID: meshhook.NewID(), At: time.Now().Add(-time.Hour), Body: []byte("{}"), Headers: map[string]string{}, HTTPStatus: 200}
		secrets := []meshhook.Secret{secret}
		if signing == meshhook.SigningNone {
			secrets = nil
		}
		headers, err := alert.Sign(signing, a.ID, a.At, a.Body, secrets)
		require.NoError(t, err)
		for name := range headers {
			a.Headers[name] = headers.Get(name)
		}
		trial := alert.TrialOf(a, alert.RevealAttempt(a), signing, secrets)
		require.True(t, trial.Delivered)
		if signing == meshhook.SigningNone {
			require.Nil(t, trial.SignatureValid)
			continue
		}
		require.True(t, *trial.SignatureValid, "%s: %s", signing, trial.Signature)
		a.Body, a.HTTPStatus, a.Reason = []byte("{ }"), 0, meshhook.DeliveryTimeout
		trial = alert.TrialOf(a, alert.RevealAttempt(a), signing, secrets)
		require.False(t, *trial.SignatureValid)
		require.NotEmpty(t, trial.Signature)
		require.False(t, trial.Delivered)
	}
	require.Equal(t, "Webhook-Id", http.CanonicalHeaderKey(alert.HeaderID))
}
