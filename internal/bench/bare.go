package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// bareHandler reads the body and answers as ingress does: the most that a Go
// server can do on this machine.
func bareHandler(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"accepted","event_id":"01890a5d-ac96-774b-bcce-b302099a8057","run_id":"01890a5d-ac96-774b-bcce-b302099a8057"}`+"\n")
}

func measureBare(ctx context.Context, o options) (*sample, error) {
	child, err := start(ctx, "-serve", "bare")
	if err != nil {
		return nil, err
	}
	s, err := load(ctx, child.address, newRequest("/", nil, body()), o.connections, o.seconds, 0)
	return s, errors.Join(err, child.stop())
}

// measureInserts commits single rows of the size of an event from as many
// clients as the load generator has connections, without HTTP.
func measureInserts(ctx context.Context, o options, dsn string) (*sample, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(o.connections) //nolint:gosec // a number from the command line
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE bench (id uuid PRIMARY KEY, body bytea NOT NULL)`); err != nil {
		return nil, err
	}
	row := body()
	s := &sample{begin: time.Now()}
	until := s.begin.Add(o.seconds)
	var group errgroup.Group
	for range o.connections {
		group.Go(func() error {
			var took []time.Duration
			defer func() { s.add(took) }()
			for begin := time.Now(); begin.Before(until); begin = time.Now() {
				if _, err := pool.Exec(ctx, `INSERT INTO bench (id, body) VALUES ($1, $2)`, meshhook.NewID(), row); err != nil {
					return err
				}
				took = append(took, time.Since(begin))
			}
			return nil
		})
	}
	err = group.Wait()
	s.end = time.Now()
	_, drop := pool.Exec(ctx, `DROP TABLE bench`)
	return s, errors.Join(err, drop)
}
