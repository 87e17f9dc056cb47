package postgres_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// house is a project with a workflow and a webhook in a fresh database.
type house struct {
	url      string
	side     *side
	db       *postgres.DB
	project  *postgres.Tenant
	workflow meshhook.Workflow
	endpoint meshhook.Endpoint
}

func newHouse(t *testing.T) house {
	t.Helper()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	h := furnish(t, db, pgtest.Project(t, db), "shop/orders")
	h.url, h.side = url, &side{url: url}
	return h
}

func furnish(t *testing.T, db *postgres.DB, project *postgres.Tenant, path string) house {
	t.Helper()
	ctx := t.Context()
	applied, err := project.Apply(ctx, "orders", "takes orders", meshhook.Version{Digest: "d1", Source: "name: orders\n"})
	require.NoError(t, err)
	endpoint := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: path, WorkflowID: applied.Workflow.ID, Enabled: true,
		Verification: meshhook.Verification{Scheme: "hmac"},
	}
	require.NoError(t, endpoint.Validate())
	endpoint, err = project.CreateEndpoint(ctx, endpoint, meshhook.NewSecret("hush"))
	require.NoError(t, err)
	return house{db: db, project: project, workflow: applied.Workflow, endpoint: endpoint}
}

// intake is an accepted request with this dedup key ("" for none).
func (h house) intake(key, body string) meshhook.Intake {
	now := time.Now()
	in := meshhook.Intake{Event: meshhook.Event{
		ID: meshhook.NewID(), ProjectID: h.project.ID(), EndpointID: h.endpoint.ID, Webhook: h.endpoint.Path,
		Status: meshhook.EventAccepted, ReceivedAt: now, RemoteAddr: "192.0.2.1", Method: http.MethodPost, Path: "/hooks/" + h.endpoint.Path,
		Query: "a=1", Header: http.Header{"X-One": {"1", "2"}}, ContentType: "application/json", Body: []byte(body), BodySize: int64(len(body)),
		DedupKey: key,
	}}
	in.Run = &meshhook.Run{ID: meshhook.NewID(), ProjectID: h.project.ID(), WorkflowID: h.workflow.ID, Workflow: h.workflow.Name, Version: 1}
	if key != "" {
		in.DedupUntil = now.Add(time.Hour)
	}
	return in
}

func (h house) record(t *testing.T, in meshhook.Intake) meshhook.Recorded {
	t.Helper()
	recorded, err := h.db.Record(t.Context(), in)
	require.NoError(t, err)
	return recorded
}

func TestRecordKeepsARequestAsItCame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	body := "{\"nul\":\"\x00\xff\"}"
	in := h.intake("", body)
	require.Nil(t, h.record(t, in).DuplicateOf)

	event, err := h.project.Event(t.Context(), in.Event.ID)
	require.NoError(t, err)
	want := in.Event
	want.ReceivedAt = event.ReceivedAt
	want.RunIDs = []meshhook.ID{in.Run.ID}
	require.Equal(t, want, event)
	require.WithinDuration(t, in.Event.ReceivedAt, event.ReceivedAt, time.Microsecond)

	run, err := h.project.Run(t.Context(), in.Run.ID)
	require.NoError(t, err)
	require.Equal(t, meshhook.RunQueued, run.Status)
	require.Equal(t, &in.Event.ID, run.EventID)
}

func TestRecordFindsDuplicates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.intake("k1", "{}"), h.intake("k1", "{}")
	require.Nil(t, h.record(t, first).DuplicateOf)
	require.Equal(t, &first.Event.ID, h.record(t, second).DuplicateOf)

	event, err := h.project.Event(t.Context(), second.Event.ID)
	require.NoError(t, err)
	require.Equal(t, meshhook.EventDuplicate, event.Status)
	require.Equal(t, &first.Event.ID, event.DuplicateOf)
	require.Empty(t, event.RunIDs)
	_, err = h.project.Run(t.Context(), second.Run.ID)
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
}

func TestRecordForgetsAnExpiredKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := h.intake("k1", "{}")
	old.DedupUntil = time.Now().Add(-time.Second)
	require.Nil(t, h.record(t, old).DuplicateOf)
	require.Nil(t, h.record(t, h.intake("k1", "{}")).DuplicateOf)
}

// Of many requests with one key, in flight together on two daemons, one starts
// a run.
func TestRecordRacesForOneKey(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	one := pgtest.Open(t, url)
	h := furnish(t, one, pgtest.Project(t, one), "shop/orders")
	dbs := []*postgres.DB{one, pgtest.Open(t, url)}

	const requests = 100
	type outcome struct {
		recorded meshhook.Recorded
		err      error
		id       meshhook.ID
	}
	outcomes := make(chan outcome, requests)
	for i := range requests {
		go func() {
			in := h.intake("same", "{}")
			recorded, err := dbs[i%2].Record(context.Background(), in)
			outcomes <- outcome{recorded, err, in.Event.ID}
		}()
	}
	firsts := map[meshhook.ID]int{}
	var winners []meshhook.ID
	for range requests {
		o := <-outcomes
		require.NoError(t, o.err)
		if o.recorded.DuplicateOf == nil {
			winners = append(winners, o.id)
		} else {
			firsts[*o.recorded.DuplicateOf]++
		}
	}
	require.Len(t, winners, 1)
	require.Equal(t, map[meshhook.ID]int{winners[0]: requests - 1}, firsts)
	runs, err := h.project.Runs(t.Context(), meshhook.RunFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, runs, 1)
}
