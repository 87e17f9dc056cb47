package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func newAlertStatsCmd(a *app) *cobra.Command {
	var since moment
	cmd := &cobra.Command{
		Use: "stats [NAME|ID]", Short: "Show how surely and how fast messages are delivered",
		Long: `Show how surely and how fast messages are delivered, of each alert and of all together:
the share that is delivered, against the promised 99.99 %, and how long it took from the
commit of what they tell of until they left, against the promised 500 ms, and until they
were taken. Messages that wait for quiet hours wait here, too; samples do not count.`,
		Example: "  meshhook alerts stats --since 168h\n  meshhook alerts stats orders-failed",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: firstArg(a.names(alertNames)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if since.at.IsZero() {
				since.at = time.Now().Add(-24 * time.Hour)
			}
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error { return runAlertStats(ctx, a, s, args, since.at) })
		},
	}
	addMoment(cmd.Flags(), &since, "since", "count what was made since then, 24h when left out")
	return cmd
}

// runAlertStats shows one alert, or all where args names none.
func runAlertStats(ctx context.Context, a *app, s *session, args []string, since time.Time) error {
	var id *meshhook.ID
	if len(args) > 0 {
		one, err := s.project.AlertID(ctx, args[0])
		if err != nil {
			return err
		}
		if _, err := s.project.Alert(ctx, one); err != nil {
			return err
		}
		id = &one
	}
	all, each, err := s.project.AlertStats(ctx, since)
	if err != nil {
		return err
	}
	report := meshhook.ReportAlerts(since, all, each, id)
	return a.print(report, func(w io.Writer) error {
		t := &table{columns: []string{
			"alert", "delivered", "pending", "exhausted", "discarded", "attempts", "again", "share", "left after p50", "p95", "p99", "taken after p50", "p95", "p99",
		}}
		for _, s := range append(report.Alerts, report.All) {
			name := "(all)"
			if s.AlertID != nil {
				name = cmp.Or(s.Alert, s.AlertID.String())
			}
			t.add(name, s.Counts[meshhook.DeliveryDelivered], s.Counts[meshhook.DeliveryPending], s.Counts[meshhook.DeliveryExhausted],
				s.Counts[meshhook.DeliveryDiscarded], s.Attempts, s.Again, shareText(s.Delivered),
				msText(s.Dispatch.P50), msText(s.Dispatch.P95), promised(s.Dispatch.P99), msText(s.Delivery.P50), msText(s.Delivery.P95), msText(s.Delivery.P99))
		}
		a.note("promised: %s %% delivered, 99 of 100 left after at most %d ms", percent(meshhook.PromisedDelivered), meshhook.PromisedDispatchMS)
		return a.writeTable(w, t)
	})
}

// percent is a share in per cent, to the hundredth of one: never rounded up to all.
func percent(share float64) string {
	return strconv.FormatFloat(float64(int64(share*10000+1e-6))/100, 'f', -1, 64)
}

func shareText(share *float64) cell {
	if share == nil {
		return cell{}
	}
	c := cell{percent(*share) + " %", tail.Good}
	if *share < meshhook.PromisedDelivered {
		c.tone = tail.Bad
	}
	return c
}

// msText is a latency in milliseconds; from ten seconds on, where they are noise, a duration.
func msText(ms *float64) string {
	switch {
	case ms == nil:
		return ""
	case *ms >= 10_000:
		return (time.Duration(*ms/1000) * time.Second).String()
	}
	return fmt.Sprintf("%.0fms", *ms)
}

// promised is a latency that is to be kept.
func promised(ms *float64) cell {
	c := cell{msText(ms), tail.Good}
	if ms != nil && *ms > meshhook.PromisedDispatchMS {
		c.tone = tail.Bad
	}
	return c
}
