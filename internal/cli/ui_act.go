package cli

import (
	"context"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tui"
)

// screenActions do what the screen asks for, as the commands do it. They print
// nothing: the terminal is the screen's.
type screenActions struct {
	a *app
	s *session
}

// Replay starts a run of the webhook's workflow on an event, as 'event replay' does.
func (d *screenActions) Replay(ctx context.Context, event meshhook.ID) (meshhook.ID, error) {
	e, err := d.s.project.Event(ctx, event)
	if err != nil {
		return meshhook.ID{}, err
	}
	run, err := daemon.NewReplayer(d.s.project, meshhook.Replay{}, d.s.judging()).Start(ctx, &e)
	return run.ID, err
}

// Curl is what 'event show --curl' prints and warns of.
func (d *screenActions) Curl(ctx context.Context, event meshhook.ID) (line string, notes []string, err error) {
	e, err := d.s.project.Event(ctx, event)
	if err != nil {
		return "", nil, err
	}
	line, notes = eventCurl(&e, daemon.PublicURL(d.s.config))
	return line, notes, nil
}

// RetryRun is 'run retry'.
func (d *screenActions) RetryRun(ctx context.Context, run meshhook.ID) error {
	_, err := d.s.project.RetryRun(ctx, run, "")
	return err
}

// CancelRun is 'run cancel'.
func (d *screenActions) CancelRun(ctx context.Context, run meshhook.ID) error {
	_, err := d.s.project.CancelRun(ctx, run)
	return err
}

// Decide is 'run approve' and 'run reject'.
func (d *screenActions) Decide(ctx context.Context, run meshhook.ID, step string, approved bool, note string) error {
	_, err := d.s.project.Decide(ctx, run, step, approved, note)
	return err
}

// URL is 'webhook url'.
func (d *screenActions) URL(path string) string { return daemon.WebhookURL(d.s.config, path) }

// EnableWebhook is 'webhook enable' and 'webhook disable'.
func (d *screenActions) EnableWebhook(ctx context.Context, path string, enabled bool) error {
	_, err := d.s.project.ChangeEndpoint(ctx, path, func(e *meshhook.Endpoint) error {
		e.Enabled = enabled
		return nil
	})
	return err
}

// RotateWebhook is 'webhook rotate-secret' of a secret that is made here.
func (d *screenActions) RotateWebhook(ctx context.Context, path string) (n tui.NewSecret, err error) {
	e, _, err := d.s.project.Endpoint(ctx, path)
	if err != nil {
		return n, err
	}
	verifier, err := signature.ForRotation(e)
	if err != nil {
		return n, err
	}
	if verifier.SecretSource() == signature.SecretFromSender || provider(verifier.Scheme().Name) {
		return n, meshhook.Errorf(meshhook.CodeConflict, "the secret of %s is made by the sender; give it with 'meshhook webhook rotate-secret %s'", verifier.Scheme().Name, e.Path)
	}
	secret := verifier.GenerateSecret()
	if err := d.s.project.RotateEndpointSecret(ctx, e.ID.String(), secret, meshhook.DefaultGrace); err != nil {
		return n, err
	}
	return tui.NewSecret{Secret: secret.Reveal(), OldUntil: time.Now().Add(meshhook.DefaultGrace)}, nil
}

// DeleteWebhook is 'webhook delete'.
func (d *screenActions) DeleteWebhook(ctx context.Context, path string) error {
	return d.s.project.DeleteEndpoint(ctx, path)
}

// TestAlert is 'alerts test' of a stored alert.
func (d *screenActions) TestAlert(ctx context.Context, id meshhook.ID) (tested tui.Tested, err error) {
	client, err := egress.New(egress.Options{Allow: d.s.config.Network.Allow, UserAgent: "meshhook/" + version})
	if err != nil {
		return tested, err
	}
	defer client.Close()
	trial, err := d.a.trials(d.s, client, false).Stored(ctx, id)
	if err != nil {
		return tested, err
	}
	return tui.Tested{Delivered: trial.Delivered, Result: trialText(trial), Exchange: exchangeText(trial.Request, trial.Response)}, nil
}

// trialText says in one sentence what came of a sample.
func trialText(t alert.Trial) string {
	text := "delivered in " + latencyText(t.LatencyMS)
	if !t.Delivered {
		text = "not delivered (" + string(t.Reason) + ")"
		if t.Error != "" {
			text += ": " + t.Error
		}
	}
	if signed := signatureText(t); signed != "" {
		text += "; signature: " + signed
	}
	return text
}

// EnableAlert is 'alerts enable' and 'alerts disable'.
func (d *screenActions) EnableAlert(ctx context.Context, id meshhook.ID, enabled bool) error {
	_, err := d.s.project.ChangeAlert(ctx, id, func(to *meshhook.Alert) (none meshhook.Secret, err error) {
		to.Enabled = enabled
		return none, nil
	})
	return err
}

// RotateAlert is 'alerts rotate-secret'.
func (d *screenActions) RotateAlert(ctx context.Context, id meshhook.ID) (n tui.NewSecret, err error) {
	current, err := d.s.project.Alert(ctx, id)
	if err != nil {
		return n, err
	}
	secret := alert.NewSecret(current.Signing)
	if secret.IsZero() {
		return n, noSigning(current.Name)
	}
	if err := d.s.project.RotateAlertSecret(ctx, id, secret, meshhook.DefaultGrace); err != nil {
		return n, err
	}
	n = tui.NewSecret{Secret: secret.Reveal(), OldUntil: time.Now().Add(meshhook.DefaultGrace)}
	if current.Signing == meshhook.SigningV1a {
		n.PublicKey, err = alert.PublicKey(secret)
	}
	return n, err
}

// DeleteAlert is 'alerts delete'.
func (d *screenActions) DeleteAlert(ctx context.Context, id meshhook.ID) error {
	return d.s.project.DeleteAlert(ctx, id)
}

// Redeliver is 'alerts redeliver' of one.
func (d *screenActions) Redeliver(ctx context.Context, id meshhook.ID) error {
	return d.s.project.Redeliver(ctx, id)
}

// RedeliverExhausted is 'alerts redeliver --exhausted'.
func (d *screenActions) RedeliverExhausted(ctx context.Context) (int, error) {
	return d.s.project.RedeliverExhausted(ctx, time.Time{})
}

// RunWorkflow is 'workflow run'.
func (d *screenActions) RunWorkflow(ctx context.Context, name string, body []byte) (meshhook.ID, error) {
	v, err := d.s.project.Version(ctx, name, 0)
	if err != nil {
		return meshhook.ID{}, err
	}
	if len(body) == 0 {
		body = nil
	}
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, Input: body}
	return run.ID, d.s.project.StartRun(ctx, run)
}

// DeleteWorkflow is 'workflow delete'.
func (d *screenActions) DeleteWorkflow(ctx context.Context, name string) error {
	return d.s.project.DeleteWorkflow(ctx, name)
}
