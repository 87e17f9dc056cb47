package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

func TestDaemonLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	daemons := func() []meshhook.Daemon {
		t.Helper()
		status, err := h.project.Status(ctx)
		require.NoError(t, err)
		return status.Daemons
	}
	require.Empty(t, daemons())
	one := meshhook.Daemon{ID: meshhook.NewID(), Host: "alpha", PID: 42, Version: "1.2.3", Roles: []string{"ingress", "worker"}}
	two := meshhook.Daemon{ID: meshhook.NewID(), Host: "beta", PID: 43, Version: "1.2.3", Roles: []string{"admin"}}
	require.NoError(t, h.db.Beat(ctx, one))
	require.NoError(t, h.db.Beat(ctx, two))
	seen := daemons()
	require.Len(t, seen, 2)
	for i := range seen {
		require.Equal(t, int64(1), seen[i].KeysVersion)
		require.Equal(t, pgtest.MasterKey(t).ID(), seen[i].MasterKeyID)
		require.Less(t, max(seen[i].ClockAheadMS, -seen[i].ClockAheadMS), int64(5000))
		seen[i].KeysVersion, seen[i].MasterKeyID, seen[i].ClockAheadMS = 0, "", 0
	}
	one.StartedAt, one.SeenAt = seen[0].StartedAt, seen[0].SeenAt
	two.StartedAt, two.SeenAt = seen[1].StartedAt, seen[1].SeenAt
	require.Equal(t, []meshhook.Daemon{one, two}, seen)
	require.WithinDuration(t, time.Now(), one.SeenAt, time.Minute)

	// A beat renews; who is silent is left out, and forgotten after a day.
	require.NoError(t, h.db.Beat(ctx, one))
	seen = daemons()
	require.Equal(t, one.StartedAt, seen[0].StartedAt)
	require.True(t, seen[0].SeenAt.After(one.SeenAt))
	h.system(t, `UPDATE daemons SET seen_at = now() - interval '16 seconds' WHERE id = $1`, two.ID)
	require.Len(t, daemons(), 1)
	h.system(t, `UPDATE daemons SET seen_at = now() - interval '25 hours' WHERE id = $1`, two.ID)
	require.NoError(t, h.db.Leave(ctx, one.ID))
	require.Empty(t, rows[string](t, h, `SELECT id::text FROM daemons`))
	require.NoError(t, h.db.Ping(ctx))
}

func TestStatusCounts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.record(t, h.rejected())
	h.record(t, h.intake("k", "{}"))
	h.record(t, h.intake("k", "{}")) // a duplicate
	h.finish(t, meshhook.RunSucceeded)
	yesterday := h.rejected()
	yesterday.Event.ID = idAt(time.Now().Add(-25 * time.Hour))
	h.record(t, yesterday)
	first := h.start(t, "{}")
	h.start(t, "{}")
	later := h.start(t, "{}")
	h.system(t, `UPDATE runs SET wake_at = now() + interval '1 hour' WHERE id = $1`, later.ID)
	run, err := h.project.Run(ctx, first.ID)
	require.NoError(t, err)

	status, err := h.project.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, meshhook.Status{
		Daemons: []meshhook.Daemon{}, Webhooks: 1, Workflows: 1,
		Events:       map[meshhook.EventStatus]int64{meshhook.EventRejected: 1, meshhook.EventAccepted: 1, meshhook.EventDuplicate: 1},
		Runs:         map[meshhook.RunStatus]int64{meshhook.RunSucceeded: 1, meshhook.RunQueued: 3},
		Circuits:     []meshhook.Circuit{},
		Alerts:       meshhook.AlertHealth{Deliveries: map[meshhook.DeliveryStatus]int64{}},
		Ready:        2,
		OldestQueued: run.WakeAt,
	}, status)
}
