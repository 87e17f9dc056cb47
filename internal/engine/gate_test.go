package engine_test

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// gate is the real store with a keeper at its door.
type gate struct {
	*postgres.DB
	// before is asked ahead of each call: an error is the call's answer, and the
	// database hears nothing of it. It may also keep the call waiting.
	before func(c call) error
	// after is asked when the database has done its part: an error takes the
	// place of its answer.
	after func(c call) error
	// claims counts how often runs were asked for.
	claims atomic.Int64
}

// call is one question to the store.
type call struct {
	name  string
	move  meshhook.RunMove
	limit int
	runs  []meshhook.ID
	gone  <-chan struct{} // closed when the caller's context has ended
}

// through lets a call pass the gate.
func through[T any](g *gate, c call, ask func() (T, error)) (answer T, err error) {
	if g.before != nil {
		if err := g.before(c); err != nil {
			return answer, err
		}
	}
	answer, err = ask()
	if g.after != nil && err == nil {
		err = g.after(c)
	}
	return answer, err
}

func (g *gate) ClaimRuns(ctx context.Context, owner meshhook.ID, limit int, lease time.Duration) ([]meshhook.RunClaim, error) {
	g.claims.Add(1)
	return through(g, call{name: "claim", limit: limit}, func() ([]meshhook.RunClaim, error) {
		return g.DB.ClaimRuns(ctx, owner, limit, lease)
	})
}

func (g *gate) ExtendLeases(ctx context.Context, owner meshhook.ID, runs []meshhook.ID, lease time.Duration) (map[meshhook.ID]bool, error) {
	return through(g, call{name: "extend", runs: runs}, func() (map[meshhook.ID]bool, error) {
		return g.DB.ExtendLeases(ctx, owner, runs, lease)
	})
}

func (g *gate) Move(ctx context.Context, m meshhook.RunMove) error {
	_, err := through(g, call{name: "move", move: m, gone: ctx.Done()}, func() (any, error) { return nil, g.DB.Move(ctx, m) })
	return err
}

func (g *gate) TakePlace(ctx context.Context, claim *meshhook.RunClaim, key string) (bool, error) {
	return through(g, call{name: "place"}, func() (bool, error) { return g.DB.TakePlace(ctx, claim, key) })
}

func (g *gate) Decisions(ctx context.Context, run meshhook.ID) (map[string]meshhook.Decision, error) {
	return through(g, call{name: "decisions"}, func() (map[string]meshhook.Decision, error) { return g.DB.Decisions(ctx, run) })
}

func (g *gate) ReleaseRuns(ctx context.Context, owner meshhook.ID) (int, error) {
	return through(g, call{name: "release"}, func() (int, error) { return g.DB.ReleaseRuns(ctx, owner) })
}

func (g *gate) VersionOf(ctx context.Context, workflow meshhook.ID, number int) (meshhook.Version, error) {
	return through(g, call{name: "version"}, func() (meshhook.Version, error) { return g.DB.VersionOf(ctx, workflow, number) })
}

func (g *gate) SecretValues(ctx context.Context, project meshhook.ID) (map[string]meshhook.Secret, error) {
	return through(g, call{name: "secrets"}, func() (map[string]meshhook.Secret, error) { return g.DB.SecretValues(ctx, project) })
}

// behind makes an engine work through the gate.
func behind(g *gate) func(*engine.Options) { return func(o *engine.Options) { o.Store = g } }

// completes tells whether the call records that a step has succeeded.
func (c call) completes(step string) bool {
	return slices.ContainsFunc(c.move.Steps, func(s meshhook.Step) bool { return s.ID == step && s.Status == meshhook.StepSucceeded })
}
