package cli

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// log records events of the webhook a, each changed by its function.
func (u *user) log(changes ...func(*meshhook.Event)) (project *postgres.Tenant, ids []meshhook.ID) {
	u.t.Helper()
	db := pgtest.Open(u.t, strings.TrimPrefix(u.env[1], "MESHHOOK_DATABASE_URL="))
	project = pgtest.Project(u.t, db)
	endpoint, _, err := project.Endpoint(u.t.Context(), "a")
	require.NoError(u.t, err)
	for _, change := range changes {
		e := meshhook.Event{
			ID: meshhook.NewID(), ProjectID: project.ID(), EndpointID: endpoint.ID, Webhook: "a", Status: meshhook.EventAccepted,
			ReceivedAt: time.Now(), RemoteAddr: "192.0.2.1", Method: http.MethodPost, Path: "/hooks/a", Body: []byte("{}"), BodySize: 2,
		}
		change(&e)
		_, err := db.Record(u.t.Context(), meshhook.Intake{Event: e})
		require.NoError(u.t, err)
		ids = append(ids, e.ID)
	}
	return project, ids
}

func whole(*meshhook.Event) {}

func rejected(e *meshhook.Event) {
	e.Status, e.Code = meshhook.EventRejected, meshhook.CodeInvalidSignature
}

func TestReplayingManyAsksAndTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("webhook create --path a --workflow hello --verify none")
	u.terminal = true
	const command = "event replay --webhook a --since 1h --rate 1000/s"
	require.Equal(t, result{0, "replayed  0\nrefused   0\nfailed    0\n", "\r\x1b[K"}, u.runs(command), "there is nothing to ask")

	project, _ := u.log(whole, func(e *meshhook.Event) { e.BodyTruncated, e.BodySize = true, 9 }, whole, rejected)
	const question = "Start runs on up to 3 accepted events of the webhook a? [y/N] "
	require.Equal(t, result{1, "", question + "nothing was replayed\n"}, u.runs(command))
	u.in = "y\n"
	require.Equal(t, result{
		0, "replayed  2\nrefused   1 (conflict 1)\nfailed    0\n", question + "\r1 of 3\r2 of 3\r3 of 3\r\x1b[K",
	}, u.runs(command))
	require.Equal(t, question, u.runs(command+" -q").err)
	audit, err := project.AuditLog(t.Context(), meshhook.AuditFilter{Action: meshhook.AuditEventReplayed})
	require.NoError(t, err)
	require.Len(t, audit, 2, "one of each command, and none of the one that did nothing")
	require.Equal(t, "a", audit[0].Target)
	runs, err := project.Runs(t.Context(), meshhook.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 4)
}

// Events that cannot be replayed are counted, and do not hold up the others; a
// replay that is broken off says behind which to go on.
func TestReplayingManyGoesOn(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("webhook create --path a --workflow hello --verify none")
	gone := meshhook.NewID()
	_, ids := u.log(whole, func(e *meshhook.Event) { e.EndpointID = gone }, whole)
	got := u.runs("event replay --webhook a --since 1h --yes --rate 1000/s")
	require.Equal(t, 1, got.code)
	require.Equal(t, "replayed\t2\nrefused\t0\nfailed\t1\n", got.out)
	require.Equal(t, "warning: the webhook a, which took this event, is gone; name a workflow with --workflow\n", got.err)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out strings.Builder
	text := &interrupter{question: "\r1 of 3", interrupt: cancel}
	streams := u.streams(&out, text)
	streams.ErrTTY = true
	require.Equal(t, 1, Main(ctx, strings.Fields("event replay --webhook a --since 1h --yes --rate 1/h --json"), streams))
	require.Contains(t, out.String(), `"replayed": 1`)
	require.Contains(t, out.String(), `"cursor": "`+ids[0].String()+`"`)
	require.Contains(t, text.String(), "not all were replayed; go on behind the last one with --cursor "+ids[0].String())
	got = u.runs("event replay --webhook a --since 1h --yes --cursor " + ids[1].String())
	require.Equal(t, result{0, "replayed\t1\nrefused\t0\nfailed\t0\n", ""}, got)
}

// What stands in the way of one rejected event is said in its own words.
func TestReplayingOneThatWasRejected(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("webhook create --path a --workflow hello --verify none --filter .event.body.x")
	_, ids := u.log(
		rejected,
		func(e *meshhook.Event) { rejected(e); e.HeaderTruncated = true },
		func(e *meshhook.Event) { rejected(e); e.EndpointID = meshhook.NewID() },
	)
	replay := func(i int, more string) result { return u.runs("event replay " + ids[i].String() + more) }
	require.Equal(t, result{
		1, "", "error: event " + ids[0].String() + " would start no run: the webhook's filter is false for it; force the replay if it shall\n",
	}, replay(0, ""))
	require.Equal(t, 0, replay(0, " --force").code)
	require.Contains(t, replay(1, " --force").err, "not all of its headers were kept, so it cannot be replayed")
	got := replay(2, " --workflow hello")
	require.Equal(t, 3, got.code)
	require.Contains(t, got.err, "is gone, so it cannot be judged again; force the replay")
	require.Equal(t, 0, replay(2, " --workflow hello --force").code)
}
