package workflow

import (
	"context"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// What the limits of concurrency may be at most, of a workflow and of a foreach. A
// workflow that wants none leaves the key away.
const (
	maxRunsAtOnce  = 10_000
	maxItemsAtOnce = 100
)

// Concurrency bounds how many runs of a workflow are under way at once, from
// their start to their end, over all daemons and versions.
type Concurrency struct {
	// Limit is how many runs may be under way.
	Limit int
	// Key is an expression on the context; runs with the same result share the
	// limit. "" is one limit for all runs.
	Key string

	key  *expr.Program
	uses []use
}

// RunLimit is how many runs may be under way at once, for each result of the key; 0
// is any number.
func (d *Definition) RunLimit() int {
	if d.Concurrency == nil {
		return 0
	}
	return d.Concurrency.Limit
}

// concurrencyFields are the keys of concurrency.
func concurrencyFields() []field[Concurrency] {
	return []field[Concurrency]{
		{"limit", true, func(c *checker, n *node, w *Concurrency) { w.Limit = c.whole(n, "limit", 1, maxRunsAtOnce) }},
		{"key", false, func(c *checker, n *node, w *Concurrency) { w.key, w.Key = c.expression(n, "key"), n.scalar }},
	}
}

func readConcurrency(c *checker, n *node, d *draft) {
	outer := c.uses
	c.uses = nil
	d.Concurrency = &Concurrency{}
	readFields(c, n, "concurrency", concurrencyFields(), d.Concurrency)
	for _, u := range c.uses {
		if _, ok := u.rest("steps"); ok {
			c.problem(u.line, u.column, "the key of concurrency is read before the first step begins; it can see .event, .run and .secrets")
		}
	}
	d.Concurrency.uses, c.uses = c.uses, outer
}

// Place is what a run needs before its first step when its workflow bounds how
// many run at once.
type Place struct {
	// Key tells which runs share the limit, which is the newest version's.
	Key string
	// Shown is the key for people: without secrets, and cut after 200 characters.
	Shown string
}

// Place returns the place that the run needs, or nil for a workflow without
// concurrency. An error is that of the key's expression, without secrets.
func (p *Program) Place(ctx context.Context, s *State) (*Place, error) {
	c := p.definition.Concurrency
	if c == nil {
		return nil, nil
	}
	place := &Place{}
	if c.key == nil {
		return place, nil
	}
	f := newTurn(ctx, p, s).top()
	value, err := c.key.One(ctx, f.scope())
	if err != nil {
		return nil, s.masked(err)
	}
	if text, ok := value.(string); ok {
		place.Key = text
	} else {
		text, err := encodeJSON(value)
		if err != nil {
			return nil, s.masked(err)
		}
		place.Key = string(text)
	}
	place.Shown = meshhook.Clip(s.masker.Text(place.Key), 200)
	return place, nil
}
