package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

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
	got, err := deliver(t.Context(), d, path, body, headers...)
	require.NoError(t, err)
	return got
}

// deliver is send for goroutines beside the test's, which alone may end it.
func deliver(ctx context.Context, d *daemon.Daemon, path, body string, headers ...string) (got reply, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.Addr("ingress")+"/hooks/"+path, strings.NewReader(body))
	if err != nil {
		return got, err
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return got, err
	}
	got = reply{code: answer.StatusCode, text: string(text), header: answer.Header}
	if strings.HasPrefix(got.text, "{") {
		err = json.Unmarshal(text, &got)
	}
	return got, err
}

// change changes a webhook in the database, as a command does.
func change(t *testing.T, project *postgres.Tenant, path string, how func(*meshhook.Endpoint)) {
	t.Helper()
	e, _, err := project.Endpoint(t.Context(), path)
	require.NoError(t, err)
	how(&e)
	require.NoError(t, e.Validate())
	_, err = pgtest.Update(t.Context(), project, e)
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
	var senders errgroup.Group
	for i := range requests {
		senders.Go(func() (err error) {
			<-gate
			replies[i], err = deliver(t.Context(), []*daemon.Daemon{one, two}[i%2], "race", "{}", "X-Id:the same")
			return err
		})
	}
	close(gate)
	require.NoError(t, senders.Wait())

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
