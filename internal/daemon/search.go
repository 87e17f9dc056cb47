package daemon

import (
	"context"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Search looks through the event log for what the database cannot find, because it is
// sealed: a dedup key, and events of which a jq condition is true.
type Search struct {
	// Deadline is when the search ends, whatever was found; zero for never.
	Deadline time.Time
	// Failures counts the events on which the condition failed, which are left out;
	// Failure is what it said of the first, FailedOn.
	Failures int
	FailedOn meshhook.ID
	Failure  error
	// Last is the event at which the deadline ended the search; zero when it did not.
	Last meshhook.ID

	program *expr.Program
}

// NewSearch compiles the condition over {event}; an empty one is true of every event.
// The error is a CodeInvalid one, with the place.
func NewSearch(where string) (s *Search, err error) {
	s = &Search{}
	if where != "" {
		s.program, err = expr.Compile(where)
	}
	return s, err
}

// Find returns the first events, at most limit, that satisfy the filter and the
// condition, without their bodies.
func (s *Search) Find(ctx context.Context, project *postgres.Tenant, f meshhook.EventFilter, limit int) (list []meshhook.Event, err error) {
	key := f.DedupKey
	f.DedupKey, f.Bodies = "", s.program != nil
	if f.Limit = limit; key != "" || s.program != nil {
		f.Limit = 0 // it is chosen among all of them
	}
	for e, err := range project.StreamEvents(ctx, f) {
		if err != nil {
			return nil, err
		}
		holds := key == "" || e.DedupKey == key
		if holds {
			if holds, err = s.holds(ctx, &e); err != nil {
				return nil, err
			}
		}
		e.Body = nil
		if holds {
			list = append(list, e)
		}
		if len(list) == limit {
			break
		}
		if !s.Deadline.IsZero() && time.Now().After(s.Deadline) {
			s.Last = e.ID
			break
		}
	}
	return list, nil
}

// holds tells whether the condition is true of an event. Where it fails, it is not:
// one event of another shape must not end the search.
func (s *Search) holds(ctx context.Context, e *meshhook.Event) (bool, error) {
	if s.program == nil {
		return true, nil
	}
	holds, err := s.program.True(ctx, map[string]any{"event": workflow.EventContext(e)})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		if s.Failures++; s.Failures == 1 {
			s.FailedOn, s.Failure = e.ID, err
		}
		return false, nil
	}
	return holds, nil
}

// apiSearch is how long a search of the API goes on before it answers with what it
// has found: well within the time in which an answer has to be written.
const apiSearch = 15 * time.Second

// SearchEvents lists events for the API.
func (t tenant) SearchEvents(ctx context.Context, f meshhook.EventFilter, where string, limit int) ([]meshhook.Event, meshhook.ID, error) {
	s, err := NewSearch(where)
	if err != nil {
		return nil, meshhook.ID{}, err
	}
	s.Deadline = time.Now().Add(apiSearch)
	list, err := s.Find(ctx, t.Tenant, f, limit)
	return list, s.Last, err
}
