package main

import (
	"slices"
	"sync"
	"time"
)

// sample is the latencies of one measurement.
type sample struct {
	mu    sync.Mutex
	took  []time.Duration
	begin time.Time
	end   time.Time
}

func (s *sample) add(took []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, took...)
}

// rate is the number of completions a second.
func (s *sample) rate() float64 { return float64(len(s.took)) / s.end.Sub(s.begin).Seconds() }

// at returns a quantile, rounded for a person.
func (s *sample) at(q float64) time.Duration {
	if len(s.took) == 0 {
		return 0
	}
	slices.Sort(s.took)
	return s.took[min(int(q*float64(len(s.took))), len(s.took)-1)].Round(10 * time.Microsecond)
}
