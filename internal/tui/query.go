package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
)

// idPart is the shortest part of an id that a filter word finds it by, in
// characters: a group of an id's text. It must be long enough to be meant: "503" is
// somewhere in most ids.
const idPart = 8

// predicateLimits bound a jq predicate on one row. It is asked of thousands of them
// between two keys.
var predicateLimits = expr.Limits{Time: 20 * time.Millisecond, Steps: 20_000, Memory: 4 << 20, Output: 64 << 10, Results: 2}

// judging is how long one look through rows may take with a jq predicate. What is
// not reached is left out, and the screen says so.
const judging = 200 * time.Millisecond

// candidate is what a query is asked about: an entry, or a row of a table.
type candidate interface {
	// field is the value of status, webhook, workflow or alert.
	field(name string) string
	// kind is noun.state, and noun what a filter may call it, too.
	kind() (kind, noun string)
	// text is all columns in lower case.
	text() string
	// ids are the ids by which it may be looked for.
	ids() []string
	// input is what jq sees of it.
	input() any
}

// query is what was typed after `/`: terms that must all hold, or a jq predicate.
type query struct {
	terms   []term
	program *expr.Program
	err     error // why the predicate is none; nothing is filtered then
}

// term is one word of a query.
type term struct {
	field string // status, webhook, workflow, alert, kind, or "" for any column
	value string // in lower case
	not   bool   // the term must not hold
}

// parseQuery reads words, `field:value` pairs and either with a `-` in front,
// separated by spaces. Everything means something: there is no error, and a
// word with an unknown field is a word. A text that begins like jq is an expression.
func parseQuery(text string) query {
	if source, ok := predicate(text); ok {
		program, err := predicateLimits.Compile(source)
		return query{program: program, err: err}
	}
	var q query
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		var t term
		if rest, ok := strings.CutPrefix(word, "-"); ok && rest != "" {
			t.not, word = true, rest
		}
		t.value = word
		switch field, value, _ := strings.Cut(word, ":"); field {
		case "status", "webhook", "workflow", "alert", "kind":
			if field != word { // a colon was there
				t.field, t.value = field, value
			}
		}
		q.terms = append(q.terms, t)
	}
	return q
}

// predicate tells whether a text is meant as jq, and returns the expression.
func predicate(text string) (source string, ok bool) {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "jq "); ok {
		return rest, true
	}
	return text, strings.HasPrefix(text, ".") || strings.HasPrefix(text, "(")
}

// filters tells whether the query leaves anything out.
func (q query) filters() bool { return len(q.terms) > 0 || q.program != nil }

// wrong says in a few words why the query filters nothing; "" when nothing is wrong.
func (q query) wrong() string {
	if q.err == nil {
		return ""
	}
	if syntax, ok := errors.AsType[*expr.SyntaxError](q.err); ok {
		return syntax.Error()
	}
	return q.err.Error()
}

// look is one walk through rows with a query.
type look struct {
	query    query
	deadline time.Time
	// skipped counts what a jq predicate had no time for.
	skipped int
}

func (q query) look(budget time.Duration) *look {
	l := &look{query: q}
	if q.program != nil {
		l.deadline = time.Now().Add(budget)
	}
	return l
}

// match tells whether the query holds for a row. A predicate that fails on it, or
// that has no time left, does not.
func (l *look) match(c candidate) bool {
	if l.query.program == nil {
		return l.query.match(c)
	}
	if l.skipped > 0 || time.Now().After(l.deadline) {
		l.skipped++
		return false
	}
	return l.query.match(c)
}

func (q query) match(c candidate) bool {
	if q.program != nil {
		yes, err := q.program.True(context.Background(), c.input())
		return err == nil && yes
	}
	for _, t := range q.terms {
		if t.holds(c) == t.not {
			return false
		}
	}
	return true
}

// holds compares so that a value which is still being typed matches, too.
func (t term) holds(c candidate) bool {
	switch t.field {
	case "status":
		return strings.HasPrefix(strings.ToLower(c.field("status")), t.value)
	case "webhook", "workflow", "alert":
		return strings.Contains(strings.ToLower(c.field(t.field)), t.value)
	case "kind":
		kind, noun := c.kind()
		return strings.HasPrefix(strings.ToLower(kind), t.value) || noun == t.value
	}
	return strings.Contains(c.text(), t.value) || t.names(c)
}

// names tells whether the term is part of an id.
func (t term) names(c candidate) bool {
	if len(t.value) < idPart {
		return false
	}
	for _, id := range c.ids() {
		if strings.Contains(id, t.value) {
			return true
		}
	}
	return false
}

// asInput turns a value into what jq sees: that of its JSON.
func asInput(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var input any
	if decoder.Decode(&input) != nil {
		return nil
	}
	return input
}
