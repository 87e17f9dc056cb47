package engine

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// counted counts the versions that were read.
type counted struct {
	*postgres.DB
	read int
}

func (c *counted) VersionOf(ctx context.Context, workflow meshhook.ID, number int) (meshhook.Version, error) {
	c.read++
	return c.DB.VersionOf(ctx, workflow, number)
}

// A version is read and compiled once, unless so many are in use that all are
// forgotten.
func TestProgramsAreKeptUpToABound(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	store := &counted{DB: pgtest.Open(t, url)}
	const source = `{"name": "many", "steps": [{"id": "a", "transform": "1"}]}`
	applied, err := pgtest.Project(t, store.DB).Apply(t.Context(), "many", "", meshhook.Version{Digest: "1", Source: source})
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT set_config('meshhook.system', 'on', false)`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `
		INSERT INTO workflow_versions (workflow_id, project_id, version, digest, source)
		SELECT workflow_id, project_id, n, n::text, source FROM workflow_versions, generate_series(2, $1::int) AS n`, maxPrograms+1)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	programs := newPrograms(store)
	get := func(version int) (read bool) {
		before := store.read
		program, err := programs.get(t.Context(), &meshhook.Run{WorkflowID: applied.Workflow.ID, Workflow: "many", Version: version})
		require.NoError(t, err)
		require.Len(t, program.Definition().Steps, 1)
		return store.read > before
	}
	for version := 1; version <= maxPrograms; version++ {
		require.True(t, get(version))
	}
	require.False(t, get(1), "all of them are kept")
	require.True(t, get(maxPrograms+1), "one too many")
	require.False(t, get(maxPrograms+1))
	require.True(t, get(1))
}
