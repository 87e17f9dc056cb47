// Package schema compiles and applies the JSON Schema that a user gives for the
// payloads of a webhook. It is the sole home of the JSON Schema libraries.
//
// Two engines stand behind it. santhosh-tekuri/jsonschema, "strict", conforms
// fully to draft-07, 2019-09 and 2020-12; it compiles every schema and words
// every refusal. qri-io/jsonschema answers for the schemas of the subset in
// which it is proven to say the same (subset.go). While it does, the strict
// engine judges a sample beside it, and takes over for good on the first
// difference.
//
// Schemas are written by tenants and payloads by strangers, so both are bounded
// (limits.go), and nothing is ever fetched.
package schema

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The values of Options.Engine, and what Schema.Engine answers.
const (
	EngineAuto   = "auto"   // qri where the schema is inside its subset, else strict
	EngineQri    = "qri"    // as auto, but a schema outside the subset is refused
	EngineStrict = "strict" // never qri
)

// The shadow check: the strict engine also judges the first shadowFirst payloads
// of a schema, and then every shadowEvery-th.
const (
	shadowFirst = 100
	shadowEvery = 100
)

// Options says how a schema is to be read.
type Options struct {
	// AssertFormats makes "format" a condition. Otherwise it is an annotation,
	// as in 2020-12, whatever the draft: many providers' own payloads would not
	// pass it.
	AssertFormats bool
	// Engine is EngineAuto, which "" means too, EngineQri or EngineStrict.
	Engine string
	// OnMismatch is told when an engine failed, or the two differed, for a
	// metric and a log line; the detail holds nothing of the payload but names
	// of properties. It may be nil. It is called from any goroutine.
	OnMismatch func(detail string)
}

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	report  func(detail string)
	strict  *spares[*strict]
	quick   *spares[*quick] // nil where only the strict engine may answer
	why     string
	draft   string
	size    int  // of the schema in the quick engine
	numeric bool // whether the value of numbers counts

	asked  atomic.Uint64
	pinned atomic.Pointer[string] // why the quick engine is out for good
}

// Compile reads a JSON Schema of draft-07, 2019-09 or 2020-12 (the default;
// draft-04 and -06 work too). Whatever is wrong with it, with a limit, or with a
// $ref that leads out of it, is a *meshhook.Error with CodeInvalid, whose
// message names the place as a JSON Pointer and whose details list more.
func Compile(raw []byte, o Options) (*Schema, error) {
	doc, err := readDocument(raw)
	if err != nil {
		return nil, err
	}
	first, err := compileStrict(doc, o.AssertFormats)
	if err != nil {
		return nil, err
	}
	s := &Schema{report: o.OnMismatch, numeric: first.numeric, draft: first.draft()}
	if s.report == nil {
		s.report = func(string) {}
	}
	s.strict = newSpares(first, func() (*strict, error) { return compileStrict(doc, o.AssertFormats) })
	if err := s.chooseEngine(doc, o); err != nil {
		return nil, err
	}
	return s, nil
}

func readDocument(raw []byte) (any, error) {
	if len(raw) > MaxSchemaBytes {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the schema has %d bytes; at most %d are allowed", len(raw), MaxSchemaBytes)
	}
	doc, err := content.Decode(raw)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the schema is %w", err)
	}
	return doc, new(limiter).check(doc, nil)
}

func (s *Schema) chooseEngine(doc any, o Options) error {
	switch o.Engine {
	case "", EngineAuto, EngineQri:
	case EngineStrict:
		s.why = "the strict engine was asked for"
		return nil
	default:
		return meshhook.Errorf(meshhook.CodeInvalid, "there is no schema engine %q; use auto, qri or strict", shorten(o.Engine))
	}
	size, outside := quickSize(doc, o.AssertFormats)
	if outside == "" {
		first, err := compileQuick(doc)
		if err == nil {
			s.size = size
			s.why = "the schema is inside the subset that qri is proven for"
			s.quick = newSpares(first, func() (*quick, error) { return compileQuick(doc) })
			return nil
		}
		outside = err.Error()
		s.report(outside)
	}
	if o.Engine == EngineQri {
		return meshhook.Errorf(meshhook.CodeInvalid, "the schema is outside the subset that qri is proven for: %s; use engine auto", outside)
	}
	s.why = "the schema is outside the subset that qri is proven for: " + outside
	return nil
}

