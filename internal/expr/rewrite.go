package expr

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

const (
	// maxSource is how long an expression may be, in bytes, and maxNesting how
	// deep: gojq's compiler recurses, and takes quadratic time for some sources.
	maxSource  = 16 << 10
	maxNesting = 1000
	// maxParts is how many values _concat takes; gojq allows 30 arguments.
	maxParts = 30
)

// rewriter makes a parsed program safe in place. Whatever can cost more than a
// step becomes a call of something that pays: operators, .[], computed indexes,
// string interpolation, and the functions that the program defines, which may
// call themselves. Calls of jq's own functions stay as they are; link puts paying
// functions of the same names before the program.
type rewriter struct {
	source  string
	trusted bool            // it is the prelude: steps alone bound its recursion
	calls   map[string]bool // functions that are called, "map/1"
	own     map[string]bool // functions and parameters that the program defines
	names   []string        // everything that the program names itself
	depth   int
	err     *SyntaxError
}

func newRewriter(source string) *rewriter {
	return &rewriter{source: source, calls: map[string]bool{}, own: map[string]bool{}}
}

// fail keeps the first error. The AST knows no places, so that of the name in
// the source is looked for.
func (r *rewriter) fail(name, message string) {
	if r.err == nil {
		r.err = &SyntaxError{Source: r.source, Offset: findWord(r.source, name), Message: message}
	}
}

// query rewrites a query and all that is in it.
func (r *rewriter) query(q *gojq.Query) {
	if q == nil || r.err != nil {
		return
	}
	if r.depth++; r.depth > maxNesting {
		r.err = &SyntaxError{Source: r.source, Message: fmt.Sprintf("the expression is nested deeper than %d", maxNesting)}
		return
	}
	defer func() { r.depth-- }()
	if q.Meta != nil || len(q.Imports) > 0 {
		r.err = &SyntaxError{Source: r.source, Message: "modules are not available"}
		return
	}
	for _, def := range q.FuncDefs {
		r.definition(def)
	}
	r.patterns(q.Patterns)
	r.term(q.Term)
	r.query(q.Left)
	r.query(q.Right)
	if native, ok := operatorNatives[q.Op]; ok {
		q.Term = call(native, q.Left, q.Right)
	} else if q.Op == gojq.OpAssign {
		q.Term = r.library("_assign", q.Left, q.Right)
	} else if q.Op == gojq.OpModify {
		q.Term = r.library("_modify", q.Left, q.Right)
	} else if op, ok := updates[q.Op]; ok {
		q.Term = r.update(q.Left, op, q.Right)
	} else {
		return
	}
	q.Op, q.Left, q.Right = 0, nil, nil
}

// update is left op= right, which stands for right as $x | left |= (. op $x).
func (r *rewriter) update(left *gojq.Query, op gojq.Operator, right *gojq.Query) *gojq.Term {
	const x = "$__right"
	change := &gojq.Query{Left: identity(), Op: op, Right: query(call(x))}
	if native, ok := operatorNatives[op]; ok {
		change = query(call(native, identity(), query(call(x))))
	}
	return group(&gojq.Query{
		Left:     right,
		Op:       gojq.OpPipe,
		Patterns: []*gojq.Pattern{{Name: x}},
		Right:    query(r.library("_modify", left, change)),
	})
}

func (r *rewriter) definition(def *gojq.FuncDef) {
	r.name(def.Name)
	r.own[nameOf(def.Name, len(def.Args))] = true
	for _, arg := range def.Args {
		r.name(arg)
		r.own[nameOf(strings.TrimPrefix(arg, "$"), 0)] = true
	}
	r.query(def.Body)
	if !r.trusted {
		body := *def.Body
		*def.Body = *pipe(query(call("_enter")), query(group(&body)))
	}
}

func (r *rewriter) name(name string) { r.names = append(r.names, name) }

// variable notes the key of an object if it is a variable: {$x}.
func (r *rewriter) variable(key string) {
	if strings.HasPrefix(key, "$") {
		r.name(key)
	}
}

