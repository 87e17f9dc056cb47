package workflow_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// The examples parse without a warning; TestSchema_Examples holds them against
// the schema.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		documents, err := workflow.ParseAll(file, src)
		require.NoError(t, err)
		for _, d := range documents {
			require.Empty(t, d.Definition.Warnings())
		}
	}
}

// github is a run of the example for one delivery of GitHub's.
func github(t *testing.T, event string, body []byte) (*workflow.Program, *workflow.State) {
	t.Helper()
	src, err := os.ReadFile("../../examples/github-to-chat/workflow.yaml")
	require.NoError(t, err)
	s := state()
	s.Event = &meshhook.Event{
		ID: runID, Method: "POST", ContentType: "application/json", Body: body,
		Header: http.Header{"X-Github-Event": {event}},
	}
	s.Secrets = map[string]meshhook.Secret{"chat_url": meshhook.NewSecret("https://chat.example.com/hooks/T0/B0?x=1&y=2")}
	p := compile(t, string(src))
	require.Equal(t, []string{"chat_url"}, p.Definition().References().Secrets)
	return p, s
}

func TestExample_GitHubToChat(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../examples/github-to-chat/push.json")
	require.NoError(t, err)
	p, s := github(t, "push", body)
	d := next(t, p, s)
	require.Equal(t, outline{Steps: []string{"message succeeded"}, Perform: map[string]int{"post": 1}}, short(d))
	require.Equal(t, workflow.HTTPCall{
		Method: "POST", URL: "https://chat.example.com/hooks/T0/B0?x=1&y=2", Timeout: 10 * time.Second,
		Header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {runID.String() + "/post"}},
		Body: []byte(`{"text":"monalisa pushed 2 commits to octocat/Hello-World (main)\n` +
			`• 9049f12 Greet the whole mesh (Mona Lisa Octocat)\n` +
			`• 0d1a26e Say \"hello\" only once, in <em>every</em> language (The Octocat)\n` +
			`https://github.com/octocat/Hello-World/compare/6113728f27ae...0d1a26e67d8f"}`),
	}, d.Perform[0].Call)

	add(s, d.Steps...)
	add(s, p.Settle(d.Perform[0], s, workflow.Result{Status: 200, Body: []byte("ok")}))
	require.Equal(t, &workflow.Finish{
		Status: meshhook.RunSucceeded,
		Output: json.RawMessage(`{"branch":"main","commits":2,"event":"push","posted":true,"repo":"octocat/Hello-World"}`),
	}, next(t, p, s).Finish)
}

func TestExample_GitHubToChat_Ping(t *testing.T) {
	t.Parallel()
	p, s := github(t, "ping", []byte(`{"zen": "Keep it logically awesome."}`))
	require.Equal(t, outline{
		Steps: []string{"message skipped", "post skipped", "summary succeeded"},
		Finish: &workflow.Finish{
			Status: meshhook.RunSucceeded,
			Output: json.RawMessage(`{"branch":null,"commits":null,"event":"ping","posted":false,"repo":null}`),
		},
	}, short(next(t, p, s)))
}
