package postgres_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/seal"
)

// rotate changes the data key.
func rotate(t *testing.T, db *postgres.DB) {
	t.Helper()
	id, err := db.AddDataKey(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.PromoteDataKey(t.Context(), id))
}

func keyStatus(t *testing.T, db *postgres.DB) meshhook.KeyStatus {
	t.Helper()
	status, err := db.KeyStatus(t.Context(), true)
	require.NoError(t, err)
	return status
}

// Whatever is sealed is found by a rotation: a column that is forgotten could never be
// opened again.
func TestEverySealedColumnIsKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	found := rows[string](t, h, `
		SELECT table_name || '.' || column_name FROM information_schema.columns
		 WHERE table_schema = 'public' AND data_type = 'bytea' AND table_name NOT LIKE '%\_default' AND table_name !~ '_\d{6,}$' ORDER BY 1`)
	found = slices.DeleteFunc(found, func(column string) bool {
		return slices.Contains([]string{
			"keysets.wrapped", "dedup_keys.key", "api_tokens.digest", "circuits.key", "runs.place", "alert_states.key", "deliveries.host",
		}, column)
	})
	known := postgres.SealedColumns()
	slices.Sort(known)
	require.Equal(t, found, known)
}

// A rotation under everything that is stored, in its order: nothing is lost at any point,
// and at the end the old key is gone and everything opens.
func TestReencrypt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	in := h.intake("dedup", `{"body":"`+strings.Repeat("long ", 1000)+`"}`)
	h.record(t, in)
	_, err := h.project.SetSecret(ctx, "token", meshhook.NewSecret("vault"))
	require.NoError(t, err)
	h.createAlert(t, h.fullAlert(), "alert-secret")
	h.open(t, "circuit.example.com:443")
	claim := h.claim(t, meshhook.NewID())
	m := move(claim, meshhook.RunFailed, step("one", meshhook.StepSucceeded, `"output"`, time.Now()))
	m.Output, m.Error.Message, m.Entries[0].Detail = []byte(`"output"`), "failure", "detail"
	require.NoError(t, h.db.Move(ctx, m))
	for range 450 { // more than two pages
		h.start(t, `"input"`)
	}
	before := everything(t, h.db)
	require.Greater(t, len(before), 450)
	was := keyStatus(t, h.db)
	require.Len(t, was.DataKeys, 1)
	require.Equal(t, int64(len(before)), was.DataKeys[0].Values)

	other := pgtest.Open(t, h.url)
	rotate(t, other)
	_, err = pgtest.Project(t, other).SetSecret(ctx, "fresh", meshhook.NewSecret("new"))
	require.NoError(t, err)
	values, err := h.db.SecretValues(ctx, h.project.ID())
	require.NoError(t, err, "a process that had the old keys alone asks for the new one when it meets what that sealed")
	require.Equal(t, meshhook.NewSecret("new"), values["fresh"])
	before = everything(t, h.db)

	// Interrupted, it goes on; what was done stays done.
	interrupted, stop := context.WithCancel(ctx)
	_, err = other.Reencrypt(interrupted, pgtest.Project(t, other), func(rows int64) {
		if rows > 100 {
			stop()
		}
	})
	require.Error(t, err)
	status := keyStatus(t, other)
	require.NotNil(t, status.Reencrypting)
	require.Positive(t, status.DataKeys[0].Values)
	require.Less(t, status.DataKeys[0].Values, was.DataKeys[0].Values)
	require.Equal(t, before, everything(t, h.db))

	// Rows that somebody holds are come back to.
	tx, err := connect(t, h.url).Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `SELECT set_config('meshhook.system', 'on', true)`)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `SELECT FROM events FOR UPDATE`)
	require.NoError(t, err)
	var last int64
	var idle int
	did, err := other.Reencrypt(ctx, pgtest.Project(t, other), func(rows int64) {
		if idle++; rows != last {
			last, idle = rows, 0
		}
		if idle == 20 { // a pass and more that found nothing it could have
			require.NoError(t, tx.Rollback(context.Background()))
		}
	})
	require.NoError(t, err)
	require.Equal(t, []string{was.DataKeys[0].ID}, did.Retired)
	late := pgtest.Open(t, h.url)
	status = keyStatus(t, late)
	require.Nil(t, status.Reencrypting)
	require.Len(t, status.DataKeys, 1)
	require.NotEqual(t, was.DataKeys[0].ID, status.DataKeys[0].ID)
	require.Equal(t, int64(len(before)), status.DataKeys[0].Values)
	require.Equal(t, before, everything(t, late))
}

// everything is all that is sealed, open.
func everything(t *testing.T, db *postgres.DB) map[string]string {
	t.Helper()
	all, err := postgres.OpenAll(t.Context(), db)
	require.NoError(t, err)
	return all
}

