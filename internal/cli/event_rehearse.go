package cli

import (
	"context"
	"fmt"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The verdicts on an event of which a replay was tried dry.
const (
	verdictSame    = "same"    // as the earlier run
	verdictDiffers = "differs" // from the earlier run, and succeeds
	verdictFails   = "fails"   // as the earlier run did not
	verdictNew     = "new"     // succeeds; there is no earlier run
	verdictRefused = "refused" // the event would start no run
)

// rehearsed is how a replay of one event would go.
type rehearsed struct {
	Event   meshhook.ID `json:"event_id"`
	Verdict string      `json:"verdict"`
	// Steps are those that would differ; "" is the run itself.
	Steps []string `json:"steps,omitempty"`
	// Detail says it in words.
	Detail       string       `json:"detail,omitempty"`
	ComparedWith *meshhook.ID `json:"compared_with,omitempty"`
}

// rehearsedMany is what 'event replay --dry-run' found out about many events.
type rehearsedMany struct {
	DryRun  bool        `json:"dry_run"`
	Events  []rehearsed `json:"events"`
	Same    int64       `json:"same"`
	Differs int64       `json:"differs"`
	Fails   int64       `json:"fails"`
	New     int64       `json:"new"`
	// Refused counts those that would start no run, by the reason.
	Refused map[meshhook.Code]int64 `json:"refused"`
	// Failed counts those of which no dry run could be made.
	Failed int64 `json:"failed"`
	// AlreadyRun and Cursor are those of replayed.
	AlreadyRun int64        `json:"already_run"`
	Cursor     *meshhook.ID `json:"cursor,omitempty"`
}

// judged is how a dry run is taken.
func judged(d api.DryRun) rehearsed {
	r := rehearsed{Event: *d.EventID, ComparedWith: d.ComparedWith, Verdict: verdictSame}
	for _, c := range d.Changes {
		r.Steps = append(r.Steps, c.Step)
	}
	switch {
	case d.Status == meshhook.RunFailed && (d.Compared == nil || len(d.Changes) > 0):
		r.Verdict, r.Detail = verdictFails, failure(d.Error)
	case d.Compared == nil:
		r.Verdict = verdictNew
	case len(d.Changes) > 0:
		r.Verdict, r.Detail = verdictDiffers, changedSteps(d.Changes)
	}
	return r
}

// runEventRehearseMany tries the replay of many events dry: one line for each, and
// the sums. It asks nothing, since nothing is started.
func runEventRehearseMany(ctx context.Context, a *app, o *eventReplayOptions) error {
	filter, err := o.many.filter()
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := o.checkTarget(ctx, s); err != nil {
			return err
		}
		_, already, err := countReplays(ctx, s, filter)
		if err != nil {
			return err
		}
		did, err := a.rehearseMany(ctx, s, o, filter)
		did.AlreadyRun = already
		if printed := a.printRehearsedMany(did); err == nil {
			err = printed
		}
		if ctx.Err() != nil || err == nil && did.Failed > 0 {
			return errSaid
		}
		return err
	})
}

func (a *app) rehearseMany(ctx context.Context, s *session, o *eventReplayOptions, f meshhook.EventFilter) (did rehearsedMany, err error) {
	did = rehearsedMany{DryRun: true, Events: []rehearsed{}, Refused: map[meshhook.Code]int64{}}
	replayer := daemon.NewReplayer(s.project, o.how(), s.judging())
	var last *meshhook.ID
	for e, err := range s.project.StreamEvents(ctx, f) {
		if err == nil {
			err = a.rehearseOne(ctx, replayer, e.ID, &did)
		}
		if err != nil {
			did.Cursor = last
			return did, a.interrupted(ctx, err, last)
		}
		last = &e.ID
	}
	return did, nil
}

// rehearseOne takes one event into the sums. Its error is one that ends the whole.
func (a *app) rehearseOne(ctx context.Context, replayer *daemon.Replayer, id meshhook.ID, did *rehearsedMany) error {
	dry, err := replayer.Rehearse(ctx, id)
	var r rehearsed
	switch code := meshhook.ErrorCode(err); {
	case code == "":
		r = judged(dry)
	case code == meshhook.CodeUnavailable || ctx.Err() != nil:
		return err
	case code == meshhook.CodeInternal, code == meshhook.CodeNotFound:
		did.Failed++
		a.warn("event %s: %v", id, err)
		return nil
	default:
		did.Refused[code]++
		r = rehearsed{Event: id, Verdict: verdictRefused, Detail: string(code)}
	}
	switch r.Verdict {
	case verdictSame:
		did.Same++
	case verdictDiffers:
		did.Differs++
	case verdictFails:
		did.Fails++
	case verdictNew:
		did.New++
	}
	if a.output == "json" || a.output == "yaml" {
		did.Events = append(did.Events, r)
		return nil
	}
	t := &table{}
	t.add(r.Event, r.Verdict, r.Detail)
	return a.writeTable(a.Out, t)
}

func (a *app) printRehearsedMany(did rehearsedMany) error {
	if (a.output != "json" && a.output != "yaml") && did.Same+did.Differs+did.Fails+did.New+sum(did.Refused) > 0 {
		if _, err := fmt.Fprintln(a.Out); err != nil {
			return err
		}
	}
	return printFields(a, did, func(f *fields) {
		f.add("same", did.Same)
		f.add("differs", did.Differs)
		f.add("fails", did.Fails)
		f.add("new", did.New)
		addRefused(f, did.Refused)
		if did.AlreadyRun > 0 {
			f.add("already run", did.AlreadyRun)
		}
		f.add("failed", did.Failed)
	})
}
