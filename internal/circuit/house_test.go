package circuit_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

const (
	patience = 15 * time.Second
	tick     = 2 * time.Millisecond
	crm      = "https://CRM.example.com/orders"
)

var (
	succeeded = meshhook.CallOutcome{Verdict: meshhook.CallSucceeded}
	failed    = meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: "503"}
)

// counting is the store, and how often it was asked.
type counting struct {
	circuit.Store
	asked atomic.Int64
	// fault is what it answers instead, as long as it is set.
	fault atomic.Pointer[meshhook.Error]
}

func (c *counting) ask() error {
	c.asked.Add(1)
	if err := c.fault.Load(); err != nil {
		return err
	}
	return nil
}

func (c *counting) Circuits(ctx context.Context, probes []meshhook.ID, lease time.Duration) ([]meshhook.Circuit, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	return c.Store.Circuits(ctx, probes, lease)
}

func (c *counting) OpenCircuit(ctx context.Context, o meshhook.Circuit, wait time.Duration) (meshhook.Circuit, error) {
	if err := c.ask(); err != nil {
		return o, err
	}
	return c.Store.OpenCircuit(ctx, o, wait)
}

func (c *counting) ProbeCircuit(ctx context.Context, project meshhook.ID, host string, probe meshhook.ID, lease time.Duration) (meshhook.Circuit, error) {
	if err := c.ask(); err != nil {
		return meshhook.Circuit{}, err
	}
	return c.Store.ProbeCircuit(ctx, project, host, probe, lease)
}

func (c *counting) SettleCircuit(ctx context.Context, o meshhook.Circuit, wait time.Duration) (meshhook.Circuit, error) {
	if err := c.ask(); err != nil {
		return o, err
	}
	return c.Store.SettleCircuit(ctx, o, wait)
}

// fleet is a database and the daemons that share it.
type fleet struct {
	t       *testing.T
	dsn     string
	project meshhook.ID
	raw     *pgx.Conn
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dsn: pgtest.URL(t)}
	conn, err := pgx.Connect(t.Context(), f.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	_, err = conn.Exec(t.Context(), `SELECT set_config('meshhook.system', 'on', false)`)
	require.NoError(t, err)
	f.raw = conn
	return f
}

// member is one daemon's breaker, with what became known of it.
type member struct {
	*circuit.Breaker
	f      *fleet
	db     *postgres.DB
	store  *counting
	turns  chan meshhook.CircuitState
	errors chan error
}

func (f *fleet) member() *member {
	f.t.Helper()
	m := &member{f: f, db: pgtest.Open(f.t, f.dsn), turns: make(chan meshhook.CircuitState, 1000), errors: make(chan error, 1000)}
	f.project = pgtest.Project(f.t, m.db).ID()
	m.store = &counting{Store: m.db}
	m.Breaker = circuit.New(circuit.Options{
		Store:   m.store,
		Observe: func(to meshhook.CircuitState) { m.turns <- to },
		OnError: func(err error) { m.errors <- err },
	})
	return m
}

func (m *member) refresh() {
	m.f.t.Helper()
	more, err := m.Refresh(m.f.t.Context())
	require.NoError(m.f.t, err)
	require.False(m.f.t, more)
}

// call makes a call that comes out so, which must be allowed.
func (m *member) call(url string, o meshhook.CallOutcome) {
	m.f.t.Helper()
	m.allow(url)(o)
}

func (m *member) allow(url string) (report func(meshhook.CallOutcome)) {
	m.f.t.Helper()
	report, refused := m.Allow(m.f.t.Context(), m.f.project, url)
	require.Nil(m.f.t, refused)
	return report
}

func (m *member) refused(url string) *meshhook.CircuitRefusal {
	m.f.t.Helper()
	report, refused := m.Allow(m.f.t.Context(), m.f.project, url)
	require.NotNil(m.f.t, refused)
	require.Nil(m.f.t, report)
	return refused
}

// open has the circuit opened.
func (m *member) open(url string) {
	m.f.t.Helper()
	for range 5 {
		m.call(url, failed)
	}
	m.turned(meshhook.CircuitOpen)
}

func (m *member) turned(want ...meshhook.CircuitState) {
	m.f.t.Helper()
	for _, to := range want {
		select {
		case got := <-m.turns:
			require.Equal(m.f.t, to, got)
		case <-time.After(patience):
			require.Fail(m.f.t, "waited in vain for a turn", to)
		}
	}
	require.Empty(m.f.t, m.turns)
}

// elapse lets all open periods and leases run out, as time does.
func (f *fleet) elapse(members ...*member) {
	f.t.Helper()
	_, err := f.raw.Exec(f.t.Context(), `UPDATE circuits SET retry_at = now()`)
	require.NoError(f.t, err)
	for _, m := range members {
		m.refresh()
	}
}

// history is what the journal says of circuits.
func (f *fleet) history() (lines []string) {
	f.t.Helper()
	db := pgtest.Open(f.t, f.dsn)
	require.Eventually(f.t, func() bool {
		entries, err := db.Tenant(f.project).EntriesAfter(f.t.Context(), meshhook.Cursor{}, 100)
		require.NoError(f.t, err)
		var count int
		require.NoError(f.t, f.raw.QueryRow(f.t.Context(), `SELECT count(*) FROM journal`).Scan(&count))
		lines = nil
		for _, e := range entries {
			lines = append(lines, fmt.Sprintf("%s %s %s", e.Kind, e.Status, e.Detail))
		}
		return len(entries) == count
	}, patience, tick)
	return lines
}
