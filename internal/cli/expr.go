package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// exprOptions are what 'expr' was told.
type exprOptions struct {
	source string
	event  string
	run    string
	file   string
}

func newExprCmd(a *app) *cobra.Command {
	o := &exprOptions{}
	cmd := &cobra.Command{
		Use: "expr EXPR", Short: "Try an expression or template on an event, a run or a file",
		Long: `Try an expression, or a template if there is {{ in it. It sees what one of these
tells; else null:

  --event  {event} of a logged event
  --run    {event, run, steps, secrets} of a run as it is recorded by now, as its
           steps see them; of secrets only the names, with masked values
  --file   the JSON in a file

Each result is one line of JSON.`,
		Example: `  meshhook expr '.event.body.repository.full_name' --event 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook expr '.steps.order.total > 0' --run 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook expr 'pushed by {{ .pusher.name }}' --file push.json
  curl -s https://example.com/orders.json | meshhook expr '.[] | select(.paid)' --file -`,
		Args: exactly("EXPR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source = args[0]
			return runExpr(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.event, "event", "", "`id` of a logged event")
	cmd.Flags().StringVar(&o.run, "run", "", "`id` of a run")
	cmd.Flags().StringVar(&o.file, "file", "", "`file` of JSON; - for standard input")
	return cmd
}

func runExpr(ctx context.Context, a *app, o *exprOptions) error {
	if err := o.check(a); err != nil {
		return err
	}
	evaluate, err := compile(o.source)
	if err != nil {
		return err
	}
	input, err := o.input(ctx, a)
	if err != nil {
		return err
	}
	results, err := evaluate(ctx, input)
	if err != nil {
		return err
	}
	encoder := jsonTo(a.Out)
	for _, result := range results {
		if err := encoder.Encode(result); err != nil {
			return err
		}
	}
	return nil
}

// check tells that at most one of the flags was given, and that none is empty: a
// variable of a shell that is not set would try the expression on null.
func (o *exprOptions) check(a *app) error {
	first := ""
	for _, name := range []string{"event", "run", "file"} {
		if !a.flags.Changed(name) {
			continue
		}
		if first != "" {
			return usageError("--%s and --%s contradict each other; leave one out", first, name)
		}
		if first = name; a.flags.Lookup(name).Value.String() == "" {
			return usageError("--%s is empty; say which", name)
		}
	}
	return nil
}

type evaluator func(ctx context.Context, input any) ([]any, error)

// compile makes an evaluator of an expression, or of a template.
func compile(source string) (evaluator, error) {
	if !strings.Contains(source, "{{") {
		program, err := expr.Compile(source)
		if err != nil {
			return nil, err
		}
		return program.All, nil
	}
	template, err := expr.ParseTemplate(source)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, input any) ([]any, error) {
		result, err := template.Render(ctx, input)
		return []any{result}, err
	}, nil
}

func (o *exprOptions) input(ctx context.Context, a *app) (input any, err error) {
	switch {
	case o.file != "":
		return a.readJSON(o.file)
	case o.event != "":
		return recorded(ctx, a, o.event, eventSeen)
	case o.run != "":
		return recorded(ctx, a, o.run, runSeen)
	default:
		return nil, nil
	}
}

// recorded reads what an expression sees of something in the database.
func recorded(ctx context.Context, a *app, text string, read func(context.Context, *session, meshhook.ID) (map[string]any, error)) (input any, err error) {
	id, err := parseID(text)
	if err != nil {
		return nil, err
	}
	err = a.inProject(ctx, func(ctx context.Context, s *session) (err error) {
		input, err = read(ctx, s, id)
		return err
	})
	return input, err
}

func eventSeen(ctx context.Context, s *session, id meshhook.ID) (map[string]any, error) {
	e, err := s.project.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	return map[string]any{"event": workflow.EventContext(&e)}, nil
}

// runSeen reads a run. Of the vault it has every name, since a step that used the
// expression would be given the secrets that this names.
func runSeen(ctx context.Context, s *session, id meshhook.ID) (map[string]any, error) {
	run, err := s.project.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	var event *meshhook.Event
	if run.EventID != nil {
		e, err := s.project.Event(ctx, *run.EventID)
		if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
			return nil, meshhook.Errorf(meshhook.CodeNotFound, "the event %s, which started the run, has expired", run.EventID)
		}
		if err != nil {
			return nil, err
		}
		event = &e
	}
	vault, err := s.project.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	secrets := make(map[string]any, len(vault))
	for _, secret := range vault {
		secrets[secret.Name] = meshhook.Mask
	}
	seen := workflow.RunContext(&run, event)
	seen["secrets"] = secrets
	return seen, nil
}

// readJSON reads one JSON value with every digit of its numbers.
func (a *app) readJSON(name string) (value any, err error) {
	text, err := a.readFile(name)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	switch err := decoder.Decode(&value); {
	case errors.Is(err, io.EOF):
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is empty; write a JSON value", name)
	case err != nil:
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is not JSON: %w", name, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s holds more than one JSON value", name)
	}
	return value, nil
}
