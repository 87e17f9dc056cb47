package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// replayManyOptions are the flags of 'event replay' that choose many events.
type replayManyOptions struct {
	webhook string
	status  string
	code    string
	since   moment
	until   moment
	cursor  string
	rate    rateFlag
	again   bool
	yes     bool
}

// defaultReplayMany: a rate that a workflow which calls others survives.
func defaultReplayMany() replayManyOptions {
	return replayManyOptions{rate: rateFlag{&meshhook.RateLimit{Limit: 50, Period: time.Second}}}
}

func (o *replayManyOptions) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.webhook, "webhook", "", "replay the events of the webhook with this `path`")
	completeFlag(cmd, "webhook", a.names(webhookNames))
	addChoice(cmd, &o.status, "status", "those of this status, accepted when left out", meshhook.EventStatuses())
	addChoice(cmd, &o.code, "code", "those rejected for this reason", meshhook.RejectionCodes())
	addMoment(flags, &o.since, "since", "those since then")
	addMoment(flags, &o.until, "until", "those before then")
	flags.StringVar(&o.cursor, "cursor", "", "those newer than the one with this `id`: where an earlier replay ended")
	flags.Var(&o.rate, "rate", "how many to replay in a time")
	flags.BoolVar(&o.again, "again", false, "rejected events that have a run already, too")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
}

// manyFlags are the flags that go with many events only.
var manyFlags = []string{"webhook", "status", "code", "since", "until", "cursor", "rate", "again", "yes"}

// refuse says which flag does not go with a single event.
func (o *replayManyOptions) refuse(a *app) error {
	for _, name := range manyFlags {
		if a.flags.Changed(name) {
			return usageError("--%s chooses among many events, and ID names one; leave one out", name)
		}
	}
	return nil
}

func (o *replayManyOptions) filter() (f meshhook.EventFilter, err error) {
	f = meshhook.EventFilter{
		Webhook: o.webhook, Status: meshhook.EventStatus(o.status), Code: meshhook.Code(o.code),
		Since: o.since.at, Until: o.until.at, OldestFirst: true,
	}
	switch {
	case o.webhook == "" || o.since.at.IsZero():
		return f, usageError("to replay many events, give both --webhook and --since")
	case o.rate.limit == nil:
		return f, usageError("--rate is empty; write it like 50/s")
	case f.Code != "":
		f.Status = meshhook.EventRejected
	case f.Status == "":
		f.Status = meshhook.EventAccepted
	}
	if o.again && f.Status != meshhook.EventRejected {
		return f, usageError("--again is for rejected events; %s ones are replayed whether or not they have a run", f.Status)
	}
	f.WithoutRuns = f.Status == meshhook.EventRejected && !o.again
	if err := checkSpan(o.since, o.until); err != nil {
		return f, err
	}
	if f.Until.IsZero() {
		f.Until = time.Now() // what comes meanwhile is not meant
	}
	if o.cursor != "" {
		f.After, err = parseID(o.cursor)
	}
	return f, err
}

// replayed is what 'event replay' did to many events.
type replayed struct {
	Replayed int64 `json:"replayed"`
	// Refused counts those that started no run, by the reason.
	Refused map[meshhook.Code]int64 `json:"refused"`
	Failed  int64                   `json:"failed"`
	// AlreadyRun counts the rejected ones that were left out since they have a run.
	AlreadyRun int64 `json:"already_run"`
	// Cursor is the last event that was looked at, when not all of them were.
	Cursor *meshhook.ID `json:"cursor,omitempty"`
}

func runEventReplayMany(ctx context.Context, a *app, o *eventReplayOptions) error {
	filter, err := o.many.filter()
	if err != nil {
		return err
	}
	// Only a rejected event is looked into.
	filter.Bodies = filter.Status == meshhook.EventRejected && !o.force
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := o.checkTarget(ctx, s); err != nil {
			return err
		}
		count, already, err := countReplays(ctx, s, filter)
		if err != nil {
			return err
		}
		if count > 0 && !o.many.yes {
			sure, err := a.confirm(ctx, fmt.Sprintf("Start runs on up to %s of the webhook %s?", counted(count, string(filter.Status)+" event"), filter.Webhook))
			if err != nil {
				return err
			}
			if !sure {
				a.note("nothing was replayed")
				return errSaid
			}
		}
		did, err := a.replayMany(ctx, s, o, filter, count)
		did.AlreadyRun = already
		if printed := a.printReplayed(did); err == nil {
			err = printed
		}
		switch {
		case ctx.Err() != nil, err == nil && did.Failed > 0:
			return errSaid
		}
		return err
	})
}

