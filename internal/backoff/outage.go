package backoff

import "time"

// Outage is how long to wait between tries to record something while the database is
// away. What was done is worth waiting for: a lost record means that it is done again.
func Outage() Policy {
	return Policy{Initial: 50 * time.Millisecond, Max: 2 * time.Second, Multiplier: 2, Jitter: 0.2}
}
