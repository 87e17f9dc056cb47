package tui

import (
	"context"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func alertNoun(k keys) *noun {
	return &noun{
		name: "alert", title: "Alerts", made: true,
		empty: "There is no alert yet. This makes one:\nmeshhook alerts create --all-workflows --on failed --url URL",
		columns: []column{
			{name: "name", width: 14, share: 3},
			{name: "workflow", width: 8, share: 2, from: 80},
			{name: "on", width: 12, share: 3},
			{name: "preset", width: 9},
			{name: "state", width: 8},
			{name: "url", width: 16, share: 3, from: 80},
			{name: "id", width: 36, from: 150},
		},
		list: func(ctx context.Context, o *Options, _ meshhook.ID, _ int) ([]row, error) {
			list, err := o.Store.Alerts(ctx, "")
			return rowsOf(list, err, alertRow)
		},
		tell:    tellAlert,
		actions: alertActions(k),
	}
}

// aboutText names what an alert is about.
func aboutText(a meshhook.Alert) string {
	if a.WorkflowID == nil {
		return "(all)"
	}
	return a.Workflow
}

// alertThing is an alert without what may be a credential: a filter shall not find it.
func alertThing(a meshhook.Alert) thing {
	_, state := onOff(a.Enabled)
	return thing{
		target: to("alert", a.ID), name: a.Name, status: state, workflow: a.Workflow, alert: a.Name, value: a.View(),
		links: some("workflow", a.WorkflowID),
	}
}

func alertRow(a meshhook.Alert) row {
	look, state := onOff(a.Enabled)
	if a.DisabledReason != "" {
		look = meshhook.EntryAlertExhausted // the receiver wants no more
	}
	on := make([]string, len(a.On))
	for i, c := range a.On {
		on[i] = string(c)
	}
	return newRow(alertThing(a), look, a.Name, aboutText(a), strings.Join(on, ","), a.Preset, state, a.Masked().URL, a.ID.String())
}

func tellAlert(ctx context.Context, o *Options, key string) (c content, err error) {
	id, err := idOf(key)
	if err != nil {
		return c, err
	}
	a, err := o.Store.Alert(ctx, id)
	if err != nil {
		return c, err
	}
	secrets, err := o.Store.AlertSecrets(ctx, id)
	if err != nil {
		return c, err
	}
	deliveries, err := o.Store.Deliveries(ctx, meshhook.DeliveryFilter{Alert: id, Limit: lastFew})
	if err != nil {
		return c, err
	}
	c.thing = alertThing(a)
	c.concerns = func(e meshhook.Entry) bool { return e.AlertID != nil && *e.AlertID == id }
	c.draw = func(d *doc) {
		look, state := onOff(a.Enabled)
		d.state(look, strings.TrimSuffix(state+" · "+a.DisabledReason, " · "))
		if a.WorkflowID != nil {
			d.link("workflow", a.Workflow, to("workflow", *a.WorkflowID))
		}
		for _, f := range o.alertFacts(a, secrets) {
			d.fact(f)
		}
		d.heading("last deliveries")
		if len(deliveries) == 0 {
			d.faint("none yet")
		}
		for _, delivery := range deliveries {
			d.deliveryLine(delivery, o)
		}
	}
	return c, nil
}

func alertActions(k keys) []action {
	return []action{
		{key: k.test, do: func(ctx context.Context, s styles, a Actions, t *thing, _ string) (did didMsg, err error) {
			err = byID(t, func(id meshhook.ID) error {
				tested, err := a.TestAlert(ctx, id)
				title := "✓ The sample was taken"
				if !tested.Delivered {
					title = "✗ The sample was not taken"
				}
				did = didMsg{box: &box{styles: s, title: title, text: tested.Result + "\n\n" + tested.Exchange}}
				return err
			})
			return did, err
		}},
		{key: k.toggle, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
			on, word := t.status != "enabled", "disabled; what happens meanwhile is not told later"
			if on {
				word = "enabled"
			}
			return said(byID(t, func(id meshhook.ID) error { return a.EnableAlert(ctx, id, on) }), "alert %s is %s", t.name, word)
		}},
		{key: k.rotate, ask: func(t *thing) string {
			return "Give the alert " + t.name + " a new secret? The old one signs beside it for a day; then the recipient must have the new one."
		}, do: func(ctx context.Context, s styles, a Actions, t *thing, _ string) (did didMsg, err error) {
			err = byID(t, func(id meshhook.ID) error {
				n, err := a.RotateAlert(ctx, id)
				did.box = secretBox(s, t.name, n)
				return err
			})
			return did, err
		}},
		{key: k.remove, ask: func(t *thing) string {
			return "Delete the alert " + t.name + " and its secrets? Nobody is told any more. What it has sent stays in the log."
		}, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
			return deleted(t, byID(t, func(id meshhook.ID) error { return a.DeleteAlert(ctx, id) }), "alert %s is deleted", t.name)
		}},
	}
}

// alertFacts are all that is configured, without what may be a credential.
func (o *Options) alertFacts(a meshhook.Alert, secrets []meshhook.AlertSecret) []Fact {
	if o.AlertFacts == nil {
		return []Fact{{Name: "name", Value: a.Name}, {Name: "id", Value: a.ID.String()}, {Name: "url", Value: a.Masked().URL}, {Name: "preset", Value: a.Preset, Tone: tail.Plain}}
	}
	return o.AlertFacts(a.Masked(), secrets)
}