// checkTarget says that there is no such webhook, workflow or version, before anybody is
// asked. A webhook may be gone whose events are for another workflow.
func (o *eventReplayOptions) checkTarget(ctx context.Context, s *session) error {
	e, _, err := s.project.Endpoint(ctx, o.many.webhook)
	if err != nil && (o.workflow == "" || meshhook.ErrorCode(err) != meshhook.CodeNotFound) {
		return err
	}
	_, err = s.project.Version(ctx, cmp.Or(o.workflow, e.WorkflowID.String()), o.version)
	return err
}

// countReplays counts the events that are meant, and those that were left out since they
// have a run.
func countReplays(ctx context.Context, s *session, f meshhook.EventFilter) (count, already int64, err error) {
	if count, err = s.project.CountEvents(ctx, f); err != nil || !f.WithoutRuns {
		return count, 0, err
	}
	f.WithoutRuns = false
	all, err := s.project.CountEvents(ctx, f)
	return count, max(all-count, 0), err
}

// counted is a number and a noun in its number: "1 event", "2 events".
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// replayMany starts a run on each event, at the rate, until all are done, ctx ends
// or the database is away. Events that cannot be replayed do not hold up the others.
func (a *app) replayMany(ctx context.Context, s *session, o *eventReplayOptions, f meshhook.EventFilter, count int64) (did replayed, err error) {
	did.Refused = map[meshhook.Code]int64{}
	project := s.project
	if count > 0 {
		if project, err = project.ReplayMany(ctx, f, o.how(), count); err != nil {
			return did, err
		}
	}
	rate, replayer := o.many.rate.limit, daemon.NewReplayer(project, o.how(), s.judging())
	every := time.NewTicker(max(rate.Period/time.Duration(rate.Limit), 1))
	defer every.Stop()
	report := a.progress(count)
	defer report(-1)
	var last *meshhook.ID
	for e, err := range s.project.StreamEvents(ctx, f) {
		if err != nil {
			did.Cursor = last
			return did, a.interrupted(ctx, err, last)
		}
		_, err = replayer.Start(ctx, &e)
		switch code := meshhook.ErrorCode(err); code {
		case "":
			did.Replayed++
		case meshhook.CodeUnavailable:
			did.Cursor = last
			return did, a.interrupted(ctx, err, last)
		case meshhook.CodeInternal, meshhook.CodeNotFound:
			did.Failed++
			a.warn("%v", err)
		default:
			did.Refused[code]++
		}
		last = &e.ID
		report(did.Replayed + did.Failed + sum(did.Refused))
		select {
		case <-every.C:
		case <-ctx.Done(): // which the next page notices, if there is one
		}
	}
	return did, nil
}

// interrupted says where to go on after a replay that did not come to its end.
func (a *app) interrupted(ctx context.Context, err error, last *meshhook.ID) error {
	if last != nil {
		a.note("not all were replayed; go on behind the last one with --cursor %s", *last)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// progress returns what shows on a terminal how far a long command has come; a
// negative number takes that away.
func (a *app) progress(count int64) (report func(done int64)) {
	if !a.ErrTTY || a.quiet {
		return func(int64) {}
	}
	return func(done int64) {
		text := fmt.Sprintf("\r%d of %d", done, count)
		if done < 0 {
			text = "\r\x1b[K"
		}
		fmt.Fprint(a.Err, text)
	}
}

func (a *app) printReplayed(did replayed) error {
	return printFields(a, did, func(f *fields) {
		f.add("replayed", did.Replayed)
		addRefused(f, did.Refused)
		if did.AlreadyRun > 0 {
			f.add("already run", did.AlreadyRun)
		}
		f.add("failed", did.Failed)
	})
}

// addRefused adds how many events start no run, and why.
func addRefused(f *fields, counts map[meshhook.Code]int64) {
	refused := fmt.Sprint(sum(counts))
	var reasons []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		reasons = append(reasons, fmt.Sprintf("%s %d", code, counts[code]))
	}
	if len(reasons) > 0 {
		refused += " (" + strings.Join(reasons, ", ") + ")"
	}
	f.add("refused", refused)
}

func sum(counts map[meshhook.Code]int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}
