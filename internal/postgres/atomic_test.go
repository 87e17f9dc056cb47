package postgres_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// changeAll changes one of everything that has a configuration.
func changeAll(ctx context.Context, t *testing.T, h house, p *postgres.Tenant) {
	t.Helper()
	applied, err := p.Apply(ctx, "second", "", meshhook.Version{Digest: "d", Source: "s"})
	require.NoError(t, err)
	e := h.endpoint
	e.ID, e.Path, e.WorkflowID = meshhook.NewID(), "second", applied.Workflow.ID
	_, err = p.CreateEndpoint(ctx, e, meshhook.NewSecret("hush"))
	require.NoError(t, err)
	_, err = p.ChangeEndpoint(ctx, h.endpoint.Path, func(e *meshhook.Endpoint) error { e.Description = "changed"; return nil })
	require.NoError(t, err)
	require.NoError(t, p.RotateEndpointSecret(ctx, "second", meshhook.NewSecret("newer"), 0))
	a, err := p.CreateAlert(ctx, h.plainAlert(), meshhook.NewSecret("hush"))
	require.NoError(t, err)
	require.NoError(t, p.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret("newer"), 0))
	_, err = p.SetSecret(ctx, "token", meshhook.NewSecret("value"))
	require.NoError(t, err)

	// What it has changed it sees.
	values, err := p.SecretValues(ctx)
	require.NoError(t, err)
	require.Equal(t, "value", values["token"].Reveal())
	secrets, err := p.EndpointSecrets(ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, "newer", secrets[0].Value.Reveal())
	require.NoError(t, p.DeleteAlert(ctx, a.ID))
}

func TestAtomicallyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	version := h.configVersion(t)
	rang := 0
	h.db.OnRing(postgres.BellConfig, func() { rang++ })
	everything := func() (all []string) {
		for _, table := range []string{"workflows", "webhook_endpoints", "endpoint_secrets", "alert_configs", "secrets", "audit_log"} {
			all = append(all, rows[string](t, h, `SELECT r::text FROM `+table+` r ORDER BY 1`)...)
		}
		return all
	}
	before := everything()

	broken := errors.New("the last of it cannot be")
	err := h.project.Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error {
		changeAll(ctx, t, h, p)
		return broken
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, before, everything())
	require.Equal(t, version, h.configVersion(t))
	require.Zero(t, rang, "nobody is told of what has not happened")

	// A failure that fn keeps to itself is one, too.
	err = h.project.Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error {
		changeAll(ctx, t, h, p)
		e := h.endpoint
		e.ID = meshhook.NewID()
		_, err := p.CreateEndpoint(ctx, e, meshhook.Secret{})
		requireCode(t, meshhook.CodeConflict, err)
		return nil
	})
	require.Error(t, err)
	require.Equal(t, before, everything())

	require.NoError(t, h.project.As("cli:ann@host").Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error {
		changeAll(ctx, t, h, p)
		require.Zero(t, rang)
		return p.As("cli:bob@host").Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error { return p.DeleteSecret(ctx, "token") })
	}))
	require.Equal(t, version+1, h.configVersion(t), "it is one change")
	require.NotZero(t, rang)
	_, _, err = h.project.Endpoint(ctx, "second")
	require.NoError(t, err)
	log, err := h.project.AuditLog(ctx, meshhook.AuditFilter{Actor: "cli:bob@host"})
	require.NoError(t, err)
	require.Len(t, log, 1)

	// Nothing changed, nobody told.
	version, rang = h.configVersion(t), 0
	require.NoError(t, h.project.Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error {
		_, err := p.Workflows(ctx)
		return err
	}))
	require.Equal(t, version, h.configVersion(t))
	require.Zero(t, rang)
}

// Of two that change a project at once, the second sees what the first has done.
func TestAtomicallyOneAfterTheOther(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	inside, second := make(chan struct{}), make(chan error, 1)
	waiting := func() bool {
		return len(rows[int](t, h, `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`)) == 1
	}
	require.NoError(t, h.project.Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error {
		go func() {
			close(inside)
			second <- h.project.Atomically(ctx, func(ctx context.Context, p *postgres.Tenant) error {
				_, err := p.Workflow(ctx, "first")
				return err
			})
		}()
		<-inside
		require.Eventually(t, waiting, patience, patience/2000)
		_, err := p.Apply(ctx, "first", "", meshhook.Version{Digest: "d", Source: "s"})
		return err
	}))
	require.NoError(t, <-second)
}

// A deadlock is no failure: who was chosen to give way begins anew.
func TestAtomicallyAgain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	other := h.endpoint
	other.ID, other.Path = meshhook.NewID(), "other"
	_, err := h.project.CreateEndpoint(ctx, other, meshhook.Secret{})
	require.NoError(t, err)
	lock := func(ctx context.Context, p *postgres.Tenant, path string) error {
		_, err := p.ChangeEndpoint(ctx, path, func(e *meshhook.Endpoint) error { e.Description += "."; return nil })
		return err
	}
	// Whose wait is the longer one looks for the deadlock, and gives way: on a busy
	// machine that may be the other, and then all of it is done once more.
	conn, watcher := h.side.door(t), h.raw(t)
	waits := func() bool {
		var count int
		err := watcher.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&count)
		return err == nil && count > 0
	}
	require.Eventually(t, func() bool {
		tries, others := 0, make(chan error, 1)
		require.NoError(t, h.project.Atomically(ctx, func(inner context.Context, p *postgres.Tenant) error {
			if tries++; tries == 1 {
				require.NoError(t, lock(inner, p, h.endpoint.Path))
				_, err := conn.Exec(ctx, `BEGIN; UPDATE webhook_endpoints SET description = 'mine' WHERE url_path = 'other'`)
				require.NoError(t, err)
				go func() {
					for !waits() {
						runtime.Gosched()
					}
					_, err := conn.Exec(ctx, `UPDATE webhook_endpoints SET description = 'mine' WHERE url_path = '`+h.endpoint.Path+`'; COMMIT`)
					if err != nil {
						_, _ = conn.Exec(ctx, `ROLLBACK`)
					}
					others <- err
				}()
			}
			return lock(inner, p, "other")
		}))
		return <-others == nil && tries == 2
	}, 10*patience, time.Millisecond)
}
