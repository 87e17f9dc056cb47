package delivery_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// An alert is tried without a database, by the steps of the stage.
func TestASampleIsTried(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	rec := newReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(status) })
	client, err := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	secret := alert.NewSecret(meshhook.SigningV1)
	s := delivery.Sample{
		Project: "shop", Secrets: []meshhook.Secret{secret}, Vault: map[string]meshhook.Secret{"url": meshhook.NewSecret(rec.url)},
		Alert: meshhook.Alert{ID: meshhook.NewID(), On: []meshhook.Condition{meshhook.OnWaiting}, URL: "{{ .secrets.url }}", When: ".run.id + 1 > 1"},
	}
	attempt, err := s.Try(t.Context(), client)
	require.NoError(t, err)
	require.Equal(t, 200, attempt.HTTPStatus)
	require.Empty(t, attempt.Reason)
	require.Contains(t, attempt.Fallback, "when", "it failed, which narrows nothing")
	hits := rec.all()
	require.Len(t, hits, 1)
	require.Contains(t, string(hits[0].Body), `"project":"shop"`)
	require.Contains(t, string(hits[0].Body), `"approval":`)
	_, err = alert.Verify(hits[0].Header, hits[0].Body, s.Secrets, time.Now(), 0)
	require.NoError(t, err)

	status = http.StatusServiceUnavailable
	attempt, err = s.Try(t.Context(), client)
	require.NoError(t, err)
	require.Equal(t, meshhook.DeliveryHTTPStatus, attempt.Reason)
	require.Equal(t, "the answer was 503 Service Unavailable", attempt.Error)

	s.Vault = nil
	_, err = s.Try(t.Context(), client)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	s.Alert.URL = "nonsense"
	_, err = s.Render(t.Context())
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	s.Alert.URL, s.Secrets = rec.url, []meshhook.Secret{meshhook.NewSecret("whsec_short")}
	_, err = s.Try(t.Context(), client)
	require.Error(t, err, "it cannot be signed")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Try(ctx, client)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, rec.all(), 2)
}
