package tail

import "github.com/profullstack/meshhook/internal/meshhook"

// Tone is how an entry or state is meant: what a face gives its colour to.
// Colour never stands alone; the sign says the same.
type Tone int

// The tones.
const (
	Plain Tone = iota // nothing to be glad or sorry about
	Good              // went well
	Bad               // went wrong, for good
	Busy              // is under way
	Warn              // went wrong, and goes on
	Quiet             // was left out
)

type look struct {
	sign string
	tone Tone
}

// looks knows every kind of entry, and with it every state of events, runs and
// steps, as "noun.state".
var looks = map[meshhook.EntryKind]look{
	meshhook.EntryEventAccepted:   {"✓", Good},
	meshhook.EntryEventRejected:   {"✗", Bad},
	meshhook.EntryEventDuplicate:  {"=", Quiet},
	meshhook.EntryEventFiltered:   {"-", Quiet},
	meshhook.EntryEventSuppressed: {"…", Bad},
	meshhook.EntryRunQueued:       {"+", Plain},
	meshhook.EntryRunStarted:      {"›", Busy},
	"run.running":                 {"›", Busy},
	meshhook.EntryRunRecovered:    {"↻", Warn},
	meshhook.EntryRunReleased:     {"‹", Plain},
	meshhook.EntryRunWaiting:      {"⏸", Warn},
	meshhook.EntryRunApproved:     {"✓", Plain},
	meshhook.EntryRunRejected:     {"✗", Warn},
	meshhook.EntryRunSucceeded:    {"✓", Good},
	meshhook.EntryRunFailed:       {"✗", Bad},
	meshhook.EntryRunCanceled:     {"■", Quiet},
	meshhook.EntryAlertDelivered:  {"✓", Good},
	meshhook.EntryAlertRetrying:   {"↻", Warn},
	meshhook.EntryAlertExhausted:  {"✗", Bad},
	meshhook.EntryAlertDiscarded:  {"-", Quiet},
	meshhook.EntryStepStarted:     {"›", Busy},
	"step.running":                {"›", Busy},
	"step.waiting":                {"⏸", Warn},
	meshhook.EntryStepRetrying:    {"↻", Warn},
	meshhook.EntryStepSucceeded:   {"✓", Good},
	meshhook.EntryStepFailed:      {"✗", Bad},
	meshhook.EntryStepSkipped:     {"-", Quiet},
	meshhook.EntryCircuitOpened:   {"⏸", Warn},
	meshhook.EntryCircuitClosed:   {"✓", Good},
}

// Look returns the sign, one cell wide, and the tone of a kind of entry. For
// the state of a thing the kind is "noun.state", like "step.waiting". What is
// not known looks plain.
func Look(kind meshhook.EntryKind) (sign string, tone Tone) {
	if l, ok := looks[kind]; ok {
		return l.sign, l.tone
	}
	return "·", Plain
}
