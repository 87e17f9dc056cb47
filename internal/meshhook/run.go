package meshhook

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// RunStatus is the state of a run.
type RunStatus string

// The states of a run.
const (
	RunQueued    RunStatus = "queued"    // to be claimed by a daemon, or Blocked
	RunRunning   RunStatus = "running"   // held by a daemon under a lease
	RunWaiting   RunStatus = "waiting"   // asleep; WaitingFor says on what
	RunSucceeded RunStatus = "succeeded" // ended well
	RunFailed    RunStatus = "failed"    // ended badly: a dead letter
	RunCanceled  RunStatus = "canceled"  // ended by a person
)

// runMoves is the state machine of a run. The CHECK constraints of the table
// runs and the diagram in docs/architecture.md say the same; tests compare them.
var runMoves = map[RunStatus][]RunStatus{
	RunQueued:    {RunRunning, RunCanceled},
	RunRunning:   {RunQueued, RunWaiting, RunSucceeded, RunFailed, RunCanceled},
	RunWaiting:   {RunRunning, RunCanceled},
	RunSucceeded: {},
	RunFailed:    {RunQueued},
	RunCanceled:  {RunQueued},
}

// RunStatuses lists every RunStatus in the order of a run's life.
func RunStatuses() []RunStatus {
	return []RunStatus{RunQueued, RunRunning, RunWaiting, RunSucceeded, RunFailed, RunCanceled}
}

// CanBecome tells whether a run in the state s may move to the state to.
func (s RunStatus) CanBecome(to RunStatus) bool { return slices.Contains(runMoves[s], to) }

// Ended tells whether a run in this state is over.
func (s RunStatus) Ended() bool {
	return s == RunSucceeded || s == RunFailed || s == RunCanceled
}

// WaitingFor says what a waiting run is asleep on.
type WaitingFor string

// The reasons for which a run waits.
const (
	WaitingForDelay    WaitingFor = "delay"
	WaitingForRetry    WaitingFor = "retry"
	WaitingForApproval WaitingFor = "approval"
)

// WaitingFors lists every WaitingFor.
func WaitingFors() []WaitingFor {
	return []WaitingFor{WaitingForDelay, WaitingForRetry, WaitingForApproval}
}

// FailureReason says why a step or a run failed. The set is closed: metrics,
// lists and alerts group by it.
type FailureReason string

// The reasons of a failure.
const (
	FailedExpression  FailureReason = "expression"   // an expression or template failed on its input
	FailedHTTPStatus  FailureReason = "http_status"  // the answer's status was not expected
	FailedConnection  FailureReason = "connection"   // no answer came
	FailedCircuitOpen FailureReason = "circuit_open" // no call went out: the host has failed before
	FailedRefused     FailureReason = "refused"      // the address or URL is not allowed
	FailedTimeout     FailureReason = "timeout"      // the step or run took too long
	FailedTerminated  FailureReason = "terminated"   // a terminate step ended the run as failed
	FailedRejected    FailureReason = "rejected"     // a person said no, or nobody answered in time
	FailedCanceled    FailureReason = "canceled"     // given up, since what the step belongs to had ended
	FailedDefinition  FailureReason = "definition"   // the recorded version cannot be executed
	FailedInternal    FailureReason = "internal"     // a fault of ours
)

// Failure is why a step or a run failed.
type Failure struct {
	Reason  FailureReason `json:"reason"`
	Message string        `json:"message"`
	// Step is the id of the step that failed; "" when the run itself did.
	Step string `json:"step,omitempty"`
}

// Run is one execution of a workflow version.
type Run struct {
	ID         ID        `json:"id"`
	ProjectID  ID        `json:"-"`
	WorkflowID ID        `json:"workflow_id"`
	Workflow   string    `json:"workflow"`
	Version    int       `json:"version"`
	EventID    *ID       `json:"event_id,omitempty"`
	Webhook    string    `json:"webhook,omitempty"`
	Status     RunStatus `json:"status"`
	// WaitingFor is set while Status is waiting.
	WaitingFor WaitingFor `json:"waiting_for,omitempty"`
	// WakeAt is when a queued or waiting run may be claimed.
	WakeAt *time.Time `json:"wake_at,omitempty"`
	// Blocked tells of a queued run that it waits for a place of its workflow's
	// concurrency.
	Blocked bool `json:"blocked,omitempty"`
	// Attempt counts from 1; run retry makes the next one.
	Attempt   int       `json:"attempt"`
	CreatedAt time.Time `json:"created_at"`
	// StartedAt is when the run was first claimed.
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	// Input is the body of a run that was started by hand; nil with an event.
	Input  []byte          `json:"-"`
	Output json.RawMessage `json:"output,omitempty"`
	Error  *Failure        `json:"error,omitempty"`
	// Steps are the recorded steps, where they were asked for.
	Steps []Step `json:"steps,omitempty"`
	// History is what the journal keeps of the run, where it was asked for.
	History []Entry `json:"history,omitempty"`
}

// StepStatus is the state of a step in a run.
type StepStatus string

// The states of a step. A step that has not begun has no record.
const (
	StepRunning   StepStatus = "running"   // begun; done again if its daemon dies
	StepWaiting   StepStatus = "waiting"   // asleep until NextAt
	StepSucceeded StepStatus = "succeeded" // done, never done again
	StepFailed    StepStatus = "failed"    // given up
	StepSkipped   StepStatus = "skipped"   // its `if` was false
)

// StepStatuses lists every StepStatus.
func StepStatuses() []StepStatus {
	return []StepStatus{StepRunning, StepWaiting, StepSucceeded, StepFailed, StepSkipped}
}

