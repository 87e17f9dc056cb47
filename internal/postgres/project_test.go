package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

func TestProjectLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := pgtest.New(t)

	first, err := db.Project(ctx, meshhook.DefaultProject)
	require.NoError(t, err)
	_, err = db.Project(ctx, "acme")
	requireCode(t, meshhook.CodeNotFound, err)
	require.EqualError(t, err, `there is no project "acme"; 'meshhook project list' shows those there are`)

	made, err := db.CreateProject(ctx, "acme", "cli:ann@host")
	require.NoError(t, err)
	require.Equal(t, meshhook.Project{ID: made.ID, Name: "acme", CreatedAt: made.CreatedAt}, made)
	require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)
	require.Equal(t, time.UTC, made.CreatedAt.Location())
	acme, err := db.Project(ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, made.ID, acme.ID())

	_, err = db.CreateProject(ctx, "acme", "cli:ann@host")
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "a project of this name exists already")
	_, err = db.CreateProject(ctx, "Acme & Sons", "cli:ann@host")
	requireCode(t, meshhook.CodeInvalid, err)

	list, err := db.Projects(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, made, list[0])
	require.Equal(t, first.ID(), list[1].ID)
	require.Equal(t, meshhook.DefaultProject, list[1].Name)
}

// Whatever daemons keep of the configuration changes this number when it changes.
func TestConfigVersionGrowsWithEveryChange(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	last, err := h.db.ConfigVersion(ctx)
	require.NoError(t, err)

	step := func(name string, grows bool, change func() error) {
		t.Helper()
		require.NoError(t, change(), name)
		now, err := h.db.ConfigVersion(ctx)
		require.NoError(t, err)
		require.Equal(t, grows, now > last, name)
		last = now
	}
	step("project create", true, func() error { _, err := h.db.CreateProject(ctx, "acme", "cli:ann@host"); return err })
	step("apply what stands", false, func() error { _, err := h.project.Apply(ctx, "orders", "", meshhook.Version{Digest: "d1"}); return err })
	step("apply a version", true, func() error { _, err := h.project.Apply(ctx, "orders", "", meshhook.Version{Digest: "d2"}); return err })
	step("secret set", true, func() error { _, err := h.project.SetSecret(ctx, "a", meshhook.NewSecret("1")); return err })
	step("secret set again", true, func() error { _, err := h.project.SetSecret(ctx, "a", meshhook.NewSecret("2")); return err })
	step("secret list", false, func() error { _, err := h.project.Secrets(ctx); return err })
	step("secret delete", true, func() error { return h.project.DeleteSecret(ctx, "a") })
	step("webhook update", true, func() error { _, err := pgtest.Update(ctx, h.project, h.endpoint); return err })
	step("webhook rotate-secret", true, func() error {
		return h.project.RotateEndpointSecret(ctx, h.endpoint.Path, meshhook.NewSecret("new"), time.Hour)
	})
	step("a request", false, func() error { _, err := h.db.Record(ctx, h.rejected()); return err })
	step("project delete", true, func() error { _, err := h.db.DeleteProject(ctx, "acme", "cli:ann@host"); return err })
	step("webhook delete", true, func() error { return h.project.DeleteEndpoint(ctx, h.endpoint.Path) })
	step("workflow delete", true, func() error { return h.project.DeleteWorkflow(ctx, "orders") })
}
