package meshhook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCircuitRefusalMessage(t *testing.T) {
	t.Parallel()
	r := meshhook.CircuitRefusal{Circuit: meshhook.Circuit{
		Host: "a:80", State: meshhook.CircuitOpen, Failures: 12, Calls: 20, Reason: "timeout", RetryAt: time.Now().Add(time.Hour),
	}}
	require.Equal(t, "the circuit of a:80 is open since 12 of its last 20 calls failed (timeout); it lets a call through at "+
		meshhook.FormatTime(r.Circuit.RetryAt), r.Message())
	r.Circuit.RetryAt = time.Now()
	require.Contains(t, r.Message(), "; the next call tries it again")
	r.Circuit.State = meshhook.CircuitHalfOpen
	require.Contains(t, r.Message(), "; one call is trying it again")
	require.Equal(t, []meshhook.CircuitState{"closed", "open", "half_open"}, meshhook.CircuitStates())
	for _, kind := range []meshhook.EntryKind{meshhook.EntryEventAccepted, meshhook.EntryStepStarted, meshhook.EntryCircuitOpened} {
		require.Contains(t, meshhook.EntryNouns(), kind.Noun())
	}
}
