package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// of100 is a rate of 100 an hour.
func of100(count int64) meshhook.RateTake {
	return meshhook.RateTake{Count: count, Limit: 100, Period: time.Hour, Cost: time.Duration(count) * 36 * time.Second, Burst: time.Hour}
}

func TestRate_Lifecycle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	take := func(count int64) (meshhook.RateStanding, bool) {
		s, taken, err := db.TakeRate(t.Context(), "k", of100(count))
		require.NoError(t, err)
		return s, taken
	}
	_, taken := take(101)
	require.False(t, taken, "more than the limit is never admitted")
	s, err := db.Rate(t.Context(), "k")
	require.NoError(t, err)
	require.Zero(t, s)

	_, taken = take(98)
	require.True(t, taken)
	s, taken = take(3)
	require.False(t, taken)
	require.InDelta(t, 98*36*time.Second, s.Ahead, float64(10*time.Second))
	require.Equal(t, int64(98), s.Count)
	s, taken = take(2)
	require.True(t, taken)
	require.InDelta(t, time.Hour, s.Ahead, float64(10*time.Second))
	require.InDelta(t, time.Hour, s.Left, float64(10*time.Second))
	require.Equal(t, int64(100), s.Count)

	all, err := db.Rates(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NoError(t, db.ResetRate(t.Context(), "k"))
	all, err = db.Rates(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// The table decides as the memory does: by the quota that is there, and by what the
// period has seen.
func TestRatesInAndAfterAPeriod(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	half, hour := 30*time.Minute, time.Hour
	for name, stands := range map[string]meshhook.RateStanding{
		"the period is used up":      {Left: half, Count: 100},
		"the quota is not back":      {Ahead: hour, Left: -1},
		"both":                       {Ahead: half, Left: half, Count: 100},
		"one of each is left":        {Ahead: hour - 36*time.Second - time.Second, Left: half, Count: 99},
		"the period is over":         {Left: -time.Second, Count: 100},
		"half of the quota is there": {Ahead: half, Left: half, Count: 50},
	} {
		require.NoError(t, db.JoinRates(t.Context(), meshhook.NewID(), map[string]meshhook.RateStanding{name: stands}))
		want, wanted := stands.Take(of100(1))
		got, taken, err := db.TakeRate(t.Context(), name, of100(1))
		require.NoError(t, err)
		require.Equal(t, wanted, taken, name)
		require.InDelta(t, want.Ahead, got.Ahead, float64(10*time.Second), name)
		require.InDelta(t, want.Left, got.Left, float64(10*time.Second), name)
		require.Equal(t, want.Count, got.Count, name)
	}
}

// Of two counters of one key the stricter counts.
func TestRatesAreMergedByTheGreater(t *testing.T) {
	t.Parallel()
	db, id := pgtest.New(t), meshhook.NewID()
	much, little := meshhook.RateStanding{Ahead: time.Hour, Left: time.Hour, Count: 40}, meshhook.RateStanding{Ahead: time.Minute, Left: time.Minute, Count: 4}
	for _, own := range []map[string]meshhook.RateStanding{{"a": much, "b": little}, {"a": little, "b": much}, {}} {
		require.NoError(t, db.JoinRates(t.Context(), id, own))
	}
	all, err := db.Rates(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, s := range all {
		require.InDelta(t, time.Hour, s.Ahead, float64(10*time.Second))
		require.InDelta(t, time.Hour, s.Left, float64(10*time.Second))
		require.Equal(t, int64(40), s.Count)
	}
}

// The janitor deletes what is over, and nothing else.
func TestRatesExpire(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for key, period := range map[string]time.Duration{"over": time.Microsecond, "not over": time.Hour} {
		_, taken, err := db.TakeRate(t.Context(), key, meshhook.RateTake{Count: 1, Limit: 1, Period: period, Cost: time.Microsecond, Burst: time.Hour})
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
