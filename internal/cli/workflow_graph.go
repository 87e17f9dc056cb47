package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// workflowGraphOptions are what 'workflow graph' was told.
type workflowGraphOptions struct {
	workflow     string
	file         string
	version      int
	dot, mermaid bool
}

func newWorkflowGraphCmd(a *app) *cobra.Command {
	o := &workflowGraphOptions{}
	cmd := &cobra.Command{
		Use: "graph NAME|ID | -f FILE", Short: "Draw a workflow: what comes after what",
		Long: `Draw a workflow: what comes after what. Steps that stand side by side hang on one line; the arrow ← names
what a step needs, where that is not the single step above it. --dot writes it for Graphviz, --mermaid for Markdown.`,
		Example: `  meshhook workflow graph github-to-chat
  meshhook workflow graph -f workflow.yaml --dot | dot -Tsvg > workflow.svg
  meshhook workflow graph github-to-chat --version 1 --mermaid`,
		ValidArgsFunction: firstArg(a.names(workflowNames)),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWorkflowGraph(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "`file` in YAML or JSON, instead of a stored workflow; - for standard input")
	cmd.Flags().BoolVar(&o.dot, "dot", false, "write DOT, the language of Graphviz")
	cmd.Flags().BoolVar(&o.mermaid, "mermaid", false, "write a flowchart of Mermaid")
	addVersion(cmd, &o.version)
	cmd.Args = o.args
	return cmd
}

// args takes the workflow's name where no file is given.
func (o *workflowGraphOptions) args(cmd *cobra.Command, args []string) error {
	if o.file == "" {
		if err := exactly("NAME|ID")(cmd, args); err != nil {
			return err
		}
		o.workflow = args[0]
		return nil
	}
	if len(args) > 0 || cmd.Flags().Changed("version") {
		return usageError("-f draws a file; a stored workflow and --version go without it")
	}
	return nil
}

// form is how the drawing is written.
func (o *workflowGraphOptions) form(a *app) (write func(g *graphView) string, err error) {
	machine := a.output == "json" || a.output == "yaml"
	switch {
	case o.dot && o.mermaid, machine && (o.dot || o.mermaid):
		return nil, usageError("use one of --dot, --mermaid and -o %s", orList([]string{"json", "yaml"}))
	case o.dot:
		return dotGraph, nil
	case o.mermaid:
		return mermaidGraph, nil
	default:
		return textGraph, nil
	}
}

func runWorkflowGraph(ctx context.Context, a *app, o *workflowGraphOptions) error {
	if err := checkVersion(a, o.version); err != nil {
		return err
	}
	write, err := o.form(a)
	if err != nil {
		return err
	}
	var view *graphView
	if o.file != "" {
		view, err = a.graphOfFile(o.file)
	} else {
		view, err = a.graphOfVersion(ctx, o)
	}
	if err != nil {
		return err
	}
	return a.print(view, func(out io.Writer) error {
		_, err := io.WriteString(out, write(view))
		return err
	})
}

func (a *app) graphOfFile(name string) (*graphView, error) {
	documents, err := a.readWorkflows([]string{name})
	if err != nil {
		return nil, err
	}
	if len(documents) > 1 {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s holds %d workflows; one is drawn at a time", name, len(documents))
	}
	return newGraphView(documents[0].Definition, 0), nil
}

func (a *app) graphOfVersion(ctx context.Context, o *workflowGraphOptions) (view *graphView, err error) {
	err = a.inProject(ctx, func(ctx context.Context, s *session) error {
		w, err := s.project.Workflow(ctx, o.workflow)
		if err != nil {
			return err
		}
		v, err := s.project.Version(ctx, w.ID.String(), o.version)
		if err != nil {
			return err
		}
		d, err := workflow.Parse(w.Name, []byte(v.Source))
		if err != nil {
			return err
		}
		view = newGraphView(d, v.Number)
		return nil
	})
	return view, err
}

// graphView is a workflow as it is drawn.
type graphView struct {
	Workflow string `json:"workflow"`
	// Version is 0 for a file.
	Version int `json:"version,omitempty"`
	graphBlock

	count int // of steps, nested ones included
}

// graphBlock is a list of steps as it is drawn.
type graphBlock struct {
	Label string      `json:"label,omitempty"`
	Steps []graphStep `json:"steps"`
}

// graphStep is a step as it is drawn.
type graphStep struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Layer counts from 0: below all that the step needs.
	Layer           int               `json:"layer"`
	Needs           []string          `json:"needs"`
	If              string            `json:"if,omitempty"`
	Timeout         meshhook.Duration `json:"timeout,omitzero"`
	ContinueOnError bool              `json:"continue_on_error,omitempty"`
	Blocks          []graphBlock      `json:"blocks,omitempty"`
}

func newGraphView(d *workflow.Definition, version int) *graphView {
	view := &graphView{Workflow: d.Name, Version: version}
	view.graphBlock = view.block(&d.Block)
	return view
}

// block takes up the steps, layer by layer.
func (g *graphView) block(b *workflow.Block) graphBlock {
	view := graphBlock{Label: b.Label}
	for i, layer := range b.Layers() {
		for _, s := range layer {
			g.count++
			step := graphStep{
				ID: s.ID, Kind: s.Kind, Layer: i, Needs: append([]string{}, s.Needs...),
				If: s.If, Timeout: meshhook.Duration(s.Timeout), ContinueOnError: s.ContinueOnError,
			}
			for k := range s.Blocks {
				step.Blocks = append(step.Blocks, g.block(&s.Blocks[k]))
			}
			view.Steps = append(view.Steps, step)
		}
	}
	return view
}

// title says what a block's steps are done for: an arm's condition, or a foreach's
// items.
func (s *graphStep) title(b *graphBlock) string {
	switch {
	case s.Kind == workflow.KindForeach:
		return "for each of " + b.Label
	case b.Label == "else":
		return "else"
	default:
		return "when " + b.Label
	}
}
