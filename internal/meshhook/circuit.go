package meshhook

import (
	"fmt"
	"time"
)

// CircuitState is the state of a circuit.
type CircuitState string

// The states of a circuit.
const (
	CircuitClosed   CircuitState = "closed"    // calls go out; such a circuit has no row
	CircuitOpen     CircuitState = "open"      // no call goes out before RetryAt
	CircuitHalfOpen CircuitState = "half_open" // one call, the probe, finds out how the host is
)

// CircuitStates lists every CircuitState in the order in which they follow each other.
func CircuitStates() []CircuitState {
	return []CircuitState{CircuitClosed, CircuitOpen, CircuitHalfOpen}
}

// Circuit is what lies between a project and one host that it calls: it opens when
// the host fails, so that no more calls are wasted on it.
type Circuit struct {
	ID        ID `json:"-"`
	ProjectID ID `json:"-"`
	// Host is where the calls go: host:port, in lower case.
	Host  string       `json:"host"`
	State CircuitState `json:"state"`
	// Failures of the last Calls are why it opened; failed probes count in both.
	Failures int `json:"failures"`
	Calls    int `json:"calls"`
	// Reason is how the last of them failed: a status, like 503, or one of
	// egress's reasons, like connect or timeout.
	Reason   string    `json:"reason"`
	OpenedAt time.Time `json:"opened_at"`
	// RetryAt is when the next probe may be sent, by this machine's clock; while
	// one is under way, when its lease ends.
	RetryAt time.Time `json:"retry_at"`
	// Trips counts how often the circuit opened in a row, failed probes included.
	Trips int `json:"-"`
	// Probe is the probe under way; zero is none.
	Probe ID `json:"-"`
}

// Why says in half a sentence why the circuit is open.
func (c *Circuit) Why() string {
	if c.Failures == c.Calls {
		return fmt.Sprintf("its last %d calls failed (%s)", c.Calls, c.Reason)
	}
	return fmt.Sprintf("%d of its last %d calls failed (%s)", c.Failures, c.Calls, c.Reason)
}

// CircuitRefusal is the answer to a call that must not go out.
type CircuitRefusal struct {
	// Circuit is the one that is not closed.
	Circuit Circuit
	// Wait is after how long the caller may ask again. It is longer than the
	// circuit is open, and other for each caller: the first probes, and the
	// others come when its answer is there.
	Wait time.Duration
}

// Message says, for the history of whoever wanted to call, why no call went out.
func (r *CircuitRefusal) Message() string {
	c := &r.Circuit
	when := "the next call tries it again"
	switch {
	case c.State == CircuitHalfOpen:
		when = "one call is trying it again"
	case time.Now().Before(c.RetryAt):
		when = "it lets a call through at " + FormatTime(c.RetryAt)
	}
	return fmt.Sprintf("the circuit of %s is open since %s; %s", c.Host, c.Why(), when)
}

// CallVerdict says what a call tells of the host that was called.
type CallVerdict int

// The verdicts.
const (
	CallUnjudged  CallVerdict = iota // nothing: it did not come to the host, or its caller gave up
	CallSucceeded                    // the host answers, with whatever it has to say
	CallFailed                       // the host does not answer, or is broken
)

// CallOutcome is what a circuit is told of a call.
type CallOutcome struct {
	Verdict CallVerdict
	// Reason is how it failed, as in Circuit; "" unless it did.
	Reason string
}
