package meshhook

import "time"

// Daemon is one process that serves: no daemon is special.
type Daemon struct {
	ID      ID     `json:"id"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// Roles are what it does: ingress, worker, admin.
	Roles     []string  `json:"roles"`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"`
	// KeysVersion is the version of the data keys that it uses; 0 of a daemon that is
	// too old to say.
	KeysVersion int64 `json:"keys_version"`
	// MasterKeyID is the master key of its machine that opens the data keys, empty where
	// none does: it cannot start again.
	MasterKeyID string `json:"master_key_id"`
	// ClockAheadMS is by how many milliseconds its clock is ahead of the server's, what
	// the heartbeat takes on its way included; negative when it is behind.
	ClockAheadMS int64 `json:"clock_ahead_ms"`
}

// Status is one look at an installation: who serves, and how one project fares.
type Status struct {
	Daemons   []Daemon `json:"daemons"`
	Webhooks  int64    `json:"webhooks"`
	Workflows int64    `json:"workflows"`
	// Events and Runs count by status over the last 24 hours.
	Events map[EventStatus]int64 `json:"events_24h"`
	Runs   map[RunStatus]int64   `json:"runs_24h"`
	// Ready is the number of runs that could be claimed now.
	Ready int64 `json:"ready_runs"`
	// Blocked is the number of runs that wait for a place of their workflow's
	// concurrency.
	Blocked int64 `json:"blocked_runs"`
	// OldestQueued is since when the oldest queued run has been ready; nil when none
	// is queued but those that are blocked.
	OldestQueued *time.Time `json:"oldest_queued,omitempty"`
	// Circuits are the project's that are not closed, the oldest first.
	Circuits []Circuit   `json:"circuits"`
	Alerts   AlertHealth `json:"alerts"`
}

// AlertHealth is how the alerts of a project fare, without samples.
type AlertHealth struct {
	// Deliveries count by status over the last 24 hours.
	Deliveries map[DeliveryStatus]int64 `json:"deliveries_24h"`
	// OldestDue is since when the oldest pending delivery has been due; nil when none is.
	OldestDue *time.Time `json:"oldest_due,omitempty"`
	// Unheard is the number of messages about alerts that were given up in the last 24
	// hours: nobody is told of these.
	Unheard int64 `json:"unheard_24h"`
}

// Muster is what a daemon that takes requests learns of the others that do.
type Muster struct {
	// Others is how many there are.
	Others int
	// Alone tells that there is none, and that the daemon holds the lease by which
	// it may count in its own memory.
	Alone bool
	// OtherAlone is for how long another one may still hold that lease.
	OtherAlone time.Duration
}
