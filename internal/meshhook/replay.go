package meshhook

// Replay asks for another run on an event, as it came.
type Replay struct {
	Event ID
	// Workflow is the name or id of a workflow; "" takes the webhook's own.
	Workflow string
	// Version of the workflow; 0 takes the newest.
	Version int
	// Force starts a run although the event was rejected. It is audited.
	Force bool
}
