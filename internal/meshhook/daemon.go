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
	// More is what takes longer to find out; nil where it was not asked for.
	More *StatusMore `json:"more,omitempty"`
}

// StatusMore is the part of a status that reads more than a few rows.
type StatusMore struct {
	Rates Rates `json:"rates"`
	// Sleeping is the number of runs that wait for a time, a retry or a person.
	Sleeping int64 `json:"sleeping_runs"`
	// Due is the number of deliveries that could be sent now.
	Due int64 `json:"due_deliveries"`
	// Places are the workflows with a concurrency that have runs under way, by name.
	Places []Places `json:"places"`
	// Ledger is how alerts were delivered in the last 24 hours.
	Ledger AlertReport `json:"ledger"`
	// Storage is what the database takes, of all projects together.
	Storage Storage `json:"storage"`
}

// Rates count what was made in the project lately.
type Rates struct {
	Events Lately `json:"events"`
	Runs   Lately `json:"runs"`
	Alerts Lately `json:"alerts"`
}

// Lately counts over the last minute and the last hour.
type Lately struct {
	Minute int64 `json:"last_minute"`
	Hour   int64 `json:"last_hour"`
}

// Places are how the concurrency of a workflow is used.
type Places struct {
	Workflow string `json:"workflow"`
	// Limit is how many runs may be under way at once, for each key; 0 when a newer
	// version does not limit them.
	Limit int64 `json:"limit"`
	// Taken is how many are, Waiting how many would like to be, over all keys.
	Taken   int64 `json:"taken"`
	Waiting int64 `json:"waiting"`
}

// Storage is what the database takes, in bytes; what is not listed is the rest of Total.
type Storage struct {
	Total   int64 `json:"total_bytes"`
	Events  int64 `json:"events_bytes"`
	Runs    int64 `json:"runs_bytes"` // their steps included
	Journal int64 `json:"journal_bytes"`
	Alerts  int64 `json:"alerts_bytes"` // deliveries and their attempts
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
