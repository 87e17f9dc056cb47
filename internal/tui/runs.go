package tui

import (
	"context"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func runNoun(k keys) *noun {
	return &noun{
		name: "run", title: "Runs", paged: true,
		empty: "No run yet. A request to a webhook starts one.",
		columns: []column{
			{name: "time", time: true},
			{name: "status", width: 9},
			{name: "workflow", width: 12, share: 3},
			{name: "took", width: 9},
			{name: "why", width: 8, share: 4},
			{name: "webhook", width: 10, share: 2, from: dated},
			{name: "id", width: 36, from: 150},
		},
		list: func(ctx context.Context, o *Options, before meshhook.ID, limit int) ([]row, error) {
			list, err := o.Store.Runs(ctx, meshhook.RunFilter{Before: before, Limit: limit})
			return rowsOf(list, err, runRow)
		},
		touched: func(e meshhook.Entry) bool { return e.RunID != nil && e.Step == "" && e.Kind.Noun() != "alert" },
		tell:    tellRun,
		actions: runActions(k),
	}
}

func runThing(r meshhook.Run) thing {
	return thing{
		target: to("run", r.ID), name: r.ID.String(), status: string(r.Status), webhook: r.Webhook, workflow: r.Workflow, value: r,
		links: slices.Concat(some("event", r.EventID), named("webhook", r.Webhook), named("workflow", r.Workflow)),
	}
}

// runWhy says in a few words why a run failed, or what it waits for.
func runWhy(r meshhook.Run) string {
	switch {
	case r.Error != nil && r.Error.Step != "":
		return "step " + r.Error.Step + ": " + string(r.Error.Reason) + ": " + r.Error.Message
	case r.Error != nil:
		return string(r.Error.Reason) + ": " + r.Error.Message
	case r.Blocked:
		return "waits for a place"
	case r.WaitingFor != "":
		return "waits for " + string(r.WaitingFor)
	}
	return ""
}

func runRow(r meshhook.Run) row {
	lasted := ""
	if r.StartedAt != nil {
		lasted = took(*r.StartedAt, r.FinishedAt)
	}
	line := newRow(runThing(r), meshhook.EntryKind("run."+string(r.Status)), "", string(r.Status), r.Workflow, lasted, runWhy(r), r.Webhook, r.ID.String())
	line.at = r.CreatedAt
	return line
}

// tellRun reads a run, and what the journal keeps of it: where that is gone, its
// attempts are.
func tellRun(ctx context.Context, o *Options, key string) (content, error) {
	id, err := idOf(key)
	if err != nil {
		return content{}, err
	}
	r, err := o.Store.Run(ctx, id)
	if err != nil {
		return content{}, err
	}
	history, err := o.Store.RunEntries(ctx, r)
	if err != nil {
		return content{}, err
	}
	return runContent(r, history, o.Location), nil
}

func runActions(k keys) []action {
	unless := func(can bool, why string) string {
		if can {
			return ""
		}
		return why
	}
	over := func(t *thing) bool { return meshhook.RunStatus(t.status).Ended() }
	waits := func(t *thing) string {
		r, _ := t.value.(meshhook.Run)
		return unless(r.Status == meshhook.RunWaiting && (r.WaitingFor == meshhook.WaitingForApproval || len(approvals(r)) > 0), "the run waits for nobody's answer")
	}
	return []action{
		{key: k.approve, fits: waits, write: func(t *thing) (string, string) {
			return "Approve " + which(t), "A note is kept with the answer; it may be empty."
		}, do: decide(true)},
		{key: k.reject, fits: waits, write: func(t *thing) (string, string) {
			return "Reject " + which(t), "A note is kept with the answer; it may be empty."
		}, ask: func(t *thing) string {
			return "Reject " + which(t) + "? The run fails, unless the workflow goes on without it. That cannot be taken back."
		}, do: decide(false)},
		{key: k.retry, fits: func(t *thing) string {
			return unless(meshhook.RunStatus(t.status).CanBecome(meshhook.RunQueued) && over(t), "only a run that failed or was canceled can be retried")
		}, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
			return said(byID(t, func(id meshhook.ID) error { return a.RetryRun(ctx, id) }), "the run goes on; steps that are done stay done")
		}},
		{key: k.cancel, fits: func(t *thing) string { return unless(!over(t), "the run is over") }, ask: func(t *thing) string {
			return "Cancel the run " + t.name + " of " + t.workflow + "? Calls that are under way are cut off, and no further step is done."
		}, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
			return said(byID(t, func(id meshhook.ID) error { return a.CancelRun(ctx, id) }), "the run is canceled")
		}},
	}
}

// approvals are the steps that wait for an answer.
func approvals(r meshhook.Run) (steps []string) {
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Kind == "approval" && s.Status == meshhook.StepWaiting && s.Decision == nil {
			steps = append(steps, s.ID)
		}
	}
	return steps
}

// awaits is the step that an answer is for: the one under the cursor, or the first
// that waits; "" where it is not known, and the store finds the only one.
func awaits(t *thing) string {
	r, _ := t.value.(meshhook.Run)
	steps := approvals(r)
	switch {
	case slices.Contains(steps, t.step):
		return t.step
	case len(steps) > 0:
		return steps[0]
	}
	return ""
}

// which names what an answer is about. It is clean.
func which(t *thing) string {
	if step := awaits(t); step != "" {
		return "the step " + tail.Clean(step) + " of " + tail.Clean(t.workflow)
	}
	return "the run of " + tail.Clean(t.workflow)
}

func decide(approved bool) func(context.Context, styles, Actions, *thing, string) (didMsg, error) {
	return func(ctx context.Context, _ styles, a Actions, t *thing, typed string) (didMsg, error) {
		word := map[bool]string{true: "approved", false: "rejected"}[approved]
		return said(byID(t, func(id meshhook.ID) error { return a.Decide(ctx, id, awaits(t), approved, typed) }), "%s is %s", which(t), word)
	}
}
