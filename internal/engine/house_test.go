package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

func TestMain(m *testing.M) {
	pgtest.Start()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// patience bounds every wait of these tests. tick is how often what has no signal
// is looked at, and poll how often an engine claims although no bell rang.
const (
	patience = 15 * time.Second
	tick     = 2 * time.Millisecond
	poll     = 20 * time.Millisecond
)

// tester is what a test and a rapid check have in common.
type tester interface {
	require.TestingT
	Helper()
	Context() context.Context
	Cleanup(func())
}

// wait returns the next value of the channel.
func wait[T any](t tester, from <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		require.Fail(t, "waited in vain for "+what)
	}
	return value
}

// pause waits for the channel too, but ends with the test's patience: it keeps
// what is not the test itself waiting, and lets it go when the test has failed.
func pause[T any](on <-chan T) {
	select {
	case <-on:
	case <-time.After(patience):
	}
}

// house is a project in a fresh database, and a connection behind its back.
type house struct {
	url     string
	db      *postgres.DB
	project *postgres.Tenant
	raw     *pgx.Conn
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{url: pgtest.URL(t)}
	h.db = pgtest.Open(t, h.url)
	h.project = pgtest.Project(t, h.db)
	conn, err := pgx.Connect(t.Context(), h.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	_, err = conn.Exec(t.Context(), `SELECT set_config('meshhook.system', 'on', false)`)
	require.NoError(t, err)
	h.raw = conn
	return h
}

// story is a test that leaves no run behind that can be claimed.
type story struct {
	name string
	tell func(t *testing.T, h *house)
}

// inOneHouse tells stories one after the other: a database costs more than any
// of them.
func inOneHouse(t *testing.T, stories []story) {
	t.Helper()
	h := newHouse(t)
	for _, s := range stories {
		if !t.Run(s.name, func(t *testing.T) { s.tell(t, h) }) {
			return // what it left behind would spoil the next
		}
	}
}

// apply stores a workflow document, right or wrong, under its name.
func (h *house) apply(t tester, name, source string) meshhook.Workflow {
	t.Helper()
	digest := sha256.Sum256([]byte(source))
	version := meshhook.Version{Digest: hex.EncodeToString(digest[:]), Source: source}
	if d, err := workflow.Parse(name, []byte(source)); err == nil {
		version.RunLimit = d.RunLimit()
	}
	applied, err := h.project.Apply(t.Context(), name, "", version)
	require.NoError(t, err)
	return applied.Workflow
}

// start starts a run of the workflow's newest version by hand.
func (h *house) start(t tester, w meshhook.Workflow, input string) meshhook.ID {
	t.Helper()
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: w.ID, Workflow: w.Name, Version: w.Version, Input: []byte(input)}
	require.NoError(t, h.project.StartRun(t.Context(), run))
	return run.ID
}

// startOf applies a document of the name "test" and starts a run of it.
func (h *house) startOf(t tester, source string) meshhook.ID {
	t.Helper()
	return h.start(t, h.apply(t, "test", "name: test\n"+source), "{}")
}

func (h *house) cancel(t tester, id meshhook.ID) {
	t.Helper()
	_, err := h.project.CancelRun(t.Context(), id)
	require.NoError(t, err)
}

func (h *house) run(t tester, id meshhook.ID) meshhook.Run {
	t.Helper()
	run, err := h.project.Run(t.Context(), id)
	require.NoError(t, err)
	return run
}

// story is the run's history, a line for each entry: its kind, and what it has
// of step, attempt, HTTP status and reason.
func (h *house) story(t tester, run meshhook.ID) []string {
	t.Helper()
	rows, err := h.raw.Query(t.Context(), `
		SELECT kind, step, CASE WHEN step = '' THEN 0 ELSE attempt END, http_status, code FROM journal
		 WHERE run_id = $1 ORDER BY xact, id`, run)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var kind, step, code string
		var attempt, status int
		err := row.Scan(&kind, &step, &attempt, &status, &code)
		words := []string{kind, step}
		for _, n := range []int{attempt, status} {
			if n != 0 {
				words = append(words, strconv.Itoa(n))
			}
		}
		words = append(words, code)
		return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "), err
	})
	require.NoError(t, err)
	return lines
}

