package limit

import (
	"context"
	"time"
)

const (
	// leaseAlone is how long a daemon may count in memory after the database was
	// asked: also the longest that another one does not know whether it is dead.
	leaseAlone = 5 * time.Second
	// defaultPatience is how long a request waits to know where it is counted. A
	// daemon that is alive hands over in a few milliseconds.
	defaultPatience = 300 * time.Millisecond
	// holdsAlone and holdsTogether are how long this machine trusts what it was
	// told, from the moment before it asked. They are shorter than what the database
	// goes by (the lease, and the 15 s for which a silent daemon counts as alive), so
	// that the clocks of the two may run differently by a tenth.
	holdsAlone    = 4500 * time.Millisecond
	holdsTogether = 10 * time.Second
	// joinEvery is how often Join asks.
	joinEvery = 20 * time.Millisecond
	// stepTimeout bounds the questions of one Step.
	stepTimeout = 2 * time.Second
)

// Step finds out who else takes requests and changes over where that has changed.
// It is the Work of a loop: rung when a daemon comes or goes, with a poll behind it
// that renews the lease.
func (s *Store) Step(ctx context.Context) (more bool, err error) {
	if s.where == Memory {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	lease := leaseAlone
	if s.where == Postgres {
		lease = 0
	}
	asked := time.Now()
	m, err := s.table.Muster(ctx, s.daemon, lease)

	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.tell()
	switch {
	case err != nil:
	case m.Alone:
		err = s.beAlone(ctx, asked)
	case m.OtherAlone > 0:
		// What is counted here waits, to be merged once the other has given up.
		s.state = joining
	default:
		err = s.beTogether(ctx, asked)
	}
	if err != nil && !time.Now().Before(s.until) {
		s.state = cutOff
	}
	s.tired = s.tired && !s.knows()
	return false, err
}

// Join takes Steps until it is known where requests are counted, for the time most
// at the longest. A daemon calls it before it serves: who waits then is no sender.
func (s *Store) Join(ctx context.Context, most time.Duration) error {
	for begin := time.Now(); ; {
		if _, err := s.Step(ctx); err != nil || s.settled() || time.Since(begin) >= most {
			return err
		}
		select {
		case <-time.After(joinEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) settled() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.knows()
}

// tell wakes those who wait to know which book counts.
func (s *Store) tell() {
	close(s.stepped)
	s.stepped = make(chan struct{})
}

// beAlone counts in memory, from where the table stands. The lease is held
// already, so nobody else writes there.
func (s *Store) beAlone(ctx context.Context, asked time.Time) error {
	if s.state != alone {
		all, err := s.table.Rates(ctx)
		if err != nil {
			return err
		}
		s.memory.merge(all)
	}
	s.state, s.until = alone, asked.Add(holdsAlone)
	return nil
}

// beTogether counts in the table, with what was counted here in it.
func (s *Store) beTogether(ctx context.Context, asked time.Time) error {
	own := s.memory.all()
	if s.state != together || len(own) > 0 {
		if err := s.table.JoinRates(ctx, s.daemon, own); err != nil {
			return err
		}
		s.memory.clear()
	}
	s.state, s.until = together, asked.Add(holdsTogether)
	return nil
}
