package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

func newEventCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "event", Aliases: []string{"events"}, Short: "Look at what came in, and replay it",
			Example: "  meshhook event list --webhook github --status rejected\n  meshhook event show 01890a5d-ac96-774b-bcce-b302099a8057 --body",
		},
		newEventListCmd(a), newEventShowCmd(a), newEventReplayCmd(a),
	)
}

// eventListOptions are what 'event list' was told.
type eventListOptions struct {
	webhook string
	status  string
	since   meshhook.Duration
	limit   int
}

func newEventListCmd(a *app) *cobra.Command {
	o := &eventListOptions{}
	cmd := &cobra.Command{
		Use: "list", Short: "List events, newest first",
		Example: "  meshhook event list --webhook github --since 1h\n  meshhook event list --status rejected -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runEventList(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVar(&o.webhook, "webhook", "", "only events of the webhook with this `path`")
	completeFlag(cmd, "webhook", a.names(webhookNames))
	addChoice(cmd, &o.status, "status", "only events of this status", meshhook.EventStatuses())
	addDuration(cmd.Flags(), &o.since, "since", "only events of the last `duration`, like 1h")
	addLimit(cmd, &o.limit)
	return cmd
}

func runEventList(ctx context.Context, a *app, o *eventListOptions) error {
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Events(ctx, meshhook.EventFilter{
			Webhook: o.webhook, Status: meshhook.EventStatus(o.status), Since: ago(o.since), Limit: o.limit,
		})
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
		return printList(a, list, columns, func(t *table, e meshhook.Event) {
			t.add(e.ID, e.ReceivedAt, e.Webhook, state("event", e.Status), e.Code, e.Method, e.BodySize, e.RemoteAddr)
		})
	})
}

// eventView is an event with its body as expressions see it.
type eventView struct {
	meshhook.Event
	Body       any `json:"body,omitempty"`
	BodyText   any `json:"body_text,omitempty"`
	BodyBase64 any `json:"body_base64,omitempty"`
}

func newEventShowCmd(a *app) *cobra.Command {
	var body bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show an event: what came, what became of it, and why",
		Example: "  meshhook event show 01890a5d-ac96-774b-bcce-b302099a8057\n  meshhook event show 01890a5d-ac96-774b-bcce-b302099a8057 --body > payload.json",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			return runEventShow(cmd.Context(), a, id, body)
		},
	}
	cmd.Flags().BoolVar(&body, "body", false, "print the body and nothing else, byte for byte")
	return cmd
}

func runEventShow(ctx context.Context, a *app, id meshhook.ID, body bool) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, err := s.project.Event(ctx, id)
		if err != nil {
			return err
		}
		if body {
			if e.BodyTruncated {
				a.warn("only %d of %d bytes of this event's body were kept", len(e.Body), e.BodySize)
			}
			_, err := a.Out.Write(e.Body)
			return err
		}
		seen := workflow.EventContext(&e)
		view := eventView{e, seen["body"], seen["body_text"], seen["body_base64"]}
		return a.print(view, func(w io.Writer) error { return writeEvent(a, w, e) })
	})
}

func writeEvent(a *app, w io.Writer, e meshhook.Event) error {
	f := &fields{}
	f.add("id", e.ID)
	f.add("webhook", e.Webhook)
	f.add("status", state("event", e.Status))
	f.add("code", e.Code)
	f.add("reason", e.Reason)
	f.add("findings", string(e.Findings))
	f.add("received", e.ReceivedAt)
	f.add("from", e.RemoteAddr)
	request := e.Method + " " + e.Path
	if e.Query != "" {
		request += "?" + e.Query
	}
	f.add("request", request)
	f.add("dedup key", e.DedupKey)
	if e.DuplicateOf != nil {
		f.add("duplicate of", e.DuplicateOf)
	}
	for _, id := range e.RunIDs {
		f.add("run", id)
	}
	body := fmt.Sprintf("%d bytes", e.BodySize)
	if e.BodyTruncated {
		body += fmt.Sprintf(", the first %d kept", len(e.Body))
	}
	f.add("body", body)
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		f.add(name+":", strings.Join(e.Header[name], ", "))
	}
	for i := range f.rows {
		f.rows[i][0].text = tail.Clean(f.rows[i][0].text) // headers are named by strangers
	}
	if err := a.writeTable(w, &f.table); err != nil {
		return err
	}
	if e.BodySize > 0 {
		a.note("'meshhook event show %s --body' prints the body", e.ID)
	}
	return nil
}

// eventReplayOptions are what 'event replay' was told.
type eventReplayOptions struct {
	id       meshhook.ID
	workflow string
	version  int
}

func newEventReplayCmd(a *app) *cobra.Command {
	o := &eventReplayOptions{}
	cmd := &cobra.Command{
		Use: "replay ID", Short: "Start another run on an event",
		Long: `Start another run on an event, as it came, and print the run's id. It is a run of
the webhook's workflow in its newest version, unless other ones are named.`,
		Example: `  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook event replay 01890a5d-ac96-774b-bcce-b302099a8057 --workflow orders --version 2`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			return runEventReplay(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.workflow, "workflow", "", "`name` of another workflow")
	completeFlag(cmd, "workflow", a.names(workflowNames))
	addVersion(cmd, &o.version)
	return cmd
}

func runEventReplay(ctx context.Context, a *app, o *eventReplayOptions) error {
	if err := checkVersion(a, o.version); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, err := s.project.Event(ctx, o.id)
		if err != nil {
			return err
		}
		if e.BodyTruncated {
			return meshhook.Errorf(meshhook.CodeConflict, "event %s was %s and only %d of its %d bytes were kept, so it cannot be replayed", e.ID, e.Status, len(e.Body), e.BodySize)
		}
		name := o.workflow
		if name == "" {
			if name, err = workflowOf(ctx, s, e); err != nil {
				return err
			}
		}
		v, err := s.project.Version(ctx, name, o.version)
		if err != nil {
			return err
		}
		if e.Status == meshhook.EventRejected {
			a.warn("this event was rejected when it came (%s)", e.Code)
		}
		run := meshhook.Run{
			ID: meshhook.NewID(), WorkflowID: v.WorkflowID, Workflow: v.Workflow, Version: v.Number, EventID: &e.ID, Webhook: e.Webhook,
		}
		return a.startRun(ctx, s, run, false)
	})
}

// workflowOf returns the id of the workflow that an event's webhook starts now.
func workflowOf(ctx context.Context, s *session, e meshhook.Event) (string, error) {
	endpoint, _, err := s.project.Endpoint(ctx, e.EndpointID.String())
	if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
		return "", meshhook.Errorf(meshhook.CodeNotFound, "the webhook %s, which took this event, is gone; name a workflow with --workflow", e.Webhook)
	}
	return endpoint.WorkflowID.String(), err
}
