package tui

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// shownAttempts is how many attempts of a delivery are read: more than any schedule has.
const shownAttempts = 100

func deliveryNoun(k keys) *noun {
	return &noun{
		name: "delivery", title: "Deliveries", paged: true,
		empty: "No alert has been sent yet.",
		columns: []column{
			{name: "time", time: true},
			{name: "status", width: 9},
			{name: "type", width: 14, share: 1},
			{name: "alert", width: 8, share: 2},
			{name: "workflow", width: 8, share: 2, from: wide},
			{name: "tries", width: 5, from: 80},
			{name: "reason", width: 8, share: 1, from: 80},
			{name: "next", width: 19, from: 120},
			{name: "id", width: 36, from: 150},
		},
		list: func(ctx context.Context, o *Options, before meshhook.ID, limit int) ([]row, error) {
			list, err := o.Store.Deliveries(ctx, meshhook.DeliveryFilter{Before: before, Limit: limit})
			return rowsOf(list, err, func(d meshhook.Delivery) row { return deliveryRow(d, o.Location) })
		},
		touched: func(e meshhook.Entry) bool { return e.Kind.Noun() == "alert" || e.Kind.Noun() == "run" && e.Step == "" },
		tell:    tellDelivery,
		actions: []action{
			{key: k.redeliver, do: func(ctx context.Context, _ styles, a Actions, t *thing, _ string) (didMsg, error) {
				return said(byID(t, func(id meshhook.ID) error { return a.Redeliver(ctx, id) }), "it will be sent again, with the same webhook-id")
			}, fits: func(t *thing) string {
				if t.status == string(meshhook.DeliveryPending) {
					return "it is on its way already"
				}
				return ""
			}},
			{key: k.exhausted, alone: true, ask: func(*thing) string {
				return "Send every message of this project again that was given up, but for samples and those of disabled alerts? Recipients know what they have by its webhook-id."
			}, do: func(ctx context.Context, _ styles, a Actions, _ *thing, _ string) (didMsg, error) {
				n, err := a.RedeliverExhausted(ctx)
				return said(err, "%d will be sent again", n)
			}},
		},
	}
}

func deliveryThing(d meshhook.Delivery) thing {
	t := thing{target: to("delivery", d.ID), name: d.ID.String(), status: string(d.Status), workflow: d.Workflow, alert: d.Alert, value: d}
	t.links = slices.Concat([]target{to("alert", d.AlertID)}, some("run", d.RunID), named("workflow", d.Workflow))
	return t
}

// deliveryLook is how a delivery's state looks: one on its way is busy, or was tried.
func deliveryLook(d meshhook.Delivery) meshhook.EntryKind {
	switch {
	case d.Status != meshhook.DeliveryPending:
		return meshhook.AlertEntry(d.Status)
	case d.Attempt > 0:
		return meshhook.EntryAlertRetrying
	default:
		return meshhook.EntryRunStarted
	}
}

func deliveryRow(d meshhook.Delivery, loc *time.Location) row {
	kind := string(d.Type)
	if d.Held > 0 {
		kind += fmt.Sprintf(" (+%d)", d.Held)
	}
	next := ""
	if d.NextAt != nil {
		next = d.NextAt.In(loc).Format("2006-01-02 15:04:05")
	}
	r := newRow(deliveryThing(d), deliveryLook(d), "", string(d.Status), kind, cmp.Or(d.Alert, d.AlertID.String()), d.Workflow, strconv.Itoa(d.Attempt), string(d.Reason), next, d.ID.String())
	r.at = d.CreatedAt
	return r
}

// deliveryLine writes a delivery in one line that leads to it.
func (d *doc) deliveryLine(v meshhook.Delivery, o *Options) {
	r := deliveryRow(v, o.Location)
	d.stop(stop{to: r.target}, func() {
		text := r.sign + " " + v.CreatedAt.In(o.Location).Format("2006-01-02 15:04:05") + "  " + fit(string(v.Status), 9) + "  " + string(v.Type)
		d.cut(strings.TrimSuffix(text+" · "+string(v.Reason), " · "), d.styles.tones[r.tone])
	})
}

