package tui

import (
	"context"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// lastFew is how many of the newest events, runs or deliveries a detail shows.
const lastFew = 10

func webhookNoun(k keys) *noun {
	return &noun{
		name: "webhook", title: "Webhooks", made: true,
		empty: "There is no webhook yet. This opens one:\nmeshhook webhook create --path orders --workflow NAME",
		columns: []column{
			{name: "path", width: 14, share: 3},
			{name: "workflow", width: 12, share: 3},
			{name: "verify", width: 11, share: 1},
			{name: "state", width: 8},
			{name: "methods", width: 9, from: wide},
			{name: "limit", width: 12, from: wide},
			{name: "description", share: 3, from: 130},
		},
		list: func(ctx context.Context, o *Options, _ meshhook.ID, _ int) ([]row, error) {
			list, err := o.Store.Endpoints(ctx)
			return rowsOf(list, err, webhookRow)
		},
		tell:    tellWebhook,
		actions: webhookActions(k),
	}
}

// onOff is the key and the state of what can be switched on and off.
func onOff(enabled bool) (look meshhook.EntryKind, state string) {
	if enabled {
		return meshhook.EntryCircuitClosed, "enabled"
	}
	return meshhook.EntryRunCanceled, "disabled"
}

func webhookThing(e meshhook.Endpoint) thing {
	_, state := onOff(e.Enabled)
	return thing{
		target: to("webhook", e.ID), name: e.Path, status: state, webhook: e.Path, workflow: e.Workflow, value: e,
		links: named("workflow", e.Workflow),
	}
}

func webhookRow(e meshhook.Endpoint) row {
	look, state := onOff(e.Enabled)
	limit := ""
	if e.RateLimit != nil {
		limit = e.RateLimit.String()
	}
	return newRow(webhookThing(e), look, e.Path, e.Workflow, e.Verification.Scheme, state, strings.Join(e.Methods, " "), limit, e.Description)
}

func tellWebhook(ctx context.Context, o *Options, key string) (content, error) {
	e, secrets, err := o.Store.Endpoint(ctx, key)
	if err != nil {
		return content{}, err
	}
	events, err := o.Store.Events(ctx, meshhook.EventFilter{Webhook: e.Path, Limit: lastFew})
	if err != nil {
		return content{}, err
	}
	c := content{thing: webhookThing(e), concerns: func(entry meshhook.Entry) bool {
		return entry.Webhook == e.Path && entry.Kind.Noun() == "event"
	}}
	c.draw = func(d *doc) {
		look, state := onOff(e.Enabled)
		d.state(look, state)
		d.links("workflow", c.thing.links)
		for _, f := range o.webhookFacts(e, secrets) {
			d.fact(f)
		}
		d.heading("last events")
		if len(events) == 0 {
			d.faint("none yet")
		}
		for _, event := range events {
			d.eventLine(event, o)
		}
	}
	return c, nil
}

// eventLine writes an event in one line that leads to it.
func (d *doc) eventLine(e meshhook.Event, o *Options) {
	r := eventRow(e)
	d.stop(stop{to: r.target}, func() {
		text := r.sign + " " + e.ReceivedAt.In(o.Location).Format("2006-01-02 15:04:05") + "  " + fit(string(e.Status), 9) + "  " + string(e.Code)
		d.cut(text, d.styles.tones[r.tone])
	})
}

func webhookActions(k keys) []action {
	return []action{
		{key: k.copyURL, do: func(_ context.Context, s styles, a Actions, t *thing, _ string) (didMsg, error) {
			url := a.URL(t.webhook)
			return didMsg{copied: url, box: &box{styles: s, title: "Copied, if the terminal lets it", text: url, copy: url}}, nil
		}},
		{key: k.toggle, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
			if t.status == "enabled" {
				return said(a.EnableWebhook(ctx, t.key, false), "webhook %s is disabled; senders get 410", t.name)
			}
			return said(a.EnableWebhook(ctx, t.key, true), "webhook %s is enabled", t.name)
		}},
		{key: k.rotate, ask: func(t *thing) string {
			return "Give the webhook " + t.name + " a new secret? The old one verifies for " + strconv.Itoa(int(meshhook.DefaultGrace.Hours())) + " hours more; then senders must have the new one."
		}, do: func(ctx context.Context, s styles, a Actions, t *thing, _ string) (didMsg, error) {
			n, err := a.RotateWebhook(ctx, t.key)
			return didMsg{box: secretBox(s, t.name, n)}, err
		}},
		{key: k.remove, ask: func(t *thing) string {
			return "Delete the webhook " + t.name + ", its secrets and the alerts that expect its events? Senders get 404 from then on. Its events stay."
		}, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
			return deleted(t, a.DeleteWebhook(ctx, t.key), "webhook %s is deleted", t.name)
		}},
	}
}

// Fact is a line of a thing's configuration.
type Fact struct {
	Name, Value string
	Tone        tail.Tone
}

// webhookFacts are all that is configured, as far as it is told.
func (o *Options) webhookFacts(e meshhook.Endpoint, secrets []meshhook.EndpointSecret) []Fact {
	if o.WebhookFacts == nil {
		return []Fact{{Name: "id", Value: e.ID.String()}, {Name: "path", Value: e.Path}, {Name: "verify", Value: e.Verification.Scheme}}
	}
	return o.WebhookFacts(e, secrets)
}
