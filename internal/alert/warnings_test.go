package alert_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// A name that is misspelt is null, and a `when` of it tells nobody of anything.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		".runn.attempt > 1":                      {".runn is null: expressions see no such name; did you mean .run?"},
		".run.attemp > 1":                        {".run.attemp is null: expressions see no such name; did you mean .run.attempt?"},
		".workflow.nam":                          {".workflow.nam is null: expressions see no such name; did you mean .workflow.name?"},
		".secret.token":                          {".secret is null: expressions see no such name; did you mean .secrets?"},
		".wbhook.path":                           {".wbhook is null: expressions see no such name; did you mean .webhook?"},
		".webhook.pth, .about.hots":              {".about.hots is null: expressions see no such name; did you mean .about.host?", ".webhook.pth is null: expressions see no such name; did you mean .webhook.path?"},
		".run.error.reason":                      nil,
		".event.body.custmer":                    nil,
		".steps.ordr.x, .secrets.tken":           nil,
		".run.output.x, .run.failed_step":        nil,
		".approval.until, .about.run_id":         nil,
		".type, .title, .text, .held, .url":      nil,
		".alert.description, .delivery.sample":   nil,
		".something, .project":                   nil,
		".":                                      nil,
		`.webhook.last_event_at, .run["status"]`: nil,
	} {
		a := config()
		a.When = source
		require.Equal(t, want, compile(t, a).Warnings(), source)
	}
	a := config()
	a.URL, a.Headers = "https://example.com/{{ .projct }}", map[string]string{"X-Run": "{{ .run.idd }}"}
	a.Payload = json.RawMessage(`{"text":"{{ .titel }}"}`)
	require.Len(t, compile(t, a).Warnings(), 3)
	require.Empty(t, compile(t, config()).Warnings())
}
