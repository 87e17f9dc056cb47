// Command bench measures the product over real connections and prints its rates
// as shares of the limits that it measures in the same run: a bare HTTP handler,
// bare single-row INSERTs, and bare HTTP calls. Machines are noisy; ratios of one run
// are firmer.
//
// Postgres, the server under test (a process of its own) and the load generator
// share this machine's cores.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/profullstack/meshhook/internal/pgembed"
)

// options are what a run of the benchmark can be told.
type options struct {
	connections int
	seconds     time.Duration
	profile     string
	// only is "ingress", "runs" or "alerts"; "" measures all.
	only string
	// stored is how many ended runs the large history has.
	stored int
	// settings are those of Postgres.
	settings map[string]string
}

func main() {
	// The times of commits are what tells how soon a run starts.
	o := options{settings: map[string]string{"track_commit_timestamp": "on"}}
	serve := flag.String("serve", "", "serve `what` (bare or daemon) and print the address; used by the benchmark itself")
	dsn := flag.String("dsn", "", "the database of -serve daemon")
	flag.IntVar(&o.connections, "connections", 64, "connections of the load generator")
	flag.DurationVar(&o.seconds, "time", 10*time.Second, "length of each measurement")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the daemon under full load to this `file`")
	flag.Func("only", "measure only `what` (ingress, runs or alerts)", func(what string) error {
		if what != "ingress" && what != "runs" && what != "alerts" {
			return errors.New("only ingress, runs or alerts can be measured alone")
		}
		o.only = what
		return nil
	})
	flag.IntVar(&o.stored, "stored", 100_000, "how many `runs` have ended in the large history; a million takes two minutes and 4 GB")
	flag.Func("setting", "set Postgres' `name=value`; can be given more than once", func(text string) error {
		name, value, _ := strings.Cut(text, "=")
		o.settings[name] = value
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *serve != "" {
		err = serveUntilClosed(ctx, *serve, *dsn, o.profile)
	} else {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "meshhook-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // the user that runs Postgres must get in
		return err
	}
	s := &server{options: pgembed.Options{Dir: filepath.Join(dir, "postgres"), TieToProcess: true, Settings: o.settings}}
	if s.Server, err = pgembed.Start(ctx, s.options); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop(context.WithoutCancel(ctx))) }()
	return measure(ctx, o, s, out)
}

// server is the private Postgres of the benchmark.
type server struct {
	*pgembed.Server
	options pgembed.Options
}

// settle has everything on the disk that was written, by starting anew: a checkpoint
// that writes gigabytes would fall into whatever is measured next.
func (s *server) settle(ctx context.Context) error {
	if err := s.Stop(ctx); err != nil {
		return err
	}
	syscall.Sync()
	anew, err := pgembed.Start(ctx, s.options)
	if err == nil {
		s.Server = anew
	}
	return err
}

func measure(ctx context.Context, o options, s *server, out io.Writer) error {
	inserts, err := measureInserts(ctx, o, s.DSN())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bare INSERT         %8.0f commits/s  p50 %-8s p99 %s\n", inserts.rate(), inserts.at(0.50), inserts.at(0.99))
	arrivals := newArrivals()
	sink := httptest.NewServer(arrivals)
	defer sink.Close()
	if o.only == "alerts" {
		return measureAlerts(ctx, o, s, sink.URL, out)
	}
	if o.only != "runs" {
		bare, err := measureBare(ctx, o)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "bare handler        %8.0f acks/s     p50 %-8s p99 %s\n", bare.rate(), bare.at(0.50), bare.at(0.99))
		if err := measureDaemon(ctx, o, s.DSN(), bare, inserts, sink.URL, out); err != nil {
			return err
		}
	}
	if o.only == "ingress" {
		return nil
	}
	if err := measureEngine(ctx, o, s, inserts, sink.URL, arrivals, out); err != nil || o.only == "runs" {
		return err
	}
	return measureAlerts(ctx, o, s, sink.URL, out)
}
