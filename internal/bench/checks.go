package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// pushSchema is what somebody would ask of a push: the fields that a workflow
// reads, with their forms, down to each commit.
const pushSchema = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object",
	"required": ["ref", "before", "after", "repository", "pusher", "commits"],
	"properties": {
		"ref": {"type": "string", "pattern": "^refs/(heads|tags)/"},
		"before": {"$ref": "#/$defs/sha"},
		"after": {"$ref": "#/$defs/sha"},
		"repository": {
			"type": "object",
			"required": ["id", "full_name"],
			"properties": {
				"id": {"type": "integer", "minimum": 1},
				"full_name": {"type": "string", "pattern": "^[^/]+/[^/]+$"},
				"private": {"type": "boolean"}
			}
		},
		"pusher": {"$ref": "#/$defs/person"},
		"commits": {
			"type": "array",
			"maxItems": 2048,
			"items": {
				"type": "object",
				"required": ["id", "message", "author"],
				"properties": {
					"id": {"$ref": "#/$defs/sha"},
					"message": {"type": "string", "minLength": 1},
					"timestamp": {"type": "string", "format": "date-time"},
					"author": {"$ref": "#/$defs/person"}
				}
			}
		}
	},
	"$defs": {
		"sha": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
		"person": {
			"type": "object",
			"required": ["name"],
			"properties": {"name": {"type": "string", "minLength": 1}, "email": {"type": "string", "format": "email"}}
		}
	}
}`

// The webhooks whose differences are the cost of the checks: all that they do
// beside, deduplication too, is the same.
const (
	checkedPath   = "checked"
	signedPath    = "signed" // verification and limit, but no schema
	uncheckedPath = "unchecked"
	// sameDedup is what all go by; for github it is the scheme's own.
	sameDedup = "header:X-GitHub-Delivery"
)

// endpoints are the webhooks of the measurements, each with its workflow.
func endpoints() map[string]meshhook.Endpoint {
	limit := meshhook.RateLimit{Limit: 1_000_000, Period: time.Second}
	checked := meshhook.Endpoint{
		RateLimit: &limit, Verification: meshhook.Verification{Scheme: "github"}, Schema: json.RawMessage(pushSchema), Dedup: sameDedup,
	}
	signed := checked
	signed.Schema = nil
	unchecked := meshhook.Endpoint{Verification: meshhook.Verification{Scheme: "none"}, Dedup: sameDedup}
	return map[string]meshhook.Endpoint{"quiet": checked, "calling": checked, checkedPath: checked, signedPath: signed, uncheckedPath: unchecked}
}

// rounds is how often each of them is measured. They take turns, in an order that
// turns too, so that what the machine does beside, and the growing of the tables,
// falls on all. A difference of rates is noisier than a rate, so that each is
// measured three times as long.
const (
	rounds = 6
	longer = 3
)

// measureChecks prints which share of the throughput of ingress the verification,
// the schema and the rate limit cost together.
func measureChecks(ctx context.Context, o options, dsn string, headers map[string]string, out io.Writer) (err error) {
	args := []string{"-serve", "daemon-ingress", "-dsn", dsn}
	if o.profile != "" {
		args = append(args, "-profile", o.profile+".checks")
	}
	child, err := start(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	order := []string{uncheckedPath, signedPath, checkedPath}
	count, spent := map[string]int{}, map[string]time.Duration{}
	for range rounds {
		for _, path := range order {
			s, err := load(ctx, child.address, newRequest("/hooks/"+path, headers, body()), o.connections, longer*o.seconds/rounds, 0)
			if err != nil {
				return err
			}
			count[path] += len(s.took)
			spent[path] += s.end.Sub(s.begin)
		}
		slices.Reverse(order)
	}
	rate := func(path string) float64 { return float64(count[path]) / spent[path].Seconds() }
	cost := func(path string) float64 { return 100 * (1 - rate(path)/rate(uncheckedPath)) }
	fmt.Fprintf(out, "without checks      %8.0f acks/s\n", rate(uncheckedPath))
	fmt.Fprintf(out, "  signed, limited   %8.0f acks/s     verification and limit cost %.1f %%\n", rate(signedPath), cost(signedPath))
	fmt.Fprintf(out, "  and with a schema %8.0f acks/s     verification, limit and schema cost %.1f %%\n", rate(checkedPath), cost(checkedPath))
	return nil
}
