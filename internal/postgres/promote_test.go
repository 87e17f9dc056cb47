package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// replay is a run on the event of an intake.
func (h house) replay(in meshhook.Intake) meshhook.Run {
	id := in.Event.ID
	return meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: h.workflow.Name, Version: 1, EventID: &id, Webhook: in.Event.Webhook}
}

// A promoted event holds its dedup key: the request that is sent again is a
// duplicate, and an event whose key another one holds is not promoted.
func TestPromote(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	first, second := h.rejected(), h.rejected()
	h.record(t, first)
	h.record(t, second)
	promotion := meshhook.Promotion{EndpointID: h.endpoint.ID, DedupKey: "k", DedupUntil: time.Now().Add(time.Hour)}
	require.NoError(t, h.project.Promote(ctx, h.replay(first), promotion))
	require.NoError(t, h.project.Promote(ctx, h.replay(first), promotion), "its own key does not keep it from another run")
	require.NoError(t, h.project.CheckPromotion(ctx, first.Event.ID, promotion))
	require.NoError(t, h.project.CheckPromotion(ctx, second.Event.ID, meshhook.Promotion{EndpointID: h.endpoint.ID}), "without a key")
	event, err := h.project.Event(ctx, first.Event.ID)
	require.NoError(t, err)
	require.Len(t, event.RunIDs, 2)
	require.Equal(t, meshhook.EventRejected, event.Status, "an event's status never changes")

	require.Equal(t, first.Event.ID, *h.record(t, h.intake("k", "{}")).DuplicateOf)
	err = h.project.Promote(ctx, h.replay(second), promotion)
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "event "+second.Event.ID.String()+" is a duplicate of event "+first.Event.ID.String()+", which has the same dedup key")
	require.EqualError(t, h.project.CheckPromotion(ctx, second.Event.ID, promotion), err.Error(), "which can be told before")
	event, err = h.project.Event(ctx, second.Event.ID)
	require.NoError(t, err)
	require.Empty(t, event.RunIDs, "nothing of it is left")

	h.system(t, `UPDATE dedup_keys SET expires_at = now()`)
	require.NoError(t, h.project.CheckPromotion(ctx, second.Event.ID, promotion))
	require.NoError(t, h.project.Promote(ctx, h.replay(second), promotion), "a key is free after its window")
	require.NoError(t, h.project.Promote(ctx, h.replay(second), meshhook.Promotion{EndpointID: h.endpoint.ID}), "without a key")
	require.NoError(t, h.project.ForceRun(ctx, h.replay(first), meshhook.CodeInvalidSignature))
	promotion.EndpointID = meshhook.NewID()
	requireCode(t, meshhook.CodeNotFound, h.project.Promote(ctx, h.replay(first), promotion))
}

func TestLiveEndpoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	live, err := h.project.LiveEndpoint(t.Context(), h.endpoint.Path)
	require.NoError(t, err)
	all, err := h.db.LiveEndpoints(t.Context())
	require.NoError(t, err)
	require.Equal(t, all[0], live)
	_, err = h.project.LiveEndpoint(t.Context(), "nope")
	requireCode(t, meshhook.CodeNotFound, err)
	h.system(t, `UPDATE endpoint_secrets SET value = 'broken'`)
	live, err = h.project.LiveEndpoint(t.Context(), h.endpoint.Path)
	require.NoError(t, err)
	require.Error(t, live.Unreadable)
}

// What only the head holds survives the way through it.
func TestTheHeadOfAnEvent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := h.rejected()
	in.Event.Credential, in.Event.BodyEncoded, in.Event.HeaderTruncated = []byte{1, 0, 255}, true, true
	h.record(t, in)
	event, err := h.project.Event(t.Context(), in.Event.ID)
	require.NoError(t, err)
	require.Equal(t, in.Event.Credential, event.Credential)
	require.True(t, event.BodyEncoded)
	require.True(t, event.HeaderTruncated)
	stored := rows[[]byte](t, h, `SELECT head FROM events`)[0]
	require.NotContains(t, string(stored), "credential", "it is sealed")
}
