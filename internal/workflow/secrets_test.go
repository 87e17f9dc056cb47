package workflow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// longSecret is longer than what a message shows of a value.
const longSecret = "S3cr3t-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"

// No failure shows even a part of a secret.
func TestFailuresShowNoPartOfASecret(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		`transform: ".secrets.token + 1"`,
		`transform: "{a: .secrets.token} + 1"`,
		`transform: ".secrets.token | fromjson"`,
		`transform: ".secrets.token | error"`,
		`transform: '.secrets.token | test("(" + .)'`,
		`transform: '"x" * 270 + (.secrets.token | @base64) | error'`,
		`transform: '"x" * 270 + (.secrets.token | @uri) | error'`,
		`delay: {for: "{{ .secrets.token }}"}`,
		`delay: {for: "{{ [.secrets.token] }}"}`,
		`delay: {until: "{{ .secrets.token }}"}`,
		`foreach: {in: ".secrets.token", steps: [{id: b, transform: .}]}`,
		`foreach: {in: ".secrets.token | .[]", steps: [{id: b, transform: .}]}`,
		`http: {url: "{{ .secrets.token }}"}`,
		`terminate: {status: failed, message: "{{ .secrets.token + 1 }}"}`,
		`approval: {message: "{{ .secrets.token + 1 }}"}`,
	} {
		p := compile(t, "name: x\nsteps: [{id: a, "+step+"}]")
		s := state()
		s.Secrets = map[string]meshhook.Secret{"token": meshhook.NewSecret(longSecret)}
		failure := next(t, p, s).Finish.Failure
		require.NotNil(t, failure, step)
		require.NotContains(t, failure.Message, "S3cr", step)
		require.NotContains(t, failure.Message, "UzNjc", step) // in base64
		require.Less(t, len(failure.Message), 500, step)
	}
}

// A body is cut where it is too long, and a secret may stand there.
func TestCutBodiesHoldNoPartOfASecret(t *testing.T) {
	t.Parallel()
	p := compile(t, `
name: x
steps: [{id: a, http: {url: "http://x/", body: "{{ .event.body.pad + .secrets.token }}"}}]
`)
	pad := strings.Repeat("x", 256<<10-20)
	for _, end := range []string{"", "\xff"} { // an answer in text, and in base64
		s := state()
		s.Run.Input = []byte(`{"pad": "` + pad + `"}`)
		s.Secrets = map[string]meshhook.Secret{"token": meshhook.NewSecret(longSecret)}
		task := next(t, p, s).Perform[0]
		require.True(t, strings.HasSuffix(string(task.Call.Body), longSecret), "what is sent is whole")
		require.NotContains(t, string(task.Step.Input), "S3cr")
		require.Contains(t, string(task.Step.Input), meshhook.Mask+`","body_truncated":true`)
		record := p.Settle(task, s, workflow.Result{Status: 200, Body: append([]byte(end+pad), longSecret...)})
		require.NotContains(t, string(record.Output), "S3cr")
		require.NotContains(t, string(record.Output), "UzNjcjN0") // in base64
		require.Contains(t, string(record.Output), `"body_truncated":true`)
	}
}