// abandon lets the leases of all runs under way run out, as time does when a
// daemon is dead, and puts these runs back into the queue.
func (h *house) abandon(t tester) {
	t.Helper()
	_, err := h.raw.Exec(t.Context(), `UPDATE runs SET lease_until = now() - interval '1s' WHERE status = 'running'`)
	require.NoError(t, err)
	_, err = h.db.RecoverRuns(t.Context(), 1000)
	require.NoError(t, err)
}

// outcome is what a recorded step came to. Of an answer it has status and body.
type outcome struct {
	Status  meshhook.StepStatus
	Attempt int
	Output  string
	Reason  meshhook.FailureReason
}

func outcomes(t tester, run meshhook.Run) map[string]outcome {
	t.Helper()
	all := map[string]outcome{}
	for _, step := range run.Steps {
		o := outcome{Status: step.Status, Attempt: step.Attempt, Output: string(step.Output)}
		if step.Error != nil {
			o.Reason = step.Error.Reason
		}
		if step.Kind == "http" && o.Output != "" {
			answer := map[string]json.RawMessage{}
			require.NoError(t, json.Unmarshal(step.Output, &answer))
			o.Output = string(answer["status"]) + " " + string(answer["body"])
		}
		all[step.ID] = o
	}
	return all
}

// daemon is an engine under observation.
type daemon struct {
	*engine.Engine
	id meshhook.ID
	// runs and steps deliver what Observe was told.
	runs, steps chan engine.Outcome
	log         *safeBuffer
}

// daemon makes an engine that may call this machine, and works only when told.
func (h *house) daemon(t tester, change ...func(*engine.Options)) *daemon {
	t.Helper()
	client := newClient(t, netip.MustParsePrefix("127.0.0.0/8"))
	d := &daemon{id: meshhook.NewID(), runs: make(chan engine.Outcome, 1000), steps: make(chan engine.Outcome, 10000), log: &safeBuffer{}}
	o := engine.Options{
		Store: h.db, Owner: d.id, Egress: client, Log: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(o engine.Outcome) {
			if o.Step == "" {
				d.runs <- o
			} else {
				d.steps <- o
			}
		},
	}
	for _, fn := range change {
		fn(&o)
	}
	d.Engine = engine.New(o)
	t.Cleanup(func() { d.kill() })
	return d
}

func newClient(t tester, allow ...netip.Prefix) *egress.Client {
	t.Helper()
	client, err := egress.New(egress.Options{Allow: allow})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// kill stops the engine without any grace. Its error is of no interest: a dead
// daemon gives nothing back.
func (d *daemon) kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = d.Stop(ctx)
}

// claim does one round of the claim loop.
func (d *daemon) claim(t tester) (more bool) {
	t.Helper()
	more, err := d.Claim(t.Context())
	require.NoError(t, err)
	return more
}

// finish claims, whenever the bell rings and now and then without, until a run
// has ended.
func (d *daemon) finish(t tester) engine.Outcome {
	t.Helper()
	return d.finishWithin(t, patience)
}

// finishWithin is finish for what takes its time.
func (d *daemon) finishWithin(t tester, most time.Duration) engine.Outcome {
	t.Helper()
	for late := time.Now().Add(most); time.Now().Before(late); {
		d.claim(t)
		select {
		case o := <-d.runs:
			return o
		case <-d.Bell().C():
		case <-time.After(poll): // the bell of a dead daemon wakes nobody
		}
	}
	require.Fail(t, "waited in vain for the run's end")
	return engine.Outcome{}
}

// work runs the claim loop until the test ends. Its tick never comes: it must
// be woken.
func (d *daemon) work(t *testing.T, h *house) {
	t.Helper()
	h.db.OnRing(postgres.BellRuns, d.Bell().Ring)
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		l := loop.Loop{Name: "runs", Bell: d.Bell().C(), Every: time.Hour, Work: d.Claim}
		_ = l.Run(ctx) // fails only for a loop without Work
	})
	t.Cleanup(func() {
		cancel()
		working.Wait()
	})
}
