package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// runDecideOptions are what 'run approve' and 'run reject' were told.
type runDecideOptions struct {
	id       meshhook.ID
	step     string
	note     string
	approved bool
}

func newRunApproveCmd(a *app) *cobra.Command {
	return newRunDecideCmd(a, &runDecideOptions{approved: true}, "approve", "Say yes to an approval that a run waits for")
}

func newRunRejectCmd(a *app) *cobra.Command {
	return newRunDecideCmd(a, &runDecideOptions{}, "reject", "Say no to an approval that a run waits for")
}

func newRunDecideCmd(a *app, o *runDecideOptions, verb, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short,
		Example: "  meshhook run " + verb + " 01890a5d-ac96-774b-bcce-b302099a8057 --note 'asked the customer'\n" +
			"  meshhook run " + verb + " 01890a5d-ac96-774b-bcce-b302099a8057 --step 'each[3].signoff'",
		Args:              exactly("ID"),
		ValidArgsFunction: firstArg(a.names(awaitedRuns)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			if cmd.Flags().Changed("step") && o.step == "" {
				return usageError("--step is empty; leave it out where one step waits")
			}
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error { return a.decide(ctx, s, o) })
		},
	}
	cmd.Flags().StringVar(&o.step, "step", "", "the `step` that waits, where several do, like signoff or each[3].signoff")
	cmd.Flags().StringVar(&o.note, "note", "", "`text` of at most 1000 characters that is kept with the answer")
	completeFlag(cmd, "step", a.completeStep)
	return cmd
}

func (a *app) decide(ctx context.Context, s *session, o *runDecideOptions) error {
	run, err := s.project.Decide(ctx, o.id, o.step, o.approved, o.note)
	if err != nil {
		return err
	}
	word := "rejected"
	if o.approved {
		word = "approved"
	}
	a.note("step %s %s", decided(run.Steps), word)
	return a.printRun(ctx, s, run, false)
}

// decided is the step that was answered last.
func decided(steps []meshhook.Step) (id string) {
	var last *meshhook.Decision
	for i := range steps {
		if d := steps[i].Decision; d != nil && (last == nil || d.At.After(last.At)) {
			last, id = d, steps[i].ID
		}
	}
	return id
}

// completed bounds what is offered to a shell.
const completed = 100

// awaitedRuns lists the runs that wait for an answer.
func awaitedRuns(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) (names []string, err error) {
	list, err := project.Awaited(ctx, completed)
	var last meshhook.ID
	for _, w := range list {
		if w.RunID != last {
			names = append(names, w.RunID.String()+"\t"+w.Workflow)
		}
		last = w.RunID
	}
	return names, err
}

// completeStep completes the steps of the run that wait for an answer.
func (a *app) completeStep(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.names(func(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) (names []string, err error) {
		list, err := project.Awaited(ctx, completed)
		for _, w := range list {
			if len(args) > 0 && w.RunID.String() == args[0] {
				names = append(names, w.Step)
			}
		}
		return names, err
	})(cmd, args, typed)
}
