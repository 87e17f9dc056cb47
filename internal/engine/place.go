package engine

import (
	"context"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// place sees to it that a run is under way only with a place of its workflow's
// concurrency. It is false when the run has gone back to the queue for want of one, or
// has ended because the key failed. Where the workflow has no concurrency, or the run
// its place from before, nothing is asked of anybody.
func (d *driver) place(ctx context.Context) (placed bool, err error) {
	if d.claim.Placed {
		return true, nil
	}
	d.state.Now = d.now()
	place, err := d.program.Place(ctx, &d.state)
	switch {
	case err != nil && ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err != nil:
		return false, d.fail(ctx, meshhook.FailedExpression, "concurrency: key: "+err.Error())
	case place == nil:
		return true, nil
	}
	// A run that has waited stays where it waits: what its key sees may have changed.
	if d.claim.Place == (meshhook.PlaceID{}) {
		d.claim.Place = meshhook.PlaceOf(d.claim.Run.WorkflowID, place.Key)
	}
	err = insist(ctx, func() error {
		placed, err = d.store.TakePlace(ctx, &d.claim, place.Shown)
		return err
	})
	return placed, err
}
