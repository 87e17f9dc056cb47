package daemon_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

// echo makes the workflow of furnish one whose output is the body.
func echo(t *testing.T, project *postgres.Tenant) {
	t.Helper()
	const source = "name: w\nsteps:\n  - id: end\n    terminate: { status: succeeded, output: \"{{ .event.body }}\" }\n"
	definition, err := workflow.Parse("w", []byte(source))
	require.NoError(t, err)
	_, err = project.Apply(t.Context(), "w", "", meshhook.Version{Digest: definition.Digest(), Source: source})
	require.NoError(t, err)
}

// A hundred senders wait at one daemon while another one executes their runs.
func TestSendersWaitForRunsOfAnotherDaemon(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "ask")
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	echo(t, project)
	change(t, project, "ask", func(e *meshhook.Endpoint) {
		e.Response = &meshhook.Response{From: meshhook.FromRun, Timeout: meshhook.Duration(30 * time.Second)}
	})
	door, _ := start(t, settings(t, dsn, "MESHHOOK_ONLY=ingress"))
	start(t, settings(t, dsn, "MESHHOOK_ONLY=worker"))

	replies := make([]reply, 100)
	var senders errgroup.Group
	for i := range replies {
		senders.Go(func() (err error) {
			replies[i], err = deliver(t.Context(), door, "ask", `{"n":`+string(rune('0'+i%10))+`}`)
			return err
		})
	}
	require.NoError(t, senders.Wait())
	runs := map[string]bool{}
	for i, r := range replies {
		require.Equal(t, http.StatusOK, r.code, r.text)
		require.Equal(t, `{"n":`+string(rune('0'+i%10))+"}\n", r.text, "each gets the output of its own run")
		runs[r.header.Get("X-MeshHook-Run-ID")] = true
	}
	require.Len(t, runs, len(replies))
}

// A daemon that stops does not keep those waiting whose runs take longer.
func TestAStoppingDaemonAnswersThoseWhoWait(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "ask")
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	change(t, project, "ask", func(e *meshhook.Endpoint) {
		e.Response = &meshhook.Response{From: meshhook.FromRun, Timeout: meshhook.Duration(30 * time.Second)}
	})
	door, stop := start(t, settings(t, dsn, "MESHHOOK_ONLY=ingress")) // and nobody executes runs
	var got reply
	var sender errgroup.Group
	sender.Go(func() (err error) {
		got, err = deliver(t.Context(), door, "ask", "{}")
		return err
	})
	require.Eventually(t, func() bool {
		runs, err := project.Runs(t.Context(), meshhook.RunFilter{})
		require.NoError(t, err)
		return len(runs) == 1
	}, 10*time.Second, 10*time.Millisecond)
	begun := time.Now()
	require.NoError(t, stop())
	require.NoError(t, sender.Wait())
	require.Equal(t, "accepted", got.Status)
	require.Less(t, time.Since(begun), 20*time.Second)
}
