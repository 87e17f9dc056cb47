package delivery

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// sender sends one delivery.
type sender struct {
	*Stage
	claim   *meshhook.DeliveryClaim
	subject meshhook.DeliverySubject
	program *alert.Program
	claimed time.Time
}

// now is the server's time.
func (s *sender) now() time.Time { return s.claim.Now.Add(time.Since(s.claimed)) }

// deliver takes a delivery as far as it goes now.
func (s *Stage) deliver(ctx context.Context, c *meshhook.DeliveryClaim) {
	d := &sender{Stage: s, claim: c, claimed: time.Now()}
	err := d.safely(ctx)
	switch {
	case err == nil, ctx.Err() != nil, meshhook.ErrorCode(err) == meshhook.CodeLeaseLost:
	default:
		s.log.Error("left a delivery; it goes on when its lease has run out", "delivery_id", c.Delivery.ID, "error", err)
	}
}

// safely is run, of which a fault ends one delivery and not the daemon.
func (s *sender) safely(ctx context.Context) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			s.log.Error("sending an alert panicked", "delivery_id", s.claim.Delivery.ID, "panic", fmt.Sprintf("%T", thrown), "stack", string(debug.Stack()))
			err = s.settle(ctx, meshhook.DeliveryMove{Status: meshhook.DeliveryExhausted, Reason: meshhook.DeliveryInternal}, "a fault of MeshHook's")
		}
	}()
	return s.run(ctx)
}

func (s *sender) run(ctx context.Context) (err error) {
	if s.claim.Unreadable != nil {
		return s.giveUp(ctx, meshhook.DeliveryInternal, "what is recorded of it cannot be read: "+s.claim.Unreadable.Error())
	}
	if s.subject, err = s.store.DeliverySubject(ctx, s.claim); err != nil {
		return err
	}
	a := s.subject.Alert
	if a == nil || !a.Enabled && !s.claim.Delivery.Sample {
		return s.settle(ctx, s.discarded(meshhook.DeliveryDisabled), "")
	}
	if s.subject.Unreadable != nil {
		return s.giveUp(ctx, meshhook.DeliveryInternal, "the alert cannot be read: "+s.subject.Unreadable.Error())
	}
	if s.program, err = s.programs.get(*a); err != nil {
		return s.giveUp(ctx, meshhook.DeliveryInternal, err.Error())
	}
	if s.claim.Delivery.Request == nil {
		if done, err := s.prepare(ctx); done || err != nil {
			return err
		}
	}
	return s.send(ctx)
}

// prepare decides whether the message goes out, and when, and renders it.
func (s *sender) prepare(ctx context.Context) (done bool, err error) {
	free := s.claim.Delivery.Sample || s.claim.Passed
	if wait := s.notYet(); wait > 0 && !free {
		defer s.lookIn(wait)
		return true, s.store.HoldDelivery(ctx, s.claim, wait)
	}
	if names, all := s.program.Secrets(); all || len(names) > 0 {
		if s.subject.Vault, err = s.store.SecretValues(ctx, s.claim.Delivery.ProjectID); err != nil {
			return true, err
		}
	}
	told := s.told()
	var said, more []string
	if s.subject.Incomplete != nil {
		said = append(said, "what is recorded of the run cannot be read in full: "+s.subject.Incomplete.Error())
	}
	if !free {
		if more, done, err = s.narrow(ctx, told); done || err != nil {
			return true, err
		}
	}
	return s.render(ctx, told, append(said, more...))
}

// narrow ends what the alert's `when` or its throttle keeps back. What of them failed
// stands in said. Where something is missing, `when` cannot know.
func (s *sender) narrow(ctx context.Context, told *alert.Subject) (said []string, done bool, err error) {
	a := s.subject.Alert
	wanted, wrong := s.program.Wanted(ctx, told)
	if ctx.Err() != nil {
		return nil, true, ctx.Err()
	}
	wanted = wanted || s.subject.Incomplete != nil
	if wrong != nil {
		said = append(said, wrong.Error())
	}
	if !wanted {
		return said, true, s.settle(ctx, s.discarded(meshhook.DeliveryNarrowed), "")
	}
	if a.Throttle == 0 {
		return said, false, nil
	}
	key, wrong := s.program.ThrottleKey(ctx, told)
	if ctx.Err() != nil {
		return said, true, ctx.Err()
	}
	if wrong != nil {
		said = append(said, wrong.Error())
	}
	refused := s.discarded(meshhook.DeliveryThrottled)
	refused.Entry = s.entry(&refused, "")
	ok, err := s.store.ThrottleDelivery(ctx, s.claim, key, a.Throttle.Std(), refused)
	if err == nil && !ok {
		s.ended(&refused)
	}
	told.Delivery.Held = s.claim.Delivery.Held
	return said, !ok, err
}

