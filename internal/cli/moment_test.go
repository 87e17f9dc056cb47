package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMomentFlag(t *testing.T) {
	t.Parallel()
	m := moment{at: time.Now()}
	require.Error(t, m.Set("soon"))
	require.True(t, m.at.IsZero())
	require.NoError(t, m.Set(""))
	require.True(t, m.at.IsZero(), "an empty one takes it away")
	require.NoError(t, m.Set("1h"))
	require.WithinDuration(t, time.Now().Add(-time.Hour), m.at, time.Minute)
	require.Equal(t, "1h", m.String())
}
