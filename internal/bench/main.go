// Command bench measures the product over real connections and prints its rates
// as shares of the limits that it measures in the same run: a bare HTTP handler,
// and bare single-row INSERTs. Machines are noisy; ratios of one run are firmer.
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
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/profullstack/meshhook/internal/pgembed"
)

// options are what a run of the benchmark can be told.
type options struct {
	connections int
	seconds     time.Duration
	profile     string
}

func main() {
	var o options
	serve := flag.String("serve", "", "serve `what` (bare or daemon) and print the address; used by the benchmark itself")
	dsn := flag.String("dsn", "", "the database of -serve daemon")
	flag.IntVar(&o.connections, "connections", 64, "connections of the load generator")
	flag.DurationVar(&o.seconds, "time", 10*time.Second, "length of each measurement")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the daemon under full load to this `file`")
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
	server, err := pgembed.Start(ctx, pgembed.Options{Dir: filepath.Join(dir, "postgres"), TieToProcess: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()

	bare, err := measureBare(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bare handler        %8.0f acks/s     p50 %-8s p99 %s\n", bare.rate(), bare.at(0.50), bare.at(0.99))
	inserts, err := measureInserts(ctx, o, server.DSN())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bare INSERT         %8.0f commits/s  p50 %-8s p99 %s\n", inserts.rate(), inserts.at(0.50), inserts.at(0.99))
	return measureDaemon(ctx, o, server.DSN(), bare, inserts, out)
}
