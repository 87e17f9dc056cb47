package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Rows that came while nobody made partitions lie in the default one; they move
// when their partition is made, and nothing is in its way.
func TestPartitionsTakeWhatFellIntoTheDefault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	later := time.Now().Add(60 * 24 * time.Hour)
	in := h.intake("", "{}")
	id := meshhook.FirstIDAt(later)
	in.Event.ID = id
	h.record(t, in)
	require.NoError(t, h.db.EnsurePartitions(t.Context(), later))
	require.NoError(t, h.db.EnsurePartitions(t.Context(), later), "a second time there is nothing to do")
	event, err := h.project.Event(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "{}", string(event.Body))
}
