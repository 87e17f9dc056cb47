package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// victim is a project with something of everything, for another one to reach for.
type victim struct {
	house
	event, run meshhook.ID
	failed     meshhook.ID
	alert      meshhook.Alert
	delivery   meshhook.ID // it was given up
}

func newVictim(t *testing.T) victim {
	t.Helper()
	return settle(t, newHouse(t))
}

// settle puts something of everything into a house.
func settle(t *testing.T, h house) victim {
	t.Helper()
	v := victim{house: h}
	in := v.intake("key", `{"mine":true}`)
	v.record(t, in)
	v.event = in.Event.ID
	_, err := v.project.SetSecret(t.Context(), "token", meshhook.NewSecret("mine"))
	require.NoError(t, err)
	v.token(t, "robot")
	v.open(t, "mine.example.com:443")
	v.failed = v.claim(t, meshhook.NewID()).Run.ID
	v.system(t, `UPDATE runs SET lease_until = now() - interval '1 second'`)
	_, err = v.db.RecoverRuns(t.Context(), 1)
	require.NoError(t, err)
	v.finish(t, meshhook.RunFailed, step("one", meshhook.StepSucceeded, "1", time.Now()), step("two", meshhook.StepFailed, "", time.Now()))
	v.run = v.start(t, `{"mine":true}`).ID
	v.settleAlert(t)
	return v
}

// settleAlert puts an alert there, and something of everything that comes of one.
func (v *victim) settleAlert(t *testing.T) {
	t.Helper()
	v.alert = v.createAlert(t, v.fullAlert(), "mine")
	v.system(t, `INSERT INTO alert_states (alert_id, kind, key, project_id, at) VALUES ($1, 'throttle', 'key', $2, now())`, v.alert.ID, v.project.ID())
	v.delivery = meshhook.NewID()
	v.system(t, `INSERT INTO deliveries (id, project_id, alert_id, type, status, attempt, finished_at) VALUES ($1, $2, $3, 'run.failed', 'exhausted', 1, now())`,
		v.delivery, v.project.ID(), v.alert.ID)
	v.system(t, `INSERT INTO alert_logs (id, project_id, delivery_id, alert_id, attempt) VALUES ($1, $2, $3, $4, 1)`,
		meshhook.NewID(), v.project.ID(), v.delivery, v.alert.ID)
}

// everything is all that the database holds of the victim's project.
func (v victim) everything(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, table := range tenantTables(t, v.house, "p", "r") {
		all = append(all, rows[string](t, v.house, `SELECT t::text FROM `+table+` t WHERE project_id = $1 ORDER BY 1`, v.project.ID())...)
	}
	return append(all, rows[string](t, v.house, `SELECT p::text FROM projects p WHERE id = $1`, v.project.ID())...)
}

// tenantTables lists the tables that hold projects' rows, of these kinds
// (pg_class.relkind), partitions left out.
func tenantTables(t *testing.T, h house, relkinds ...string) []string {
	t.Helper()
	return rows[string](t, h, `
		SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		 WHERE a.attname = 'project_id' AND c.relkind::text = ANY ($1) AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
		 ORDER BY 1`, relkinds)
}

