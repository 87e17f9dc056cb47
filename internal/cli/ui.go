package cli

import (
	"context"
	"iter"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/tui"
	"github.com/profullstack/meshhook/internal/workflow"
)

func newUICmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ui", Short: "Manage webhooks, events, workflows, runs and alerts on a screen",
		Long: `Manage webhooks, events, workflows, runs, alerts and deliveries on a screen, and watch them
live. It is the same screen as that of 'meshhook tail', opened on its page of webhooks; it
needs no daemon. ? shows its keys.`,
		Example: "  meshhook ui\n  meshhook --project shop ui",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runUI(cmd.Context(), a) },
	}
}

func runUI(ctx context.Context, a *app) error {
	switch {
	case a.output != "":
		return usageError("ui prints nothing, so -o and --json mean nothing to it; use 'meshhook tail --json'")
	case !a.OutTTY || !a.InTTY:
		return usageError("the screen needs a terminal; 'meshhook tail --plain' prints what happens, line by line")
	case a.dumb():
		return usageError("this terminal (TERM=dumb) cannot show a screen; 'meshhook tail --plain' prints what happens, line by line")
	}
	a.screen = true
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		return a.showScreen(ctx, s, &tailOptions{}, false)
	})
}

// dumb tells whether the terminal can only print lines.
func (a *app) dumb() bool {
	name, _ := a.getenv("TERM")
	return name == "dumb"
}

// showScreen shows the terminal's screen until its user quits.
func (a *app) showScreen(ctx context.Context, s *session, o *tailOptions, onLive bool) error {
	return tui.Run(ctx, tui.Options{
		Project: s.config.Project, Scope: o.scope(), OnLive: onLive, Follow: s.follow(o.filter()),
		Store: screenStore{s.project}, Actions: &screenActions{a, s},
		Forms:        tui.NewForms(newWebhookEditor(a, s), newAlertEditor(a, s)),
		WebhookFacts: s.webhookFacts, AlertFacts: alertFacts, Graph: drawnGraph,
		Output: a.Out, NoColor: !a.colored(true),
	})
}

// follow follows the journal of the project.
func (s *session) follow(filter meshhook.EntryFilter) func(context.Context, func(tail.State)) iter.Seq2[meshhook.Entry, error] {
	return func(ctx context.Context, onState func(tail.State)) iter.Seq2[meshhook.Entry, error] {
		return tail.Follow(ctx, s.project, tail.Options{Filter: filter, OnState: onState})
	}
}

// screenStore is the project as the screen may see it.
type screenStore struct{ *postgres.Tenant }

// Attempts returns attempts without credentials, as 'alerts log --full' shows them.
func (s screenStore) Attempts(ctx context.Context, f meshhook.AttemptFilter) ([]meshhook.AlertAttempt, error) {
	list, err := s.Tenant.Attempts(ctx, f)
	if err != nil {
		return nil, err
	}
	vault, err := s.SecretValues(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		v := alert.ViewAttempt(list[i], vault)
		list[i].URL, list[i].Error, list[i].Fallback = v.URL, v.Error, v.Fallback
		list[i].Headers, list[i].Body, list[i].Answer = nil, nil, nil
		if v.Request != nil {
			list[i].URL, list[i].Headers, list[i].Body = v.Request.URL, v.Request.Headers, []byte(v.Request.Body)
		}
		if v.Response != nil {
			list[i].Answer = []byte(v.Response.Body)
		}
	}
	return list, nil
}

// webhookFacts are the lines of 'webhook show'.
func (s *session) webhookFacts(e meshhook.Endpoint, secrets []meshhook.EndpointSecret) []tui.Fact {
	v := s.view(e, secrets)
	f := &fields{}
	webhookFields(f, v)
	for _, warning := range v.Warnings {
		f.add("warning", cell{warning, tail.Warn})
	}
	return facts(f, "enabled", "workflow")
}

// alertFacts are the lines of 'alerts show'.
func alertFacts(masked meshhook.Alert, secrets []meshhook.AlertSecret) []tui.Fact {
	v := alertView{AlertView: masked.View()}
	v.Secrets = secrets
	f := &fields{}
	alertFields(f, v)
	without := []string{"enabled"}
	if masked.WorkflowID != nil {
		without = append(without, "workflow") // the screen has a link to it
	}
	return facts(f, without...)
}

// facts are lines for the screen, but for those that it has by itself.
func facts(f *fields, without ...string) (list []tui.Fact) {
next:
	for _, row := range f.rows {
		for _, name := range without {
			if row[0].text == name {
				continue next
			}
		}
		list = append(list, tui.Fact{Name: row[0].text, Value: row[1].text, Tone: row[1].tone})
	}
	return list
}

// drawnGraph is the drawing of 'workflow graph', without its title.
func drawnGraph(v meshhook.Version) string {
	d, err := workflow.Parse(v.Workflow, []byte(v.Source))
	if err != nil {
		return "" // an older version's language; the source is there
	}
	s := &sketch{}
	s.block(&newGraphView(d, v.Number).graphBlock, "")
	return s.String()
}
