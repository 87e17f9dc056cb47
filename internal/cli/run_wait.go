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
		return a.printEnded(ctx, s, run, false)
	})
}

// printEnded prints a run that is over, and fails unless it succeeded.
func (a *app) printEnded(ctx context.Context, s *session, run meshhook.Run, full bool) error {
	if err := a.printRun(ctx, s, run, full); err != nil {
		return err
	}
	return ended(run)
}

// ended fails unless a run succeeded.
func ended(run meshhook.Run) error {
	if run.Status != meshhook.RunSucceeded {
		return errSaid
	}
	return nil
}

// lookEvery is the poll behind the journal's bell.
const lookEvery = time.Second

// awaitRun returns a run once it is over.
func awaitRun(ctx context.Context, project *postgres.Tenant, id meshhook.ID) (meshhook.Run, error) {
	return followRun(ctx, project, 0, func(ctx context.Context) (meshhook.Run, error) { return project.Run(ctx, id) })
}

// followRun looks at a run until it is over: when the journal's bell rings, at most
// once in rest, and every second.
func followRun(ctx context.Context, project *postgres.Tenant, rest time.Duration, look func(context.Context) (meshhook.Run, error)) (meshhook.Run, error) {
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
		run, err := look(ctx)
		if err != nil || run.Status.Ended() {
			return run, err
		}
		rested := time.After(rest)
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-bell:
		case <-ticker.C:
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-rested:
		}
	}
}
