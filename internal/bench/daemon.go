package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const secret = "It's a Secret to Everybody"

// body is a GitHub push of 2 KB.
func body() []byte {
	push := map[string]any{
		"ref": "refs/heads/main", "before": strings.Repeat("a", 40), "after": strings.Repeat("b", 40),
		"repository": map[string]any{"id": 186853002, "full_name": "octocat/hello-world", "private": false},
		"pusher":     map[string]any{"name": "octocat", "email": "octocat@example.com"},
		"commits":    []any{},
	}
	for size := 0; size < 2048; {
		commits, _ := push["commits"].([]any)
		push["commits"] = append(commits, map[string]any{
			"id": fmt.Sprintf("%040x", len(commits)), "message": "Fix all the bugs, for good this time", "timestamp": "2026-01-02T03:04:05Z",
			"author": map[string]any{"name": "octocat", "email": "octocat@example.com"},
		})
		text, err := json.Marshal(push)
		if err != nil {
			panic(err) // of literals: cannot happen
		}
		size = len(text)
	}
	text, err := json.Marshal(push)
	if err != nil {
		panic(err)
	}
	return text
}

// The workflows that the measurements start: one that only computes, and one
// that calls the sink.
const (
	quiet = `
name: quiet
steps:
  - id: summary
    transform: "{repo: .event.body.repository.full_name, commits: (.event.body.commits | length)}"
`
	calling = `
name: calling
steps:
  - id: summary
    transform: "{repo: .event.body.repository.full_name, delivery: .event.headers[\"x-github-delivery\"]}"
  - id: call
    http:
      method: POST
      url: %q
      body: "{{ .steps.summary }}"
  - id: end
    terminate: { status: succeeded }
`
)

// measureDaemon measures ingress alone, then with the engine beside it, and the
// way from a request to its run's first call.
func measureDaemon(ctx context.Context, o options, dsn string, bare, inserts *sample, out io.Writer) (err error) {
	arrivals := newArrivals()
	sink := httptest.NewServer(arrivals)
	defer sink.Close()
	if err := furnish(ctx, dsn, sink.URL); err != nil {
		return err
	}
	headers, err := signedHeaders()
	if err != nil {
		return err
	}
	quietly := newRequest("/hooks/quiet", headers, body())
	for _, what := range []string{"daemon-ingress", "daemon"} {
		args := []string{"-serve", what, "-dsn", dsn}
		if o.profile != "" {
			args = append(args, "-profile", o.profile+"."+what)
		}
		if err := measureIngress(ctx, o, args, quietly, bare, inserts, out); err != nil {
			return err
		}
	}
	if err := measureChecks(ctx, o, dsn, headers, out); err != nil {
		return err
	}
	return measureCall(ctx, o, dsn, arrivals, out)
}

func measureIngress(ctx context.Context, o options, args []string, r request, bare, inserts *sample, out io.Writer) (err error) {
	child, err := start(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	name := map[string]string{"daemon-ingress": "ingress alone", "daemon": "ingress and engine"}[args[1]]
	full, err := load(ctx, child.address, r, o.connections, o.seconds, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-19s %8.0f acks/s     p50 %-8s p99 %-8s  %.0f %% of bare handler, %.0f %% of bare INSERT\n",
		name, full.rate(), full.at(0.50), full.at(0.99), 100*full.rate()/bare.rate(), 100*full.rate()/inserts.rate())
	paced, err := load(ctx, child.address, r, o.connections, o.seconds, 0.8*full.rate())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  at 80 %% of that   %8.0f acks/s     p50 %-8s p99 %s\n", paced.rate(), paced.at(0.50), paced.at(0.99))
	return nil
}

// measureCall sends 100 requests a second and takes the time until the call of
// each request's run arrives.
func measureCall(ctx context.Context, o options, dsn string, arrivals *arrivals, out io.Writer) (err error) {
	child, err := start(ctx, "-serve", "daemon", "-dsn", dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	if err := drained(ctx, dsn); err != nil {
		return err
	}
	headers, err := signedHeaders()
	if err != nil {
		return err
	}
	s := &sample{}
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
	fmt.Fprintf(out, "request to call     %8d calls      p50 %-8s p99 %s  at 100 requests/s\n", len(s.took), s.at(0.50), s.at(0.99))
	return nil
}
