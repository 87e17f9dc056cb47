package postgres_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// What came from outside or is a secret stands nowhere in the database as it is.
func TestNothingLiesOpen(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	mark := func(what string) string { return "MARK-" + what + "-MARK" }

	in := h.intake(mark("dedup"), `{"body":"`+mark("body")+`"}`)
	in.Event.Header = http.Header{"X-Header": {mark("header")}}
	in.Event.Query = "q=" + mark("query")
	in.Event.Reason = mark("reason")
	in.Event.Findings = json.RawMessage(`{"finding":"` + mark("finding") + `"}`)
	h.record(t, in)
	_, err := h.project.SetSecret(ctx, "token", meshhook.NewSecret(mark("vault")))
	require.NoError(t, err)
	require.NoError(t, h.project.RotateEndpointSecret(ctx, h.endpoint.Path, meshhook.NewSecret(mark("endpoint-secret")), time.Hour))

	alert := h.fullAlert()
	alert.URL, alert.Headers, alert.Payload = "https://example.com/"+mark("alert-url"), map[string]string{"X-Key": mark("alert-header")}, json.RawMessage(`"`+mark("alert-payload")+`"`)
	h.createAlert(t, alert, mark("alert-secret"))
	require.NoError(t, h.project.RotateAlertSecret(ctx, alert.ID, meshhook.NewSecret(mark("alert-rotated")), time.Hour))

	h.open(t, mark("circuit"))
	claim := h.claim(t, meshhook.NewID())
	asked := step("ask", meshhook.StepWaiting, "", time.Now())
	asked.Kind, asked.Input = "approval", json.RawMessage(`{"message":"`+mark("step-input")+`"}`)
	require.NoError(t, h.db.Move(ctx, meshhook.RunMove{
		RunID: claim.Run.ID, ProjectID: claim.Run.ProjectID, Fence: claim.Fence, Status: meshhook.RunRunning, Steps: []meshhook.Step{asked},
	}))
	_, err = h.project.Decide(ctx, claim.Run.ID, "ask", true, mark("note"))
	require.NoError(t, err)
	failed := step("two", meshhook.StepFailed, "", time.Now())
	failed.Error.Message = mark("step-failure")
	m := move(claim, meshhook.RunFailed, step("one", meshhook.StepSucceeded, `"`+mark("step-output")+`"`, time.Now()), failed)
	m.Output = json.RawMessage(`"` + mark("output") + `"`)
	m.Error.Message = mark("failure")
	m.Entries[0].Detail = mark("detail")
	require.NoError(t, h.db.Move(ctx, m))
	h.start(t, mark("input"))

	// All of it is there, for who has the key.
	opened := h.opened(t, claim.Run.ID, in.Event.ID)
	marks := []string{
		"dedup", "body", "header", "query", "reason", "finding", "vault", "endpoint-secret",
		"step-failure", "step-output", "output", "failure", "detail", "input", "circuit", "step-input", "note",
		"alert-url", "alert-header", "alert-payload", "alert-secret", "alert-rotated",
	}
	for _, what := range marks {
		require.Contains(t, opened, mark(what))
	}

	// None of it is there, for who has the disk; bytea prints as hexadecimal.
	tables := rows[string](t, h, `SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY 1`)
	require.Contains(t, tables, "events")
	require.Contains(t, tables, "keysets")
	var seen int
	for _, table := range tables {
		for _, row := range rows[string](t, h, `SELECT t::text FROM `+table+` t`) {
			seen++
			require.NotContains(t, row, "MARK", table)
			require.NotContains(t, row, hex.EncodeToString([]byte("MARK")), table)
			require.NotContains(t, row, pgtest.MasterKeyText)
		}
	}
	require.Greater(t, seen, 12)
}

// opened is all that the store gives out, as one text.
func (h house) opened(t *testing.T, run, event meshhook.ID) string {
	t.Helper()
	ctx := t.Context()
	var all strings.Builder
	add := func(v any, err error) {
		t.Helper()
		require.NoError(t, err)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		all.Write(text)
	}
	e, err := h.project.Event(ctx, event)
	add(e, err)
	all.Write(e.Body)
	r, err := h.project.Run(ctx, run)
	add(r, err)
	add(h.journal(t, meshhook.Cursor{}, 6), nil)
	add(h.circuits(t), nil)
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 1, lease)
	add(nil, err)
	all.Write(claims[0].Run.Input)
	values, err := h.db.SecretValues(ctx, h.project.ID())
	add(nil, err)
	all.WriteString(values["token"].Reveal())
	all.WriteString(strings.Join(liveSecrets(t, h), " "))
	alerts, err := h.project.Alerts(ctx, "")
	add(alerts, err)
	secrets, err := h.project.AlertSecrets(ctx, alerts[0].ID)
	add(nil, err)
	for _, s := range secrets {
		all.WriteString(s.Value.Reveal())
	}
	return all.String()
}

