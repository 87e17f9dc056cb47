package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

func TestRate_Lifecycle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	take := func(cost time.Duration) (time.Duration, bool) {
		ahead, taken, err := db.TakeRate(t.Context(), "k", cost, time.Hour)
		require.NoError(t, err)
		return ahead, taken
	}
	_, taken := take(time.Hour + time.Microsecond)
	require.False(t, taken, "more than the burst is never admitted")
	ahead, err := db.RateAhead(t.Context(), "k")
	require.NoError(t, err)
	require.Zero(t, ahead)

	_, taken = take(59 * time.Minute)
	require.True(t, taken)
	ahead, taken = take(2 * time.Minute)
	require.False(t, taken)
	require.InDelta(t, 59*time.Minute, ahead, float64(10*time.Second))
	ahead, taken = take(time.Minute)
	require.True(t, taken)
	require.InDelta(t, time.Hour, ahead, float64(10*time.Second))

	all, err := db.Rates(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NoError(t, db.ResetRate(t.Context(), "k"))
	all, err = db.Rates(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// Of two counters of one key the one that is further ahead counts.
func TestRatesAreMergedByTheGreater(t *testing.T) {
	t.Parallel()
	db, id := pgtest.New(t), meshhook.NewID()
	for _, own := range []map[string]time.Duration{{"a": time.Hour, "b": time.Minute}, {"a": time.Minute, "b": time.Hour}, {}} {
		require.NoError(t, db.JoinRates(t.Context(), id, own))
	}
	all, err := db.Rates(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, ahead := range all {
		require.InDelta(t, time.Hour, ahead, float64(10*time.Second))
	}
}

// The janitor deletes what is over, and nothing else.
func TestRatesExpire(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for key, cost := range map[string]time.Duration{"over": time.Microsecond, "not over": time.Hour} {
		_, taken, err := db.TakeRate(t.Context(), key, cost, time.Hour)
		require.NoError(t, err)
		require.True(t, taken)
	}
	_, err := db.Expire(t.Context(), time.Now(), meshhook.Retention{Events: time.Hour, Rejected: time.Hour, Journal: time.Hour})
	require.NoError(t, err)
	keys, err := db.RateKeys(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"not over"}, keys)
}

// Only daemons that take requests and have been heard of lately count as others.
func TestMuster(t *testing.T) {
	t.Parallel()
	db, one, two := pgtest.New(t), meshhook.NewID(), meshhook.NewID()
	muster := func(id meshhook.ID, alone time.Duration) meshhook.Muster {
		m, err := db.Muster(t.Context(), id, alone)
		require.NoError(t, err)
		return m
	}
	_, err := db.Muster(t.Context(), one, time.Minute)
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
	for id, role := range map[meshhook.ID]string{one: "ingress", two: "ingress", meshhook.NewID(): "worker"} {
		require.NoError(t, db.Beat(t.Context(), meshhook.Daemon{ID: id, Roles: []string{role}}))
	}
	require.Equal(t, meshhook.Muster{Others: 1}, muster(one, time.Minute))
	require.NoError(t, db.Leave(t.Context(), two))
	require.Equal(t, meshhook.Muster{}, muster(one, 0), "no lease is asked for")
	require.Equal(t, meshhook.Muster{Alone: true}, muster(one, time.Minute))

	require.NoError(t, db.Beat(t.Context(), meshhook.Daemon{ID: two, Roles: []string{"ingress"}}))
	m := muster(two, time.Minute)
	require.False(t, m.Alone)
	require.InDelta(t, time.Minute, m.OtherAlone, float64(10*time.Second))
	require.NoError(t, db.JoinRates(t.Context(), one, nil))
	require.Equal(t, meshhook.Muster{Others: 1}, muster(two, time.Minute))
}
