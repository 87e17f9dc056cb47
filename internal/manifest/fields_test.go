package manifest_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// full sets every field of a struct that a document can say, so that one that is added
// later and forgotten here does not pass.
func full(t *testing.T, of any, but ...string) {
	t.Helper()
	v := reflect.ValueOf(of).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		require.NotEqual(t, !slices.Contains(but, name), v.Field(i).IsZero(), "field %s", name)
	}
}

func TestEveryFieldOfAWebhookIsKept(t *testing.T) {
	t.Parallel()
	e := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: "a", Workflow: "orders", Description: "d",
		Verification: meshhook.Verification{
			Scheme: "hmac", Header: "a", Query: "b", Prefix: "c", Algorithm: "d", Encoding: "hex", SecretEncoding: "raw", Template: "g", TimestampHeader: "h",
			TimestampFormat: "unix", IDHeader: "j", Tolerance: meshhook.Duration(time.Minute), Issuer: "k", Audience: "l", Claims: map[string]string{"m": "n"},
			JWKSURL: "o", ConfirmSubscription: true,
		},
		RateLimit: &meshhook.RateLimit{Limit: 1, Period: time.Minute}, Schema: json.RawMessage(`{"b":1,"a":[null,1.50]}`), Dedup: "p",
		DedupWindow: meshhook.Duration(time.Hour), Filter: "q", Methods: []string{"PUT"}, AllowedIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, MaxBody: 7,
		Response: &meshhook.Response{From: "run", Timeout: meshhook.Duration(time.Second), Status: 201, ContentType: "r", Headers: map[string]string{"s": "t"}, Body: "u"},
	}
	full(t, &e, "ProjectID", "WorkflowID", "Enabled", "HasSecret", "CreatedAt", "UpdatedAt")
	full(t, &e.Verification)
	full(t, e.Response)
	have := house(t, aWorkflow)
	have.Webhooks = []meshhook.Endpoint{e}
	hmac, err := signature.New(meshhook.Verification{Scheme: "hmac"})
	require.NoError(t, err)
	lenient := manifest.Options{MaxBody: maxBody, CheckWebhook: func(*meshhook.Endpoint, bool) (*signature.Verifier, error) { return hmac, nil }}
	text := manifest.Export(have, maxBody, false)[1].Text
	fit(t, manifest.KindWebhook, text)
	m, err := manifest.Parse([]manifest.File{{Name: "f", Source: []byte(text)}}, lenient)
	require.NoError(t, err)
	got := m.Webhooks[0].Endpoint
	require.JSONEq(t, string(e.Schema), string(got.Schema))
	got.ID, got.Schema = e.ID, e.Schema
	require.Equal(t, e, got)
}

func TestEveryFieldOfAnAlertIsKept(t *testing.T) {
	t.Parallel()
	a := meshhook.Alert{
		ID: meshhook.NewID(), Name: "a", Workflow: "orders", On: []meshhook.Condition{meshhook.OnDelayed, meshhook.OnAbsent}, When: ".run.attempt > 1",
		DelayThreshold: meshhook.Duration(time.Minute), Throttle: meshhook.Duration(time.Second), ThrottleKey: ".workflow.name",
		Quiet: &meshhook.QuietHours{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}, Expect: &meshhook.Expect{Webhook: "shop", Within: meshhook.Duration(time.Hour)},
		Preset: "slack", URL: "https://example.com/x", Headers: map[string]string{"X-Key": "1"}, Payload: json.RawMessage(`{"text":"x"}`), Signing: meshhook.SigningHMAC,
		Schedule: []meshhook.Duration{0, meshhook.Duration(time.Second)}, Timeout: meshhook.Duration(time.Second), Description: "d",
	}
	full(t, &a, "ProjectID", "WorkflowID", "Enabled", "DisabledReason", "CreatedAt", "UpdatedAt")
	full(t, a.Quiet)
	full(t, a.Expect)
	have := house(t, aWorkflow)
	have.Alerts = []meshhook.Alert{a}
	got := parse(t, manifest.Export(have, maxBody, true)[1].Text).Alerts[0]
	require.Empty(t, got.Reads())
	got.Alert.ID = a.ID
	require.Equal(t, a, got.Alert)
}
