package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
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

// eventShowOptions are what 'event show' was told.
type eventShowOptions struct {
	id   meshhook.ID
	body bool
	curl bool
}

func newEventShowCmd(a *app) *cobra.Command {
	o := &eventShowOptions{}
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show an event: what came, what became of it, and why",
		Example: `  meshhook event show 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook event show 01890a5d-ac96-774b-bcce-b302099a8057 --body > payload.json
  meshhook event show 01890a5d-ac96-774b-bcce-b302099a8057 --curl | sh`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.body && o.curl {
				return usageError("--body and --curl contradict each other; leave one out")
			}
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			return runEventShow(cmd.Context(), a, o)
		},
	}
	cmd.Flags().BoolVar(&o.body, "body", false, "print the body and nothing else, byte for byte; on a terminal, what that would obey is shown as a code")
	cmd.Flags().BoolVar(&o.curl, "curl", false, "print a command that sends the request again, byte for byte")
	return cmd
}

func runEventShow(ctx context.Context, a *app, o *eventShowOptions) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, err := s.project.Event(ctx, o.id)
		switch {
		case err != nil:
			return err
		case o.curl:
			return a.printCurl(s, &e)
		case o.body:
			if e.BodyTruncated {
				a.warn("only %d of %d bytes of this event's body were kept", len(e.Body), e.BodySize)
			}
			return a.writeBody(e.Body)
		}
		return a.print(api.ViewEvent(e), func(w io.Writer) error { return writeEvent(a, w, e) })
	})
}

func (a *app) printCurl(s *session, e *meshhook.Event) error {
	line, notes := eventCurl(e, daemon.PublicURL(s.config))
	for _, note := range notes {
		a.warn("%s", note)
	}
	return a.print(line, func(w io.Writer) error {
		_, err := io.WriteString(w, line+"\n")
		return err
	})
}

func writeEvent(a *app, w io.Writer, e meshhook.Event) error {
	f := &fields{}
	f.add("id", e.ID)
	f.add("webhook", e.Webhook)
	f.add("status", state("event", e.Status))
	f.add("code", e.Code)
	f.add("reason", e.Reason)
	f.addFindings(e.Findings)
	f.add("received", e.ReceivedAt)
	f.add("from", e.RemoteAddr)
	request := e.Method + " " + e.Path
	if e.Query != "" {
		request += "?" + e.Query
	}
	f.add("request", request)
	if e.SecretID != nil {
		f.add("secret id", e.SecretID)
	}
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
