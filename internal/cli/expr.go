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
	file   string
}

func newExprCmd(a *app) *cobra.Command {
	o := &exprOptions{}
	cmd := &cobra.Command{
		Use: "expr EXPR", Short: "Try an expression or template on an event or a file",
		Long: `Try an expression, or a template if there is {{ in it. With --event it sees the
context {event: …} of a logged event; with --file, the JSON in the file; else null.
Each result is one line of JSON.`,
		Example: `  meshhook expr '.event.body.repository.full_name' --event 01890a5d-ac96-774b-bcce-b302099a8057
  meshhook expr 'pushed by {{ .pusher.name }}' --file push.json
  curl -s https://example.com/orders.json | meshhook expr '.[] | select(.paid)' --file -`,
		Args: exactly("EXPR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.source = args[0]
			return runExpr(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.event, "event", "", "`id` of a logged event")
	cmd.Flags().StringVar(&o.file, "file", "", "`file` of JSON; - for standard input")
	return cmd
}

func runExpr(ctx context.Context, a *app, o *exprOptions) error {
	if o.event != "" && o.file != "" {
		return usageError("--event and --file contradict each other; leave one out")
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
	encoder := json.NewEncoder(a.Out)
	encoder.SetEscapeHTML(false)
	for _, result := range results {
		if err := encoder.Encode(result); err != nil {
			return err
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
		id, err := parseID(o.event)
		if err != nil {
			return nil, err
		}
		err = a.inProject(ctx, func(ctx context.Context, s *session) error {
			e, err := s.project.Event(ctx, id)
			input = map[string]any{"event": workflow.EventContext(&e)}
			return err
		})
		return input, err
	default:
		return nil, nil
	}
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
