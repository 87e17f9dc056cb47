package meshhook

import "crypto/sha256"

// PlaceID tells which runs share the limit of a workflow's concurrency: those of the
// workflow whose key gave the same. The zero PlaceID is none.
type PlaceID [16]byte

// PlaceOf returns the place of a workflow's runs with the key. It is a digest: the
// key may quote a payload.
func PlaceOf(workflow ID, key string) (p PlaceID) {
	sum := sha256.Sum256(append(workflow[:], key...))
	copy(p[:], sum[:])
	return p
}

// QueuedForPlace is the Code of the run.queued entry of a run that goes back to the
// queue until a place of its workflow's concurrency is free.
const QueuedForPlace = "concurrency"
