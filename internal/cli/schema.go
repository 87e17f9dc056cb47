package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/tail"
)

func newSchemaCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "schema", Aliases: []string{"schemas"}, Short: "Try a JSON Schema, or have one proposed",
			Example: "  meshhook schema infer --webhook orders > orders.json\n  meshhook schema check -f orders.json --body payload.json",
		},
		newSchemaCheckCmd(a), newSchemaInferCmd(a),
	)
}

// schemaCheckOptions are what 'schema check' was told.
type schemaCheckOptions struct {
	file  string
	body  string
	event string
}

func newSchemaCheckCmd(a *app) *cobra.Command {
	o := &schemaCheckOptions{}
	cmd := &cobra.Command{
		Use: "check -f SCHEMA [--body FILE | --event ID]", Short: "Check a JSON Schema, and a payload against it",
		Long: `Check a JSON Schema as 'webhook create --schema' does, and say by which draft it is
read and which engine judges payloads, and why. With --body or --event, check that
payload, too, as the webhook would. The exit code is 1 when either is not valid.`,
		Example: `  meshhook schema check -f orders.json
  meshhook schema check -f orders.json --body payload.json
  meshhook schema check -f orders.json --event 01890a5d-ac96-774b-bcce-b302099a8057`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runSchemaCheck(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "`file` of the JSON Schema; - for standard input")
	cmd.Flags().StringVar(&o.body, "body", "", "`file` of a payload in JSON; - for standard input")
	cmd.Flags().StringVar(&o.event, "event", "", "`id` of a logged event, whose body is the payload")
	return cmd
}

// schemaView is what 'schema check' found out.
type schemaView struct {
	Draft  string `json:"draft"`
	Engine string `json:"engine"`
	Why    string `json:"why"`
	// Valid is not there when no payload was named.
	Valid    *bool              `json:"valid,omitempty"`
	Problems []meshhook.Problem `json:"problems,omitempty"`
}

func runSchemaCheck(ctx context.Context, a *app, o *schemaCheckOptions) error {
	switch {
	case o.file == "":
		return usageError("the schema is missing; name it with -f SCHEMA, or -f - for standard input")
	case o.body != "" && o.event != "":
		return usageError("--body and --event contradict each other; leave one out")
	case o.body == "-" && o.file == "-":
		return usageError("schema and payload cannot both come from standard input; write one into a file")
	}
	c, err := a.loadConfig()
	if err != nil {
		return err
	}
	text, err := a.readFile(o.file)
	if err != nil {
		return err
	}
	compiled, err := schema.Compile(text, daemon.SchemaOptions(c, func(detail string) { a.warn("%s", detail) }))
	if err != nil {
		return err
	}
	view := schemaView{Draft: compiled.Draft(), Engine: compiled.Engine(), Why: compiled.Why()}
	if o.body != "" || o.event != "" {
		payload, err := o.payload(ctx, a)
		if err != nil {
			return err
		}
		view.Problems = compiled.Validate(payload) //nolint:contextcheck // it counts its steps, and needs no deadline
		valid := len(view.Problems) == 0
		view.Valid = &valid
	}
	return a.printSchemaView(view)
}

// payload reads the payload that the user named.
func (o *schemaCheckOptions) payload(ctx context.Context, a *app) (any, error) {
	if o.body != "" {
		text, err := a.readFile(o.body)
		if err != nil {
			return nil, err
		}
		payload, err := content.Decode(text)
		if err != nil {
			return nil, meshhook.Errorf(meshhook.CodeMalformedPayload, "%s is %w", o.body, err)
		}
		return payload, nil
	}
	id, err := parseID(o.event)
	if err != nil {
		return nil, err
	}
	var e meshhook.Event
	err = a.inProject(ctx, func(ctx context.Context, s *session) (err error) {
		e, err = s.project.Event(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	body, err := content.Read(e.ContentType, e.Body)
	switch {
	case e.BodyTruncated:
		return nil, meshhook.Errorf(meshhook.CodeConflict, "only %d of %d bytes of this event's body were kept, so it cannot be checked", len(e.Body), e.BodySize)
	case err != nil:
		return nil, err
	case body.Kind != content.Data:
		return nil, meshhook.Errorf(meshhook.CodeUnsupportedMediaType, "the body of event %s is neither JSON nor a form, so that no schema can be about it", e.ID)
	}
	return body.Data, nil
}

// printSchemaView ends with an error when the payload is not valid.
func (a *app) printSchemaView(view schemaView) error {
	err := printFields(a, view, func(f *fields) {
		f.add("draft", view.Draft)
		f.add("engine", view.Engine)
		f.add("why", view.Why)
		if view.Valid != nil {
			f.add("payload", map[bool]string{true: "valid", false: "not valid"}[*view.Valid])
		}
		for _, p := range view.Problems {
			where := p.Path
			if where == "" {
				where = "the payload"
			}
			f.add("problem", tail.Clean(where+" "+p.Message))
		}
	})
	if err == nil && len(view.Problems) > 0 {
		return errSaid
	}
	return err
}

// The events that 'schema infer' looks at when nothing else was said, and how many
// bytes of bodies at most.
const (
	defaultInferSince = 24 * time.Hour
	defaultInferLimit = 200
	maxInferBytes     = 64 << 20
)

// schemaInferOptions are what 'schema infer' was told.
type schemaInferOptions struct {
	webhook string
	since   meshhook.Duration
	limit   int
}

func newSchemaInferCmd(a *app) *cobra.Command {
	o := &schemaInferOptions{since: meshhook.Duration(defaultInferSince)}
	cmd := &cobra.Command{
		Use: "infer --webhook PATH", Short: "Propose a JSON Schema from logged events",
		Long: `Propose a JSON Schema (2020-12) from the bodies of accepted events, which all satisfy
it: types, what is always there, the few words that a string is chosen from, and
date-time where every string is one. Read it before you use it: what has not
happened yet is not in it.`,
		Example: `  meshhook schema infer --webhook orders > orders.json
  meshhook webhook update orders --schema orders.json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runSchemaInfer(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVar(&o.webhook, "webhook", "", "`path` of the webhook")
	completeFlag(cmd, "webhook", a.names(webhookNames))
	addDuration(cmd.Flags(), &o.since, "since", "only events of the last `duration`, like 1h")
	cmd.Flags().IntVar(&o.limit, "limit", defaultInferLimit, "`number` of events at most, 1 to 1000")
	return cmd
}

func runSchemaInfer(ctx context.Context, a *app, o *schemaInferOptions) error {
	if o.webhook == "" {
		return usageError("the webhook is missing; name it with --webhook PATH")
	}
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	var payloads []any
	err := a.inProject(ctx, func(ctx context.Context, s *session) (err error) {
		if _, _, err = s.project.Endpoint(ctx, o.webhook); err != nil {
			return err
		}
		payloads, err = o.payloads(ctx, a, s)
		return err
	})
	if err != nil {
		return err
	}
	if len(payloads) == 0 {
		return meshhook.Errorf(meshhook.CodeNotFound, "%s has accepted no JSON and no form in the last %s; send some, or look back further with --since", o.webhook, o.since)
	}
	a.note("from %s; look through it before you use it", counted(int64(len(payloads)), "event"))
	_, err = fmt.Fprintln(a.Out, string(schema.Infer(payloads)))
	return err
}

// payloads are the bodies of accepted events, newest first, as a schema sees them.
func (o *schemaInferOptions) payloads(ctx context.Context, a *app, s *session) (payloads []any, err error) {
	events, err := s.project.Events(ctx, meshhook.EventFilter{
		Webhook: o.webhook, Status: meshhook.EventAccepted, Since: ago(o.since), Limit: o.limit,
	})
	if err != nil {
		return nil, err
	}
	bytes := 0
	for i := range events {
		e, err := s.project.Event(ctx, events[i].ID)
		if err != nil {
			return nil, err
		}
		if bytes += len(e.Body); bytes > maxInferBytes {
			a.note("the bodies are large; only the newest %d events are looked at", i)
			break
		}
		if body, err := content.Read(e.ContentType, e.Body); err == nil && body.Kind == content.Data {
			payloads = append(payloads, body.Data)
		}
	}
	return payloads, nil
}
