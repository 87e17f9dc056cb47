package alert

import (
	"net/http"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Outcome is what becomes of a delivery after an attempt.
type Outcome string

// The outcomes of an attempt.
const (
	Delivered Outcome = "delivered" // the receiver has it
	Retry     Outcome = "retry"     // to be tried again, as NextWait says
	Gone      Outcome = "gone"      // discarded: the receiver wants no more, the alert is disabled
	Exhausted Outcome = "exhausted" // given up: it would fail in the same way again
)

// Judge says what an attempt means. status is that of the answer; failed is why
// none came, "" when one did, whatever it says. The reason is "" for Delivered.
//
// It is the contract's "Alerts on the wire": 2xx is delivered; 408, 409, 425, 429,
// 5xx and everything that may pass is tried again; 410 is the receiver's word that
// it wants no more (Standard Webhooks, "Delivery success and failure"); all else,
// redirects among it, would be the same the next time.
func Judge(status int, failed meshhook.DeliveryReason) (Outcome, meshhook.DeliveryReason) {
	switch failed {
	case "":
	case meshhook.DeliveryRefused, meshhook.DeliveryExpression:
		return Exhausted, failed
	default: // connection, timeout, circuit_open, crashed, a fault of ours
		return Retry, failed
	}
	switch {
	case status >= 200 && status <= 299:
		return Delivered, ""
	case status == http.StatusGone:
		return Gone, meshhook.DeliveryGone
	case worthAnotherTry(status):
		return Retry, meshhook.DeliveryHTTPStatus
	default:
		return Exhausted, meshhook.DeliveryHTTPStatus
	}
}

func worthAnotherTry(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status <= 599
}

// Status is the state of a delivery after the outcome; a Retry stays pending.
func (o Outcome) Status() meshhook.DeliveryStatus {
	switch o {
	case Delivered:
		return meshhook.DeliveryDelivered
	case Gone:
		return meshhook.DeliveryDiscarded
	case Exhausted:
		return meshhook.DeliveryExhausted
	default:
		return meshhook.DeliveryPending
	}
}

// jitter is the share by which a wait may be shorter or longer, so that what
// failed together does not come back together.
const jitter = 0.2

// MaxRetryAfter is how long a receiver can put an attempt off, at most. An alert
// that comes a day late is of no use, whoever asked for that.
const MaxRetryAfter = time.Hour

// Limits of a schedule.
const (
	// MaxAttempts is how many entries it may have.
	MaxAttempts = 20
	// MaxWait is its longest entry.
	MaxWait = 7 * 24 * time.Hour
)

var defaultSchedule = []meshhook.Duration{
	0,
	meshhook.Duration(5 * time.Second),
	meshhook.Duration(30 * time.Second),
	meshhook.Duration(2 * time.Minute),
	meshhook.Duration(10 * time.Minute),
	meshhook.Duration(30 * time.Minute),
	meshhook.Duration(2 * time.Hour),
	meshhook.Duration(5 * time.Hour),
	meshhook.Duration(10 * time.Hour),
	meshhook.Duration(14 * time.Hour),
}

// DefaultSchedule is how long to wait before each attempt, the first included,
// where an alert names no schedule: ten attempts in 31 hours and 43 minutes.
func DefaultSchedule() []meshhook.Duration { return slices.Clone(defaultSchedule) }

// minWithheld is for how long the circuit of its host may keep a delivery, at least.
const minWithheld = 48 * time.Hour

// MaxWithheld is how long after it was due a delivery is given up that no call may go
// out for: its host's circuit is open whenever it comes. That counts as no attempt, so
// that the schedule alone would never end. It is two days, or the time of the schedule
// where that is longer. A nil schedule is the default one.
func MaxWithheld(schedule []meshhook.Duration) time.Duration {
	if schedule == nil {
		schedule = defaultSchedule
	}
	var whole time.Duration
	for _, wait := range schedule {
		whole += wait.Std()
	}
	return max(whole+time.Duration(jitter*float64(whole)), minWithheld)
}

// NextWait returns how long to wait before the next attempt, after so many were
// made; with 0 before the first. ok is false when none is left and the delivery is
// exhausted. A nil schedule is the default one. random, in [0, 1), places the wait
// within 20 % of the schedule's. retryAfter is what the receiver asked for, 0 for
// nothing; up to MaxRetryAfter the wait is never shorter, and up to 20 % longer, so
// that not all come back in the same instant.
func NextWait(schedule []meshhook.Duration, attempts int, random float64, retryAfter time.Duration) (wait time.Duration, ok bool) {
	if schedule == nil {
		schedule = defaultSchedule
	}
	if attempts < 0 || attempts >= len(schedule) {
		return 0, false
	}
	planned := schedule[attempts].Std()
	wait = backoff.Policy{Initial: planned, Max: planned, Multiplier: 1, Jitter: jitter}.Delay(1, random)
	if asked := min(retryAfter, MaxRetryAfter); asked > 0 {
		wait = max(wait, asked+time.Duration(jitter*random*float64(asked)))
	}
	return wait, true
}