// tries has, for each method of Tenant, what an intruder does with it to another
// project. Each sees to it itself that it sees nothing; that nothing was changed
// is seen to for all of them.
var tries = map[string]func(t *testing.T, intruder house, v victim){
	"ID": func(t *testing.T, intruder house, v victim) {
		require.NotEqual(t, v.project.ID(), intruder.project.ID())
	},
	"As": func(t *testing.T, intruder house, v victim) {
		require.Equal(t, intruder.project.ID(), intruder.project.As("cli:eve@host").ID())
	},
	"AuditLog": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.AuditLog(t.Context(), meshhook.AuditFilter{})
		require.NoError(t, err)
		require.Len(t, list, 3, "its own project, workflow and webhook")
	},
	"CreateToken": func(t *testing.T, intruder house, _ victim) {
		// A name is taken in its own project only.
		token, digest := intruder.token(t, "robot")
		found, err := intruder.db.TokenByDigest(t.Context(), digest)
		require.NoError(t, err)
		require.Equal(t, token, found)
		require.Equal(t, intruder.project.ID(), found.ProjectID)
	},
	"Tokens": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.Tokens(t.Context())
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"RevokeToken": func(t *testing.T, intruder house, v victim) {
		mine, err := v.project.Tokens(t.Context())
		require.NoError(t, err)
		for _, nameOrID := range []string{"robot", mine[0].ID.String()} {
			_, err := intruder.project.RevokeToken(t.Context(), nameOrID)
			requireCode(t, meshhook.CodeNotFound, err)
		}
	},
	"ForceRun": func(t *testing.T, intruder house, v victim) {
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: intruder.workflow.ID, Workflow: "orders", Version: 1, EventID: &v.event}
		requireCode(t, meshhook.CodeNotFound, intruder.project.ForceRun(t.Context(), run, meshhook.CodeInvalidSignature))
	},
	"ChangeEndpoint": func(t *testing.T, intruder house, v victim) {
		for _, pathOrID := range []string{v.endpoint.Path, v.endpoint.ID.String()} {
			_, err := intruder.project.ChangeEndpoint(t.Context(), pathOrID, func(*meshhook.Endpoint) error {
				t.Error("another project's webhook was handed out")
				return nil
			})
			requireCode(t, meshhook.CodeNotFound, err)
		}
		_, err := intruder.project.ChangeEndpoint(t.Context(), intruder.endpoint.Path, func(e *meshhook.Endpoint) error {
			e.WorkflowID = v.workflow.ID
			return nil
		})
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Apply": func(t *testing.T, intruder house, v victim) {
		// A name is taken in its own project only.
		applied, err := intruder.project.Apply(t.Context(), v.workflow.Name, "", meshhook.Version{Digest: "evil", Source: "# evil"})
		require.NoError(t, err)
		require.Equal(t, intruder.workflow.ID, applied.Workflow.ID)
	},
	"Workflow": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Workflow(t.Context(), v.workflow.ID.String())
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Workflows": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.Workflows(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, intruder.workflow.ID, list[0].ID)
	},
	"Versions": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Versions(t.Context(), v.workflow.ID.String())
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Version": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Version(t.Context(), v.workflow.ID.String(), 1)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"DeleteWorkflow": func(t *testing.T, intruder house, v victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.DeleteWorkflow(t.Context(), v.workflow.ID.String()))
	},
	"CreateEndpoint": func(t *testing.T, intruder house, v victim) {
		// A path belongs to one webhook of the whole installation.
		_, err := intruder.project.CreateEndpoint(t.Context(), intruder.full(v.endpoint.Path), meshhook.Secret{})
		requireCode(t, meshhook.CodeConflict, err)
		// A webhook cannot start another project's workflow.
		e := intruder.full("evil")
		e.WorkflowID = v.workflow.ID
		_, err = intruder.project.CreateEndpoint(t.Context(), e, meshhook.Secret{})
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"DeleteEndpoint": func(t *testing.T, intruder house, v victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.DeleteEndpoint(t.Context(), v.endpoint.Path))
		requireCode(t, meshhook.CodeNotFound, intruder.project.DeleteEndpoint(t.Context(), v.endpoint.ID.String()))
	},
	"Endpoint": func(t *testing.T, intruder house, v victim) {
		_, secrets, err := intruder.project.Endpoint(t.Context(), v.endpoint.Path)
		requireCode(t, meshhook.CodeNotFound, err)
		require.Empty(t, secrets)
	},
	"Endpoints": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.Endpoints(t.Context())
		require.NoError(t, err)
		require.Equal(t, []meshhook.Endpoint{intruder.endpoint}, list)
	},
	"RotateEndpointSecret": func(t *testing.T, intruder house, v victim) {
		err := intruder.project.RotateEndpointSecret(t.Context(), v.endpoint.Path, meshhook.NewSecret("evil"), 0)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"EndpointSecrets": func(t *testing.T, intruder house, v victim) {
		secrets, err := intruder.project.EndpointSecrets(t.Context(), v.endpoint.ID)
		require.NoError(t, err)
		require.Empty(t, secrets)
	},
	"CreateAlert": func(t *testing.T, intruder house, v victim) {
		// Neither about another project's workflow nor one that expects its events.
		about, expecting := intruder.fullAlert(), intruder.fullAlert()
		about.WorkflowID, expecting.Expect.Webhook = &v.workflow.ID, v.endpoint.Path
		for _, a := range []meshhook.Alert{about, expecting} {
			_, err := intruder.project.CreateAlert(t.Context(), a, meshhook.Secret{})
			requireCode(t, meshhook.CodeNotFound, err)
		}
	},
	"ChangeAlert": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.ChangeAlert(t.Context(), v.alert.ID, func(*meshhook.Alert) (meshhook.Secret, error) {
			t.Error("another project's alert was handed out")
			return meshhook.Secret{}, nil
		})
		requireCode(t, meshhook.CodeNotFound, err)
		mine := intruder.createAlert(t, intruder.fullAlert(), "")
		_, err = intruder.project.ChangeAlert(t.Context(), mine.ID, put(func(a *meshhook.Alert) { a.WorkflowID = &v.workflow.ID }))
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"DeleteAlert": func(t *testing.T, intruder house, v victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.DeleteAlert(t.Context(), v.alert.ID))
	},
	"Alert": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Alert(t.Context(), v.alert.ID)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Alerts": func(t *testing.T, intruder house, v victim) {
		list, err := intruder.project.Alerts(t.Context(), "")
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = intruder.project.Alerts(t.Context(), v.workflow.ID.String())
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"ClosedAlerts": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.ClosedAlerts(t.Context())
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"RotateAlertSecret": func(t *testing.T, intruder house, v victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.RotateAlertSecret(t.Context(), v.alert.ID, meshhook.NewSecret("evil"), 0))
	},
	"Atomically": func(t *testing.T, intruder house, v victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.Atomically(t.Context(), func(ctx context.Context, p *postgres.Tenant) error {
			return p.DeleteEndpoint(ctx, v.endpoint.ID.String())
		}))
	},
	"NewestVersions": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.NewestVersions(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1, "its own")
	},
	"NewestSecrets": func(t *testing.T, intruder house, v victim) {
		webhooks, alerts, err := intruder.project.NewestSecrets(t.Context())
		require.NoError(t, err)
		require.NotContains(t, webhooks, v.endpoint.ID)
		require.Empty(t, alerts)
	},
	"AlertID": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.AlertID(t.Context(), v.alert.Name)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"AlertSecrets": func(t *testing.T, intruder house, v victim) {
		secrets, err := intruder.project.AlertSecrets(t.Context(), v.alert.ID)
		require.NoError(t, err)
		require.Empty(t, secrets)
	},
	"SampleDelivery": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.SampleDelivery(t.Context(), v.alert.ID)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Delivery": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Delivery(t.Context(), v.delivery)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Deliveries": func(t *testing.T, intruder house, v victim) {
		for _, f := range []meshhook.DeliveryFilter{{}, {Alert: v.alert.ID}, {Run: v.run}} {
			list, err := intruder.project.Deliveries(t.Context(), f)
			require.NoError(t, err)
			require.Empty(t, list)
		}
	},
	"Attempts": func(t *testing.T, intruder house, v victim) {
		for _, f := range []meshhook.AttemptFilter{{}, {Alert: v.alert.ID}, {Delivery: v.delivery}} {
			list, err := intruder.project.Attempts(t.Context(), f)
			require.NoError(t, err)
			require.Empty(t, list)
		}
	},
	"Redeliver": func(t *testing.T, intruder house, v victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.Redeliver(t.Context(), v.delivery))
	},
	"RedeliverExhausted": func(t *testing.T, intruder house, v victim) {
		count, err := intruder.project.RedeliverExhausted(t.Context(), time.Time{})
		require.NoError(t, err)
		require.Zero(t, count)
		require.Equal(t, []string{"exhausted"}, rows[string](t, v.house, `SELECT status FROM deliveries WHERE id = $1`, v.delivery))
	},
	"AlertStats": func(t *testing.T, intruder house, _ victim) {
		all, each, err := intruder.project.AlertStats(t.Context(), time.Time{})
		require.NoError(t, err)
		require.Empty(t, all.Counts)
		require.Empty(t, each)
	},
	"Name": func(t *testing.T, intruder house, v victim) {
		name, err := intruder.project.Name(t.Context())
		require.NoError(t, err)
		mine, err := v.project.Name(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, mine, name)
	},
	"Event": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Event(t.Context(), v.event)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"Events": func(t *testing.T, intruder house, v victim) {
		for _, filter := range []meshhook.EventFilter{{}, {Webhook: v.endpoint.Path}, {Status: meshhook.EventAccepted}} {
			list, err := intruder.project.Events(t.Context(), filter)
			require.NoError(t, err)
			require.Empty(t, list)
		}
	},
	"StreamEvents": func(t *testing.T, intruder house, v victim) {
		for _, err := range intruder.project.StreamEvents(t.Context(), meshhook.EventFilter{Before: v.run, Bodies: true}) {
			require.NoError(t, err)
			require.Fail(t, "an event of another project")
		}
	},
	"ReplayMany": func(t *testing.T, intruder house, v victim) {
		many, err := intruder.project.ReplayMany(t.Context(), meshhook.EventFilter{Webhook: v.endpoint.Path}, meshhook.Replay{}, 1)
		require.NoError(t, err)
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: intruder.workflow.ID, Workflow: "orders", Version: 1, EventID: &v.event}
		requireCode(t, meshhook.CodeNotFound, many.StartRun(t.Context(), run))
	},
	"CountEvents": func(t *testing.T, intruder house, v victim) {
		count, err := intruder.project.CountEvents(t.Context(), meshhook.EventFilter{Webhook: v.endpoint.Path})
		require.NoError(t, err)
		require.Zero(t, count)
	},
	"Run": func(t *testing.T, intruder house, v victim) {
		for _, id := range []meshhook.ID{v.run, v.failed} {
			run, err := intruder.project.Run(t.Context(), id)
			requireCode(t, meshhook.CodeNotFound, err)
			require.Equal(t, meshhook.Run{}, run)
		}
	},
	"Runs": func(t *testing.T, intruder house, v victim) {
		for _, filter := range []meshhook.RunFilter{{}, {Workflow: v.workflow.Name}, {Status: meshhook.RunFailed}} {
			list, err := intruder.project.Runs(t.Context(), filter)
			require.NoError(t, err)
			require.Empty(t, list)
		}
	},
	"StartRun": func(t *testing.T, intruder house, v victim) {
		// Neither another project's workflow with one's own secrets, nor its event
		// for one's own workflow.
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: v.workflow.ID, Workflow: "orders", Version: 1}
		requireCode(t, meshhook.CodeNotFound, intruder.project.StartRun(t.Context(), run))
		run.WorkflowID, run.EventID = intruder.workflow.ID, &v.event
		requireCode(t, meshhook.CodeNotFound, intruder.project.StartRun(t.Context(), run))
		run.EventID, run.ID = nil, v.run
		require.Error(t, intruder.project.StartRun(t.Context(), run))
	},
	"Promote": func(t *testing.T, intruder house, v victim) {
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: intruder.workflow.ID, Workflow: "orders", Version: 1, EventID: &v.event}
		promotion := meshhook.Promotion{EndpointID: v.endpoint.ID, DedupKey: "key", DedupUntil: time.Now().Add(time.Hour)}
		requireCode(t, meshhook.CodeNotFound, intruder.project.Promote(t.Context(), run, promotion))
		run.EventID = nil // nor a key of another's webhook
		requireCode(t, meshhook.CodeNotFound, intruder.project.Promote(t.Context(), run, promotion))
	},
	"CheckPromotion": func(t *testing.T, intruder house, v victim) {
		// Another project's key is as if it were not there.
		require.NoError(t, intruder.project.CheckPromotion(t.Context(), meshhook.NewID(), meshhook.Promotion{EndpointID: v.endpoint.ID, DedupKey: "key"}))
	},
	"LiveEndpoint": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.LiveEndpoint(t.Context(), v.endpoint.Path)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"FullRun": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.FullRun(t.Context(), v.run)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"RunEntries": func(t *testing.T, intruder house, v victim) {
		list, err := intruder.project.RunEntries(t.Context(), meshhook.Run{ID: v.run})
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"Awaited": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.Awaited(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"Decide": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.Decide(t.Context(), v.run, "", true, "")
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"CancelRun": func(t *testing.T, intruder house, v victim) {
		_, err := intruder.project.CancelRun(t.Context(), v.run)
		requireCode(t, meshhook.CodeNotFound, err)
	},
	"RetryRun": func(t *testing.T, intruder house, v victim) {
		for _, from := range []string{"", "one"} {
			_, err := intruder.project.RetryRun(t.Context(), v.failed, from)
			requireCode(t, meshhook.CodeNotFound, err)
		}
	},
	"SetSecret": func(t *testing.T, intruder house, _ victim) {
		created, err := intruder.project.SetSecret(t.Context(), "token", meshhook.NewSecret("evil"))
		require.NoError(t, err)
		require.True(t, created, "in its own vault")
	},
	"Secrets": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.Secrets(t.Context())
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"SecretValues": func(t *testing.T, intruder house, _ victim) {
		values, err := intruder.project.SecretValues(t.Context())
		require.NoError(t, err)
		require.Empty(t, values)
	},
	"DeleteSecret": func(t *testing.T, intruder house, _ victim) {
		requireCode(t, meshhook.CodeNotFound, intruder.project.DeleteSecret(t.Context(), "token"))
	},
	"Listen": func(t *testing.T, intruder house, _ victim) {
		// A bell rings for all and carries nothing.
		ctx, cancel := context.WithCancel(t.Context())
		err := intruder.project.Listen(ctx, cancel)
		require.ErrorIs(t, err, context.Canceled)
	},
	"EntriesAfter": func(t *testing.T, intruder house, v victim) {
		v.journal(t, meshhook.Cursor{}, 6) // they can be read by now
		list, err := intruder.project.EntriesAfter(t.Context(), meshhook.Cursor{}, 100)
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"CursorAt": func(t *testing.T, intruder house, v victim) {
		first := v.journal(t, meshhook.Cursor{}, 6)[0].Cursor
		cursor, err := intruder.project.CursorAt(t.Context(), time.Unix(1, 0))
		require.NoError(t, err)
		require.Greater(t, cursor.XID, first.XID, "the present, for it has no entries")
	},
	"RecentRuns": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.RecentRuns(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"RecentEvents": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.RecentEvents(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"RecentDeliveries": func(t *testing.T, intruder house, _ victim) {
		list, err := intruder.project.RecentDeliveries(t.Context(), 10)
		require.NoError(t, err)
		require.Empty(t, list)
	},
	"StatusMore": func(t *testing.T, intruder house, _ victim) {
		more, err := intruder.project.StatusMore(t.Context())
		require.NoError(t, err)
		require.Zero(t, more.Rates.Events)
		require.Zero(t, more.Rates.Runs)
		require.Zero(t, more.Rates.Alerts)
		require.Zero(t, more.Sleeping)
		require.Empty(t, more.Places)
	},
	"Status": func(t *testing.T, intruder house, _ victim) {
		status, err := intruder.project.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, meshhook.Status{
			Daemons: []meshhook.Daemon{}, Webhooks: 1, Workflows: 1, Circuits: []meshhook.Circuit{}, Alerts: meshhook.AlertHealth{Deliveries: map[meshhook.DeliveryStatus]int64{}},
			Events: map[meshhook.EventStatus]int64{}, Runs: map[meshhook.RunStatus]int64{},
		}, status)
	},
}

// An intruder tries every method of the store on another project's things.
func TestTenantsCannotSeeEachOther(t *testing.T) {
	t.Parallel()
	var methods []string
	for method := range reflect.TypeFor[*postgres.Tenant]().Methods() {
		methods = append(methods, method.Name)
	}
	listed := make([]string, 0, len(tries))
	for name := range tries {
		listed = append(listed, name)
	}
	slices.Sort(listed)
	require.Equal(t, methods, listed, "every method has a try in this table")

	v := newVictim(t)
	before := v.everything(t)
	require.NotEmpty(t, before)
	for _, name := range methods {
		acme, err := v.db.CreateProject(t.Context(), "p"+meshhook.NewID().String()[24:], "cli:ann@host")
		require.NoError(t, err)
		intruder := furnish(t, v.db, v.db.Tenant(acme.ID), "acme/"+name)
		tries[name](t, intruder, v)
		require.Equal(t, before, v.everything(t), "%s changed another project's rows", name)
	}
}

// Below the store, Postgres itself keeps the rows: whoever connects with the
// product's role and says for whom sees that project, who does not sees nothing.
func TestRowLevelSecurity(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	v := newVictim(t)
	require.NoError(t, v.db.EnsurePartitions(ctx, time.Now().Add(10*week)), "those that a daemon makes, too")
	// The default partitions hold rows, too.
	old := v.rejected()
	old.Event.ID = idAt(time.Now().AddDate(-1, 0, 0))
	v.record(t, old)

	type table struct {
		Name             string
		Enabled, Forced  bool
		Partition        bool
		HoldsProjectRows bool
	}
	answer, err := v.side.door(t).Query(ctx, `
		SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relname <> 'projects'
		  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
		   AND (c.relname = 'projects' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'project_id'))
		 ORDER BY 1`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(answer, pgx.RowToStructByPos[table])
	require.NoError(t, err)
	var partitions int
	for _, tab := range tables {
		require.True(t, tab.Enabled, "%s has no row-level security", tab.Name)
		require.True(t, tab.Forced, "%s lets its owner past row-level security", tab.Name)
		if tab.Partition {
			partitions++
		}
	}
	require.Len(t, tables, 19+partitions)
	require.GreaterOrEqual(t, partitions, 4*3)

	conn := v.raw(t)
	count := func(sql string, args ...any) (n int64) {
		t.Helper()
		tag, err := conn.Exec(ctx, sql, args...)
		require.NoError(t, err, sql)
		return tag.RowsAffected()
	}
	for _, tab := range tables {
		name := pgx.Identifier{tab.Name}.Sanitize()
		if !tab.Partition {
			// A row that is there, for the refused INSERT to copy.
			_, err := conn.Exec(ctx, `SET meshhook.system = 'on'; CREATE TEMP TABLE copy AS SELECT * FROM `+name+` LIMIT 1; RESET meshhook.system`)
			require.NoError(t, err)
			require.Equal(t, int64(1), count(`SELECT FROM copy`), "%s is empty, and so proves nothing", tab.Name)
		}
		if tab.HoldsProjectRows {
			require.Zero(t, count(`SELECT FROM `+name), tab.Name)
			require.Zero(t, count(`UPDATE `+name+` SET project_id = project_id`), tab.Name)
		} else {
			require.Zero(t, count(`UPDATE `+name+` SET name = name`), tab.Name)
		}
		require.Zero(t, count(`DELETE FROM `+name), tab.Name)
		if tab.Partition {
			continue // its columns are those of its table, of which a copy follows
		}
		_, err := conn.Exec(ctx, `INSERT INTO `+name+` SELECT * FROM copy`)
		requireRLS(t, err, tab.Name)
		for _, p := range tables {
			if p.Partition && slices.Contains(partitionsOf(t, v.house, tab.Name), p.Name) {
				_, err := conn.Exec(ctx, `INSERT INTO `+pgx.Identifier{p.Name}.Sanitize()+` SELECT * FROM copy`)
				requireRLS(t, err, p.Name)
			}
		}
		require.Zero(t, count(`DROP TABLE copy`))
	}
	require.Len(t, v.everything(t), len(rowsOfAll(t, v.house)), "nothing was lost")
}

func requireRLS(t *testing.T, err error, table string) {
	t.Helper()
	pg, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%s took a row for nobody: %v", table, err)
	require.Equal(t, "42501", pg.Code, "%s: %s", table, pg.Message)
	require.Contains(t, pg.Message, "row-level security")
}

func partitionsOf(t *testing.T, h house, table string) []string {
	t.Helper()
	return rows[string](t, h, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::regclass`, table)
}

// rowsOfAll are the rows of all projects, of which there is one.
func rowsOfAll(t *testing.T, h house) []string {
	t.Helper()
	all := rows[string](t, h, `SELECT p::text FROM projects p`)
	for _, table := range tenantTables(t, h, "p", "r") {
		all = append(all, rows[string](t, h, `SELECT t::text FROM `+table+` t`)...)
	}
	return all
}

// A setting ends with its transaction: a pooled connection carries it nowhere,
// and without one there is nothing to see.
func TestSettingsEndWithTheirTransaction(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	single, err := postgres.Open(ctx, postgres.Options{DSN: h.url, MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(single.Close)
	require.NoError(t, single.Unseal(ctx, pgtest.MasterKey(t)))
	project := single.Tenant(h.project.ID())
	uses := map[string]func() error{
		"a transaction for the system": func() error { _, err := single.Projects(ctx); return err },
		"a transaction for a project":  func() error { _, err := project.Workflows(ctx); return err },
		"a transaction that fails":     func() error { _, err := project.Workflow(ctx, "nope"); return only(err, meshhook.CodeNotFound) },
		"a group commit":               func() error { _, err := single.Record(ctx, h.intake("", "{}")); return err },
		"a group commit that fails": func() error {
			in := h.intake("", "{}")
			in.Event.Code = "x"
			_, err := single.Record(ctx, in)
			return only(err, meshhook.CodeInternal)
		},
		"a move that nobody waited for": func() error {
			return only(single.Move(ctx, meshhook.RunMove{Status: meshhook.RunRunning}), meshhook.CodeLeaseLost)
		},
	}
	for name, use := range uses {
		require.NoError(t, use(), name)
		system, tenant, err := single.Settings(ctx)
		require.NoError(t, err)
		require.Empty(t, system, name)
		require.Empty(t, tenant, name)
	}
}

// only swallows the error that was asked for.
func only(err error, code meshhook.Code) error {
	if meshhook.ErrorCode(err) == code {
		return nil
	}
	return fmt.Errorf("not %s: %w", code, err)
}

func TestTheRoleIsNotAboveRowLevelSecurity(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	name, above, err := h.db.Role(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, name)
	require.False(t, above, "the role %s sees every project's rows; the tests prove nothing with it", name)
}
