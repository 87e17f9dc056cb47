package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

func TestWorkflowLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := pgtest.New(t)
	project := pgtest.Project(t, db)

	one, err := project.Apply(ctx, "orders", "takes orders", meshhook.Version{Digest: "d1", Source: "# one"})
	require.NoError(t, err)
	require.Equal(t, meshhook.Applied{Created: true, Changed: true, Workflow: meshhook.Workflow{
		ID: one.Workflow.ID, ProjectID: project.ID(), Name: "orders", Description: "takes orders", Version: 1,
		CreatedAt: one.Workflow.CreatedAt, UpdatedAt: one.Workflow.UpdatedAt,
	}}, one)

	// The same meaning is no new version, however it is written.
	same, err := project.Apply(ctx, "orders", "another text", meshhook.Version{Digest: "d1", Source: "# one, and a comment"})
	require.NoError(t, err)
	require.Equal(t, meshhook.Applied{Workflow: one.Workflow}, same)

	two, err := project.Apply(ctx, "orders", "takes more orders", meshhook.Version{Digest: "d2", Source: "# two"})
	require.NoError(t, err)
	require.False(t, two.Created)
	require.True(t, two.Changed)
	require.Equal(t, 2, two.Workflow.Version)
	require.Equal(t, "takes more orders", two.Workflow.Description)

	// What was meant before can be meant again: only the newest version counts.
	three, err := project.Apply(ctx, "orders", "takes orders", meshhook.Version{Digest: "d1", Source: "# one"})
	require.NoError(t, err)
	require.Equal(t, 3, three.Workflow.Version)

	other, err := project.Apply(ctx, "accounts", "", meshhook.Version{Digest: "d1", Source: "# accounts"})
	require.NoError(t, err)
	list, err := project.Workflows(ctx)
	require.NoError(t, err)
	require.Equal(t, []meshhook.Workflow{other.Workflow, three.Workflow}, list)

	for _, nameOrID := range []string{"orders", three.Workflow.ID.String()} {
		w, err := project.Workflow(ctx, nameOrID)
		require.NoError(t, err)
		require.Equal(t, three.Workflow, w)
		versions, err := project.Versions(ctx, nameOrID)
		require.NoError(t, err)
		require.Len(t, versions, 3)
		for i, v := range versions {
			digest := []string{"d1", "d2", "d1"}[i]
			require.Equal(t, meshhook.Version{WorkflowID: w.ID, ProjectID: project.ID(), Workflow: "orders", Number: 3 - i, Digest: digest, CreatedAt: v.CreatedAt}, v)
		}
	}

	second, err := project.Version(ctx, "orders", 2)
	require.NoError(t, err)
	require.Equal(t, meshhook.Version{
		WorkflowID: three.Workflow.ID, ProjectID: project.ID(), Workflow: "orders", Number: 2, Digest: "d2", Source: "# two", CreatedAt: second.CreatedAt,
	}, second)
	newest, err := project.Version(ctx, "orders", 0)
	require.NoError(t, err)
	require.Equal(t, 3, newest.Number)
	engines, err := db.VersionOf(ctx, three.Workflow.ID, 2)
	require.NoError(t, err)
	second.Workflow = ""
	require.Equal(t, second, engines)

	require.NoError(t, project.DeleteWorkflow(ctx, "orders"))
	_, err = db.VersionOf(ctx, three.Workflow.ID, 2)
	requireCode(t, meshhook.CodeNotFound, err)
}

func TestWorkflowsThatAreNotThere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	_, err := h.project.Workflow(ctx, "nope")
	requireCode(t, meshhook.CodeNotFound, err)
	require.EqualError(t, err, `there is no workflow "nope"; 'meshhook workflow list' shows those there are`)
	_, err = h.project.Versions(ctx, "nope")
	requireCode(t, meshhook.CodeNotFound, err)
	_, err = h.project.Version(ctx, "nope", 0)
	requireCode(t, meshhook.CodeNotFound, err)
	_, err = h.project.Version(ctx, "orders", 2)
	requireCode(t, meshhook.CodeNotFound, err)
	require.EqualError(t, err, "workflow orders has no version 2; the newest is 1")
	requireCode(t, meshhook.CodeNotFound, h.project.DeleteWorkflow(ctx, "nope"))
	_, err = h.db.VersionOf(ctx, h.workflow.ID, 2)
	requireCode(t, meshhook.CodeNotFound, err)
}

func TestDeleteWorkflowWaitsForWhatNeedsIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.start(t, "{}")

	err := h.project.DeleteWorkflow(ctx, "orders")
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "1 runs of workflow orders are not over; wait for them, or cancel them ('meshhook run list --workflow orders')")

	h.finish(t, meshhook.RunFailed)
	err = h.project.DeleteWorkflow(ctx, "orders")
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "webhooks still name this workflow; delete or change them first ('meshhook webhook list')")
	_, err = h.project.Workflow(ctx, "orders")
	require.NoError(t, err)

	require.NoError(t, h.project.DeleteEndpoint(ctx, h.endpoint.Path))
	require.NoError(t, h.project.DeleteWorkflow(ctx, h.workflow.ID.String()))
	_, err = h.project.Workflow(ctx, "orders")
	requireCode(t, meshhook.CodeNotFound, err)
}

// Of many who apply one document at once, one makes the workflow.
func TestApplyRaces(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	project := pgtest.Project(t, db)
	const hands = 8
	type outcome struct {
		applied meshhook.Applied
		err     error
	}
	outcomes := make(chan outcome, hands)
	for range hands {
		go func() {
			applied, err := project.Apply(context.Background(), "orders", "", meshhook.Version{Digest: "d1", Source: "#"})
			outcomes <- outcome{applied, err}
		}()
	}
	var created, changed int
	for range hands {
		o := <-outcomes
		require.NoError(t, o.err)
		require.Equal(t, 1, o.applied.Workflow.Version)
		if o.applied.Created {
			created++
		}
		if o.applied.Changed {
			changed++
		}
	}
	require.Equal(t, 1, created)
	require.Equal(t, 1, changed)
}
