package workflow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// A run may be asleep when an answer comes, and no daemon there to wake it: then the
// time of the step passes, and a secret that its message showed may be gone.
func TestApproval_AnswerIsTakenUpLate(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps:
  - { id: ask, timeout: 1m, approval: { message: "{{ .secrets.token }}?", timeout: 30s } }
  - { id: cool, needs: [], timeout: 1h, delay: { for: "{{ .secrets.token | length }}" } }
`)
	s := state()
	s.Secrets = map[string]meshhook.Secret{"token": meshhook.NewSecret("12345")}
	next(t, p, s)
	ask := s.Steps["ask"]
	ask.Decision = &meshhook.Decision{Approved: true, By: "cli:me", At: s.Now}
	s.Steps["ask"] = ask
	s.Now = s.Now.Add(30 * time.Minute)
	clear(s.Secrets)
	d := next(t, p, s)
	require.Equal(t, meshhook.RunSucceeded, d.Finish.Status, "%+v", d.Finish.Failure)
	require.Contains(t, string(s.Steps["ask"].Output), `"approved":true`)
}
