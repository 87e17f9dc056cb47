package circuit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

func TestACircuitOpensIsProbedAndCloses(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.member()
	for range 4 {
		m.call(crm, failed)
	}
	before := m.allow(crm)
	m.call(crm, failed)
	m.turned(meshhook.CircuitOpen)
	require.Equal(t, 1, m.Open())
	before(succeeded) // it was sent before, and changes nothing

	refused := m.refused(crm)
	c := refused.Circuit
	require.Equal(t, meshhook.Circuit{
		ID: c.ID, ProjectID: f.project, Host: "crm.example.com:443", State: meshhook.CircuitOpen, Failures: 5, Calls: 5, Reason: "503",
		OpenedAt: c.OpenedAt, RetryAt: c.RetryAt, Trips: 1,
	}, c)
	wait := time.Until(c.RetryAt)
	require.Greater(t, wait, 20*time.Second)
	require.LessOrEqual(t, wait, 36*time.Second)
	require.GreaterOrEqual(t, refused.Wait, wait)
	require.LessOrEqual(t, refused.Wait, wait+6*time.Second+time.Second)
	require.Equal(t, "the circuit of crm.example.com:443 is open since its last 5 calls failed (503); it lets a call through at "+
		meshhook.FormatTime(c.RetryAt), refused.Message())

	// Another host, another port and another project have circuits of their own.
	m.call("https://crm.example.com:8443/", succeeded)
	m.call("https://www.example.com/", succeeded)
	report, refused := m.Allow(t.Context(), meshhook.NewID(), crm)
	require.Nil(t, refused)
	report(succeeded)
	m.call("no URL", failed)

	// The first call after the period is the probe, and the only one. It fails: the
	// next period is twice as long.
	f.elapse(m)
	probe := m.allow(crm)
	m.turned(meshhook.CircuitHalfOpen)
	refused = m.refused(crm)
	require.Equal(t, meshhook.CircuitHalfOpen, refused.Circuit.State)
	require.Contains(t, refused.Message(), "one call is trying it again")
	require.GreaterOrEqual(t, refused.Wait, 6*time.Second)
	require.LessOrEqual(t, refused.Wait, 12*time.Second)
	probe(meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: "timeout"})
	m.turned(meshhook.CircuitOpen)
	refused = m.refused(crm)
	require.Contains(t, refused.Message(), "its last 6 calls failed (timeout)")
	require.Equal(t, c.OpenedAt, refused.Circuit.OpenedAt)
	wait = time.Until(refused.Circuit.RetryAt)
	require.Greater(t, wait, 40*time.Second)
	require.LessOrEqual(t, wait, 72*time.Second)

	// One that tells nothing is given back, and the next call probes.
	f.elapse(m)
	m.call(crm, meshhook.CallOutcome{})
	m.turned(meshhook.CircuitHalfOpen, meshhook.CircuitOpen)
	m.call(crm, succeeded)
	m.turned(meshhook.CircuitHalfOpen, meshhook.CircuitClosed)
	require.Zero(t, m.Open())
	for range 4 { // it counts anew
		m.call(crm, failed)
	}
	m.call(crm, succeeded)
	require.Equal(t, []string{
		"circuit.opened open crm.example.com:443: its last 5 calls failed (503)", "circuit.closed closed crm.example.com:443: it answers again",
	}, f.history())
	require.Empty(t, m.errors)
}

