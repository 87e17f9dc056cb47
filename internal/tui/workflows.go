package tui

import (
	"context"
	"fmt"
	"strconv"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func workflowNoun(k keys) *noun {
	return &noun{
		name: "workflow", title: "Workflows",
		empty: "There is no workflow yet. This takes one in:\nmeshhook workflow apply -f FILE",
		columns: []column{
			{name: "name", width: 18, share: 3}, {name: "version", width: 7}, {name: "updated", time: true}, {name: "description", width: 10, share: 4},
		},
		list: func(ctx context.Context, o *Options, _ meshhook.ID, _ int) ([]row, error) {
			list, err := o.Store.Workflows(ctx)
			return rowsOf(list, err, workflowRow)
		},
		tell: tellWorkflow,
		actions: []action{
			{key: k.launch, write: func(t *thing) (string, string) {
				return "Start a run of " + tail.Clean(t.name), "The body is what expressions see as .event.body; leave it empty for none."
			}, do: func(ctx context.Context, _ styles, a Actions, t *thing, typed string) (didMsg, error) {
				run, err := a.RunWorkflow(ctx, t.key, []byte(typed))
				at := to("run", run)
				return didMsg{text: "✓ run " + run.String() + " is queued", open: &at}, err
			}},
			{key: k.remove, ask: func(t *thing) string {
				return "Delete the workflow " + t.name + " and its versions? That cannot be undone; what its runs have done stays."
			}, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
				return deleted(t, a.DeleteWorkflow(ctx, t.key), "workflow %s is deleted", t.name)
			}},
		},
	}
}

func workflowThing(w meshhook.Workflow) thing {
	return thing{target: to("workflow", w.ID), name: w.Name, workflow: w.Name, value: w}
}

func workflowRow(w meshhook.Workflow) row {
	r := newRow(workflowThing(w), "", w.Name, strconv.Itoa(w.Version), "", w.Description)
	r.at = w.UpdatedAt
	return r
}

func tellWorkflow(ctx context.Context, o *Options, key string) (c content, err error) {
	w, err := o.Store.Workflow(ctx, key)
	if err != nil {
		return c, err
	}
	versions, err := o.Store.Versions(ctx, w.ID.String())
	if err != nil {
		return c, err
	}
	newest, err := o.Store.Version(ctx, w.ID.String(), 0)
	if err != nil {
		return c, err
	}
	runs, err := o.Store.Runs(ctx, meshhook.RunFilter{Workflow: w.Name, Limit: lastFew})
	if err != nil {
		return c, err
	}
	graph := ""
	if o.Graph != nil {
		graph = o.Graph(newest)
	}
	c.thing = workflowThing(w)
	c.concerns = func(e meshhook.Entry) bool { return e.Workflow == w.Name && e.Kind.Noun() == "run" && e.Step == "" }
	c.draw = func(d *doc) {
		d.field("name", w.Name)
		d.field("id", w.ID.String())
		d.optional("description", w.Description)
		d.field("version", strconv.Itoa(w.Version))
		d.field("created", moment(w.CreatedAt, o.Location))
		d.field("updated", moment(w.UpdatedAt, o.Location))
		d.lastRuns(runs, o)
		if graph != "" {
			d.heading("steps")
			d.text(0, graph)
		}
		d.heading(fmt.Sprintf("versions (%d)", len(versions)))
		for _, v := range versions {
			d.text(0, fmt.Sprintf("%-4d %s  %s", v.Number, moment(v.CreatedAt, o.Location), meshhook.Clip(v.Digest, 12)))
		}
		d.heading(fmt.Sprintf("source of version %d", newest.Number))
		d.text(0, newest.Source)
	}
	return c, nil
}

// lastRuns writes runs in a line each that leads to the run.
func (d *doc) lastRuns(runs []meshhook.Run, o *Options) {
	d.heading("last runs")
	if len(runs) == 0 {
		d.faint("none yet")
	}
	for _, run := range runs {
		r := runRow(run)
		d.stop(stop{to: r.target}, func() {
			text := r.sign + " " + run.CreatedAt.In(o.Location).Format("2006-01-02 15:04:05") + "  " + fit(string(run.Status), 9) + "  " + runWhy(run)
			d.cut(text, d.styles.tones[r.tone])
		})
	}
}