// A sealed value opens in its own place only.
func TestSealedValuesCannotBeMoved(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	one, two := h.intake("", `{"n":1}`), h.intake("", `{"n":2}`)
	h.record(t, one)
	h.record(t, two)
	for _, name := range []string{"a", "b"} {
		_, err := h.project.SetSecret(ctx, name, meshhook.NewSecret(name))
		require.NoError(t, err)
	}
	claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 1, lease)
	require.NoError(t, err)
	run := claims[0].Run
	m := move(claims[0], meshhook.RunFailed, step("x", meshhook.StepSucceeded, "1", time.Now()), step("y", meshhook.StepFailed, "2", time.Now()))
	m.Entries[0].Detail = "told"
	require.NoError(t, h.db.Move(ctx, m))
	h.journal(t, meshhook.Cursor{}, 4)

	require.NoError(t, func() error { _, err := h.project.Event(ctx, one.Event.ID); return err }())
	swaps := []struct {
		name, sql string
		read      func() error
	}{
		{"an event's body", `UPDATE events SET body = (SELECT body FROM events WHERE id <> $1) WHERE id = $1`, func() error {
			_, err := h.project.Event(ctx, one.Event.ID)
			return err
		}},
		{"an event's head", `UPDATE events SET head = body WHERE id = $1`, func() error {
			_, err := h.project.Events(ctx, meshhook.EventFilter{})
			return err
		}},
		{"an endpoint's secret", `UPDATE endpoint_secrets SET value = (SELECT value FROM secrets WHERE name = 'a') WHERE $1::uuid IS NOT NULL`, func() error {
			// Only this webhook is closed.
			live, err := h.db.LiveEndpoints(ctx)
			require.NoError(t, err)
			return live[0].Unreadable
		}},
		{"a step's failure", `UPDATE run_steps SET failure = output WHERE step_id = 'y' AND $1::uuid IS NOT NULL`, func() error {
			_, err := h.project.Run(ctx, run.ID)
			return err
		}},
		{"a step's output", `UPDATE run_steps SET output = (SELECT output FROM run_steps WHERE step_id = 'x') WHERE step_id = 'y' AND $1::uuid IS NOT NULL`, func() error {
			_, err := h.project.Run(ctx, run.ID)
			return err
		}},
		{"a run's failure", `UPDATE runs SET failure = (SELECT value FROM secrets WHERE name = 'a') WHERE status = 'failed' AND $1::uuid IS NOT NULL`, func() error {
			_, err := h.project.Runs(ctx, meshhook.RunFilter{})
			return err
		}},
		{"a run's output", `UPDATE runs SET output = (SELECT value FROM secrets WHERE name = 'a') WHERE status = 'failed' AND $1::uuid IS NOT NULL`, func() error {
			_, err := h.project.Runs(ctx, meshhook.RunFilter{})
			return err
		}},
		{"a run's input", `UPDATE runs SET input = (SELECT value FROM secrets WHERE name = 'a') WHERE $1::uuid IS NOT NULL`, func() error {
			// The claim itself stands: one bad row must not hold up the others.
			claims, err := h.db.ClaimRuns(ctx, meshhook.NewID(), 1, lease)
			require.NoError(t, err)
			return claims[0].Unreadable
		}},
		{"an entry's detail", `UPDATE journal SET detail = (SELECT value FROM secrets WHERE name = 'a') WHERE detail IS NOT NULL AND $1::uuid IS NOT NULL`, func() error {
			_, err := h.project.EntriesAfter(ctx, meshhook.Cursor{}, 10)
			return err
		}},
	}
	// Of the vault one entry is missing, and the steps that use it fail for that.
	h.system(t, `UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'a') WHERE name = 'b'`)
	values, err := h.db.SecretValues(ctx, h.project.ID())
	require.NoError(t, err)
	require.Contains(t, values, "a")
	require.NotContains(t, values, "b")
	for _, swap := range swaps {
		h.system(t, swap.sql, one.Event.ID)
		err := swap.read()
		requireCode(t, meshhook.CodeInternal, err)
		require.ErrorContains(t, err, "it was changed, belongs to another row, or its key is gone", swap.name)
	}
}
