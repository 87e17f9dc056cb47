package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// ahead is a database whose clock is so far ahead of this machine's.
type ahead struct {
	*postgres.DB
	by time.Duration
}

func (a ahead) ClaimRuns(ctx context.Context, owner meshhook.ID, limit int, lease time.Duration) ([]meshhook.RunClaim, error) {
	claims, err := a.DB.ClaimRuns(ctx, owner, limit, lease)
	for i := range claims {
		claims[i].Now = claims[i].Now.Add(a.by)
		if at := claims[i].Run.StartedAt; at != nil {
			*at = at.Add(a.by)
		}
	}
	return claims, err
}

// A daemon whose clock is hours off neither sleeps too long nor wakes too early, ends no
// run for its time, and records what the server's clock says.
func TestRunsGoByTheServersClock(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{3 * time.Hour, -3 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			id := h.start(t, h.apply(t, "test", fmt.Sprintf(`
name: test
timeout: 1h
steps:
  - { id: cool, delay: { for: 50ms } }
  - { id: due, delay: { until: %q } }
  - { id: end, terminate: {} }
`, time.Now().Add(by).Add(150*time.Millisecond).UTC().Format(time.RFC3339Nano))), "{}")
			begun := time.Now()
			h.daemon(t, func(o *engine.Options) { o.Store = ahead{h.db, by} }).finish(t)
			require.GreaterOrEqual(t, time.Since(begun), 100*time.Millisecond)
			run := h.run(t, id)
			require.Equal(t, meshhook.RunSucceeded, run.Status, "%+v", run.Error)
			require.WithinDuration(t, begun.Add(by), *run.FinishedAt, patience)
			require.WithinDuration(t, begun.Add(by), run.Steps[0].StartedAt, patience)
		})
	}
}

// A run that another daemon put to sleep wakes by the alarm that is set for the run that
// wakes next, and not at the next poll.
func TestTheNextRunToWakeIsLookedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.startOf(t, "steps: [{ id: cool, delay: { for: 1h } }]")
	g, sleeps := asleep(h)
	h.daemon(t, behind(g)).claim(t)
	wait(t, sleeps, "the run to sleep")
	_, err := h.raw.Exec(t.Context(), `UPDATE runs SET wake_at = now() + interval '300 ms' WHERE id = $1`, id)
	require.NoError(t, err)
	begun := time.Now()

	d := h.daemon(t)
	_, err = d.Poll(t.Context())
	require.NoError(t, err)
	wait(t, d.Bell().C(), "the bell of the poll")
	d.claim(t) // finds nothing, and sets the alarm
	wait(t, d.Bell().C(), "the alarm")
	require.GreaterOrEqual(t, time.Since(begun), 250*time.Millisecond)
	require.Less(t, time.Since(begun), patience)
}
