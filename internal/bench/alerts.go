package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// failing is a workflow whose runs all fail.
const failing = `
name: failing
steps:
  - id: summary
    transform: "{repo: .event.body.repository.full_name}"
  - id: end
    terminate: { status: failed, message: "it fails" }
`

// told is a receiver of alerts: it notes when the first message about each run arrives.
type told struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (m *told) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	run := r.Header.Get("X-Run")
	_, _ = io.Copy(io.Discard, r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, again := m.at[run]; !again {
		m.at[run] = now
	}
}

// measureAlerts takes the time from the commit of a failure to its alert, and what
// alerts cost the engine.
func measureAlerts(ctx context.Context, o options, s *server, sink string, out io.Writer) error {
	h, err := newHouse(ctx, s.DSN(), "alerts", sink)
	if err != nil {
		return err
	}
	defer h.pool.Close()
	receiver := &told{at: map[string]time.Time{}}
	server := httptest.NewServer(receiver)
	defer server.Close()
	if err := h.tell(ctx, server.URL, meshhook.OnFailed); err != nil {
		return err
	}
	if err := measureDispatch(ctx, o, h, receiver, out); err != nil {
		return err
	}
	return measureCost(ctx, o, h, server.URL, out)
}

// tell makes the house's only alert; without conditions there is none.
func (h *house) tell(ctx context.Context, url string, on ...meshhook.Condition) (err error) {
	db, err := openDatabase(ctx, h.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	project, err := db.Project(ctx, meshhook.DefaultProject)
	if err != nil {
		return err
	}
	if _, err := h.pool.Exec(ctx, `DELETE FROM alert_configs`); err != nil || len(on) == 0 {
		return err
	}
	if err := furnishOne(ctx, project, "failing", failing, endpoints()[uncheckedPath]); err != nil && meshhook.ErrorCode(err) != meshhook.CodeConflict {
		return err
	}
	a := alert.WithDefaults(meshhook.Alert{
		ID: meshhook.NewID(), On: on, URL: url, Headers: map[string]string{"X-Run": "{{ .run.id }}"}, Enabled: true,
	})
	_, err = project.CreateAlert(ctx, a, alert.NewSecret(a.Signing))
	return err
}

// warming is how long runs fail before it counts: a daemon that has just started
// prepares its statements on each connection.
const warming = 2 * time.Second

// measureDispatch has 100 runs a second fail.
func measureDispatch(ctx context.Context, o options, h *house, receiver *told, out io.Writer) (err error) {
	child, err := start(ctx, "-serve", "daemon", "-dsn", h.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: o.connections}}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	var posts errgroup.Group
	from := time.Now().Add(warming)
	for range int((warming + o.seconds) / (10 * time.Millisecond)) {
		<-ticker.C
		posts.Go(func() error {
			return post(ctx, client, "http://"+child.address+"/hooks/failing", meshhook.NewID().String(), nil)
		})
	}
	if err := errors.Join(posts.Wait(), h.idle(ctx)); err != nil {
		return err
	}
	left, arrived := &sample{}, &sample{}
	rows, err := h.pool.Query(ctx, `
		SELECT j.run_id::text, pg_xact_commit_timestamp(j.xact::xid), d.sent_at
		  FROM journal j JOIN deliveries d ON d.run_id = j.run_id WHERE j.kind = 'run.failed' AND j.at >= $1`, from)
	if err != nil {
		return err
	}
	var run string
	var commit, sent time.Time
	_, err = pgx.ForEachRow(rows, []any{&run, &commit, &sent}, func() error {
		left.add([]time.Duration{sent.Sub(commit)})
		if at, came := receiver.at[run]; came {
			arrived.add([]time.Duration{at.Sub(commit)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "failure to attempt  %8d alerts     p50 %-8s p99 %s  at 100 failing runs/s\n", len(left.took), left.at(0.50), left.at(0.99))
	fmt.Fprintf(out, "failure to arrival  %8d alerts     p50 %-8s p99 %s  at 100 failing runs/s\n", len(arrived.took), arrived.at(0.50), arrived.at(0.99))
	return nil
}

// measureCost drains runs in turns: with no alert, with one that none of them is told
// to, and with one that all are.
func measureCost(ctx context.Context, o options, h *house, url string, out io.Writer) error {
	ways := []struct {
		name  string
		on    []meshhook.Condition
		rates []float64
	}{{name: "without alerts"}, {name: "an alert on failed", on: []meshhook.Condition{meshhook.OnFailed}}, {name: "an alert on each", on: []meshhook.Condition{meshhook.OnSucceeded}}}
	for range drains {
		for i := range ways {
			if err := h.tell(ctx, url, ways[i].on...); err != nil {
				return err
			}
			if err := h.queue(ctx, o, int(backlog*o.seconds.Seconds())/2); err != nil {
				return err
			}
			if err := h.drain(ctx, o.profile); err != nil {
				return err
			}
			ways[i].rates = append(ways[i].rates, h.rates[len(h.rates)-1])
		}
	}
	middle := func(rates []float64) float64 {
		slices.Sort(rates)
		return rates[len(rates)/2]
	}
	none := middle(ways[0].rates)
	for _, way := range ways {
		rate := middle(way.rates)
		fmt.Fprintf(out, "  %-18s%8.0f runs/s     %.0f %% of that without alerts\n", way.name, rate, 100*rate/none)
	}
	return nil
}
