package postgres_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// tell makes an alert about all that runs do, at once and without a throttle.
func (h house) tell(t *testing.T, on ...meshhook.Condition) meshhook.Alert {
	t.Helper()
	a := h.plainAlert()
	a.On = on
	return h.createAlert(t, a, "whsec_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
}

// deliver makes that many pending deliveries of the alert, by hand.
func (h house) deliver(t *testing.T, a meshhook.Alert, count int, host string) {
	t.Helper()
	for range count {
		h.system(t, `INSERT INTO deliveries (id, project_id, alert_id, type, status, host, next_at) VALUES ($1, $2, $3, 'run.failed', 'pending', $4, now() - interval '1 s')`,
			meshhook.NewID(), h.project.ID(), a.ID, []byte(host))
	}
}

// take claims all that there is room for.
func (h house) take(t *testing.T, room meshhook.DeliveryRoom) (claims []meshhook.DeliveryClaim, seen int) {
	t.Helper()
	claims, seen, err := h.db.ClaimDeliveries(t.Context(), meshhook.NewID(), room, lease)
	require.NoError(t, err)
	return claims, seen
}

// types are those of all deliveries, the newest last.
func (h house) types(t *testing.T) []string {
	t.Helper()
	return rows[string](t, h, `SELECT type FROM deliveries ORDER BY id`)
}

// A host gets no more than there is room for it, and keeps no other from being served.
func TestClaimDeliveriesByHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.tell(t, meshhook.OnFailed)
	h.deliver(t, a, 5, "slow")
	h.deliver(t, a, 3, "quick")
	h.system(t, `INSERT INTO deliveries (id, project_id, alert_id, type, status, next_at) VALUES ($1, $2, $3, 'run.failed', 'pending', now())`, meshhook.NewID(), h.project.ID(), a.ID)

	count := func(claims []meshhook.DeliveryClaim) map[string]int {
		hosts := map[string]int{}
		for _, c := range claims {
			hosts[string(c.Host)]++
		}
		return hosts
	}
	slow := [][]byte{[]byte("slow")}
	claims, seen := h.take(t, meshhook.DeliveryRoom{Limit: 5, PerHost: 3, Hosts: slow, Free: []int{1}})
	require.Equal(t, map[string]int{"slow": 1}, count(claims))
	require.Equal(t, 5, seen, "there may be more")
	claims, seen = h.take(t, meshhook.DeliveryRoom{Limit: 5, PerHost: 2, Hosts: slow, Free: []int{0}})
	require.Equal(t, map[string]int{"quick": 2, "": 1}, count(claims))
	require.Equal(t, 4, seen)
	claims, seen = h.take(t, meshhook.DeliveryRoom{Limit: 5, PerHost: 5})
	require.Equal(t, map[string]int{"slow": 4, "quick": 1}, count(claims))
	require.Equal(t, 5, seen)
	claims, seen = h.take(t, meshhook.DeliveryRoom{Limit: 5, PerHost: 5})
	require.Empty(t, claims)
	require.Zero(t, seen)
}

