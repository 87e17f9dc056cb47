package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// alertRedeliverOptions are what 'alerts redeliver' was told.
type alertRedeliverOptions struct {
	ids       []meshhook.ID
	exhausted bool
	since     moment
	yes       bool
}

func newAlertRedeliverCmd(a *app) *cobra.Command {
	o := &alertRedeliverOptions{}
	cmd := &cobra.Command{
		Use: "redeliver ID… | --exhausted", Short: "Send messages again, with the same webhook-id",
		Long: `Send messages again that are over, as they were and with the same webhook-id: those
with the ids, or all that were given up. A recipient that has one already knows it by that.`,
		Example: "  meshhook alerts redeliver 01890a5d-ac96-774b-bcce-b302099a8057\n  meshhook alerts redeliver --exhausted --since 24h --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.read(args); err != nil {
				return err
			}
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error { return runAlertRedeliver(ctx, a, s, o) })
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.exhausted, "exhausted", false, "all that were given up, but for samples and those of disabled alerts")
	addMoment(flags, &o.since, "since", "with --exhausted, only those that were made since then")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

func (o *alertRedeliverOptions) read(args []string) error {
	switch {
	case o.exhausted == (len(args) > 0):
		return usageError("say what to send again: the ids of deliveries, or --exhausted, and not both")
	case !o.exhausted && o.since.text != "":
		return usageError("--since goes with --exhausted")
	}
	for _, text := range args {
		id, err := parseID(text)
		if err != nil {
			return err
		}
		o.ids = append(o.ids, id)
	}
	return nil
}

// redelivered is the answer of 'alerts redeliver'.
type redelivered struct {
	Redelivered int `json:"redelivered"`
}

func runAlertRedeliver(ctx context.Context, a *app, s *session, o *alertRedeliverOptions) error {
	did := redelivered{}
	for _, id := range o.ids {
		if err := s.project.Redeliver(ctx, id); err != nil {
			if did.Redelivered > 0 {
				a.note("%s before this one will be sent again", countedDeliveries(int64(did.Redelivered)))
			}
			return err
		}
		did.Redelivered++
	}
	if o.exhausted {
		all, _, err := s.project.AlertStats(ctx, o.since.at)
		if err != nil {
			return err
		}
		if sure, err := a.sureToRedeliver(ctx, o, all.Counts[meshhook.DeliveryExhausted]); err != nil || !sure {
			return err
		}
		if did.Redelivered, err = s.project.RedeliverExhausted(ctx, o.since.at); err != nil {
			return err
		}
	}
	a.note("%s will be sent again", countedDeliveries(int64(did.Redelivered)))
	return a.printForMachine(did)
}

func (a *app) sureToRedeliver(ctx context.Context, o *alertRedeliverOptions, count int64) (bool, error) {
	if o.yes || count == 0 {
		return true, nil
	}
	sure, err := a.confirm(ctx, "Send up to "+countedDeliveries(count)+" again?")
	if err == nil && !sure {
		a.note("nothing was sent")
		err = errSaid
	}
	return sure, err
}

func countedDeliveries(n int64) string {
	if n == 1 {
		return "1 delivery"
	}
	return counted(n, "deliverie")
}