func (r *rewriter) patterns(patterns []*gojq.Pattern) {
	for _, p := range patterns {
		r.name(p.Name)
		r.patterns(p.Array)
		for _, entry := range p.Object {
			r.variable(entry.Key)
			r.key(entry.KeyString)
			r.query(entry.KeyQuery)
			if entry.Val != nil {
				r.patterns([]*gojq.Pattern{entry.Val})
			}
		}
	}
}

// term rewrites a term, its suffixes last.
func (r *rewriter) term(t *gojq.Term) {
	if t == nil || r.err != nil {
		return
	}
	switch t.Type {
	case gojq.TermTypeFunc:
		r.function(t.Func)
	case gojq.TermTypeIndex:
		r.index(t.Index)
	case gojq.TermTypeRecurse:
		suffixes := t.SuffixList
		*t = *r.library("recurse")
		t.SuffixList = suffixes
	case gojq.TermTypeNumber:
		r.number(t.Number)
	case gojq.TermTypeUnary:
		r.unary(t.Unary)
	case gojq.TermTypeString, gojq.TermTypeFormat:
		r.text(t)
	case gojq.TermTypeObject:
		r.object(t.Object)
	default:
		r.control(t)
	}
	r.suffixes(t)
}

// control rewrites the terms that are only made of queries.
func (r *rewriter) control(t *gojq.Term) {
	switch t.Type {
	case gojq.TermTypeArray:
		r.query(t.Array.Query)
	case gojq.TermTypeIf:
		r.query(t.If.Cond)
		r.query(t.If.Then)
		for _, elif := range t.If.Elif {
			r.query(elif.Cond)
			r.query(elif.Then)
		}
		r.query(t.If.Else)
	case gojq.TermTypeTry:
		r.query(t.Try.Body)
		r.query(t.Try.Catch)
	case gojq.TermTypeReduce:
		r.query(t.Reduce.Query)
		r.patterns(t.Reduce.Patterns)
		r.query(t.Reduce.Start)
		r.query(t.Reduce.Update)
	case gojq.TermTypeForeach:
		r.query(t.Foreach.Query)
		r.patterns(t.Foreach.Patterns)
		r.query(t.Foreach.Start)
		r.query(t.Foreach.Update)
		r.query(t.Foreach.Extract)
	case gojq.TermTypeLabel:
		r.name(t.Label.Ident)
		r.query(t.Label.Body)
	case gojq.TermTypeQuery:
		r.query(t.Query)
	}
}

func (r *rewriter) function(f *gojq.Func) {
	r.name(f.Name)
	if !strings.HasPrefix(f.Name, "$") {
		r.calls[nameOf(f.Name, len(f.Args))] = true
	}
	for _, arg := range f.Args {
		r.query(arg)
	}
}

func (r *rewriter) number(text string) {
	if len(text) <= maxDigits {
		f, ok := parseNumber(text).(float64)
		if !ok || !math.IsInf(f, 0) {
			return
		}
	}
	r.fail(text, "the number "+shorten(text, 20)+" is too large")
}

// unary checks how long a number is that is negated. A literal is left as it is,
// so that gojq folds it.
func (r *rewriter) unary(u *gojq.Unary) {
	r.query(query(u.Term))
	if u.Term.Type != gojq.TermTypeNumber {
		u.Term = group(pipe(query(u.Term), query(pay("_digits"))))
	}
}

func (r *rewriter) object(o *gojq.Object) {
	for _, entry := range o.KeyVals {
		r.variable(entry.Key)
		r.key(entry.KeyString)
		r.query(entry.KeyQuery)
		r.query(entry.Val)
	}
}

// key rewrites a string that must stay one, since it is a key: its parts become
// one.
func (r *rewriter) key(s *gojq.String) {
	if s != nil && s.Queries != nil {
		s.Queries = []*gojq.Query{query(group(query(r.concat(s, nil))))}
	}
}

