package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// A project goes with everything in it but its audit log, and takes nothing of
// another one along.
func TestDeletingAProject(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	acme := h.neighbour(t)
	made := h.named(t, "acme")
	acme.url, acme.side = h.url, h.side
	v := settle(t, acme)
	h.record(t, h.intake("key", `{"other":true}`))
	h.record(t, h.rejected())
	_, err := h.project.SetSecret(ctx, "token", meshhook.NewSecret("other"))
	require.NoError(t, err)
	for _, e := range []meshhook.Endpoint{h.endpoint, acme.endpoint} {
		h.system(t, `INSERT INTO rate_limits (key, tat, ends, count) VALUES ($1, now() + interval '1 hour', now() + interval '1 hour', 1)`, e.ID.String()+" 100/minute")
	}
	for _, table := range tenantTables(t, h, "p", "r") {
		require.NotZero(t, rows[int64](t, h, `SELECT count(*) FROM `+table+` WHERE project_id = $1`, acme.project.ID())[0], "there is nothing in %s to delete", table)
	}
	allBut := func(everything []string) []string { return everything[:len(everything)-1] } // the version of its configuration
	others := allBut(victim{house: h}.everything(t))
	version, err := h.db.ConfigVersion(ctx)
	require.NoError(t, err)
	rung := make(chan struct{}, 10)
	h.db.OnRing(postgres.BellConfig, func() { rung <- struct{}{} })

	gone, err := h.db.DeleteProject(ctx, "acme", "cli:eve@host")
	require.NoError(t, err)
	require.Equal(t, made, gone)
	for _, table := range tenantTables(t, h, "p", "r") {
		if count := rows[int64](t, h, `SELECT count(*) FROM `+table+` WHERE project_id = $1`, acme.project.ID())[0]; table != "audit_log" {
			require.Zero(t, count, table)
		} else {
			require.NotZero(t, count, "what is told of a thing outlives it")
		}
	}
	keys, err := h.db.RateKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{h.endpoint.ID.String() + " 100/minute"}, keys)
	_, err = h.db.Project(ctx, "acme")
	requireCode(t, meshhook.CodeNotFound, err)
	_, err = v.project.Event(ctx, v.event)
	requireCode(t, meshhook.CodeNotFound, err)
	now, err := h.db.ConfigVersion(ctx)
	require.NoError(t, err)
	require.Greater(t, now, version)
	<-rung

	log, err := h.project.AuditLog(ctx, meshhook.AuditFilter{Action: meshhook.AuditProjectDeleted})
	require.NoError(t, err)
	require.Len(t, log, 1)
	require.Equal(t, []any{meshhook.Actor("cli:eve@host"), "acme"}, []any{log[0].Actor, log[0].Target})
	require.JSONEq(t, `{"id":"`+acme.project.ID().String()+`"}`, string(log[0].Detail))
	h.system(t, `DELETE FROM audit_log WHERE id = $1`, log[0].ID)
	require.Equal(t, others, allBut(victim{house: h}.everything(t)), "another project's rows")

	again, err := h.db.CreateProject(ctx, "acme", "cli:ann@host")
	require.NoError(t, err)
	require.NotEqual(t, acme.project.ID(), again.ID)
}

// More than one batch goes, and what was broken off goes on.
func TestDeletingAProjectGoesOn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	acme := h.neighbour(t)
	acme.recordMany(t, 2*postgres.DeleteBatch+1)
	h.recordMany(t, 1)
	require.NoError(t, postgres.DeleteEndpoints(ctx, acme.project))
	list, err := h.db.Projects(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)

	_, err = h.db.DeleteProject(ctx, acme.project.ID().String(), "cli:ann@host")
	require.NoError(t, err)
	for _, table := range []string{"events", "runs", "journal"} {
		require.Zero(t, rows[int64](t, h, `SELECT count(*) FROM `+table+` WHERE project_id = $1`, acme.project.ID())[0], table)
	}
	count, err := h.project.CountEvents(ctx, meshhook.EventFilter{})
	require.NoError(t, err)
	require.Equal(t, int64(1), count)
}

func TestSomeProjectsCannotBeDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, nameOrID := range []string{meshhook.DefaultProject, h.project.ID().String()} {
		_, err := h.db.DeleteProject(t.Context(), nameOrID, "cli:ann@host")
		requireCode(t, meshhook.CodeConflict, err)
		require.EqualError(t, err, "the project default cannot be deleted, because every installation has it; delete what is in it")
	}
	_, err := h.db.DeleteProject(t.Context(), "nope", "cli:ann@host")
	requireCode(t, meshhook.CodeNotFound, err)
	list, err := h.project.Endpoints(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A daemon that holds a run of a project loses it, and leaves nothing behind.
func TestARunOfADeletedProjectIsLost(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	acme := h.neighbour(t)
	acme.start(t, "{}")
	held := acme.claim(t, meshhook.NewID())
	_, err := h.db.DeleteProject(ctx, "acme", "cli:ann@host")
	require.NoError(t, err)
	requireCode(t, meshhook.CodeLeaseLost, h.db.Move(ctx, move(held, meshhook.RunSucceeded, step("a", meshhook.StepSucceeded, "1", time.Now()))))
	for _, table := range []string{"runs", "run_steps", "journal"} {
		require.Zero(t, rows[int64](t, h, `SELECT count(*) FROM `+table+` WHERE project_id = $1`, acme.project.ID())[0], table)
	}
}

// Of several who delete a project at once, each hears that it is gone, and it is
// written down once.
func TestAProjectIsDeletedOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	acme := h.neighbour(t)
	acme.recordMany(t, 50)
	errs := make(chan error)
	const hands = 4
	for range hands {
		go func() { _, err := h.db.DeleteProject(ctx, acme.project.ID().String(), "cli:ann@host"); errs <- err }()
	}
	for range hands {
		if err := <-errs; err != nil {
			requireCode(t, meshhook.CodeNotFound, err)
		}
	}
	log, err := h.project.AuditLog(ctx, meshhook.AuditFilter{Action: meshhook.AuditProjectDeleted})
	require.NoError(t, err)
	require.Len(t, log, 1)
}

func TestDeletingAProjectNeedsADatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.db.CreateProject(t.Context(), "acme", "cli:ann@host")
	require.NoError(t, err)
	h.db.Close()
	_, err = h.db.DeleteProject(t.Context(), "acme", "cli:ann@host")
	requireCode(t, meshhook.CodeUnavailable, err)
}
