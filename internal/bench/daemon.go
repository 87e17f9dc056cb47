package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

// measureDaemon measures ingress alone, then with the engine beside it, and what the
// checks of ingress cost.
func measureDaemon(ctx context.Context, o options, dsn string, bare, inserts *sample, sink string, out io.Writer) error {
	if err := furnish(ctx, dsn, sink); err != nil {
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
	return measureChecks(ctx, o, dsn, headers, out)
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
