package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// eventListOptions are what 'event list' was told.
type eventListOptions struct {
	webhook  string
	status   string
	code     string
	since    moment
	until    moment
	dedupKey string
	from     networksFlag
	where    string
	cursor   string
	limit    int
}

func newEventListCmd(a *app) *cobra.Command {
	o := &eventListOptions{}
	cmd := &cobra.Command{
		Use: "list", Short: "List events, newest first",
		Long: `List events, newest first. With --where, the log is opened event by event until
enough are found for which the jq condition over {event} is true.`,
		Example: `  meshhook event list --webhook github --since 1h
  meshhook event list --code invalid_signature --from 192.0.2.0/24 -o json
  meshhook event list --since 2026-11-01 --where '.event.body.order.total > 100'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runEventList(cmd.Context(), a, o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.webhook, "webhook", "", "only events of the webhook with this `path`")
	completeFlag(cmd, "webhook", a.names(webhookNames))
	addChoice(cmd, &o.status, "status", "only events of this status", meshhook.EventStatuses())
	addChoice(cmd, &o.code, "code", "only events rejected for this reason", meshhook.RejectionCodes())
	addMoment(flags, &o.since, "since", "only events since then")
	addMoment(flags, &o.until, "until", "only events before then")
	flags.StringVar(&o.dedupKey, "dedup-key", "", "only events with this dedup `key`")
	flags.Var(&o.from, "from", "only events from this address or `network`")
	flags.StringVar(&o.where, "where", "", "only events for which this jq `condition` over {event} is true")
	flags.StringVar(&o.cursor, "cursor", "", "only events older than the one with this `id`: the next page")
	addLimit(cmd, &o.limit)
	return cmd
}

// filter is what the flags say; where is left to the predicate.
func (o *eventListOptions) filter() (f meshhook.EventFilter, err error) {
	f = meshhook.EventFilter{
		Webhook: o.webhook, Status: meshhook.EventStatus(o.status), Code: meshhook.Code(o.code),
		Since: o.since.at, Until: o.until.at, DedupKey: o.dedupKey, Limit: o.limit,
	}
	if err := checkLimit(o.limit); err != nil {
		return f, err
	}
	if len(o.from.list) > 1 {
		return f, usageError("--from takes one network")
	}
	for _, network := range o.from.list {
		f.From = network
	}
	if o.cursor != "" {
		if f.Before, err = parseID(o.cursor); err != nil {
			return f, err
		}
	}
	if o.where != "" { // it chooses among all of them, by their bodies too
		f.Limit, f.Bodies = 0, true
	}
	return f, nil
}

func runEventList(ctx context.Context, a *app, o *eventListOptions) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	chosen, err := newPredicate(o.where)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := chosen.choose(ctx, s, filter, o.limit)
		if err != nil {
			return err
		}
		if len(list) == 0 && o.webhook != "" {
			_, _, err := s.project.Endpoint(ctx, o.webhook)
			if err := a.hintIfMissing(err, "webhook", o.webhook); err != nil {
				return err
			}
		}
		columns := []string{"id", "received", "webhook", "status", "code", "method", "bytes", "from"}
		err = printList(a, list, columns, func(t *table, e meshhook.Event) {
			t.add(e.ID, e.ReceivedAt, e.Webhook, state("event", e.Status), e.Code, e.Method, e.BodySize, e.RemoteAddr)
		})
		if chosen.failures > 0 {
			a.note("the condition failed on %d events, which were left out; on %s: %v", chosen.failures, chosen.failedOn, chosen.failure)
		}
		if people := a.output == "" || a.output == "table"; people && len(list) == o.limit {
			a.note("there may be more: --cursor %s", list[len(list)-1].ID)
		}
		return err
	})
}

// predicate chooses events by what is in them.
type predicate struct {
	program *expr.Program
	// failures counts the events on which it failed; failure is what it said of the
	// first, failedOn.
	failures int
	failedOn meshhook.ID
	failure  error
}

// newPredicate compiles a condition; an empty one is true of every event.
func newPredicate(source string) (p *predicate, err error) {
	p = &predicate{}
	if source != "" {
		p.program, err = expr.Compile(source)
	}
	return p, err
}

// choose reads events until enough satisfy the condition, and returns those,
// without the bodies.
func (p *predicate) choose(ctx context.Context, s *session, f meshhook.EventFilter, limit int) (list []meshhook.Event, err error) {
	for e, err := range s.project.StreamEvents(ctx, f) {
		if err != nil {
			return nil, err
		}
		holds, err := p.holds(ctx, &e)
		if err != nil {
			return nil, err
		}
		if !holds {
			continue
		}
		e.Body = nil
		if list = append(list, e); len(list) == limit {
			break
		}
	}
	return list, nil
}

// holds tells whether the condition is true of an event. Where it fails, it is not:
// one event of another shape must not end the search.
func (p *predicate) holds(ctx context.Context, e *meshhook.Event) (bool, error) {
	if p.program == nil {
		return true, nil
	}
	holds, err := p.program.True(ctx, map[string]any{"event": workflow.EventContext(e)})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		if p.failures++; p.failures == 1 {
			p.failedOn, p.failure = e.ID, err
		}
		return false, nil
	}
	return holds, nil
}
