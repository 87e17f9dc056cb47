package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// DryRun is a run as it would go, and in what it differs from an earlier one.
type DryRun struct {
	DryRun   bool         `json:"dry_run" doc:"Always true: nothing was called, and nothing stored."`
	Workflow string       `json:"workflow"`
	Version  int          `json:"version,omitempty" doc:"Left out for a document that is not stored."`
	EventID  *meshhook.ID `json:"event_id,omitempty"`
	workflow.Rehearsal
	// ComparedWith is the earlier run whose answers were taken; nil for none.
	ComparedWith *meshhook.ID `json:"compared_with,omitempty" doc:"The earlier run of the event whose answers were taken."`
	// Changes are nil without an earlier run.
	Changes []workflow.Change `json:"changes,omitzero" doc:"In what the steps, and at last the run, differ from the earlier run."`
	// Compared is that run.
	Compared *meshhook.Run `json:"-"`
}

// starting is taking for what starts a run, or tries one dry.
func starting[B any](do func(ctx context.Context, c *call, body *B) (meshhook.Run, *DryRun, error)) handler {
	h := taking(func(ctx context.Context, c *call, body *B) (any, error) {
		run, dry, err := do(ctx, c, body)
		if dry == nil {
			return run, err
		}
		c.status = http.StatusOK
		return dry, err
	}).created()
	h.data, h.dry = reflect.TypeFor[meshhook.Run](), reflect.TypeFor[DryRun]()
	return h
}