// Ended tells whether the step is over.
func (s StepStatus) Ended() bool {
	return s == StepSucceeded || s == StepFailed || s == StepSkipped
}

// ItemStatuses lists the states of a foreach's items in the order in which they are
// counted.
func ItemStatuses() []StepStatus { return []StepStatus{StepSucceeded, StepFailed, StepRunning} }

// StepItem is the Kind of the record that stands for one item of a foreach.
const StepItem = "item"

// Step is the record of a step in a run.
type Step struct {
	RunID ID `json:"-"`
	// ID is the step's id in the document. In a foreach the item stands before it:
	// each[3].send is the step send for the fourth item, each[3] the item itself.
	ID string `json:"id"`
	// Parent is the record that this one is nested in: that of a branch, a foreach
	// or an item; "" at the top.
	Parent string     `json:"parent,omitempty"`
	Kind   string     `json:"kind"`
	Status StepStatus `json:"status"`
	// Attempt counts the tries made, the one under way included.
	Attempt    int        `json:"attempt"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	// NextAt is when a waiting step goes on by itself; nil for an approval that
	// waits without end.
	NextAt *time.Time `json:"next_at,omitempty"`
	// Input is what the step began with, as JSON: the request of an http step, the
	// items of a foreach, the arm that a branch took, the end of a delay, the
	// message of an approval. It holds no secret of the vault.
	Input json.RawMessage `json:"input,omitempty"`
	// Output is what expressions see of the step. It holds no secret of the vault.
	Output json.RawMessage `json:"output,omitempty"`
	Error  *Failure        `json:"error,omitempty"`
	// Decision is what a person said to an approval; nil until then.
	Decision *Decision `json:"decision,omitempty"`
	// Items counts the items of a foreach that have begun, by their status, where a
	// run is read for people; nil otherwise.
	Items map[StepStatus]int64 `json:"items,omitempty"`
}

// Scope is the item that a record belongs to ("each[3]" of "each[3].send"), or
// for an item its foreach ("each" of "each[3]"); "" at the top. A branch makes no
// scope of its own.
func (s *Step) Scope() string { return ScopeOf(s.ID) }

// ScopeOf is Scope of the record with this id.
func ScopeOf(id string) string {
	if strings.HasSuffix(id, "]") {
		return id[:max(strings.LastIndexByte(id, '['), 0)]
	}
	return id[:max(strings.LastIndexByte(id, '.'), 0)]
}

// OpenItems returns the ids of items that have begun and not ended: such an item has
// no record of its own, only what is inside it has.
func OpenItems(steps []Step) map[string]bool {
	open, ended := map[string]bool{}, map[string]bool{}
	for i := range steps {
		if steps[i].Kind == StepItem {
			ended[steps[i].ID] = true
		}
	}
	for i := range steps {
		if id := steps[i].Scope(); strings.HasSuffix(id, "]") && !ended[id] {
			open[id] = true
		}
	}
	return open
}

// Decision is the answer of a person to an approval.
type Decision struct {
	Approved bool `json:"approved"`
	// By is who decided: the actor of the audit log.
	By   Actor     `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at"`
}

// MaxNote is how many characters the note of a decision may have.
const MaxNote = 1000

// CheckNote refuses, with CodeInvalid, a note that is longer than MaxNote or no text.
func CheckNote(note string) error {
	switch {
	case !utf8.ValidString(note):
		return Errorf(CodeInvalid, "the note is not text in UTF-8")
	case utf8.RuneCountInString(note) > MaxNote:
		return Errorf(CodeInvalid, "the note has %d characters; it may have %d", utf8.RuneCountInString(note), MaxNote)
	}
	return nil
}

// Awaited is an approval that waits for its answer.
type Awaited struct {
	RunID    ID
	Workflow string
	Step     string
}

// RunFilter narrows a list of runs; zero fields do not narrow.
type RunFilter struct {
	Workflow string
	Status   RunStatus
	// WaitingFor leaves only runs that are asleep on this.
	WaitingFor WaitingFor
	Since      time.Time
	// Before is the cursor: only runs older than this one.
	Before ID
	Limit  int
}

// RunClaim is a run in a daemon's hands: everything needed to go on with it.
type RunClaim struct {
	Run Run
	// Fence grows with every claim; a write with an older fence is refused.
	Fence int64
	// Event is the event that started the run; nil for one started by hand.
	Event *Event
	// Now is the server's time when the run was claimed. All times of runs are the
	// server's, so that daemons whose clocks differ, or jump, agree.
	Now time.Time
	// Place is the place that the run has or waits for; zero for a run that needs
	// none, or has not asked for one yet.
	Place PlaceID
	// Placed tells that the run has its place.
	Placed bool
	// Unreadable is why what is recorded of the run cannot be read; nil in all
	// health. Such a run can only be failed: it must not hold up the others.
	Unreadable error
}

// RunMove is what a daemon records of a run that it holds, in one transaction:
// steps, the change of the run itself and the journal entries.
type RunMove struct {
	RunID     ID
	ProjectID ID
	Fence     int64
	// Status is the run's state after the move; RunRunning keeps the lease.
	Status     RunStatus
	WaitingFor WaitingFor
	// WakeIn is how long a waiting run sleeps; negative is without end, until
	// somebody wakes it.
	WakeIn     time.Duration
	FinishedAt time.Time
	Output     json.RawMessage
	Error      *Failure
	Steps      []Step
	Entries    []Entry
	// Place is what a move to the run's end frees; zero for a run that needs none.
	Place PlaceID
}
