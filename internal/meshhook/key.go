package meshhook

import "time"

// KeyStatus is how an installation's keys stand.
type KeyStatus struct {
	// MasterKeyID is the fingerprint of the master key that wraps the data keys.
	MasterKeyID string `json:"master_key_id"`
	// MasterKeyFrom says where this machine has it from: the environment or a file.
	MasterKeyFrom string `json:"master_key_from"`
	// Version counts the changes after which daemons read the data keys again.
	Version int64 `json:"version"`
	// ChangedAt is when the row of the keys last changed.
	ChangedAt time.Time `json:"changed_at"`
	// Reencrypting is since when old values are being sealed anew; nil while they are not.
	Reencrypting *time.Time `json:"reencrypting,omitempty"`
	// DataKeys are the keys that values are sealed with, oldest first.
	DataKeys []DataKey `json:"data_keys"`
	// Estimated tells that the values were estimated from a sample.
	Estimated bool `json:"estimated"`
	// Lacking are the daemons that serve and could not open the keys when they start again.
	Lacking []Daemon `json:"lacking,omitempty"`
}

// DataKey is one data key, without the key.
type DataKey struct {
	ID string `json:"id"`
	// State is primary (it seals), old (it opens) or next (it was added, and nobody
	// seals with it yet).
	State string `json:"state"`
	// Values is how many values it has sealed that are stored.
	Values int64 `json:"values"`
}

// The states of a data key.
const (
	KeyPrimary = "primary"
	KeyOld     = "old"
	KeyNext    = "next"
)

// Reencrypted is what sealing old values anew did.
type Reencrypted struct {
	Rows int64 `json:"rows"`
	// Retired are the data keys that were taken out.
	Retired []string `json:"retired"`
}
