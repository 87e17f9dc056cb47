package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func newStatusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show who serves, and how the project fares",
		Long: `Show who serves, and how the project fares: daemons, rates, what waits and for how long, alerts
against what is promised of them, circuits, places of workflows with a concurrency, storage.`,
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
		more, err := s.project.StatusMore(ctx)
		if err != nil {
			return err
		}
		status.More = &more
		return a.print(status, func(w io.Writer) error { return writeStatus(a, w, s.config.Project, status) })
	})
}

// writeStatus writes the lines in an order that does not change, who serves first.
func writeStatus(a *app, w io.Writer, project string, status meshhook.Status) error {
	f := &fields{}
	f.add("project", project)
	if len(status.Daemons) == 0 {
		f.add("daemons", cell{"none; start one with 'meshhook daemon'", tail.Bad})
	}
	for _, d := range status.Daemons {
		f.add("daemon", fmt.Sprintf("%s, pid %d, %s, version %s, up %s", d.Host, d.PID, strings.Join(d.Roles, "+"), d.Version,
			time.Since(d.StartedAt).Round(time.Second)))
	}
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
	if status.More != nil {
		addWork(f, status.More)
	}
	addAlertHealth(f, status.Alerts)
	if status.More != nil {
		addLedger(f, status.More.Ledger)
	}
	for i := range status.Circuits {
		f.add("circuit", cell{circuitText(&status.Circuits[i], time.Now()), tail.Warn})
	}
	if status.More != nil {
		addStorage(f, status.More.Storage)
	}
	return a.writeFields(w, f)
}

// addWork says what is made, and what sleeps.
func addWork(f *fields, m *meshhook.StatusMore) {
	f.add("sleeping runs", m.Sleeping)
	for _, p := range m.Places {
		limit := "without a limit by now"
		if p.Limit > 0 {
			limit = fmt.Sprintf("at most %d for each key", p.Limit)
		}
		f.add("places", fmt.Sprintf("%s: %d taken, %d waiting, %s", p.Workflow, p.Taken, p.Waiting, limit))
	}
	f.add("events/s", rateText(m.Rates.Events))
	f.add("runs/s", rateText(m.Rates.Runs))
	f.add("alerts/s", rateText(m.Rates.Alerts))
}

// rateText is how many came in a second, over the last minute and the last hour.
func rateText(l meshhook.Lately) string {
	return fmt.Sprintf("%s last minute, %s last hour", perSecond(l.Minute, 60), perSecond(l.Hour, 3600))
}

// perSecond is a rate with three digits that count; whole from a hundred on.
func perSecond(n int64, seconds float64) string {
	rate := float64(n) / seconds
	if rate >= 100 {
		return strconv.FormatFloat(rate, 'f', 0, 64)
	}
	return strconv.FormatFloat(rate, 'g', 3, 64)
}

// addLedger says how what is promised of alerts was kept.
func addLedger(f *fields, r meshhook.AlertReport) {
	if share := shareText(r.All.Delivered); share.text != "" {
		f.add("delivered, 24h", cell{share.text + ", promised " + percent(r.Promised.Delivered) + " %", share.tone})
	}
	if d := r.All.Dispatch; d.P99 != nil {
		f.add("sent after", cell{fmt.Sprintf("p50 %s, p95 %s, p99 %s, promised %.0fms", msText(d.P50), msText(d.P95), msText(d.P99), r.Promised.DispatchMS), promised(d.P99).tone})
	}
}

func addStorage(f *fields, s meshhook.Storage) {
	size := meshhook.AboutSize[int64]
	f.add("storage", fmt.Sprintf("%s: events %s, runs %s, journal %s, alerts %s", size(s.Total), size(s.Events), size(s.Runs), size(s.Journal), size(s.Alerts)))
}

// writeFields writes lines that a terminal would break at its edge broken between words,
// below each other.
func (a *app) writeFields(w io.Writer, f *fields) error {
	const least = 60
	width := 0
	if a.Size != nil {
		width, _ = a.Size()
	}
	if !a.aligned() || width == 0 {
		return a.writeTable(w, &f.table)
	}
	return a.writeTable(w, f.wrapped(max(width, least)))
}

// wrapped is the table in so many columns of a terminal.
func (f *fields) wrapped(width int) *table {
	names := 0
	for _, row := range f.rows {
		names = max(names, cells(row[0].text))
	}
	t := &table{}
	for _, row := range f.rows {
		name := row[0]
		for _, line := range brokenAt(row[1].text, width-names-2) {
			t.rows = append(t.rows, []cell{name, {line, row[1].tone}})
			name = cell{text: " "}
		}
	}
	return t
}

// brokenAt breaks a text between words into lines of so many columns; a word that is
// longer stays whole.
func brokenAt(text string, width int) (lines []string) {
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
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