// Who has lost a delivery changes nothing of it.
func TestALostDeliveryIsNotChanged(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.deliver(t, h.tell(t, meshhook.OnFailed), 1, "host")
	claims, _ := h.take(t, meshhook.DeliveryRoom{Limit: 1, PerHost: 1})
	lost := &claims[0]
	require.NoError(t, h.db.ExtendDeliveries(ctx, meshhook.NewID(), []meshhook.ID{lost.Delivery.ID}, time.Hour)) // of another
	h.system(t, `UPDATE deliveries SET lease_until = now() - interval '1 s'`)
	count, err := h.db.RecoverDeliveries(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, 1, count)
	claims, _ = h.take(t, meshhook.DeliveryRoom{Limit: 1, PerHost: 1})
	require.Len(t, claims, 1)

	before := rows[string](t, h, `SELECT d::text FROM deliveries d`)
	lost.Unkept, lost.Delivery.Request = true, &meshhook.AlertRequest{URL: "https://example.com"}
	for name, change := range map[string]func() error{
		"begin": func() error {
			return h.db.BeginAttempt(ctx, lost, meshhook.AlertAttempt{ID: meshhook.NewID(), Attempt: 1})
		},
		"settle": func() error {
			return h.db.SettleDelivery(ctx, lost, meshhook.DeliveryMove{Status: meshhook.DeliveryExhausted, Disable: true})
		},
		"attempt": func() error {
			return h.db.SettleDelivery(ctx, lost, meshhook.DeliveryMove{
				Status: meshhook.DeliveryDelivered, Attempt: &meshhook.AlertAttempt{ID: meshhook.NewID()},
				Entry: meshhook.Entry{ProjectID: h.project.ID(), At: time.Now(), Kind: meshhook.AlertEntry(meshhook.DeliveryDelivered), DeliveryID: &lost.Delivery.ID},
			})
		},
		"release": func() error { return h.db.ReleaseDelivery(ctx, lost, 0) },
		"hold":    func() error { return h.db.HoldDelivery(ctx, lost, time.Hour) },
		"throttle": func() error {
			_, err := h.db.ThrottleDelivery(ctx, lost, "key", time.Hour, meshhook.DeliveryMove{Status: meshhook.DeliveryDiscarded})
			return err
		},
	} {
		requireCode(t, meshhook.CodeLeaseLost, change())
		require.Equal(t, before, rows[string](t, h, `SELECT d::text FROM deliveries d`), name)
	}
	require.Empty(t, rows[string](t, h, `SELECT kind FROM alert_states`), "the throttle counts nothing")
	require.Empty(t, rows[int32](t, h, `SELECT attempt FROM alert_logs`))
	require.Empty(t, rows[string](t, h, `SELECT kind FROM journal WHERE delivery_id IS NOT NULL`))
	require.NoError(t, h.db.ExtendDeliveries(ctx, *rows[*meshhook.ID](t, h, `SELECT lease_owner FROM deliveries`)[0], []meshhook.ID{lost.Delivery.ID}, time.Hour))
	require.True(t, rows[bool](t, h, `SELECT lease_until > now() + interval '59 minutes' FROM deliveries`)[0])
}

// An approval is told of once, whatever else its run does while it waits; each counts.
func TestAnApprovalIsToldOfOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.tell(t, meshhook.OnWaiting)
	h.start(t, `{}`)
	claim := h.claim(t, meshhook.NewID())
	ask := func(id string) meshhook.Step {
		asked := step(id, meshhook.StepWaiting, "", time.Now())
		asked.Kind, asked.Input = "approval", json.RawMessage(`{"message":"really?"}`)
		return asked
	}
	move := func(steps ...meshhook.Step) {
		t.Helper()
		require.NoError(t, h.db.Move(ctx, meshhook.RunMove{RunID: claim.Run.ID, ProjectID: claim.Run.ProjectID, Fence: claim.Fence, Status: meshhook.RunRunning, Steps: steps}))
	}
	move(ask("first"))
	move(step("beside", meshhook.StepSucceeded, "1", time.Now()))
	require.Equal(t, []string{"run.waiting"}, h.types(t))
	move(ask("second"))
	move(ask("third"), ask("each[0].fourth")) // steps side by side ask at once
	require.Equal(t, []string{"each[0].fourth", "first", "second", "third"}, rows[string](t, h, `SELECT step FROM deliveries WHERE type = 'run.waiting' ORDER BY step COLLATE "C"`))
	// Where something beside it ends the run at once, nobody is asked.
	require.NoError(t, h.db.Move(ctx, meshhook.RunMove{
		RunID: claim.Run.ID, ProjectID: claim.Run.ProjectID, Fence: claim.Fence, Status: meshhook.RunSucceeded, FinishedAt: time.Now(), Steps: []meshhook.Step{ask("fifth")},
	}))
	require.Len(t, h.types(t), 4)
}

// Who has lost a run tells nothing of it, not even in one group with who has it.
func TestALostRunIsNotToldOf(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.tell(t, meshhook.OnFailed, meshhook.OnSucceeded)
	h.start(t, `{}`)
	lost := h.claim(t, meshhook.NewID())
	h.system(t, `UPDATE runs SET lease_until = now() - interval '1 second'`)
	_, err := h.db.RecoverRuns(ctx, 1)
	require.NoError(t, err)
	held := h.claim(t, meshhook.NewID())
	var both sync.WaitGroup
	both.Go(func() { requireCodeLater(t, meshhook.CodeLeaseLost, h.db.Move(ctx, move(lost, meshhook.RunFailed))) })
	both.Go(func() { requireCodeLater(t, "", h.db.Move(ctx, move(held, meshhook.RunSucceeded))) })
	both.Wait()
	require.Equal(t, []string{"run.succeeded"}, h.types(t))
}