// discarded is the end of a message that is not to be sent.
func (s *sender) discarded(why meshhook.DeliveryReason) meshhook.DeliveryMove {
	return meshhook.DeliveryMove{Status: meshhook.DeliveryDiscarded, Reason: why}
}

// notYet is how long the message waits before its first attempt: for the schedule, and
// for the end of quiet hours.
func (s *sender) notYet() time.Duration {
	a, now := s.subject.Alert, s.now()
	var wait time.Duration
	if len(a.Schedule) > 0 {
		wait = max(s.claim.Delivery.CreatedAt.Add(a.Schedule[0].Std()).Sub(now), 0)
	}
	if a.Quiet != nil {
		if until, ok := alert.QuietUntil(*a.Quiet, now.Add(wait)); ok {
			wait = max(until.Sub(now), wait)
		}
	}
	return wait
}

// told is what the message tells of.
func (s *sender) told() *alert.Subject {
	t := &alert.Subject{
		Project: s.subject.Project, Alert: *s.subject.Alert, Delivery: s.claim.Delivery, Run: s.subject.Run, Event: s.subject.Event,
		About: s.subject.About, LastError: s.subject.LastError,
		Webhook: s.subject.Webhook, LastEvent: s.subject.LastEvent, Secrets: map[string]meshhook.Secret{},
	}
	if t.About != nil {
		t.Host, _ = circuit.Host(s.subject.URL)
	}
	if c := s.claim.Circuit; c != nil {
		t.Host, t.LastError = c.Host, c.Why()
	}
	if t.Delivery.Sample {
		t.FillSample()
	}
	names, all := s.program.Secrets()
	if all {
		t.Secrets = s.subject.Vault
	}
	for _, name := range names {
		if value, exists := s.subject.Vault[name]; exists {
			t.Secrets[name] = value
		}
	}
	return t
}

func (s *sender) render(ctx context.Context, told *alert.Subject, said []string) (done bool, err error) {
	request, err := s.rendered(ctx, told, said)
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	if err != nil {
		return true, s.giveUp(ctx, meshhook.DeliveryExpression, err.Error())
	}
	request.AsOf = s.subject.Alert.UpdatedAt
	s.claim.Delivery.Request = &request
	s.claim.Host, s.claim.Unkept = hostKey(request.URL), true
	return false, nil
}

// rendered makes the message, and adds what was said before it.
func (s *sender) rendered(ctx context.Context, told *alert.Subject, said []string) (meshhook.AlertRequest, error) {
	request, err := s.program.Render(ctx, told)
	for _, text := range said {
		if request.Fallback != "" {
			text = "; " + text
		}
		request.Fallback += text
	}
	return request, err
}

// send makes one attempt, if the host may be called now.
func (s *sender) send(ctx context.Context) error {
	if !s.enter(ctx, s.claim.Host) {
		// None to this host is taken before a call there has ended, which may be by now.
		defer s.wakeFor(s.claim.Host)
		return s.store.ReleaseDelivery(ctx, s.claim, 0)
	}
	defer s.leave(s.claim.Host)
	report := func(meshhook.CallOutcome) {}
	if s.circuits != nil && !s.claim.Delivery.Sample { // who tries an alert wants to know how it is now
		allowed, refused := s.circuits.Allow(ctx, s.claim.Delivery.ProjectID, s.claim.Delivery.Request.URL)
		if refused != nil {
			return s.withhold(ctx, refused)
		}
		report = allowed
	}
	attempt, header, err := s.sign()
	if err != nil {
		report(meshhook.CallOutcome{})
		return s.giveUp(ctx, meshhook.DeliveryInternal, err.Error())
	}
	if err := s.store.BeginAttempt(ctx, s.claim, attempt); err != nil {
		report(meshhook.CallOutcome{})
		return err
	}
	left := s.now()
	reply, err := s.egress.Do(ctx, s.call(header))
	report(egress.Outcome(reply, err))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.judge(ctx, attempt, left, reply, err)
}

// withhold keeps a message whose host must not be called now. It counts as no attempt,
// but has an end.
func (s *sender) withhold(ctx context.Context, refused *meshhook.CircuitRefusal) error {
	if s.now().Sub(s.claim.Due) > alert.MaxWithheld(s.subject.Alert.Schedule) {
		return s.giveUp(ctx, meshhook.DeliveryCircuitOpen, refused.Message())
	}
	return s.store.WithholdDelivery(ctx, s.claim, refused)
}
