package daemon_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

// stage is a project with an event, on which runs are said to have ended.
type stage struct {
	*testing.T
	db      *postgres.DB
	project *postgres.Tenant
	event   meshhook.ID
}

func newStage(t *testing.T) stage {
	t.Helper()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "in")
	s := stage{T: t, db: pgtest.Open(t, dsn), event: meshhook.NewID()}
	s.project = pgtest.Project(t, s.db)
	endpoint, _, err := s.project.Endpoint(t.Context(), "in")
	require.NoError(t, err)
	_, err = s.db.Record(t.Context(), meshhook.Intake{Event: meshhook.Event{
		ID: s.event, ProjectID: s.project.ID(), EndpointID: endpoint.ID, Webhook: "in", Status: meshhook.EventAccepted,
		ReceivedAt: time.Now().UTC().Truncate(time.Millisecond), Method: "POST", Path: "/hooks/in", Body: []byte("{}"), BodySize: 2,
	}})
	require.NoError(t, err)
	return s
}

func (s stage) apply(name, source string) {
	s.Helper()
	source = "name: " + name + "\nsteps:\n" + source
	d, err := workflow.Parse(name, []byte(source))
	require.NoError(s, err)
	_, err = s.project.Apply(s.Context(), name, "", meshhook.Version{Digest: d.Digest(), Source: source})
	require.NoError(s, err)
}

// ran records a run of a workflow, in which these calls got a status.
func (s stage) ran(name string, status meshhook.RunStatus, calls map[string]int) meshhook.ID {
	s.Helper()
	v, err := s.project.Version(s.Context(), name, 1)
	require.NoError(s, err)
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: name, Version: 1, EventID: &s.event, Webhook: "in"}
	require.NoError(s, s.project.StartRun(s.Context(), run))
	if !status.Ended() {
		return run.ID
	}
	claims, err := s.db.ClaimRuns(s.Context(), meshhook.NewID(), 10, time.Minute)
	require.NoError(s, err)
	require.Len(s, claims, 1)
	at := time.Now().UTC()
	move := meshhook.RunMove{RunID: run.ID, ProjectID: s.project.ID(), Fence: claims[0].Fence, Status: status, FinishedAt: at}
	if status == meshhook.RunFailed {
		move.Error = &meshhook.Failure{Reason: meshhook.FailedTimeout, Message: "late"}
	}
	for id, code := range calls {
		output, err := json.Marshal(map[string]int{"status": code})
		require.NoError(s, err)
		move.Steps = append(move.Steps, meshhook.Step{
			ID: id, Kind: workflow.KindHTTP, Status: meshhook.StepSucceeded, Attempt: 1, StartedAt: at, FinishedAt: &at, Output: output,
		})
	}
	require.NoError(s, s.db.Move(s.Context(), move))
	return run.ID
}

// The run to compare with is one of the same workflow, that succeeded, and new; what
// it has no answer to, others may have.
func TestAnEventIsRehearsedWithItsRuns(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const steps = "  - { id: a, http: { url: 'http://h' } }\n  - { id: b, http: { url: 'http://h' } }\n  - { id: token, if: .secrets.token == null, transform: '1' }\n"
	s.apply("x", steps)
	s.apply("y", steps)
	_, err := s.project.SetSecret(t.Context(), "token", meshhook.NewSecret("hush-hush"))
	require.NoError(t, err)
	try := func(name string, event meshhook.ID) (id *meshhook.ID, sources []workflow.Source) {
		t.Helper()
		dry, err := daemon.NewReplayer(s.project, meshhook.Replay{Workflow: name}, ingress.Options{}).Rehearse(t.Context(), event)
		require.NoError(t, err)
		require.Equal(t, meshhook.RunSucceeded, dry.Status)
		require.Equal(t, dry.ComparedWith == nil, dry.Changes == nil)
		for _, step := range dry.Steps {
			sources = append(sources, step.Source)
		}
		return dry.ComparedWith, sources
	}
	const recorded, unsent, computed = workflow.SourceRecorded, workflow.SourceNotSent, workflow.SourceComputed
	id, sources := try("x", s.event)
	require.Nil(t, id)
	require.Equal(t, []workflow.Source{unsent, unsent, computed}, sources)

	foreign := s.ran("y", meshhook.RunSucceeded, map[string]int{"a": 200, "b": 200})
	id, sources = try("x", s.event)
	require.Equal(t, &foreign, id, "better than nothing")
	require.Equal(t, []workflow.Source{recorded, recorded, computed}, sources)

	failed := s.ran("x", meshhook.RunFailed, map[string]int{"b": 200})
	id, sources = try("x", s.event)
	require.Equal(t, &failed, id)
	require.Equal(t, []workflow.Source{unsent, recorded, computed}, sources)

	succeeded := s.ran("x", meshhook.RunSucceeded, map[string]int{"a": 200})
	s.ran("x", meshhook.RunFailed, nil)
	s.ran("x", meshhook.RunQueued, nil)
	id, sources = try("x", s.event)
	require.Equal(t, &succeeded, id)
	require.Equal(t, []workflow.Source{recorded, recorded, computed}, sources)
	id, _ = try("y", s.event)
	require.Equal(t, &foreign, id)

	replayer := daemon.NewReplayer(s.project, meshhook.Replay{}, ingress.Options{})
	_, err = replayer.Rehearse(t.Context(), meshhook.NewID())
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err))
	for range 2 { // the second time with what was looked up
		dry, err := replayer.Rehearse(t.Context(), s.event)
		require.NoError(t, err)
		require.Equal(t, "w", dry.Workflow)
	}
	_, err = replayer.Run(t.Context(), meshhook.Version{Workflow: "old", Number: 1, Source: "x: y"}, nil)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), "a version of another time's language")
	_, err = replayer.Definition(t.Context(), &workflow.Definition{}, nil)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}
