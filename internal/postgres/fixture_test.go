package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// lease is longer than any test.
const lease = time.Minute

// raw is a connection beside the store: nothing is set on it, so row-level
// security hides every row.
func (h house) raw(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, h.url)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// side is the door by which a test reads and writes past every method of the
// store: one connection that works for the whole system.
type side struct {
	url  string
	conn *pgx.Conn
}

func (s *side) door(t *testing.T) *pgx.Conn {
	t.Helper()
	if s.conn == nil {
		s.conn = connect(t, s.url)
		_, err := s.conn.Exec(t.Context(), `SET meshhook.system = 'on'`)
		require.NoError(t, err)
	}
	return s.conn
}

// system runs a statement for the whole system.
func (h house) system(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := h.side.door(t).Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// rows reads the one column of a query for the whole system.
func rows[T any](t *testing.T, h house, sql string, args ...any) []T {
	t.Helper()
	answer, err := h.side.door(t).Query(t.Context(), sql, args...)
	require.NoError(t, err)
	values, err := pgx.CollectRows(answer, pgx.RowTo[T])
	require.NoError(t, err)
	return values
}

// recordMany records requests at the same time and returns their runs.
func (h house) recordMany(t *testing.T, count int) []meshhook.ID {
	t.Helper()
	runs := make([]meshhook.ID, count)
	errs := make([]error, count)
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() {
			in := h.intake("", fmt.Sprintf(`{"n":%d}`, i))
			runs[i] = in.Run.ID
			_, errs[i] = h.db.Record(context.Background(), in)
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return runs
}

// start queues a run by hand.
func (h house) start(t *testing.T, input string) meshhook.Run {
	t.Helper()
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: h.workflow.Name, Version: 1, Input: []byte(input)}
	require.NoError(t, h.project.StartRun(t.Context(), run))
	return run
}

// neighbour is another project of the same database, acme, with a workflow and a
// webhook.
func (h house) neighbour(t *testing.T) house {
	t.Helper()
	made, err := h.db.CreateProject(t.Context(), "acme", "cli:ann@host")
	require.NoError(t, err)
	return furnish(t, h.db, h.db.Tenant(made.ID), "acme/orders")
}

// named is the project of that name, as a list shows it.
func (h house) named(t *testing.T, name string) meshhook.Project {
	t.Helper()
	list, err := h.db.Projects(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(list, func(p meshhook.Project) bool { return p.Name == name })
	require.NotEqual(t, -1, i)
	return list[i]
}

// claim takes one run, which must be the only one that is ready.
func (h house) claim(t *testing.T, owner meshhook.ID) meshhook.RunClaim {
	t.Helper()
	claims, err := h.db.ClaimRuns(t.Context(), owner, 10, lease)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	return claims[0]
}

// move is what a daemon records of a run that it claimed.
func move(c meshhook.RunClaim, to meshhook.RunStatus, steps ...meshhook.Step) meshhook.RunMove {
	m := meshhook.RunMove{RunID: c.Run.ID, ProjectID: c.Run.ProjectID, Fence: c.Fence, Status: to, Steps: steps}
	now := time.Now()
	switch to {
	case meshhook.RunWaiting:
		m.WaitingFor = meshhook.WaitingForDelay
	case meshhook.RunFailed:
		m.Error = &meshhook.Failure{Reason: meshhook.FailedTimeout, Message: "it took too long", Step: "send"}
		m.FinishedAt = now
	case meshhook.RunSucceeded, meshhook.RunCanceled:
		m.FinishedAt = now
	}
	m.Entries = []meshhook.Entry{{
		ProjectID: c.Run.ProjectID, At: now, Kind: meshhook.RunEntry(to), RunID: &c.Run.ID, Workflow: c.Run.Workflow, Status: string(to),
	}}
	return m
}

// step is the record of a step at the time at.
func step(id string, status meshhook.StepStatus, output string, at time.Time) meshhook.Step {
	at = at.UTC().Truncate(time.Microsecond)
	s := meshhook.Step{ID: id, Kind: "transform", Status: status, Attempt: 1, StartedAt: at}
	if output != "" {
		s.Output = json.RawMessage(output)
	}
	if status.Ended() {
		s.FinishedAt = &at
	}
	if status == meshhook.StepWaiting {
		s.NextAt = &at
	}
	if status == meshhook.StepFailed {
		s.Error = &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "answered 500", Step: id}
	}
	return s
}

// finish ends a run that is ready in the hands of a fresh daemon.
func (h house) finish(t *testing.T, to meshhook.RunStatus, steps ...meshhook.Step) meshhook.RunClaim {
	t.Helper()
	claim := h.claim(t, meshhook.NewID())
	require.NoError(t, h.db.Move(t.Context(), move(claim, to, steps...)))
	return claim
}

// journal waits until the journal shows count entries after the cursor: a
// transaction that is open anywhere on the server holds them back.
func (h house) journal(t *testing.T, after meshhook.Cursor, count int) []meshhook.Entry {
	t.Helper()
	var entries []meshhook.Entry
	require.Eventually(t, func() bool {
		var err error
		entries, err = h.project.EntriesAfter(t.Context(), after, 1000)
		require.NoError(t, err)
		return len(entries) >= count
	}, patience, 5*time.Millisecond)
	require.Len(t, entries, count)
	return entries
}

// kinds are the kinds of entries, in order.
func kinds(entries []meshhook.Entry) []meshhook.EntryKind {
	list := make([]meshhook.EntryKind, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.Kind)
	}
	return list
}

// idAt is a fresh id that was made at the time at.
func idAt(at time.Time) meshhook.ID {
	id, bound := meshhook.NewID(), meshhook.FirstIDAt(at)
	copy(id[:6], bound[:6])
	return id
}

func requireCode(t *testing.T, want meshhook.Code, err error) {
	t.Helper()
	require.Equal(t, want, meshhook.ErrorCode(err), "%v", err)
}
