package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
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

// filter is what the flags say; where and the limit are left to the search.
func (o *eventListOptions) filter() (f meshhook.EventFilter, err error) {
	f = meshhook.EventFilter{
		Webhook: o.webhook, Status: meshhook.EventStatus(o.status), Code: meshhook.Code(o.code),
		Since: o.since.at, Until: o.until.at, DedupKey: o.dedupKey,
	}
	if err := cmp.Or(checkLimit(o.limit), checkSpan(o.since, o.until)); err != nil {
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
	return f, nil
}

func runEventList(ctx context.Context, a *app, o *eventListOptions) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	search, err := daemon.NewSearch(o.where)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := search.Find(ctx, s.project, filter, o.limit)
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
		if search.Failures > 0 {
			a.note("the condition failed on %s, left out; on %s: %v", counted(int64(search.Failures), "event"), search.FailedOn, search.Failure)
		}
		if people := a.output == "" || a.output == "table"; people && len(list) == o.limit {
			a.note("there may be more: --cursor %s", list[len(list)-1].ID)
		}
		return err
	})
}
