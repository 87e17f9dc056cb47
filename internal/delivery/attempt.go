package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/circuit"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxAnswer is how much of an answer's body is kept, in bytes.
const maxAnswer = 4 << 10

// sign makes the next attempt and the headers that go out with it.
func (s *sender) sign() (meshhook.AlertAttempt, http.Header, error) {
	d := &s.claim.Delivery
	header, err := alert.Sign(s.subject.Alert.Signing, d.ID, s.now(), d.Request.Body, s.subject.Secrets)
	if err != nil {
		return meshhook.AlertAttempt{}, nil, err
	}
	for name, value := range d.Request.Headers {
		header.Set(name, value)
	}
	names := make(map[string]string, len(header))
	for name := range header {
		names[strings.ToLower(name)] = header.Get(name)
	}
	return meshhook.AlertAttempt{
		ID: meshhook.NewID(), DeliveryID: d.ID, AlertID: d.AlertID, Attempt: d.Attempt + 1, At: s.now(),
		URL: d.Request.URL, Headers: names, Body: d.Request.Body, Fallback: d.Request.Fallback,
	}, header, nil
}

// failed says why no answer came, in the words of deliveries; "" when one did.
func failed(err error) (meshhook.DeliveryReason, string) {
	if err == nil {
		return "", ""
	}
	failure, ok := errors.AsType[*egress.Error](err)
	if !ok {
		return meshhook.DeliveryInternal, err.Error()
	}
	switch failure.Reason {
	case egress.ReasonBadURL, egress.ReasonBadRequest, egress.ReasonRefusedAddress:
		return meshhook.DeliveryRefused, failure.Message
	case egress.ReasonTimeout:
		return meshhook.DeliveryTimeout, failure.Message
	default:
		return meshhook.DeliveryConnection, failure.Message
	}
}

// conclude writes into an attempt what it came to.
func conclude(a *meshhook.AlertAttempt, took time.Duration, reply egress.Reply, err error) alert.Outcome {
	why, text := failed(err)
	outcome, reason := alert.Judge(reply.Status, why)
	if err == nil {
		a.HTTPStatus, a.Answer = reply.Status, reply.Body
		if reason != "" {
			text = fmt.Sprintf("the answer was %d %s", reply.Status, http.StatusText(reply.Status))
		}
	}
	a.LatencyMS, a.Reason, a.Error = took.Milliseconds(), reason, text
	return outcome
}

// judge records what an attempt came to.
func (s *sender) judge(ctx context.Context, a meshhook.AlertAttempt, left time.Time, reply egress.Reply, err error) error {
	took := s.now().Sub(left)
	outcome := conclude(&a, took, reply, err)
	m := meshhook.DeliveryMove{Status: outcome.Status(), Reason: a.Reason, Attempt: &a, Disable: outcome == alert.Gone}
	if outcome == alert.Retry {
		after, _ := egress.RetryAfter(reply.Header, time.Now())
		wait, ok := alert.NextWait(s.schedule(), a.Attempt, jitter(), after)
		if m.Wait = wait; !ok {
			m.Status = meshhook.DeliveryExhausted
		}
	}
	s.claim.Delivery.Attempt = a.Attempt
	if err := s.settle(ctx, m, a.Error); err != nil {
		return err
	}
	if m.Status == meshhook.DeliveryPending {
		s.lookIn(m.Wait)
	}
	s.observe(Outcome{Attempt: true, Status: m.Status, Reason: a.Reason, First: a.Attempt == 1, Dispatch: left.Sub(s.claim.Due), Took: took})
	return nil
}

// call is the request of an attempt with these headers.
func (s *sender) call(header http.Header) egress.Call {
	r := s.claim.Delivery.Request
	return egress.Call{
		Method: http.MethodPost, URL: r.URL, Header: header, Body: r.Body, Timeout: s.subject.Alert.Timeout.Std(), MaxReply: maxAnswer,
	}
}

func (s *sender) schedule() []meshhook.Duration {
	if s.claim.Delivery.Sample {
		return []meshhook.Duration{0} // whoever tries an alert wants to hear of its first attempt
	}
	return s.subject.Alert.Schedule
}

// giveUp ends a delivery that can never be sent.
func (s *sender) giveUp(ctx context.Context, reason meshhook.DeliveryReason, why string) error {
	return s.settle(ctx, meshhook.DeliveryMove{Status: meshhook.DeliveryExhausted, Reason: reason, Error: why}, why)
}

// settle records a move with its journal entry, and tries again for as long as the
// database is away: an attempt whose result is lost is made again.
func (s *sender) settle(ctx context.Context, m meshhook.DeliveryMove, why string) error {
	m.Entry = s.entry(&m, why)
	for attempt := 1; ; attempt++ {
		err := s.store.SettleDelivery(ctx, s.claim, m)
		if err == nil {
			s.ended(&m)
		}
		if meshhook.ErrorCode(err) != meshhook.CodeUnavailable {
			return err
		}
		select {
		case <-time.After(backoff.Outage().Delay(attempt, jitter())):
		case <-ctx.Done():
			return err
		}
	}
}

// ended shows the end of a delivery. What was given up stands in the log, too: it may be
// that nobody is told of it otherwise.
func (s *sender) ended(m *meshhook.DeliveryMove) {
	if m.Status == meshhook.DeliveryPending {
		return
	}
	s.observe(Outcome{Status: m.Status, Reason: m.Reason})
	if d := &s.claim.Delivery; m.Status == meshhook.DeliveryExhausted || m.Disable {
		s.log.Warn("an alert could not be delivered", "delivery_id", d.ID, "alert_id", d.AlertID, "type", d.Type, "reason", m.Reason, "attempts", d.Attempt)
	}
}

// entry is the journal's word for a move.
func (s *sender) entry(m *meshhook.DeliveryMove, why string) meshhook.Entry {
	d := &s.claim.Delivery
	e := meshhook.Entry{
		ID: meshhook.NewID(), ProjectID: d.ProjectID, At: s.now(), Kind: meshhook.AlertEntry(m.Status), RunID: d.RunID, Workflow: d.Workflow,
		Status: string(m.Status), Code: string(m.Reason), Detail: why, AlertID: &d.AlertID, DeliveryID: &d.ID, Attempt: d.Attempt,
	}
	if m.Attempt != nil {
		e.Attempt, e.HTTPStatus, e.DurationMS = m.Attempt.Attempt, m.Attempt.HTTPStatus, m.Attempt.LatencyMS
	}
	return e
}

// hostKey is how the host of a URL stands in the table: not to be read, but compared.
func hostKey(url string) []byte {
	host, _ := circuit.Host(url)
	sum := sha256.Sum256([]byte(host))
	return sum[:16]
}

// programs keeps compiled alerts.
type programs struct {
	mu   sync.Mutex
	byID map[meshhook.ID]compiled
}

type compiled struct {
	updated time.Time
	program *alert.Program
}

// maxPrograms bounds the compiled alerts that are kept.
const maxPrograms = 1000

func (p *programs) get(a meshhook.Alert) (*alert.Program, error) {
	p.mu.Lock()
	known, ok := p.byID[a.ID]
	p.mu.Unlock()
	if ok && known.updated.Equal(a.UpdatedAt) {
		return known.program, nil
	}
	program, err := alert.Compile(a)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil || len(p.byID) >= maxPrograms {
		p.byID = map[meshhook.ID]compiled{}
	}
	p.byID[a.ID] = compiled{a.UpdatedAt, program}
	return program, nil
}