// A process that has not asked for the keys for a while asks before it seals: the key that
// it has may be gone.
func TestAProcessThatWasAwaySealsByTheKeyOfToday(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.URL(t)
	asleep, other := pgtest.Open(t, url), pgtest.Open(t, url)
	rotate(t, other)
	status := keyStatus(t, other)
	postgres.AgeKeys(asleep)
	_, err := pgtest.Project(t, asleep).SetSecret(ctx, "token", meshhook.NewSecret("late"))
	require.NoError(t, err)
	require.Equal(t, int64(1), keyStatus(t, other).DataKeys[1].Values)
	require.Equal(t, meshhook.KeyPrimary, status.DataKeys[1].State)

	// Where it cannot ask, it seals nothing.
	postgres.AgeKeys(asleep)
	_, err = connect(t, url).Exec(ctx, `ALTER TABLE keysets RENAME TO gone`)
	require.NoError(t, err)
	for range 2 { // the second time it does not even ask
		_, err = pgtest.Project(t, asleep).SetSecret(ctx, "token", meshhook.NewSecret("later"))
		requireCode(t, meshhook.CodeUnavailable, err)
	}
	requireCode(t, meshhook.CodeUnavailable, func() error { _, err := asleep.RenewKeys(ctx); return err }())
	_, err = pgtest.Project(t, open(t, pgtest.URL(t))).SetSecret(ctx, "token", meshhook.NewSecret("x"))
	require.ErrorContains(t, err, "the data keys have not been opened")
}

// What waits for its group commit while the key changes is sealed by the new one: the old
// one may be gone by then.
func TestWhatWaitsIsSealedByTheKeyOfToday(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	in := h.intake("dedup", `{"a":1}`)
	before := keyStatus(t, h.db).DataKeys[0].Values
	require.NoError(t, h.db.RecordLate(ctx, in, func() { rotate(t, h.db) }))
	m := move(h.claim(t, meshhook.NewID()), meshhook.RunFailed, step("one", meshhook.StepSucceeded, `"output"`, time.Now()))
	m.Output, m.Error.Message = []byte(`"output"`), "failure"
	held, err := h.db.MoveLate(ctx, m, func() { rotate(t, h.db) })
	require.NoError(t, err)
	require.True(t, held)
	keys := keyStatus(t, h.db).DataKeys
	require.Len(t, keys, 3)
	require.Equal(t, before, keys[0].Values)
	require.Equal(t, int64(2), keys[1].Values, "head and body of the event")
	require.Positive(t, keys[2].Values)
	e, err := h.project.Event(ctx, in.Event.ID)
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(e.Body))
	require.Equal(t, in.Event.Header, e.Header)
	everything(t, h.db)

	// Where the keys cannot be read, nothing is written.
	_, err = connect(t, h.url).Exec(ctx, `ALTER TABLE keysets RENAME TO gone`)
	require.NoError(t, err)
	requireCode(t, meshhook.CodeUnavailable, h.db.RecordLate(ctx, h.intake("", "x"), func() { postgres.AgeKeys(h.db) }))
}

// ring is the master keys of a machine.
type ring struct {
	mu   sync.Mutex
	keys []seal.MasterKey
	err  error
}

func (r *ring) get() ([]seal.MasterKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys, r.err
}

func (r *ring) set(keys ...seal.MasterKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = keys
}

func newKey(t *testing.T) seal.MasterKey {
	t.Helper()
	key, err := seal.GenerateMasterKey()
	require.NoError(t, err)
	return key
}

// Two machines: the master key changes, one has the new one, the other brings it later.
func TestRewrap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.URL(t)
	old, next := newKey(t), newKey(t)
	here, there := &ring{keys: []seal.MasterKey{old}}, &ring{keys: []seal.MasterKey{old}}
	one, two := open(t, url), open(t, url)
	require.NoError(t, one.UnsealBy(ctx, here.get))
	require.NoError(t, two.UnsealBy(ctx, there.get))
	project := pgtest.Project(t, one).As("cli:ann@host")
	_, err := project.SetSecret(ctx, "token", meshhook.NewSecret("value"))
	require.NoError(t, err)
	d := meshhook.Daemon{ID: meshhook.NewID(), Host: "beta", PID: 7, Version: "1.0", Roles: []string{"worker"}}
	require.NoError(t, two.Beat(ctx, d))

	here.set(old, next)
	require.NoError(t, one.Rewrap(ctx, project, next))
	require.NoError(t, one.Rewrap(ctx, project, next), "twice is the same as once")
	id, err := one.MasterKeyID(ctx)
	require.NoError(t, err)
	require.Equal(t, next.ID(), id)
	entries, err := project.AuditLog(ctx, meshhook.AuditFilter{Action: "master_key.rotated"})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, next.ID(), entries[0].Target)

	// The other goes on as it was, and says that it could not start again.
	lacking, err := two.RenewKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, next.ID(), lacking)
	require.NoError(t, two.Beat(ctx, d))
	status := keyStatus(t, one)
	require.Len(t, status.Lacking, 1)
	require.Equal(t, "beta", status.Lacking[0].Host)
	values, err := two.SecretValues(ctx, project.ID())
	require.NoError(t, err)
	require.Equal(t, meshhook.NewSecret("value"), values["token"])
	_, err = pgtest.Project(t, two).SetSecret(ctx, "other", meshhook.NewSecret("value"))
	require.NoError(t, err)

	// While it does, nobody adds keys that it could not open.
	_, err = one.AddDataKey(ctx)
	requireCode(t, meshhook.CodeConflict, err)
	require.ErrorContains(t, err, "the daemon on beta (pid 7) does not have the master key")

	there.set(next)
	lacking, err = two.RenewKeys(ctx)
	require.NoError(t, err)
	require.Empty(t, lacking)
	require.NoError(t, two.Beat(ctx, d))
	require.Empty(t, keyStatus(t, one).Lacking)

	// A machine with the old one alone does not get in, and one that loses its keys says so.
	requireCode(t, meshhook.CodeInvalid, open(t, url).Unseal(ctx, old))
	require.NoError(t, two.Leave(ctx, d.ID))
	rotate(t, one)
	there.set(old)
	_, err = two.RenewKeys(ctx)
	requireCode(t, meshhook.CodeInvalid, err)
	there.err = meshhook.Errorf(meshhook.CodeInvalid, "the file is gone")
	_, err = two.RenewKeys(ctx)
	require.ErrorContains(t, err, "the file is gone")
	require.ErrorContains(t, open(t, url).UnsealBy(ctx, there.get), "the file is gone")
	postgres.AgeKeys(two)
	_, err = pgtest.Project(t, two).SetSecret(ctx, "third", meshhook.NewSecret("value"))
	require.ErrorContains(t, err, "the file is gone")
}

