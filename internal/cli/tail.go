package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// tailOptions are what 'tail' was told.
type tailOptions struct {
	webhook  string
	workflow string
	status   string
	kinds    []string
	since    meshhook.Duration
	plain    bool
}

func newTailCmd(a *app) *cobra.Command {
	o := &tailOptions{}
	cmd := &cobra.Command{
		Use: "tail", Short: "Watch events, runs, steps and alerts as they happen",
		Long: `Watch events, runs, steps and alerts as they happen: a screen on a terminal, plain lines in
a pipe or with --plain, one JSON object a line with --json. It reconnects by itself. The
screen is that of 'meshhook ui', opened on its page Live; ? shows its keys.`,
		Example: `  meshhook tail
  meshhook tail --since 10m --status failed
  meshhook tail --json --kind event | jq -r .code`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runTail(cmd.Context(), a, o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.webhook, "webhook", "", "only what the webhook with this `path` took and started")
	flags.StringVar(&o.workflow, "workflow", "", "only what concerns the workflow of this `name`")
	addChoice(cmd, &o.status, "status", "only what has this status", statuses())
	flags.StringSliceVar(&o.kinds, "kind", nil, "only these `kinds`, with commas between them: event, run, alert, circuit")
	addDuration(flags, &o.since, "since", "begin this `duration` ago, like 10m")
	flags.BoolVar(&o.plain, "plain", false, "print lines, on a terminal too")
	completeFlag(cmd, "webhook", a.names(webhookNames))
	completeFlag(cmd, "workflow", a.names(workflowNames))
	completeFlag(cmd, "kind", cobra.FixedCompletions(meshhook.EntryNouns(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// statuses are those of events, runs, steps and deliveries, each once.
func statuses() (all []string) {
	for _, s := range meshhook.EventStatuses() {
		all = append(all, string(s))
	}
	for _, s := range meshhook.RunStatuses() {
		all = append(all, string(s))
	}
	for _, s := range meshhook.StepStatuses() {
		if !slices.Contains(all, string(s)) {
			all = append(all, string(s))
		}
	}
	for _, s := range meshhook.DeliveryStatuses() {
		all = append(all, string(s))
	}
	return all
}

func runTail(ctx context.Context, a *app, o *tailOptions) error {
	for _, kind := range o.kinds {
		if !slices.Contains(meshhook.EntryNouns(), kind) {
			return usageError("--kind %q cannot be; use %s", kind, orList(meshhook.EntryNouns()))
		}
	}
	if a.output == "yaml" || a.output == "json" && o.plain {
		return usageError("tail prints lines (--plain) or JSON (--json); choose one of them")
	}
	a.screen = a.OutTTY && !o.plain && a.output == "" && !a.dumb()
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if a.screen {
			return a.showScreen(ctx, s, o, true)
		}
		a.warnOfStrangers(ctx, s, o)
		ctx, stop := a.whileRead(ctx)
		defer stop()
		return a.writeEntries(s.follow(o.filter())(ctx, a.sayState()))
	})
}

// warnOfStrangers says that what is to be followed is not there. It may have been, or
// come yet, and so is followed nevertheless.
func (a *app) warnOfStrangers(ctx context.Context, s *session, o *tailOptions) {
	var errs []error
	if o.webhook != "" {
		_, _, err := s.project.Endpoint(ctx, o.webhook)
		errs = append(errs, err)
	}
	if o.workflow != "" {
		_, err := s.project.Workflow(ctx, o.workflow)
		errs = append(errs, err)
	}
	for _, err := range errs {
		if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
			a.warn("%v", s.meant(ctx, err))
		}
	}
}

// whileRead returns a context that ends when nobody reads the output any more.
func (a *app) whileRead(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if a.Hangup != nil {
		go func() { // it ends soon after the context; nothing waits for it
			a.Hangup(ctx)
			cancel()
		}()
	}
	return ctx, cancel
}

// filter is what the flags let through.
func (o *tailOptions) filter() meshhook.EntryFilter {
	return meshhook.EntryFilter{Webhook: o.webhook, Workflow: o.workflow, Status: o.status, Kinds: o.kinds, Since: ago(o.since)}
}

// scope says how the flags narrow what is seen.
func (o *tailOptions) scope() string {
	var parts []string
	for _, f := range [][2]string{{"webhook", o.webhook}, {"workflow", o.workflow}, {"status", o.status}, {"kind", strings.Join(o.kinds, ",")}} {
		if f[1] != "" {
			parts = append(parts, f[0]+"="+f[1])
		}
	}
	return strings.Join(parts, " ")
}

// sayState tells of lost and regained connections, not of the first one.
func (a *app) sayState() func(tail.State) {
	var lost time.Time
	return func(s tail.State) {
		switch {
		case s.Lost != nil:
			lost = s.Since
			a.note("not connected: %v; trying again", s.Lost)
		case !lost.IsZero():
			a.note("connected again after %s; nothing was missed", s.Since.Sub(lost).Round(time.Millisecond))
		}
	}
}

func (a *app) writeEntries(entries iter.Seq2[meshhook.Entry, error]) error {
	write := a.entryWriter()
	for e, err := range entries {
		if err != nil {
			return err
		}
		if err := write(e); err != nil {
			return fmt.Errorf("writing the entries: %w", err)
		}
	}
	return nil
}

// entryWriter writes journal entries: as lines, or as objects for -o json.
func (a *app) entryWriter() func(meshhook.Entry) error {
	if a.output == "json" {
		encoder := jsonTo(a.Out)
		return func(e meshhook.Entry) error { return encoder.Encode(e) }
	}
	return func(e meshhook.Entry) error {
		_, err := io.WriteString(a.Out, tail.Line(e, nil)+"\n")
		return err
	}
}
