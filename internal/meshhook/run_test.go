package meshhook_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The state machine, written once more as a picture: a row for each state, a
// column for each state it may move to.
const runMoves = `
            queued running waiting succeeded failed canceled
queued      .      yes     .       .         .      yes
running     yes    .       yes     yes       yes    yes
waiting     .      yes     .       .         .      yes
succeeded   .      .       .       .         .      .
failed      yes    .       .       .         .      .
canceled    yes    .       .       .         .      .
`

func TestRunStateMachine(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(runMoves), "\n")
	columns := strings.Fields(rows[0])
	var listed []string
	for _, s := range meshhook.RunStatuses() {
		listed = append(listed, string(s))
	}
	require.Equal(t, columns, listed)
	require.Len(t, rows, len(columns)+1)
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		from := meshhook.RunStatus(cells[0])
		for i, cell := range cells[1:] {
			to := meshhook.RunStatus(columns[i])
			require.Equal(t, cell == "yes", from.CanBecome(to), "%s → %s", from, to)
		}
		require.False(t, from.CanBecome("asleep"), "the machine is closed")
		require.False(t, from.CanBecome(""))
	}
	require.False(t, meshhook.RunStatus("asleep").CanBecome(meshhook.RunQueued))
}

func TestEndedStates(t *testing.T) {
	t.Parallel()
	var runs []meshhook.RunStatus
	for _, s := range meshhook.RunStatuses() {
		if s.Ended() {
			runs = append(runs, s)
		}
	}
	require.Equal(t, []meshhook.RunStatus{meshhook.RunSucceeded, meshhook.RunFailed, meshhook.RunCanceled}, runs)

	var steps []meshhook.StepStatus
	for _, s := range meshhook.StepStatuses() {
		if s.Ended() {
			steps = append(steps, s)
		}
	}
	require.Equal(t, []meshhook.StepStatus{meshhook.StepSucceeded, meshhook.StepFailed, meshhook.StepSkipped}, steps)
}

func TestEntryKinds(t *testing.T) {
	t.Parallel()
	nouns := map[meshhook.EntryKind]string{
		meshhook.EntryEventAccepted: "event", meshhook.EntryEventSuppressed: "event",
		meshhook.EntryRunQueued: "run", meshhook.EntryRunRecovered: "run",
		meshhook.EntryStepStarted: "run", meshhook.EntryStepRetrying: "run", // steps belong to their run
		"alert.sent": "alert", "bare": "bare", "": "", ".odd": "", "stepping.up": "stepping", "a.b.c": "a",
	}
	for kind, noun := range nouns {
		require.Equal(t, noun, kind.Noun(), kind)
	}

	events := map[meshhook.EventStatus]meshhook.EntryKind{
		meshhook.EventAccepted: meshhook.EntryEventAccepted, meshhook.EventRejected: meshhook.EntryEventRejected,
		meshhook.EventDuplicate: meshhook.EntryEventDuplicate, meshhook.EventFiltered: meshhook.EntryEventFiltered,
	}
	require.Len(t, events, len(meshhook.EventStatuses()))
	for _, status := range meshhook.EventStatuses() {
		require.Equal(t, events[status], meshhook.EventEntry(status))
	}
	runs := map[meshhook.RunStatus]meshhook.EntryKind{
		meshhook.RunQueued: meshhook.EntryRunQueued, meshhook.RunWaiting: meshhook.EntryRunWaiting, meshhook.RunSucceeded: meshhook.EntryRunSucceeded,
		meshhook.RunFailed: meshhook.EntryRunFailed, meshhook.RunCanceled: meshhook.EntryRunCanceled,
	}
	for status, kind := range runs {
		require.Equal(t, kind, meshhook.RunEntry(status))
	}
}
