package meshhook

import "time"

// Workflow is a named definition. What it says stands in its versions.
type Workflow struct {
	ID          ID        `json:"id"`
	ProjectID   ID        `json:"-"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Version     int       `json:"version"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Version is one immutable revision of a workflow.
type Version struct {
	WorkflowID ID     `json:"workflow_id"`
	ProjectID  ID     `json:"-"`
	Workflow   string `json:"workflow"`
	// Number counts from 1.
	Number int `json:"version"`
	// Digest identifies the definition's meaning: formatting and comments do not change it.
	Digest string `json:"digest"`
	// Source is the document as it was applied.
	Source string `json:"source,omitempty"`
	// RunLimit is how many runs may be under way at once, for each result of the key
	// of the version's concurrency; 0 is any number. Only Apply reads it: the newest
	// version's limit holds for the runs of all versions.
	RunLimit  int       `json:"-"`
	CreatedAt time.Time `json:"created_at"`
}

// Applied tells what applying a workflow document did.
type Applied struct {
	Workflow Workflow `json:"workflow"`
	// Created is set when the workflow is new, Changed when a version was made.
	Created bool `json:"created"`
	Changed bool `json:"changed"`
	// Warnings say what is allowed but probably a mistake, and which secrets are
	// missing in the vault. Who checked the document sets them.
	Warnings []string `json:"warnings,omitempty" doc:"What is probably a mistake: in the document, or a secret that does not exist."`
}