func tellDelivery(ctx context.Context, o *Options, key string) (c content, err error) {
	id, err := idOf(key)
	if err != nil {
		return c, err
	}
	v, err := o.Store.Delivery(ctx, id)
	if err != nil {
		return c, err
	}
	attempts, err := o.Store.Attempts(ctx, meshhook.AttemptFilter{Delivery: id, Full: true, Limit: shownAttempts})
	if err != nil {
		return c, err
	}
	c.thing = deliveryThing(v)
	c.concerns = func(e meshhook.Entry) bool { return e.DeliveryID != nil && *e.DeliveryID == id }
	c.draw = func(d *doc) { drawDelivery(d, v, attempts, o.Location) }
	return c, nil
}

func drawDelivery(d *doc, v meshhook.Delivery, attempts []meshhook.AlertAttempt, loc *time.Location) {
	d.state(deliveryLook(v), string(v.Status))
	d.optional("reason", string(v.Reason))
	d.field("id", v.ID.String())
	d.field("type", string(v.Type))
	if v.Sample {
		d.field("sample", "it was sent to try the alert")
	}
	if v.Held > 0 {
		d.field("held back", fmt.Sprintf("%d messages since the last one", v.Held))
	}
	d.link("alert", cmp.Or(v.Alert, v.AlertID.String()), to("alert", v.AlertID))
	if v.RunID != nil {
		d.link("run", v.RunID.String(), to("run", *v.RunID))
	}
	d.links("workflow", named("workflow", v.Workflow))
	if v.Subject != nil {
		d.link("about", v.Subject.String(), to("delivery", *v.Subject))
	}
	d.field("created", moment(v.CreatedAt, loc))
	d.moment("sent", v.SentAt, loc)
	d.moment("finished", v.FinishedAt, loc)
	d.moment("next attempt", v.NextAt, loc)
	d.heading(fmt.Sprintf("attempts (%d)", len(attempts)))
	if len(attempts) == 0 {
		d.faint("none yet")
	}
	for i, a := range attempts {
		d.attempt(a, i == 0, loc)
	}
}

// attempt writes one HTTP try: a line, and unfolded what was sent and answered.
func (d *doc) attempt(a meshhook.AlertAttempt, open bool, loc *time.Location) {
	look := meshhook.EntryAlertDelivered
	switch {
	case a.Reason != "" || a.Error != "":
		look = meshhook.EntryAlertExhausted
	case a.HTTPStatus == 0:
		look = meshhook.EntryRunStarted
	}
	sign, tone := tail.Look(look)
	parts := []string{fmt.Sprintf("attempt %d", a.Attempt), a.At.In(loc).Format(clock + ".000")}
	if a.HTTPStatus != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(a.HTTPStatus))
	}
	parts = append(parts, fmt.Sprintf("%dms", a.LatencyMS))
	if a.Reason != "" {
		parts = append(parts, string(a.Reason))
	}
	unfolded := d.folded("attempt "+a.ID.String(), open, func(mark string) {
		d.cut(mark+" "+sign+" "+strings.Join(parts, " · "), d.styles.tones[tone])
	})
	if a.Error != "" {
		d.prose(4, a.Error, d.styles.tones[tail.Bad])
	}
	if !unfolded {
		return
	}
	if a.Fallback != "" {
		d.prose(4, "The message is not what its template says: "+a.Fallback, d.styles.tones[tail.Warn])
	}
	d.block(4, "POST "+a.URL, d.styles.tones[tail.Plain])
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		d.block(4, name+": "+a.Headers[name], d.styles.faint)
	}
	d.body(4, a.Body)
	if a.HTTPStatus != 0 {
		d.block(4, "answer "+strconv.Itoa(a.HTTPStatus), d.styles.title)
		d.body(4, a.Answer)
	}
}