// What one daemon turns the others know at the bell, and without it at the next poll.
func TestOthersLearnOfACircuit(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.member(), f.member()
	listening, heard := make(chan struct{}, 1), make(chan error, 100)
	two.db.OnRing(postgres.BellCircuits, func() {
		select {
		case listening <- struct{}{}: // Hear rings every channel when it listens
		default:
			_, err := two.Refresh(context.Background())
			heard <- err
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var hearing sync.WaitGroup
	hearing.Go(func() { two.db.Hear(ctx) })
	require.Eventually(t, func() bool { return len(listening) == 1 }, patience, tick)

	one.open(crm)
	begin := time.Now()
	require.NoError(t, <-heard)
	require.Less(t, time.Since(begin), time.Second)
	two.refused(crm)
	f.elapse(one)
	one.call(crm, succeeded)
	one.turned(meshhook.CircuitHalfOpen, meshhook.CircuitClosed)
	require.NoError(t, <-heard)
	two.call(crm, failed)
	stop()
	hearing.Wait()

	one.open("https://other.example.com")
	two.call("https://other.example.com", failed)
	two.refresh()
	require.Equal(t, "other.example.com:443", two.refused("https://other.example.com").Circuit.Host)
	require.Equal(t, 1, two.Open())
	require.Empty(t, two.turns, "it made none of them")
}

// Two that open a circuit at the same moment open one.
func TestTwoOpenOneCircuit(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.member(), f.member()
	one.open(crm)
	for range 5 { // it has not heard of it
		two.call(crm, failed)
	}
	require.Equal(t, one.refused(crm).Circuit.ID, two.refused(crm).Circuit.ID)
	require.Empty(t, two.turns)
	require.Len(t, f.history(), 1)
}

// Of many calls at once over all daemons exactly one is the probe, whatever each
// of them knows.
func TestOneProbeOverAllDaemons(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.member(), f.member()
	one.open(crm)
	f.elapse(one, two)
	for range 3 {
		probes := make(chan func(meshhook.CallOutcome), 100)
		var calling sync.WaitGroup
		for i := range 100 {
			calling.Go(func() {
				if report, _ := []*member{one, two}[i%2].Allow(t.Context(), f.project, crm); report != nil {
					probes <- report
				}
			})
		}
		calling.Wait()
		require.Len(t, probes, 1)
		(<-probes)(failed)
		one.refused(crm)
		f.elapse(one, two)
	}
	// The other one's success is found when the time has come.
	one.call(crm, succeeded)
	two.call(crm, failed)
	require.Zero(t, two.Open())
}

// A probe whose daemon is dead is taken over when its lease is over, and one that
// takes long is not: its daemon renews it.
func TestADeadDaemonsProbeIsTakenOver(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.member(), f.member()
	one.open(crm)
	f.elapse(one, two)
	slow := one.allow(crm)
	f.elapse(one) // one renews it
	two.refresh()
	require.Equal(t, meshhook.CircuitHalfOpen, two.refused(crm).Circuit.State)
	require.Greater(t, time.Until(two.refused(crm).Circuit.RetryAt), 10*time.Second)
	f.elapse(two) // one is dead
	probe := two.allow(crm)
	two.turned(meshhook.CircuitHalfOpen)

	// The dead one comes back to itself, and changes nothing.
	slow(succeeded)
	one.turned(meshhook.CircuitHalfOpen)
	require.Empty(t, one.errors)
	require.Equal(t, meshhook.CircuitHalfOpen, one.refused(crm).Circuit.State)
	probe(succeeded)
	one.refresh()
	one.call(crm, failed)
}

// Calls to hosts that answer ask the store nothing, those to a host that is open
// neither, and a busy host with some errors stays closed.
func TestTheHotPathAsksNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.member()
	m.open("https://gone.example.com")
	asked := m.store.asked.Load()
	require.Equal(t, int64(1), asked)
	for i := range 20_000 {
		o := succeeded
		if i%50 == 0 {
			o = failed
		}
		m.call(crm, o)
		m.call(fmt.Sprintf("https://h%d.example.com", i%100), succeeded)
		m.refused("https://gone.example.com")
	}
	require.Equal(t, asked, m.store.asked.Load())
	require.Equal(t, 1, m.Open())
}

// While the database is away hosts that fail are called on, but what is open stays
// open, and no call asks without need.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.member()
	m.open("https://gone.example.com")
	f.elapse(m)
	away := &meshhook.Error{Code: meshhook.CodeUnavailable, Message: "nothing answers"}
	m.store.fault.Store(away)
	asked := m.store.asked.Load()
	for range 50 {
		m.call(crm, failed)
	}
	require.Equal(t, int64(10), m.store.asked.Load()-asked)
	require.Contains(t, m.refused("https://gone.example.com").Message(), "the next call tries it again")
	_, err := m.Refresh(t.Context())
	require.ErrorIs(t, err, error(away))
	require.Len(t, m.errors, 11)

	m.store.fault.Store(nil)
	probe := m.allow("https://gone.example.com")
	m.store.fault.Store(away)
	probe(succeeded)
	require.Len(t, m.errors, 12)
	m.store.fault.Store(nil)
	require.Equal(t, meshhook.CircuitHalfOpen, m.refused("https://gone.example.com").Circuit.State)
	f.elapse(m) // nobody renews it any more
	m.call("https://gone.example.com", succeeded)
	require.Zero(t, m.Open())
}

// A caller that gives up while it asks for a probe has it, and gives it back.
func TestACallerThatGivesUp(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.member()
	m.open(crm)
	f.elapse(m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, refused := m.Allow(ctx, f.project, crm)
	require.Nil(t, refused)
	report(meshhook.CallOutcome{})
	m.call(crm, succeeded)
	require.Empty(t, m.errors)
}

// gated is the store, whose answers can be held up.
type gated struct {
	circuit.Store
	read chan struct{} // a list is read, and not given out yet
	on   chan struct{}
}

func (g *gated) Circuits(ctx context.Context, probes []meshhook.ID, lease time.Duration) ([]meshhook.Circuit, error) {
	list, err := g.Store.Circuits(ctx, probes, lease)
	if g.read != nil {
		g.read <- struct{}{}
		select {
		case <-g.on:
		case <-time.After(patience):
			return nil, errors.New("waited in vain")
		}
	}
	return list, err
}

// A list that was read before a circuit turned here does not turn it back.
func TestAnOldListTurnsNothingBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.member()
	g := &gated{Store: m.db}
	m.Breaker = circuit.New(circuit.Options{Store: g, Observe: func(to meshhook.CircuitState) { m.turns <- to }})
	m.open("https://opens.example.com")
	f.elapse(m)
	g.read, g.on = make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := m.Refresh(context.Background())
		done <- err
	}()
	<-g.read
	m.call("https://opens.example.com", succeeded)
	m.turned(meshhook.CircuitHalfOpen, meshhook.CircuitClosed)
	m.open(crm)
	g.on <- struct{}{}
	require.NoError(t, <-done)
	m.call("https://opens.example.com", succeeded)
	m.refused(crm)
	require.Equal(t, 1, m.Open())
}

// opening is the store, and what happens while it opens a circuit.
type opening struct {
	circuit.Store
	meanwhile func()
}

func (o *opening) OpenCircuit(ctx context.Context, c meshhook.Circuit, wait time.Duration) (meshhook.Circuit, error) {
	o.meanwhile()
	return o.Store.OpenCircuit(ctx, c, wait)
}

// While a circuit is being written no more calls go out, and a list without it does
// not close it.
func TestACircuitOpensAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.member()
	o := &opening{Store: m.db}
	m.Breaker = circuit.New(circuit.Options{Store: o, Observe: func(to meshhook.CircuitState) { m.turns <- to }})
	under := m.allow(crm)
	o.meanwhile = func() {
		m.refresh()
		require.Greater(t, m.refused(crm).Wait, 20*time.Second)
		under(failed)
	}
	m.open(crm)
	m.refused(crm)
}
