package ingress

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Every hour has the budget anew, and an endpoint that is quiet is not forgotten
// before its hour is over: that would give it the budget again.
func TestTheBudgetIsForAnHour(t *testing.T) {
	t.Parallel()
	r := newRejections(100)
	begin := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	c := &call{now: begin, door: &door{Endpoint: meshhook.Endpoint{ID: meshhook.NewID(), MaxBody: 1 << 20}}}
	e := &meshhook.Event{Body: make([]byte, 90), Query: "12345", Header: http.Header{"Ab": {"c", "de"}}} // of 102 bytes
	require.Equal(t, int64(4<<10), r.room(c), "the beginning is worth reading always")
	require.False(t, r.spend(c, e))
	e.Query = "123"
	require.True(t, r.spend(c, e))
	require.False(t, r.spend(c, &meshhook.Event{Query: "1"}))

	c.now = begin.Add(time.Hour - 1)
	require.Empty(t, r.take(c.now))
	require.False(t, r.spend(c, &meshhook.Event{Query: "1"}))
	c.now = begin.Add(time.Hour)
	require.True(t, r.spend(c, e))
	require.Empty(t, r.take(begin.Add(2*time.Hour)))
	require.Empty(t, r.second, "nothing is kept of whom it is quiet about")

	c.door.MaxBody = 7
	require.Equal(t, int64(7), r.room(c))
	require.Equal(t, int64(defaultRejectedBudget), newRejections(0).budget)
}

// A rejection that could not be counted in the journal is counted the next time.
func TestCountsAreGivenBack(t *testing.T) {
	t.Parallel()
	r := newRejections(0)
	counts := []meshhook.Suppressed{{ProjectID: meshhook.NewID(), EndpointID: meshhook.NewID(), Webhook: "a", Count: 3}}
	r.giveBack(counts)
	r.giveBack(counts)
	again := r.take(time.Now())
	require.Len(t, again, 1)
	require.Equal(t, int64(6), again[0].Count)
}

func TestUsesAreTakenOnceAMinute(t *testing.T) {
	t.Parallel()
	u := newUses()
	id, begin := meshhook.NewID(), time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	take := func(at time.Time, all bool) []meshhook.SecretUse {
		due := u.take(at, all)
		u.done(due)
		return due
	}
	require.Empty(t, take(begin, true))
	u.note(id, begin)
	u.note(id, begin.Add(-time.Second)) // of a request that was slower
	require.Equal(t, []meshhook.SecretUse{{SecretID: id, At: begin}}, take(begin, false))
	u.note(id, begin.Add(time.Minute-1))
	require.Empty(t, take(begin.Add(time.Minute), false))
	u.note(id, begin.Add(time.Minute))
	require.Len(t, take(begin.Add(time.Minute), false), 1)
	u.note(id, begin.Add(time.Minute+1))
	require.Len(t, take(begin.Add(2*time.Minute), true), 1, "in the end, all")
	require.Empty(t, take(begin.Add(time.Minute+1+time.Hour), true))
	require.Len(t, u.last, 1)
	require.Empty(t, take(begin.Add(time.Minute+2+time.Hour), true))
	require.Empty(t, u.last)
}
