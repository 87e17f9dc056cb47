package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func newStatusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show who serves, and how the project fares",
		Example: "  meshhook status\n  meshhook --project shop status -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), a) },
	}
}

func runStatus(ctx context.Context, a *app) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		status, err := s.project.Status(ctx)
		if err != nil {
			return err
		}
		if status.Daemons == nil {
			status.Daemons = []meshhook.Daemon{}
		}
		if status.Circuits == nil {
			status.Circuits = []meshhook.Circuit{}
		}
		return a.print(status, func(w io.Writer) error { return writeStatus(a, w, s.config.Project, status) })
	})
}

func writeStatus(a *app, w io.Writer, project string, status meshhook.Status) error {
	f := &fields{}
	f.add("project", project)
	f.add("webhooks", status.Webhooks)
	f.add("workflows", status.Workflows)
	f.add("events, 24h", countsText(meshhook.EventStatuses(), status.Events))
	f.add("runs, 24h", countsText(meshhook.RunStatuses(), status.Runs))
	ready := fmt.Sprint(status.Ready)
	if status.OldestQueued != nil {
		ready += ", the oldest for " + time.Since(*status.OldestQueued).Round(time.Second).String()
	}
	f.add("ready runs", ready)
	if status.Blocked > 0 {
		f.add("blocked runs", fmt.Sprintf("%d wait for a place of their workflow's concurrency", status.Blocked))
	}
	if len(status.Daemons) == 0 {
		f.add("daemons", "none; start one with 'meshhook daemon'")
	}
	for _, d := range status.Daemons {
		f.add("daemon", fmt.Sprintf("%s, pid %d, %s, version %s, up %s", d.Host, d.PID, strings.Join(d.Roles, "+"), d.Version,
			time.Since(d.StartedAt).Round(time.Second)))
	}
	addAlertHealth(f, status.Alerts)
	for i := range status.Circuits {
		f.add("circuit", circuitText(&status.Circuits[i], time.Now()))
	}
	return a.writeTable(w, &f.table)
}

// addAlertHealth says how alerts fare, of those who have any.
func addAlertHealth(f *fields, h meshhook.AlertHealth) {
	text := countsText(meshhook.DeliveryStatuses(), h.Deliveries)
	if h.OldestDue != nil {
		text += ", the oldest due for " + max(time.Since(*h.OldestDue), 0).Round(time.Second).String()
	}
	f.add("alerts, 24h", text)
	if h.Unheard > 0 {
		f.add("alerts about alerts", cell{fmt.Sprintf("%d could not be delivered; see 'meshhook alerts deliveries --status exhausted'", h.Unheard), tail.Bad})
	}
}

// circuitText says how a circuit that is not closed stands.
func circuitText(c *meshhook.Circuit, now time.Time) string {
	state, next := "open", "tried again by the next call"
	switch wait := c.RetryAt.Sub(now).Round(time.Second); {
	case c.State == meshhook.CircuitHalfOpen:
		state, next = "half open", "one call is trying it again"
	case wait > 0:
		next = "tried again in " + wait.String()
	}
	return fmt.Sprintf("%s %s, %d failures (%s), %s", c.Host, state, c.Failures, c.Reason, next)
}

// countsText says how many things are in each state, in the order of states.
func countsText[S ~string](states []S, counts map[S]int64) string {
	var parts []string
	for _, s := range states {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], string(s)))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
