package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// runWaitOptions are what 'run wait' was told.
type runWaitOptions struct {
	id      meshhook.ID
	timeout meshhook.Duration
}

func newRunWaitCmd(a *app) *cobra.Command {
	o := &runWaitOptions{}
	cmd := &cobra.Command{
		Use: "wait ID", Short: "Wait until a run has ended; exit with 1 unless it succeeded",
		Example: "  meshhook run wait 01890a5d-ac96-774b-bcce-b302099a8057 --timeout 1m",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.id, err = parseID(args[0]); err != nil {
				return err
			}
			return runRunWait(cmd.Context(), a, o)
		},
	}
	addDuration(cmd.Flags(), &o.timeout, "timeout", "give up after this `duration`; 0s waits for ever")
	return cmd
}

func runRunWait(ctx context.Context, a *app, o *runWaitOptions) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if o.timeout > 0 {
			limited, cancel := context.WithTimeout(ctx, o.timeout.Std())
			defer cancel()
			ctx = limited
		}
		run, err := awaitRun(ctx, s.project, o.id)
		if errors.Is(err, context.DeadlineExceeded) {
			return meshhook.Errorf(meshhook.CodeInternal, "run %s has not ended within %s; it goes on", o.id, o.timeout)
		}
		if err != nil {
			return err
		}
		return a.printEnded(run)
	})
}

// printEnded prints a run that is over, and fails unless it succeeded.
func (a *app) printEnded(run meshhook.Run) error {
	if err := a.printRun(run); err != nil {
		return err
	}
	if run.Status != meshhook.RunSucceeded {
		return errSaid
	}
	return nil
}

// lookEvery is the poll behind the journal's bell.
const lookEvery = time.Second

// awaitRun returns a run once it is over. It looks when the journal's bell rings,
// and every second.
func awaitRun(ctx context.Context, project *postgres.Tenant, id meshhook.ID) (meshhook.Run, error) {
	listening, stop := context.WithCancel(ctx)
	bell := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Without the bell the poll is left, which is enough.
		_ = project.Listen(listening, func() {
			select {
			case bell <- struct{}{}:
			default:
			}
		})
	}()
	defer func() {
		stop()
		<-done
	}()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		run, err := project.Run(ctx, id)
		if err != nil || run.Status.Ended() {
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-bell:
		case <-ticker.C:
		}
	}
}
