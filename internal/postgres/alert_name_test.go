package postgres_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/migrations"
)

func (h house) unnamed() meshhook.Alert {
	a := h.plainAlert()
	a.Name = ""
	return a
}

func TestAlertsHaveNames(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	var names []string
	for range 3 {
		names = append(names, h.createAlert(t, h.unnamed(), "").Name)
	}
	about := h.unnamed()
	about.WorkflowID = &h.workflow.ID
	made := h.createAlert(t, about, "")
	require.Equal(t, []string{"all-failed", "all-failed-2", "all-failed-3"}, names)
	require.Equal(t, h.workflow.Name+"-failed", made.Name)
	for name, want := range map[string]meshhook.ID{made.Name: made.ID, made.ID.String(): made.ID, h.workflow.ID.String(): h.workflow.ID} {
		id, err := h.project.AlertID(ctx, name)
		require.NoError(t, err)
		require.Equal(t, want, id)
	}
	_, err := h.project.AlertID(ctx, "nope")
	requireCode(t, meshhook.CodeNotFound, err)

	// One that is taken is refused, and one that cannot be; without one it keeps its own.
	for name, code := range map[string]meshhook.Code{"all-failed": meshhook.CodeConflict, "Not a name": meshhook.CodeInvalid, "": "", "other": ""} {
		_, err := h.project.ChangeAlert(ctx, made.ID, put(func(a *meshhook.Alert) { a.Name = name }))
		requireCode(t, code, err)
	}
	changed, err := h.project.Alert(ctx, made.ID)
	require.NoError(t, err)
	require.Contains(t, []string{"other", h.workflow.Name + "-failed"}, changed.Name)
}

// Alerts that were there before they had names get those that they would have got.
func TestAlertsGetNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 2 {
		h.createAlert(t, h.unnamed(), "")
	}
	about := h.unnamed()
	about.WorkflowID = &h.workflow.ID
	h.createAlert(t, about, "")
	up, err := migrations.FS.ReadFile("0007_alert_names.sql")
	require.NoError(t, err)
	_, err = h.raw(t).PgConn().Exec(t.Context(), "BEGIN; ALTER TABLE alert_configs DROP COLUMN name;"+strings.TrimPrefix(string(up), "-- +goose Up")+"; COMMIT").ReadAll()
	require.NoError(t, err)
	list, err := h.project.Alerts(t.Context(), "")
	require.NoError(t, err)
	var names []string
	for _, a := range list {
		names = append(names, a.Name)
	}
	require.Equal(t, []string{"all-failed", "all-failed-2", h.workflow.Name + "-failed"}, names)
}

// Of many that are made at once, each gets a name of its own.
func TestAlertsAreNamedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var group sync.WaitGroup
	names := make([]string, 8)
	for i := range names {
		group.Go(func() {
			if a, err := h.project.CreateAlert(t.Context(), h.unnamed(), meshhook.Secret{}); err == nil {
				names[i] = a.Name
			}
		})
	}
	group.Wait()
	slices.Sort(names)
	require.Len(t, slices.Compact(names), 8)
	require.NotContains(t, names, "")
}

func TestDefaultNamesAreNames(t *testing.T) {
	t.Parallel()
	for _, workflow := range []string{"", "orders", strings.Repeat("a", 63), strings.Repeat("a", 39) + "." + strings.Repeat("b", 23)} {
		for _, condition := range meshhook.Conditions() {
			name := meshhook.Alert{Workflow: workflow, On: []meshhook.Condition{condition}}.DefaultName()
			require.NoError(t, meshhook.CheckName("alert", name+"-99999"))
		}
	}
}

// Who waits for a webhook has not locked the project yet, which whoever has the webhook is
// about to change.
func TestAnAlertWithoutANameWaitsForItsWebhookFirst(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	conn := h.raw(t)
	exec := func(sql string) {
		t.Helper()
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err)
	}
	exec(`BEGIN; SET LOCAL meshhook.system = 'on'; SET LOCAL lock_timeout = '2s'; SELECT FROM webhook_endpoints FOR UPDATE`)
	a := h.unnamed()
	a.On, a.Expect = []meshhook.Condition{meshhook.OnAbsent}, &meshhook.Expect{Webhook: h.endpoint.Path, Within: meshhook.Duration(time.Hour)}
	made := make(chan error, 1)
	go func() {
		_, err := h.project.CreateAlert(ctx, a, meshhook.Secret{})
		made <- err
	}()
	require.Eventually(t, func() bool {
		var waiting bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&waiting)
		return err == nil && waiting
	}, patience, time.Millisecond)
	exec(`UPDATE projects SET config_version = config_version + 1; COMMIT`)
	require.NoError(t, <-made)
}
