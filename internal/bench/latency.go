package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// measureCall sends 100 requests a second and takes the time until the run of each
// starts, and until its call arrives.
func measureCall(ctx context.Context, o options, h *house, arrivals *arrivals, out io.Writer) (err error) {
	child, err := start(ctx, "-serve", "daemon", "-dsn", h.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	headers, err := signedHeaders()
	if err != nil {
		return err
	}
	s, first := &sample{}, meshhook.FirstIDAt(time.Now())
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: o.connections}}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	var posts errgroup.Group
	for range int(o.seconds / (10 * time.Millisecond)) {
		<-ticker.C
		id, begin := meshhook.NewID().String(), time.Now()
		arrivals.expect(id, func(at time.Time) { s.add([]time.Duration{at.Sub(begin)}) })
		posts.Go(func() error { return post(ctx, client, "http://"+child.address+"/hooks/calling", id, headers) })
	}
	if err := posts.Wait(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := arrivals.wait(limited); err != nil {
		return err
	}
	starts, err := h.starts(ctx, first)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "event to start      %8d runs       p50 %-8s p99 %s  at 100 requests/s\n", len(starts.took), starts.at(0.50), starts.at(0.99))
	fmt.Fprintf(out, "request to call     %8d calls      p50 %-8s p99 %s  at 100 requests/s\n", len(s.took), s.at(0.50), s.at(0.99))
	return nil
}

// starts is how long after its event's commit each run was started, by the commit of
// that: no clock but the server's is asked, and no way to a client counts.
func (h *house) starts(ctx context.Context, first meshhook.ID) (*sample, error) {
	rows, err := h.pool.Query(ctx, `
		SELECT extract(epoch FROM pg_xact_commit_timestamp(s.xact::xid) - pg_xact_commit_timestamp(e.xact::xid))::float8
		  FROM journal e JOIN journal s ON s.run_id = e.run_id AND s.kind = 'run.started'
		 WHERE e.kind = 'event.accepted' AND e.id >= $1`, first)
	if err != nil {
		return nil, err
	}
	took, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (time.Duration, error) {
		var seconds float64
		err := row.Scan(&seconds)
		return time.Duration(seconds * float64(time.Second)), err
	})
	return &sample{took: took}, err
}