// index makes a computed index pay; one that is written out is left alone.
func (r *rewriter) index(x *gojq.Index) {
	r.key(x.Str)
	for _, q := range []*gojq.Query{x.Start, x.End} {
		if q == nil || isLiteral(q) {
			continue
		}
		r.query(q)
		inner := *q
		*q = *pipe(&inner, query(call("_key")))
	}
}

// isLiteral tells whether q is a short number or a string, perhaps negated.
func isLiteral(q *gojq.Query) bool {
	t := q.Term
	if t != nil && t.Type == gojq.TermTypeUnary && len(t.SuffixList) == 0 {
		t = t.Unary.Term
	}
	if t == nil || len(t.SuffixList) > 0 || len(q.FuncDefs) > 0 {
		return false
	}
	return t.Type == gojq.TermTypeNumber && len(t.Number) < 20 || t.Type == gojq.TermTypeString && t.Str.Queries == nil
}

// suffixes rewrites what stands behind a term. .[] pays for what it visits: t[]
// becomes (t | pay)[].
func (r *rewriter) suffixes(t *gojq.Term) {
	list := t.SuffixList
	t.SuffixList = nil
	for _, suffix := range list {
		if suffix.Index != nil {
			r.index(suffix.Index)
		}
		if suffix.Iter {
			inner := *t
			body := query(pay("_iter"))
			if inner.Type != gojq.TermTypeIdentity {
				body = pipe(query(&inner), body)
			}
			*t = *group(body)
		}
		t.SuffixList = append(t.SuffixList, suffix)
	}
}

// text rewrites strings with interpolations, and formats such as @base64.
func (r *rewriter) text(t *gojq.Term) {
	suffixes := t.SuffixList
	if t.Type == gojq.TermTypeFormat && !slices.Contains(formats, t.Format) {
		r.fail(t.Format, fmt.Sprintf("there is no format %s; there are %s", t.Format, strings.Join(formats, " ")))
	}
	switch {
	case t.Type == gojq.TermTypeString && t.Str.Queries != nil:
		*t = *r.concat(t.Str, nil)
	case t.Type == gojq.TermTypeFormat && t.Str == nil:
		*t = *format(t.Format)
	case t.Type == gojq.TermTypeFormat && t.Str.Queries != nil:
		*t = *r.concat(t.Str, format(t.Format))
	}
	t.SuffixList = suffixes
}

// concat makes one call of a string with interpolations, each piped through the
// format if there is one.
func (r *rewriter) concat(s *gojq.String, format *gojq.Term) *gojq.Term {
	var parts []*gojq.Query
	for _, part := range s.Queries {
		if part.Term.Str == nil {
			r.query(part)
			if format != nil {
				part = pipe(part, query(format))
			}
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return &gojq.Term{Type: gojq.TermTypeString, Str: &gojq.String{}}
	}
	for len(parts) > maxParts {
		parts = append([]*gojq.Query{query(call("_concat", parts[:maxParts]...))}, parts[maxParts:]...)
	}
	return call("_concat", parts...)
}

func format(name string) *gojq.Term {
	return group(pipe(query(pay("_text")), query(&gojq.Term{Type: gojq.TermTypeFormat, Format: name})))
}

// library is a call of a function of the prelude.
func (r *rewriter) library(name string, args ...*gojq.Query) *gojq.Term {
	r.calls[nameOf(name, len(args))] = true
	r.own[nameOf(name, len(args))] = true
	return call(name, args...)
}

// The constructors of the pieces that rewriting puts in.

func query(t *gojq.Term) *gojq.Query { return &gojq.Query{Term: t} }

func identity() *gojq.Query { return query(&gojq.Term{Type: gojq.TermTypeIdentity}) }

func call(name string, args ...*gojq.Query) *gojq.Term {
	return &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}
}

func pay(cost string) *gojq.Term {
	return call("_pay", query(&gojq.Term{Type: gojq.TermTypeString, Str: &gojq.String{Str: cost}}))
}

func pipe(left, right *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: left, Op: gojq.OpPipe, Right: right}
}

func group(q *gojq.Query) *gojq.Term { return &gojq.Term{Type: gojq.TermTypeQuery, Query: q} }
