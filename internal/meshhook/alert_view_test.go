package meshhook_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestAnAlertIsShownWithoutWhatMayBeACredential(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "",
		"https://example.com":               "https://example.com",
		"https://example.com/":              "https://example.com",
		"https://example.com/hush":          "https://example.com/…",
		"https://example.com:8443?hush=1":   "https://example.com:8443/…",
		"https://example.com/#hush":         "https://example.com/…",
		"https://ann:hush@example.com/x":    "https://example.com/…",
		"https://example.com/{{ .hush }}":   "https://example.com/…",
		"https://{{ .hush }}.example.com/":  "…",
		"https://a.{{ .hush }}/x":           "…",
		"{{ .secrets.hush }}":               "…",
		"{{ .scheme }}://example.com/hush":  "…",
		"https://exa mple.com%zz/hush":      "…",
		"hush":                              "…",
		"https://example.com?x={{ .hush }}": "https://example.com/…",
	} {
		require.Equal(t, want, meshhook.Alert{URL: text}.Masked().URL, text)
	}
	a := meshhook.Alert{
		URL: "https://example.com/hush", Headers: map[string]string{"X-Key": "hush"}, Payload: json.RawMessage(`{"key":"hush"}`),
		Schedule: []meshhook.Duration{0, meshhook.Duration(time.Second)},
	}
	text, err := json.Marshal(a.View())
	require.NoError(t, err)
	require.NotContains(t, string(text), "hush")
	require.Contains(t, string(text), `"retry":{"schedule":["0s","1s"]}`)
	require.Contains(t, string(text), `"all_workflows":true`)
	require.Equal(t, "hush", a.Headers["X-Key"], "the alert itself stays as it is")
	text, err = json.Marshal(a.Revealed())
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(text), "hush"))

	require.NoError(t, a.CheckUnmasked())
	err = a.Masked().CheckUnmasked()
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	refused, ours := errors.AsType[*meshhook.Error](err)
	require.True(t, ours)
	require.Len(t, refused.Details, 3)
	require.Equal(t, meshhook.AlertView{AllWorkflows: true}, meshhook.Alert{}.View())
	id := meshhook.NewID()
	require.False(t, meshhook.Alert{WorkflowID: &id}.View().AllWorkflows)
}
