package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// few is the history beside which the rate of runs is measured first: what a house
// has after its first days.
const few = 10_000

// backlog is how many runs are drained for each second of a measurement: about what
// the product aims at.
const backlog = 1000

// drains is how often the runs of each history are measured, in turns.
const drains = 3

// measureEngine measures how soon runs start and how many are driven, beside a small
// history and a large one.
func measureEngine(ctx context.Context, o options, s *server, inserts *sample, sink string, arrivals *arrivals, out io.Writer) error {
	calls, err := measureCalls(ctx, o, sink)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bare call           %8.0f calls/s    p50 %-8s p99 %s\n", calls.rate(), calls.at(0.50), calls.at(0.99))
	// Each history has a database of its own, so that the two can take turns.
	young, err := newHouse(ctx, s.DSN(), "young", sink)
	if err != nil {
		return err
	}
	defer young.pool.Close()
	if err := measureCall(ctx, o, young, arrivals, out); err != nil {
		return err
	}
	old, err := newHouse(ctx, s.DSN(), "old", sink)
	if err != nil {
		return err
	}
	defer old.pool.Close()
	if err := errors.Join(young.store(ctx, few), old.store(ctx, o.stored), s.settle(ctx)); err != nil {
		return err
	}
	houses := []*house{young, old}
	for range drains {
		for _, h := range houses {
			h.pool.Reset() // the server may have been another before
			if err := h.queue(ctx, o, int(backlog*o.seconds.Seconds())/2); err != nil {
				return err
			}
			if err := h.drain(ctx, o.profile); err != nil {
				return err
			}
		}
		slices.Reverse(houses)
	}
	fmt.Fprintf(out, "three-step runs     %8.0f runs/s     %.1f %% of bare call, %.0f %% of bare INSERT; a run is %.2f transactions and %.1f KB of WAL\n",
		young.rate(), 100*young.rate()/calls.rate(), 100*young.rate()/inserts.rate(), young.perRun(young.commits), young.perRun(young.wal)/1e3)
	fmt.Fprintf(out, "  %8d stored   %8.0f runs/s     %.0f %% of that with %d stored\n", o.stored, old.rate(), 100*old.rate()/young.rate(), few)
	return nil
}

// measureCalls calls the sink as a run does, from as many clients as there are
// connections: the most that an engine could send on this machine.
func measureCalls(ctx context.Context, o options, sink string) (*sample, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: o.connections}}
	defer client.CloseIdleConnections()
	const call = `{"delivery":"01890a5d-ac96-774b-bcce-b302099a8057","repo":"octocat/hello-world"}`
	s := &sample{begin: time.Now()}
	until := s.begin.Add(o.seconds / 2)
	var group errgroup.Group
	for range o.connections {
		group.Go(func() error {
			var took []time.Duration
			defer func() { s.add(took) }()
			for begin := time.Now(); begin.Before(until); begin = time.Now() {
				if err := callOnce(ctx, client, sink, call); err != nil {
					return err
				}
				took = append(took, time.Since(begin))
			}
			return nil
		})
	}
	err := group.Wait()
	s.end = time.Now()
	return s, err
}

func callOnce(ctx context.Context, client *http.Client, sink, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, sink, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close())
}

// house is a database with webhooks, and what was measured of its runs.
type house struct {
	dsn  string
	pool *pgxpool.Pool

	// rates are those of each drain, in runs a second.
	rates []float64
	// runs were driven in all, and cost so many transactions and bytes of WAL.
	runs, commits, wal int64
}

// newHouse makes a database on the server of dsn and furnishes it.
func newHouse(ctx context.Context, dsn, name, sink string) (*house, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return nil, err
	}
	h := &house{dsn: dsn + " dbname=" + name} // the last of two counts
	if err := furnish(ctx, h.dsn, sink); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(h.dsn)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["meshhook.system"] = "on" // it looks at all rows
	h.pool, err = pgxpool.NewWithConfig(ctx, config)
	return h, err
}

// rate is the median of the drains: a disk that stalls once tells nothing of runs.
func (h *house) rate() float64 {
	slices.Sort(h.rates)
	return h.rates[len(h.rates)/2]
}

func (h *house) perRun(n int64) float64 { return float64(n) / float64(h.runs) }

// queue has ingress alone take that many requests, each of which queues a run.
func (h *house) queue(ctx context.Context, o options, count int) (err error) {
	headers, err := signedHeaders()
	if err != nil {
		return err
	}
	child, err := start(ctx, "-serve", "daemon-ingress", "-dsn", h.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	// A paced load sends all that was due, however long that takes.
	s, err := load(ctx, child.address, newRequest("/hooks/calling", headers, body()), o.connections, time.Second, float64(count))
	if err == nil && len(s.took) < count {
		return fmt.Errorf("%w: %d of %d", errNotAcknowledged, count-len(s.took), count)
	}
	return err
}

// drain starts a daemon that drives the queued runs, and adds them up once all have
// ended.
func (h *house) drain(ctx context.Context, profile string) error {
	args := []string{"-serve", "daemon-worker", "-dsn", h.dsn}
	if profile != "" {
		args = append(args, "-profile", profile+".runs")
	}
	var commits, wal int64
	const counters = `SELECT xact_commit, (pg_current_wal_lsn() - '0/0')::bigint FROM pg_stat_database WHERE datname = current_database()`
	if err := h.pool.QueryRow(ctx, counters).Scan(&commits, &wal); err != nil {
		return err
	}
	begin := time.Now()
	child, err := start(ctx, args...)
	if err != nil {
		return err
	}
	// Stopped before the counters are read: a server's process adds what it did when it ends.
	if err := errors.Join(h.idle(ctx), child.stop()); err != nil {
		return err
	}
	var commitsAfter, walAfter, runs, failed int64
	var seconds float64
	if err := h.pool.QueryRow(ctx, counters).Scan(&commitsAfter, &walAfter); err != nil {
		return err
	}
	err = h.pool.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE status <> 'succeeded'), extract(epoch FROM max(finished_at) - min(started_at))::float8
		  FROM runs WHERE id >= $1 AND started_at >= $2`, meshhook.FirstIDAt(begin.Add(-time.Hour)), begin).Scan(&runs, &failed, &seconds)
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d runs have failed", failed, runs)
	}
	h.rates = append(h.rates, float64(runs)/seconds)
	h.runs, h.commits, h.wal = h.runs+runs, h.commits+commitsAfter-commits, h.wal+walAfter-wal
	return nil
}

// idle waits until no run is left to be driven, and no alert to be sent.
func (h *house) idle(ctx context.Context) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for busy := true; ; {
		err := h.pool.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM runs WHERE status IN ('queued', 'waiting')) OR EXISTS (SELECT FROM runs WHERE status = 'running')
			    OR EXISTS (SELECT FROM deliveries WHERE status = 'pending')`).Scan(&busy)
		if err != nil || !busy {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
