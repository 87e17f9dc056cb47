package postgres_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

var quoted = regexp.MustCompile(`'([a-z]*)'::text`)

// allowed are the values that a CHECK constraint of a table names.
func allowed(t *testing.T, h house, table, constraint string) []string {
	t.Helper()
	definitions := rows[string](t, h, `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2`, table, constraint)
	require.Len(t, definitions, 1, constraint)
	var values []string
	for _, match := range quoted.FindAllStringSubmatch(definitions[0], -1) {
		values = append(values, match[1])
	}
	return values
}

func names[S ~string](values []S) []string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

// The states stand in Go and in SQL, and agree.
func TestConstraintsSayWhatTheGroundSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	require.Equal(t, names(meshhook.RunStatuses()), allowed(t, h, "runs", "runs_status_check"))
	require.Equal(t, names(meshhook.EventStatuses()), allowed(t, h, "events", "events_status_check"))
	require.Equal(t, names(meshhook.StepStatuses()), allowed(t, h, "run_steps", "run_steps_status_check"))
	require.Equal(t,
		names([]meshhook.WaitingFor{"", meshhook.WaitingForDelay, meshhook.WaitingForRetry, meshhook.WaitingForApproval}),
		allowed(t, h, "runs", "runs_waiting_for_check"))

	runsOver := slices.DeleteFunc(meshhook.RunStatuses(), func(s meshhook.RunStatus) bool { return !s.Ended() })
	require.Equal(t, names(runsOver), allowed(t, h, "runs", "runs_finished_check"))
	stepsOver := slices.DeleteFunc(meshhook.StepStatuses(), func(s meshhook.StepStatus) bool { return !s.Ended() })
	require.Equal(t, names(stepsOver), allowed(t, h, "run_steps", "run_steps_finished_check"))
}

// What no statement of ours may ever write, Postgres does not take.
func TestConstraintsRefuse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.record(t, h.intake("", "{}"))
	claim := h.finish(t, meshhook.RunSucceeded)
	h.system(t, `INSERT INTO run_steps (run_id, step_id, project_id, kind, status, attempt, started_at) VALUES ($1, 's', $2, 'http', 'running', 1, now())`,
		claim.Run.ID, h.project.ID())
	tests := map[string][]string{
		"events_status_check":      {`UPDATE events SET status = 'lost'`},
		"events_code_check":        {`UPDATE events SET code = 'x'`, `UPDATE events SET status = 'rejected'`},
		"events_duplicate_check":   {`UPDATE events SET status = 'duplicate'`, `UPDATE events SET duplicate_of = id`},
		"runs_status_check":        {`UPDATE runs SET status = 'asleep', finished_at = NULL`},
		"runs_waiting_for_check":   {`UPDATE runs SET status = 'waiting', waiting_for = 'godot', finished_at = NULL`},
		"runs_waiting_check":       {`UPDATE runs SET waiting_for = 'delay'`, `UPDATE runs SET status = 'waiting', finished_at = NULL`},
		"runs_lease_check":         {`UPDATE runs SET lease_owner = id`, `UPDATE runs SET status = 'running', finished_at = NULL, lease_owner = id`},
		"runs_wake_check":          {`UPDATE runs SET status = 'queued', finished_at = NULL`},
		"runs_finished_check":      {`UPDATE runs SET finished_at = NULL`},
		"runs_place_check":         {`UPDATE runs SET placed = true`},
		"runs_failure_check":       {`UPDATE runs SET status = 'failed'`, `UPDATE runs SET failure_reason = 'timeout'`},
		"run_steps_status_check":   {`UPDATE run_steps SET status = 'lost'`},
		"run_steps_finished_check": {`UPDATE run_steps SET finished_at = now()`, `UPDATE run_steps SET status = 'succeeded'`},
		"run_steps_next_check":     {`UPDATE run_steps SET next_at = now()`, `UPDATE run_steps SET status = 'waiting'`},
	}
	for constraint, statements := range tests {
		for _, sql := range statements {
			_, err := h.side.door(t).Exec(t.Context(), sql)
			require.ErrorContains(t, err, constraint, sql)
		}
	}
	all := rows[string](t, h, `
		SELECT DISTINCT conname FROM pg_constraint WHERE contype = 'c' AND conrelid IN ('events'::regclass, 'runs'::regclass, 'run_steps'::regclass) ORDER BY 1`)
	for _, name := range all {
		require.True(t, strings.HasSuffix(name, "_check"))
		require.Contains(t, tests, name, "every constraint is tried")
	}
}