// A rotation waits for daemons, and names one that does not come along.
func TestADaemonTooOldForARotation(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	d := meshhook.Daemon{ID: meshhook.NewID(), Host: "alpha", PID: 7, Version: "0.1", Roles: []string{"worker"}}
	require.NoError(t, h.db.Beat(ctx, d))
	h.system(t, `UPDATE daemons SET keys_version = 0, seen_at = now() + interval '1 minute'`)
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := h.db.AddDataKey(short)
	require.Error(t, err)
	status := keyStatus(t, h.db)
	require.Equal(t, meshhook.KeyNext, status.DataKeys[1].State, "nobody seals with it")

	seen, err := h.db.Daemons(ctx, time.Minute)
	require.NoError(t, err)
	require.ErrorContains(t, postgres.NotTakenUp(&seen[0]), "the daemon on alpha (pid 7, version 0.1) is too old")
	seen[0].KeysVersion = 1
	require.ErrorContains(t, postgres.NotTakenUp(&seen[0]), "does not take up the changed keys")

	// The next rotation goes on with the key that stands there.
	require.NoError(t, h.db.Leave(ctx, d.ID))
	rotate(t, h.db)
	require.Equal(t, status.DataKeys[1].ID, keyStatus(t, h.db).DataKeys[1].ID)
	require.Len(t, keyStatus(t, h.db).DataKeys, 2)
}

// What does not open keeps the old key in, and is named.
func TestReencrypt_WhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	_, err := h.project.SetSecret(ctx, "token", meshhook.NewSecret("value"))
	require.NoError(t, err)
	h.system(t, `UPDATE secrets SET value = set_byte(value, length(value) - 1, get_byte(value, length(value) - 1) # 1)`)
	rotate(t, h.db)
	_, err = h.db.Reencrypt(ctx, h.project, nil)
	requireCode(t, meshhook.CodeConflict, err)
	require.ErrorContains(t, err, "1 values could not be sealed anew, so the old keys stay")
	require.ErrorContains(t, err, "secrets.value")
	require.Len(t, keyStatus(t, h.db).DataKeys, 2)
}

func TestKeyStatus_Estimates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	status, err := h.db.KeyStatus(t.Context(), false)
	require.NoError(t, err)
	require.False(t, status.Estimated, "small tables are counted")
	require.Equal(t, int64(1), status.DataKeys[0].Values) // the webhook's secret
	counts, err := postgres.SampleValues(t.Context(), h.db, 50)
	require.NoError(t, err)
	for _, n := range counts {
		require.Zero(t, n%2, "a sample of a half is counted twice")
	}
}

// Of rotations at once each either comes to its end or is refused, and none of the keys
// that sealed something is lost.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := pgtest.URL(t)
	dbs := []*postgres.DB{pgtest.Open(t, url), pgtest.Open(t, url), pgtest.Open(t, url)}
	var group sync.WaitGroup
	id := pgtest.Project(t, dbs[0]).ID()
	for i, db := range dbs {
		project := db.Tenant(id)
		group.Go(func() {
			for range 5 {
				id, err := db.AddDataKey(ctx)
				if err == nil {
					err = db.PromoteDataKey(ctx, id)
				}
				if err != nil && meshhook.ErrorCode(err) != meshhook.CodeConflict {
					t.Error(err)
				}
				if _, err := project.SetSecret(ctx, string(rune('a'+i)), meshhook.NewSecret("value")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Len(t, everything(t, pgtest.Open(t, url)), 3)
}
