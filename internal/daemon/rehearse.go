package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

const (
	// rehearseTime bounds one dry run, which somebody waits for.
	rehearseTime = 30 * time.Second
	// maxEarlier is how many runs of an event are looked at for answers, the newest first.
	maxEarlier = 5
)

// Rehearser says how runs would go, without calling or storing anything.
type Rehearser struct {
	project *postgres.Tenant
	// vault and programs are what was looked up, the latter by workflow and version.
	vault    map[string]meshhook.Secret
	programs map[string]*workflow.Program
}

// NewRehearser returns a Rehearser of a project's workflows. What it looks up it
// keeps, so it is for one command or request. Without a project it knows no secrets.
func NewRehearser(project *postgres.Tenant) *Rehearser {
	return &Rehearser{project: project, programs: map[string]*workflow.Program{}}
}

// Run says how a run of the version on the input would go.
func (r *Rehearser) Run(ctx context.Context, v meshhook.Version, input []byte) (api.DryRun, error) {
	program, err := r.program(&v)
	if err != nil {
		return api.DryRun{}, err
	}
	return r.byHand(ctx, program, v, input)
}

// Definition is Run for a workflow that need not be stored.
func (r *Rehearser) Definition(ctx context.Context, d *workflow.Definition, input []byte) (api.DryRun, error) {
	program, err := workflow.Compile(d)
	if err != nil {
		return api.DryRun{}, err
	}
	return r.byHand(ctx, program, meshhook.Version{Workflow: d.Name}, input)
}

func (r *Rehearser) byHand(ctx context.Context, p *workflow.Program, v meshhook.Version, input []byte) (api.DryRun, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return r.rehearse(ctx, p, &workflow.State{Now: now, Run: meshhook.Run{
		WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, Attempt: 1, CreatedAt: now, StartedAt: &now, Input: input,
	}}, nil)
}

// onEvent says how a run of the version on the event would go, with the answers that
// an earlier one got, and in what it would differ from that.
func (r *Rehearser) onEvent(ctx context.Context, v meshhook.Version, e *meshhook.Event) (dry api.DryRun, err error) {
	program, err := r.program(&v)
	if err != nil {
		return dry, err
	}
	earlier, err := r.earlier(ctx, v, e)
	if err != nil {
		return dry, err
	}
	// The same event gives the same at any time: the clock is that of the event, or of
	// its run, whose id the Idempotency-Keys hold, too.
	run := meshhook.Run{
		WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, EventID: &e.ID, Webhook: e.Webhook,
		Attempt: 1, CreatedAt: e.ReceivedAt, StartedAt: &e.ReceivedAt,
	}
	if len(earlier) > 0 {
		was := earlier[0]
		run.ID, run.CreatedAt = was.ID, was.CreatedAt
		if was.StartedAt != nil {
			run.StartedAt = was.StartedAt
		}
	}
	dry, err = r.rehearse(ctx, program, &workflow.State{Now: *run.StartedAt, Run: run, Event: e}, workflow.Recall(earlier))
	if err == nil && len(earlier) > 0 {
		dry.Compared, dry.ComparedWith = &earlier[0], &earlier[0].ID
		dry.Changes = dry.Compare(&earlier[0])
	}
	return dry, err
}

func (r *Rehearser) rehearse(ctx context.Context, p *workflow.Program, s *workflow.State, recorded map[string]meshhook.Step) (api.DryRun, error) {
	names := p.Definition().References().Secrets
	if len(names) > 0 && r.vault == nil && r.project != nil {
		var err error
		if r.vault, err = r.project.SecretValues(ctx); err != nil {
			return api.DryRun{}, err
		}
	}
	s.Secrets = map[string]meshhook.Secret{}
	for _, name := range names {
		if value, exists := r.vault[name]; exists {
			s.Secrets[name] = value
		}
	}
	bounded, cancel := context.WithTimeout(ctx, rehearseTime)
	defer cancel()
	rehearsal, err := p.Rehearse(bounded, s, recorded)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = meshhook.Errorf(meshhook.CodeInvalid, "the dry run took longer than %s; try it on fewer items", rehearseTime)
	}
	return api.DryRun{DryRun: true, Workflow: s.Run.Workflow, Version: s.Run.Version, EventID: s.Run.EventID, Rehearsal: rehearsal}, err
}

// program is that of a stored version.
func (r *Rehearser) program(v *meshhook.Version) (*workflow.Program, error) {
	name := fmt.Sprintf("%s version %d", v.Workflow, v.Number)
	if p := r.programs[name]; p != nil {
		return p, nil
	}
	definition, err := workflow.Parse(name, []byte(v.Source))
	if err != nil {
		return nil, err
	}
	p, err := workflow.Compile(definition)
	if err == nil {
		r.programs[name] = p
	}
	return p, err
}

// earlier reads the runs of an event that have ended. First comes the one to compare
// with: of the same workflow rather than of another, succeeded rather than not, and
// else the newest. Those of a workflow other than its are left out.
func (r *Rehearser) earlier(ctx context.Context, v meshhook.Version, e *meshhook.Event) (runs []meshhook.Run, err error) {
	for _, id := range slices.Backward(e.RunIDs[max(0, len(e.RunIDs)-maxEarlier):]) {
		run, err := r.project.FullRun(ctx, id)
		if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
			continue // it has expired meanwhile
		}
		if err != nil {
			return nil, err
		}
		if run.Status.Ended() {
			runs = append(runs, run)
		}
	}
	rank := func(run meshhook.Run) (n int) {
		if run.WorkflowID != v.WorkflowID {
			n += 2
		}
		if run.Status != meshhook.RunSucceeded {
			n++
		}
		return n
	}
	slices.SortStableFunc(runs, func(a, b meshhook.Run) int { return rank(a) - rank(b) })
	if len(runs) == 0 {
		return nil, nil
	}
	first := runs[0].WorkflowID // of which DeleteFunc would lose hold
	return slices.DeleteFunc(runs, func(run meshhook.Run) bool { return run.WorkflowID != first }), nil
}
