package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

const week = 7 * 24 * time.Hour

// partitions are the names of all partitions.
func partitions(t *testing.T, h house) []string {
	t.Helper()
	return rows[string](t, h, `SELECT inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r' ORDER BY 1`)
}

func TestEnsurePartitionsRaces(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	before := partitions(t, h)
	require.NoError(t, h.db.EnsurePartitions(ctx, time.Now()))
	require.Equal(t, before, partitions(t, h), "they stand already")

	later := time.Date(2031, 5, 7, 12, 0, 0, 0, time.UTC) // a Wednesday
	dbs := []*postgres.DB{h.db, pgtest.Open(t, h.url), pgtest.Open(t, h.url)}
	errs := make(chan error, len(dbs))
	for _, db := range dbs {
		go func() { errs <- db.EnsurePartitions(context.Background(), later) }()
	}
	for range dbs {
		require.NoError(t, <-errs)
	}
	var made []string
	for _, name := range partitions(t, h) {
		if strings.Contains(name, "_2031") {
			made = append(made, name)
		}
	}
	// Weeks begin on Mondays. A week ahead is covered from every moment on.
	require.Equal(t, []string{
		"alert_logs_20310505", "alert_logs_20310512", "deliveries_20310505", "deliveries_20310512",
		"events_20310505", "events_20310512",
		"journal_20310507", "journal_20310508", "journal_20310509", "journal_20310510", "journal_20310511", "journal_20310512", "journal_20310513", "journal_20310514",
		"run_steps_20310505", "run_steps_20310512",
		"runs_20310505", "runs_20310512",
	}, made)
	require.NoError(t, h.db.EnsurePartitions(ctx, later.Add(11*time.Hour)))
	require.Len(t, partitions(t, h), len(before)+len(made))
}

func TestRowsLandInPartitions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	tables := `SELECT DISTINCT tableoid::regclass::text FROM `
	now := time.Now().UTC()
	thisWeek := now.Truncate(week).Format("20060102")
	h.record(t, h.intake("", "{}"))
	h.finish(t, meshhook.RunSucceeded, step("one", meshhook.StepSucceeded, "1", now))
	require.Equal(t, []string{"events_" + thisWeek}, rows[string](t, h, tables+"events"))
	require.Equal(t, []string{"runs_" + thisWeek}, rows[string](t, h, tables+"runs"))
	require.Equal(t, []string{"run_steps_" + thisWeek}, rows[string](t, h, tables+"run_steps"))
	for _, name := range rows[string](t, h, tables+"journal") {
		require.NotEqual(t, "journal_default", name)
	}

	// At the edges of a slice, and where there is none.
	monday := time.Date(2031, 5, 5, 0, 0, 0, 0, time.UTC)
	require.NoError(t, h.db.EnsurePartitions(ctx, monday.Add(time.Hour)))
	for at, want := range map[time.Time]string{
		monday:                                "events_20310505",
		monday.Add(week - time.Millisecond):   "events_20310505",
		monday.Add(week):                      "events_20310512",
		monday.Add(-time.Millisecond):         "events_default",
		monday.Add(2*week + 365*24*time.Hour): "events_default",
	} {
		in := h.intake("", "{}")
		in.Event.ID = idAt(at)
		h.record(t, in)
		require.Equal(t, []string{want}, rows[string](t, h, `SELECT tableoid::regclass::text FROM events WHERE id = $1`, in.Event.ID), at)
		event, err := h.project.Event(ctx, in.Event.ID)
		require.NoError(t, err)
		require.Equal(t, in.Event.Body, event.Body)
	}
}
