package expr

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Program is a compiled expression. It may be used by many goroutines at once.
type Program struct {
	source     string
	limits     Limits
	query      *gojq.Query // rewritten; nobody changes it
	references []string
	single     bool // see Single
	assigns    bool // see Assigns
	// readsSecrets is whether a message about a value could show a secret.
	readsSecrets bool
	// idle holds machines that nobody uses. There are at most as many as can run
	// at once; others are made when needed and forgotten.
	idle chan *machine
}

// Compile compiles an expression with the DefaultLimits. The error is a
// *meshhook.Error with CodeInvalid; its cause is a *SyntaxError, from which the
// place can be shown.
func Compile(src string) (*Program, error) { return Limits{}.Compile(src) }

// Compile compiles an expression that is evaluated within these limits.
func (l Limits) Compile(src string) (*Program, error) {
	p, err := compile(src, l.orDefault())
	if err != nil {
		return nil, invalid("expression", err)
	}
	return p, nil
}

func compile(src string, limits Limits) (*Program, *SyntaxError) {
	query, serr := parse(src)
	if serr != nil {
		return nil, serr
	}
	references, one, changes := references(query), single(query), assigns(query)
	r := newRewriter(src)
	r.query(query)
	if err := r.check(prelude()); err != nil {
		return nil, err
	}
	prelude().link(query, r.calls)
	first, err := newMachine(query)
	if err != nil {
		// What is left for gojq to find are names: "variable not defined: $x".
		message := err.Error()
		name := message[strings.LastIndexByte(message, ' ')+1:]
		return nil, &SyntaxError{Source: src, Offset: findWord(src, name), Message: message}
	}
	p := &Program{
		source:       src,
		limits:       limits,
		query:        query,
		references:   references,
		single:       one,
		assigns:      changes,
		readsSecrets: slices.ContainsFunc(references, mayReadSecrets),
		idle:         make(chan *machine, runtime.GOMAXPROCS(0)),
	}
	p.idle <- first
	return p, nil
}

// parse parses jq and words its errors.
func parse(src string) (*gojq.Query, *SyntaxError) {
	if len(src) > maxSource {
		return nil, &SyntaxError{Source: src, Offset: maxSource, Message: fmt.Sprintf("the expression is longer than %s", size(maxSource))}
	}
	if i := strings.IndexByte(src, 0); i >= 0 { // gojq's parser would take it for the end
		return nil, &SyntaxError{Source: src, Offset: i, Message: "there is a NUL character"}
	}
	query, err := gojq.Parse(src)
	if perr, ok := errors.AsType[*gojq.ParseError](err); ok {
		message := perr.Error()
		if message == "unexpected EOF" {
			message = "the expression is not complete"
		}
		return nil, &SyntaxError{Source: src, Offset: max(0, perr.Offset-len(perr.Token)), Message: message}
	}
	if err != nil {
		return nil, &SyntaxError{Source: src, Message: err.Error()}
	}
	if query.Term == nil && query.Op == 0 && len(query.Imports) == 0 && query.Meta == nil {
		return nil, &SyntaxError{Source: src, Offset: len(src), Message: `the expression is empty; "." is the whole input`}
	}
	return query, nil
}

// String returns the source.
func (p *Program) String() string { return p.source }

// All returns every result, in order; the slice is never nil. It shares
// structure with the input: both are read-only. An error is an *EvalError.
func (p *Program) All(ctx context.Context, input any) ([]any, error) {
	results, err := p.all(newMeter(ctx, p.limits), input)
	if err != nil {
		return nil, err
	}
	return results, nil
}

// One returns the only result, or nil if there is none. More than one is an
// *EvalError with ReasonResults.
func (p *Program) One(ctx context.Context, input any) (any, error) {
	return p.one(newMeter(ctx, p.limits), input, "wrap it in [ ]")
}

// True evaluates a condition: null and false are false, as is no result, and all
// else is true, 0 and "" too. More than one result is an *EvalError with
// ReasonResults.
func (p *Program) True(ctx context.Context, input any) (bool, error) {
	v, err := p.one(newMeter(ctx, p.limits), input, "wrap it in any( ) or all( )")
	return v != nil && v != false, err
}

func (p *Program) one(m *meter, input any, advice string) (any, error) {
	results, err := p.all(m, input)
	switch {
	case err != nil:
		return nil, err
	case len(results) == 0:
		return nil, nil
	case len(results) > 1:
		message := fmt.Sprintf("gave %d results; %s", len(results), advice)
		return nil, &EvalError{Expr: strings.TrimSpace(p.source), Message: message, Reason: ReasonResults}
	}
	return results[0], nil
}

// all evaluates the program out of a purse that it may share with others. It
// returns an error, not an *EvalError, so that callers can compare it with nil.
func (p *Program) all(purse *meter, input any) ([]any, error) {
	m, err := p.machine()
	if err != nil {
		return nil, err
	}
	results := []any{}
	err = m.run(purse, input, func(v any) error {
		if len(results) == p.limits.Results {
			return purse.tooLarge("gave more than %d results", p.limits.Results)
		}
		results = append(results, v)
		return purse.emitValue(v)
	})
	if err != nil {
		failed := p.evalError(err, input)
		if failed.Reason != ReasonInternal {
			p.release(m)
		}
		return nil, failed
	}
	p.release(m)
	return results, nil
}

// machine takes an idle machine, or makes one.
func (p *Program) machine() (*machine, error) {
	select {
	case m := <-p.idle:
		return m, nil
	default:
	}
	m, err := newMachine(p.query)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInternal, "compiling expression %q again: %w", shorten(p.source, 80), err)
	}
	return m, nil
}

func (p *Program) release(m *machine) {
	select {
	case p.idle <- m:
	default:
	}
}
