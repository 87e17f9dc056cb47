package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// circuit is one that opens because of calls to the host.
func (h house) circuit(host string) meshhook.Circuit {
	return meshhook.Circuit{
		ID: meshhook.NewID(), ProjectID: h.project.ID(), Host: host, State: meshhook.CircuitOpen,
		Failures: 6, Calls: 10, Reason: "503", Trips: 1,
	}
}

// open opens the circuit of the host.
func (h house) open(t *testing.T, host string) meshhook.Circuit {
	t.Helper()
	c, err := h.db.OpenCircuit(t.Context(), h.circuit(host), time.Minute)
	require.NoError(t, err)
	return c
}

func (h house) circuits(t *testing.T) []meshhook.Circuit {
	t.Helper()
	status, err := h.project.Status(t.Context())
	require.NoError(t, err)
	return status.Circuits
}

// requireCircuit compares but for the moment of the next probe, which is about now
// and so much.
func requireCircuit(t *testing.T, want, got meshhook.Circuit, wait time.Duration) {
	t.Helper()
	require.WithinDuration(t, time.Now().Add(wait), got.RetryAt, 10*time.Second)
	want.RetryAt = got.RetryAt
	require.Equal(t, want, got)
}

func TestCircuitLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	require.Empty(t, h.circuits(t))
	want := h.circuit("crm.example.com:443")
	c, err := h.db.OpenCircuit(ctx, want, time.Minute)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), c.OpenedAt, time.Minute)
	want.OpenedAt = c.OpenedAt
	requireCircuit(t, want, c, time.Minute)
	again, err := h.db.OpenCircuit(ctx, h.circuit("crm.example.com:443"), time.Hour)
	require.NoError(t, err)
	requireCircuit(t, want, again, time.Minute)
	requireCircuit(t, want, h.circuits(t)[0], time.Minute)
	all, err := h.db.Circuits(ctx, nil, 0)
	require.NoError(t, err)
	require.Len(t, all, 1)
	requireCircuit(t, want, all[0], time.Minute)

	// It is not due yet; when it is, one has the probe.
	probe := func() (meshhook.ID, meshhook.Circuit) {
		t.Helper()
		id := meshhook.NewID()
		c, err := h.db.ProbeCircuit(ctx, h.project.ID(), "crm.example.com:443", id, time.Hour)
		require.NoError(t, err)
		return id, c
	}
	_, c = probe()
	requireCircuit(t, want, c, time.Minute)
	h.system(t, `UPDATE circuits SET retry_at = now()`)
	first, c := probe()
	want.State, want.Probe = meshhook.CircuitHalfOpen, first
	requireCircuit(t, want, c, time.Hour)
	_, c = probe()
	requireCircuit(t, want, c, time.Hour)
	all, err = h.db.Circuits(ctx, []meshhook.ID{meshhook.NewID(), first}, 2*time.Hour)
	require.NoError(t, err)
	requireCircuit(t, want, all[0], 2*time.Hour)

	// A probe that failed opens it again, for as long as is said.
	c.Failures, c.Calls, c.Trips, c.Reason, c.State = 7, 11, 2, "timeout", meshhook.CircuitOpen
	again, err = h.db.SettleCircuit(ctx, c, 2*time.Minute)
	require.NoError(t, err)
	c.Probe = meshhook.ID{}
	requireCircuit(t, c, again, 2*time.Minute)
	for _, state := range []meshhook.CircuitState{meshhook.CircuitOpen, meshhook.CircuitClosed} {
		c.State, c.Probe = state, first
		_, err = h.db.SettleCircuit(ctx, c, 0)
		requireCode(t, meshhook.CodeLeaseLost, err)
	}

	// One that succeeded closes it.
	h.system(t, `UPDATE circuits SET retry_at = now()`)
	_, c = probe()
	c.State = meshhook.CircuitClosed
	_, err = h.db.SettleCircuit(ctx, c, 0)
	require.NoError(t, err)
	require.Empty(t, h.circuits(t))
	_, err = h.db.ProbeCircuit(ctx, h.project.ID(), "crm.example.com:443", first, time.Hour)
	requireCode(t, meshhook.CodeNotFound, err)

	entries := h.journal(t, meshhook.Cursor{}, 2)
	require.Equal(t, []meshhook.EntryKind{meshhook.EntryCircuitOpened, meshhook.EntryCircuitClosed}, kinds(entries))
	require.Equal(t, "crm.example.com:443: 6 of its last 10 calls failed (503)", entries[0].Detail)
	require.Equal(t, []string{"open", "closed"}, []string{entries[0].Status, entries[1].Status})
}

// A project has so many circuits and no more, whatever another one has.
func TestCircuitsAreBounded(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.open(t, "first:80")
	h.system(t, `
		INSERT INTO circuits (id, project_id, key, host, failures, calls, reason, trips, retry_at)
		SELECT gen_random_uuid(), project_id, n::text::bytea, host, failures, calls, reason, trips, retry_at FROM circuits, generate_series(3, 1000) AS n`)
	h.open(t, "last:80")
	_, err := h.db.OpenCircuit(ctx, h.circuit("one-more:80"), time.Minute)
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "the project has 1000 circuits that are not closed, so one-more:80 gets none")
	h.open(t, "last:80")
	made, err := h.db.CreateProject(ctx, "acme", "cli:ann@host")
	require.NoError(t, err)
	house{db: h.db, project: h.db.Tenant(made.ID)}.open(t, "one-more:80")

	// Those that another key has sealed, or were moved, are left out.
	all, err := h.db.Circuits(ctx, nil, 0)
	require.NoError(t, err)
	require.Len(t, all, 3)
}

// A circuit whose host nobody calls any more is closed by the janitor.
func TestCircuitsExpire(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 3 {
		h.open(t, fmt.Sprintf("h%d:80", i))
	}
	h.system(t, `UPDATE circuits SET retry_at = now() - interval '59 minutes' WHERE id <> (SELECT id FROM circuits ORDER BY id LIMIT 1)`)
	h.system(t, `UPDATE circuits SET retry_at = now() - interval '61 minutes', probe = id WHERE id = (SELECT id FROM circuits ORDER BY id DESC LIMIT 1)`)
	_, err := h.db.Expire(t.Context(), time.Now(), retention)
	require.NoError(t, err)
	left := h.circuits(t)
	require.Len(t, left, 2)
	require.Equal(t, []string{"h0:80", "h1:80"}, []string{left[0].Host, left[1].Host})
	entries := h.journal(t, meshhook.Cursor{}, 4)
	require.Equal(t, meshhook.EntryCircuitClosed, entries[3].Kind)
	require.Equal(t, "h2:80: nobody calls it any more", entries[3].Detail)
}

// Without a database each of them says so.
func TestCircuitsWithoutADatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	c := h.open(t, "h:80")
	h.db.Close()
	_, err := h.db.Circuits(ctx, []meshhook.ID{c.ID}, time.Minute)
	require.Error(t, err)
	_, err = h.db.OpenCircuit(ctx, c, time.Minute)
	require.Error(t, err)
	_, err = h.db.ProbeCircuit(ctx, c.ProjectID, c.Host, c.ID, time.Minute)
	require.Error(t, err)
	_, err = h.db.SettleCircuit(ctx, c, time.Minute)
	require.Error(t, err)
}
