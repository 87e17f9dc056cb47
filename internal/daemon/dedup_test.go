package daemon_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// reply is the answer to a request that was stored.
type reply struct {
	code    int
	text    string
	header  http.Header
	Status  string
	EventID string `json:"event_id"`
	RunID   string `json:"run_id"`
}

// send posts a body with headers of NAME:VALUE.
func send(t *testing.T, d *daemon.Daemon, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.Addr("ingress")+"/hooks/"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	got := reply{code: answer.StatusCode, text: string(text), header: answer.Header}
	if strings.HasPrefix(got.text, "{") {
		require.NoError(t, json.Unmarshal(text, &got))
	}
	return got
}

// change changes a webhook in the database, as a command does.
func change(t *testing.T, project *postgres.Tenant, path string, how func(*meshhook.Endpoint)) {
	t.Helper()
	e, _, err := project.Endpoint(t.Context(), path)
	require.NoError(t, err)
	how(&e)
	require.NoError(t, e.Validate())
	_, err = project.UpdateEndpoint(t.Context(), e)
	require.NoError(t, err)
}

// Many connections send one key to two daemons at once: one event is accepted,
// all others are told of it, and one run is started.
func TestARaceOfOneKeyHasOneWinner(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "race")
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	change(t, project, "race", func(e *meshhook.Endpoint) { e.Dedup = "header:X-Id" })
	one, _ := start(t, settings(t, dsn))
	two, _ := start(t, settings(t, dsn))

	const requests = 200
	replies := make([]reply, requests)
	gate := make(chan struct{})
	var senders sync.WaitGroup
	for i := range requests {
		senders.Go(func() {
			<-gate
			replies[i] = send(t, []*daemon.Daemon{one, two}[i%2], "race", "{}", "X-Id:the same")
		})
	}
	close(gate)
	senders.Wait()

	winner := ""
	for _, r := range replies {
		if r.Status == "accepted" {
			require.Empty(t, winner, "two were accepted")
			winner = r.EventID
		}
	}
	require.NotEmpty(t, winner)
	for _, r := range replies {
		require.Equal(t, winner, r.EventID)
		require.Contains(t, []string{"accepted", "duplicate"}, r.Status, r.text)
	}
	runs, err := project.Runs(t.Context(), meshhook.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Equal(t, winner, runs[0].EventID.String())
	duplicates, err := project.Events(t.Context(), meshhook.EventFilter{Status: meshhook.EventDuplicate})
	require.NoError(t, err)
	require.Len(t, duplicates, requests-1)
	require.Eventually(t, func() bool {
		runs, err := project.Runs(t.Context(), meshhook.RunFilter{})
		require.NoError(t, err)
		return runs[0].Status == meshhook.RunSucceeded
	}, 10*time.Second, 20*time.Millisecond)
}
