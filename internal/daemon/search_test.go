package daemon_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// A search that takes too long says how far it came, and goes on from there.
func TestASearchEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	project := pgtest.Project(t, db)
	var ids []meshhook.ID
	for _, key := range []string{"a", "b", "a"} {
		e := meshhook.Event{
			ID: meshhook.NewID(), ProjectID: project.ID(), EndpointID: meshhook.NewID(), Webhook: "w", Status: meshhook.EventFiltered, ReceivedAt: time.Now(),
			Method: "POST", Path: "/hooks/w", ContentType: "application/json", Body: []byte(`{"n":1}`), BodySize: 7, DedupKey: key,
		}
		_, err := db.Record(t.Context(), meshhook.Intake{Event: e})
		require.NoError(t, err)
		ids = append(ids, e.ID)
	}
	find := func(s *daemon.Search, f meshhook.EventFilter, limit int) (found []meshhook.ID) {
		t.Helper()
		list, err := s.Find(t.Context(), project, f, limit)
		require.NoError(t, err)
		for _, e := range list {
			require.Nil(t, e.Body)
			found = append(found, e.ID)
		}
		return found
	}
	s, err := daemon.NewSearch(`.event.body.n == 1`)
	require.NoError(t, err)
	require.Equal(t, []meshhook.ID{ids[2], ids[0]}, find(s, meshhook.EventFilter{DedupKey: "a"}, 2))
	require.Zero(t, s.Last)

	s.Deadline = time.Now().Add(-time.Second)
	require.Equal(t, []meshhook.ID{ids[2]}, find(s, meshhook.EventFilter{DedupKey: "a"}, 2))
	require.Equal(t, ids[2], s.Last)
	require.Empty(t, find(s, meshhook.EventFilter{DedupKey: "a", Before: s.Last}, 2))
	require.Equal(t, ids[1], s.Last)
	require.Equal(t, []meshhook.ID{ids[0]}, find(s, meshhook.EventFilter{DedupKey: "a", Before: s.Last}, 2))

	s, err = daemon.NewSearch(`.event.body.n | ltrimstr(1) | . + "a" == ""`)
	require.NoError(t, err)
	require.Empty(t, find(s, meshhook.EventFilter{}, 2))
	require.Equal(t, 3, s.Failures)
	require.Equal(t, ids[2], s.FailedOn)
	require.Error(t, s.Failure)
	_, err = daemon.NewSearch(`(`)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Find(ended, project, meshhook.EventFilter{}, 2)
	require.Error(t, err)
}