// Engine names the engine that answers: EngineQri or EngineStrict. Single
// payloads go to the strict one even so, when they are large or hold a number
// that float64 would not keep.
func (s *Schema) Engine() string {
	if s.quick == nil || s.pinned.Load() != nil {
		return EngineStrict
	}
	return EngineQri
}

// Draft names the draft by which the schema is read, "2020-12" say: that of its
// $schema.
func (s *Schema) Draft() string { return s.draft }

// Why says in one sentence why that engine answers.
func (s *Schema) Why() string {
	if reason := s.pinned.Load(); reason != nil {
		return *reason
	}
	return s.why
}

// Validate judges a payload that content.Decode has read. It returns nil for a valid one
// and otherwise at most 20 problems, ordered by path, the same ones every time.
// A payload that cannot be judged within the limits is not valid.
func (s *Schema) Validate(payload any) []meshhook.Problem {
	sv := look(payload)
	switch {
	case sv.tooDeep:
		return []meshhook.Problem{{Message: fmt.Sprintf("nests deeper than %d levels", maxDepth)}}
	case sv.incomparable && s.numeric:
		return []meshhook.Problem{{Message: fmt.Sprintf(
			"has a number with more than %d digits or an exponent beyond %d, which cannot be compared", maxNumberLength, maxExponent)}}
	case s.Engine() == EngineStrict || sv.inexact || sv.weight*s.size > maxQuickWork:
		problems, _ := s.validateStrictly(payload)
		return problems
	}
	return s.validateQuickly(payload)
}

// validateQuickly asks the quick engine. A refusal is always put to the strict
// one, for its words, so that the quick one alone can refuse nothing.
func (s *Schema) validateQuickly(payload any) []meshhook.Problem {
	accepted, failure := s.askQuick(payload)
	asked := s.asked.Add(1)
	shadowed := asked <= shadowFirst || asked%shadowEvery == 0
	if accepted && !shadowed {
		return nil
	}
	problems, judged := s.validateStrictly(payload)
	switch {
	case failure != nil:
		s.pin(failure.Error())
	case judged && accepted && problems != nil:
		s.pin(fmt.Sprintf("qri accepted what fails %q at %q", problems[0].Keyword, problems[0].Path))
	case judged && !accepted && problems == nil:
		s.pin("qri refused a valid payload")
	}
	return problems
}

func (s *Schema) askQuick(payload any) (accepted bool, err error) {
	engine, err := s.quick.take()
	if err != nil {
		return false, err
	}
	defer s.quick.give(engine)
	return engine.accepts(payload)
}

// validateStrictly also tells whether the engine came to a verdict.
func (s *Schema) validateStrictly(payload any) (problems []meshhook.Problem, judged bool) {
	engine, err := s.strict.take()
	if err == nil {
		defer s.strict.give(engine)
		problems, err = engine.problems(payload)
	}
	if err != nil {
		s.report(err.Error())
		return []meshhook.Problem{{Message: "cannot be checked: the schema engine failed"}}, false
	}
	return problems, true
}

func (s *Schema) pin(reason string) {
	reason = "the strict engine has taken over: " + reason
	if s.pinned.CompareAndSwap(nil, &reason) {
		s.report(reason)
	}
}

// spares lends out compiled copies of an engine that only one goroutine may use
// at a time. It makes as many as can run at once, when they are needed; who
// comes then waits. Unlike a sync.Pool it survives garbage collection, for
// compiling a large schema anew takes longer than many payloads.
type spares[E any] struct {
	idle    chan E
	unmade  chan struct{}
	compile func() (E, error)
}

func newSpares[E any](first E, compile func() (E, error)) *spares[E] {
	copies := runtime.GOMAXPROCS(0)
	s := &spares[E]{idle: make(chan E, copies), unmade: make(chan struct{}, copies), compile: compile}
	s.idle <- first
	for range copies - 1 {
		s.unmade <- struct{}{}
	}
	return s
}

func (s *spares[E]) take() (E, error) {
	select {
	case engine := <-s.idle:
		return engine, nil
	default:
	}
	select {
	case engine := <-s.idle:
		return engine, nil
	case <-s.unmade:
	}
	engine, err := s.compile()
	if err != nil {
		s.unmade <- struct{}{}
	}
	return engine, err
}

func (s *spares[E]) give(engine E) { s.idle <- engine }
