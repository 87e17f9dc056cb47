package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// listDeliveries lists messages and what became of them.
func listDeliveries(ctx context.Context, c *call) (p page[meshhook.Delivery], err error) {
	s, err := c.span()
	if err != nil {
		return p, err
	}
	f := meshhook.DeliveryFilter{Limit: s.most(), Before: s.before, Since: s.since}
	status, err := c.word("status", words(meshhook.DeliveryStatuses()))
	if err != nil {
		return p, err
	}
	f.Status = meshhook.DeliveryStatus(status)
	if f.Alert, err = c.ofAlert(ctx); err != nil {
		return p, err
	}
	if f.Run, err = c.idOf("run"); err != nil {
		return p, err
	}
	list, err := c.project.Deliveries(ctx, f)
	return newest(list, s.limit, func(d meshhook.Delivery) meshhook.ID { return d.ID }), err
}

// idOf is a parameter that is an id; zero when it is not given.
func (c *call) idOf(name string) (id meshhook.ID, err error) {
	text := c.query.Get(name)
	if text == "" {
		return id, nil
	}
	if id, err = meshhook.ParseID(text); err != nil {
		return id, malformed("%s=%s cannot be; it is an id", name, clip(text))
	}
	return id, nil
}

// ofAlert is the id of the alert that the parameter names; zero when it is not given.
func (c *call) ofAlert(ctx context.Context) (id meshhook.ID, err error) {
	if name := c.query.Get("alert"); name != "" {
		return c.alertID(ctx, name)
	}
	return id, nil
}

// maxFull is how many attempts a page has with what was sent and answered: a body has up
// to 1 MiB.
const maxFull = 20

// listAttempts lists every attempt, without what may be a credential.
func listAttempts(ctx context.Context, c *call) (p page[alert.AttemptView], err error) {
	s, err := c.span()
	if err != nil {
		return p, err
	}
	f := meshhook.AttemptFilter{Before: s.before, Since: s.since}
	full, err := c.word("full", []string{"true", "false"})
	if err != nil {
		return p, err
	}
	if f.Full = full == "true"; f.Full {
		s.limit = min(s.limit, maxFull)
	}
	f.Limit = s.most()
	if f.Alert, err = c.ofAlert(ctx); err != nil {
		return p, err
	}
	if f.Delivery, err = c.idOf("delivery"); err != nil {
		return p, err
	}
	list, err := c.project.Attempts(ctx, f)
	if err != nil {
		return p, err
	}
	vault, err := c.project.SecretValues(ctx)
	if err != nil {
		return p, err
	}
	views := make([]alert.AttemptView, len(list))
	for i, a := range list {
		if views[i] = alert.ViewAttempt(a, vault); !f.Full {
			views[i] = views[i].Brief()
		}
	}
	return newest(views, s.limit, func(v alert.AttemptView) meshhook.ID { return v.ID }), nil
}

// redeliver sends one message again.
func redeliver(ctx context.Context, c *call, _ *nothing) (d meshhook.Delivery, err error) {
	id, err := c.id("delivery")
	if err != nil {
		return d, err
	}
	if err := c.project.Redeliver(ctx, id); err != nil {
		return d, err
	}
	return c.project.Delivery(ctx, id)
}

// redeliverBody says which messages are sent again.
type redeliverBody struct {
	Exhausted bool   `json:"exhausted,omitempty" doc:"true: all that were given up, but for samples and those of disabled alerts."`
	Since     string `json:"since,omitempty" doc:"Only those that were made at this time or later: RFC 3339, a date, or a duration before now, like 24h."`
}

// redelivered is how many messages are sent again.
type redelivered struct {
	Redelivered int `json:"redelivered"`
}

// redeliverExhausted sends all dead letters again.
func redeliverExhausted(ctx context.Context, c *call, body *redeliverBody) (did redelivered, err error) {
	if !body.Exhausted {
		return did, wrongAt("/exhausted", `say that all dead letters are meant: "exhausted": true`)
	}
	var since time.Time
	if body.Since != "" {
		if since, err = meshhook.ParseMoment(body.Since, time.Now()); err != nil {
			return did, wrongAt("/since", err.Error())
		}
	}
	did.Redelivered, err = c.project.RedeliverExhausted(ctx, since)
	return did, err
}

// wrongAt is an error of one place of a body.
func wrongAt(path, message string) error {
	return &meshhook.Error{Code: meshhook.CodeInvalid, Message: message, Details: []meshhook.Problem{{Path: path, Message: message}}}
}

// reportAlerts says how surely and how fast messages are delivered.
func reportAlerts(ctx context.Context, c *call) (r meshhook.AlertReport, err error) {
	since, err := c.moment("since")
	if err != nil {
		return r, err
	}
	if since.IsZero() {
		since = time.Now().Add(-24 * time.Hour)
	}
	var one *meshhook.ID
	if c.query.Get("alert") != "" {
		id, err := c.ofAlert(ctx)
		if err != nil {
			return r, err
		}
		if _, err := c.project.Alert(ctx, id); err != nil {
			return r, err
		}
		one = &id
	}
	all, each, err := c.project.AlertStats(ctx, since)
	return meshhook.ReportAlerts(since, all, each, one), err
}

// testAlert sends a sample: of a stored alert, or of one that the body describes.
func testAlert(ctx context.Context, c *call, body *alertBody) (t alert.Trial, err error) {
	if body.ID != nil {
		var given map[string]json.RawMessage
		if err := json.Unmarshal(c.body, &given); err != nil {
			return t, err
		}
		if len(given) > 1 {
			return t, wrongAt("/id", "a stored alert is tried as it is; give its id alone, or leave it out")
		}
		id, err := c.bodyAlertID(ctx, *body.ID)
		if err != nil {
			return t, err
		}
		return c.project.TestAlert(ctx, id)
	}
	name, _, err := body.about()
	if err != nil {
		return t, err
	}
	a := meshhook.Alert{ID: meshhook.NewID(), ProjectID: c.token.ProjectID}
	if name != "" {
		w, err := c.project.Workflow(ctx, name)
		if err != nil {
			return t, err
		}
		a.WorkflowID, a.Workflow = &w.ID, w.Name
	}
	if len(body.On) == 0 { // which does not matter to a sample
		body.On = []meshhook.Condition{meshhook.OnFailed}
	}
	if _, err := body.apply(&a); err != nil {
		return t, err
	}
	secret, _, err := chooseAlertSecret(a.Signing, body.SecretKey)
	if err != nil {
		return t, err
	}
	return c.project.TryAlert(ctx, a, secret)
}
