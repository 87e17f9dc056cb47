package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCircuitText(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := meshhook.Circuit{Host: "crm.example.com:443", State: meshhook.CircuitOpen, Failures: 5, Reason: "503", RetryAt: now.Add(25 * time.Second)}
	require.Equal(t, "crm.example.com:443 open, 5 failures (503), tried again in 25s", circuitText(&c, now))
	require.Equal(t, "crm.example.com:443 open, 5 failures (503), tried again by the next call", circuitText(&c, now.Add(time.Minute)))
	c.State = meshhook.CircuitHalfOpen
	require.Equal(t, "crm.example.com:443 half open, 5 failures (503), one call is trying it again", circuitText(&c, now))
}