// requireCodeLater is requireCode for a goroutine of its own.
func requireCodeLater(t *testing.T, want meshhook.Code, err error) {
	t.Helper()
	if meshhook.ErrorCode(err) != want {
		t.Errorf("%v", err)
	}
}

// Runs end and are canceled at the same time, over two daemons' groups, and each is told
// of once: as what it became.
func TestRunsAreToldOfAsTheyEnd(t *testing.T) {
	t.Parallel()
	const runs = 40
	ctx := t.Context()
	h := newHouse(t)
	h.tell(t, meshhook.OnFailed, meshhook.OnSucceeded, meshhook.OnCanceled)
	h.tell(t, meshhook.OnRecovered)
	for range runs {
		h.start(t, `{}`)
	}
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), runs, lease)
	require.NoError(t, err)
	require.Len(t, claims, runs)
	var all sync.WaitGroup
	for i, c := range claims {
		all.Go(func() {
			status := []meshhook.RunStatus{meshhook.RunFailed, meshhook.RunSucceeded}[i%2]
			if err := h.db.Move(ctx, move(c, status)); err != nil && meshhook.ErrorCode(err) != meshhook.CodeLeaseLost {
				t.Errorf("%v", err)
			}
		})
		if i%3 == 0 {
			all.Go(func() {
				if _, err := h.project.CancelRun(ctx, c.Run.ID); err != nil && meshhook.ErrorCode(err) != meshhook.CodeConflict {
					t.Errorf("%v", err)
				}
			})
		}
	}
	all.Wait()
	require.Empty(t, rows[string](t, h, `
		SELECT r.id::text FROM runs r FULL JOIN (SELECT * FROM deliveries WHERE type <> 'run.recovered') d ON d.run_id = r.id AND d.type = 'run.' || r.status
		 WHERE d.id IS NULL OR r.id IS NULL`))
	require.Len(t, rows[string](t, h, `SELECT id::text FROM deliveries WHERE type <> 'run.recovered'`), runs)
}

// An alert that does not want to know of recoveries any more is not sent one.
func TestRecoveredIsToldToWhoWantsToKnow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.tell(t, meshhook.OnRecovered)
	h.start(t, `{}`)
	h.finish(t, meshhook.RunFailed)
	_, err := h.project.ChangeAlert(t.Context(), a.ID, put(func(a *meshhook.Alert) { a.On = []meshhook.Condition{meshhook.OnCanceled} }))
	require.NoError(t, err)
	h.start(t, `{}`)
	h.finish(t, meshhook.RunSucceeded)
	require.Empty(t, h.types(t))
	require.Empty(t, rows[string](t, h, `SELECT kind FROM alert_states`))
}

// A circuit's opening is told of once, and where an alert waits to go there alone.
func TestACircuitsOpeningIsToldOf(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.tell(t, meshhook.OnCircuitOpen)
	a := h.tell(t, meshhook.OnFailed)
	h.open(t, "a-step-calls.example.com:443")
	require.Empty(t, h.types(t))
	h.deliver(t, a, 2, "")
	host := "hooks.example.com:443"
	h.system(t, `UPDATE deliveries SET host = substr(sha256($1::text::bytea), 1, 16)`, host)
	opened := h.open(t, host)
	h.open(t, host)
	require.Equal(t, []string{"alert.circuit_open"}, rows[string](t, h, `SELECT type FROM deliveries WHERE circuit IS NOT NULL`))
	claims, _ := h.take(t, meshhook.DeliveryRoom{Limit: 10, PerHost: 10})
	require.Len(t, claims, 3)
	told := claims[2]
	require.NoError(t, told.Unreadable)
	require.Equal(t, host, told.Circuit.Host)
	require.Equal(t, opened.Why(), told.Circuit.Why())

	pending, oldest, err := h.db.AlertQueue(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(3), pending)
	require.Zero(t, oldest, "all are in hand")
	h.deliver(t, a, 1, "x")
	pending, oldest, err = h.db.AlertQueue(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(4), pending)
	require.GreaterOrEqual(t, oldest, time.Second)
}

// An alert that comes when its receiver's circuit is open already, over what steps of
// workflows sent, is a reason to tell of it, once.
func TestAnOpenCircuitIsToldOf(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	a := h.tell(t, meshhook.OnFailed)
	host := "hooks.example.com:443"
	c := h.open(t, host)
	h.deliver(t, a, 3, "")
	h.system(t, `UPDATE deliveries SET host = substr(sha256($1::text::bytea), 1, 16)`, host)
	claims, _ := h.take(t, meshhook.DeliveryRoom{Limit: 10, PerHost: 10})
	require.Len(t, claims, 3)
	refused := &meshhook.CircuitRefusal{Circuit: c, Wait: time.Minute}
	require.NoError(t, h.db.WithholdDelivery(ctx, &claims[0], refused))
	require.Len(t, h.types(t), 3, "nobody wants to know")
	h.tell(t, meshhook.OnCircuitOpen)
	require.NoError(t, h.db.WithholdDelivery(ctx, &claims[1], refused))
	require.NoError(t, h.db.WithholdDelivery(ctx, &claims[2], refused))
	requireCode(t, meshhook.CodeLeaseLost, h.db.WithholdDelivery(ctx, &claims[2], refused))
	require.Equal(t, []string{"run.failed", "run.failed", "run.failed", "alert.circuit_open"}, h.types(t))
	require.Equal(t, []bool{true, true, true}, rows[bool](t, h, `SELECT lease_owner IS NULL AND next_at > now() + interval '50 s' FROM deliveries WHERE type = 'run.failed'`))
}

// A message is made of what can be opened of its run, steps and event.
func TestASubjectThatIsDamaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.tell(t, meshhook.OnFailed)
	h.record(t, h.intake("", "{}"))
	h.finish(t, meshhook.RunFailed, step("one", meshhook.StepSucceeded, "1", time.Now()), step("two", meshhook.StepSucceeded, "2", time.Now()))
	claims, _ := h.take(t, meshhook.DeliveryRoom{Limit: 1, PerHost: 1})
	s, err := h.db.DeliverySubject(t.Context(), &claims[0])
	require.NoError(t, err)
	require.NoError(t, s.Incomplete)
	require.NotNil(t, s.Event)
	h.system(t, `UPDATE run_steps SET output = 'x' WHERE step_id = 'one'`)
	s, err = h.db.DeliverySubject(t.Context(), &claims[0])
	require.NoError(t, err)
	require.ErrorContains(t, s.Incomplete, "run_steps.output/one")
	require.Len(t, s.Run.Steps, 2)
	require.JSONEq(t, "2", string(s.Run.Steps[1].Output))
	h.system(t, `UPDATE events SET head = 'x'`)
	s, err = h.db.DeliverySubject(t.Context(), &claims[0])
	require.NoError(t, err)
	require.ErrorContains(t, s.Incomplete, "events.head")
	require.Nil(t, s.Event)
	require.Equal(t, meshhook.RunFailed, s.Run.Status)
}

// However many wait for a host that is full, those to others are found behind them.
func TestABacklogHidesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.tell(t, meshhook.OnFailed)
	h.system(t, `
		INSERT INTO deliveries (id, project_id, alert_id, type, status, host, next_at)
		SELECT meshhook_id(), $1, $2, 'run.failed', 'pending', 'slow', now() - interval '1 hour' FROM generate_series(1, 2100)`, h.project.ID(), a.ID)
	h.deliver(t, a, 5, "quick")
	h.deliver(t, a, 2, "busy")
	h.system(t, `INSERT INTO deliveries (id, project_id, alert_id, type, status, next_at) VALUES ($1, $2, $3, 'run.failed', 'pending', now())`, meshhook.NewID(), h.project.ID(), a.ID)
	room := meshhook.DeliveryRoom{Limit: 10, PerHost: 3, Hosts: [][]byte{[]byte("slow"), []byte("busy")}, Free: []int{0, 1}}
	taken := func() (hosts []string, seen int) {
		t.Helper()
		claims, seen := h.take(t, room)
		for _, c := range claims {
			hosts = append(hosts, string(c.Host))
		}
		return hosts, seen
	}
	hosts, seen := taken()
	require.ElementsMatch(t, []string{"", "busy", "quick", "quick", "quick"}, hosts)
	require.Equal(t, 5, seen)
	room.Hosts, room.Free = append(room.Hosts, []byte("quick")), []int{0, 0, 0}
	hosts, _ = taken()
	require.Empty(t, hosts)
	// Where some of them stand before the others, there may be more behind.
	h.system(t, `UPDATE deliveries SET next_at = now() - interval '2 hours' WHERE host = 'quick' AND lease_owner IS NULL`)
	room.Free = []int{0, 0, 1}
	hosts, seen = taken()
	require.Equal(t, []string{"quick"}, hosts)
	require.Equal(t, 10, seen)
}
