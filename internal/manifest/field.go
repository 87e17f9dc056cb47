package manifest

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// field is one key of a mapping and how its value is read into a T. The tables of fields
// are the language of documents; the schemas say the same, and a test compares the two.
type field[T any] struct {
	key  string
	read func(r *reader, v workflow.Value, into *T)
}

func keysOf[T any](table []field[T]) []string {
	keys := make([]string, len(table))
	for i, f := range table {
		keys[i] = f.key
	}
	return keys
}

// readFields reads a mapping by a table of its keys. The words what and like name it, and
// show one, in messages.
func readFields[T any](r *reader, v workflow.Value, what, like string, table []field[T], into *T) {
	if v.Kind() != workflow.Mapping {
		v.Problem("%s wants a mapping, like %s, but is %s", what, like, v.Kind())
		return
	}
	known := keysOf(table)
	for key, value := range v.Fields() {
		i := slices.Index(known, key.Text())
		switch {
		case i >= 0:
			table[i].read(r, value, into)
		case strings.Contains(strings.ToLower(key.Text()), "secret"): // whose value may stand in the line
			key.ProblemUnseen("%s has no key %s%s", what, workflow.Quote(key.Text()), workflow.DidYouMean(key.Text(), known))
		default:
			key.Problem("%s has no key %s%s", what, workflow.Quote(key.Text()), workflow.DidYouMean(key.Text(), known))
		}
	}
}

// text reads a text that can be stored.
func text(v workflow.Value, what string) (string, bool) {
	switch {
	case v.Kind() == workflow.Boolean || v.Kind() == workflow.Number:
		v.Problem("%s wants text, but is %s; put it in quotes", what, v.Kind())
	case v.Kind() != workflow.Text:
		v.Problem("%s wants text, but is %s", what, v.Kind())
	case strings.Contains(v.Text(), "\x00"):
		v.Problem("%s holds NUL, which cannot be stored", what)
	default:
		return v.Text(), true
	}
	return "", false
}

// textField is a field that is a text.
func textField[T any](key string, to func(*T) *string) field[T] {
	return field[T]{key, func(_ *reader, v workflow.Value, into *T) {
		if s, ok := text(v, key); ok {
			*to(into) = s
		}
	}}
}

// boolField is a field that is true or false.
func boolField[T any](key string, to func(*T) *bool) field[T] {
	return field[T]{key, func(_ *reader, v workflow.Value, into *T) {
		if v.Kind() != workflow.Boolean {
			v.Problem("%s wants true or false, but is %s", key, v.Kind())
			return
		}
		*to(into) = v.Text() == "true"
	}}
}

// durationField is a field that is a duration, stored in milliseconds.
func durationField[T any](key string, to func(*T) *meshhook.Duration) field[T] {
	return field[T]{key, func(_ *reader, v workflow.Value, into *T) { *to(into) = duration(v, key) }}
}

func duration(v workflow.Value, what string) (d meshhook.Duration) {
	if v.Kind() != workflow.Text {
		v.Problem("%s wants a duration like 90s, 1m30s or 24h, but is %s", what, v.Kind())
		return 0
	}
	err := d.UnmarshalText([]byte(v.Text()))
	switch {
	case err != nil:
		v.Problem("%s: %s is not a duration; write it like 90s, 1m30s or 24h", what, workflow.Quote(v.Text()))
		return 0
	case d.Std()%time.Millisecond != 0:
		v.Problem("%s is kept in milliseconds; write whole ones", what)
		return 0
	}
	return d
}

// items are the values in a list; another kind is a problem.
func items(v workflow.Value, what, like string) []workflow.Value {
	if v.Kind() != workflow.List {
		v.Problem("%s wants a list, like %s, but is %s", what, like, v.Kind())
	}
	return v.Items()
}

// texts reads a list of texts.
func texts(v workflow.Value, what, like string) (list []string) {
	for _, item := range items(v, what, like) {
		if s, ok := text(item, "an entry of "+what); ok {
			list = append(list, s)
		}
	}
	return list
}

// textMap reads a mapping of texts.
func textMap(v workflow.Value, what, like string) map[string]string {
	if v.Kind() != workflow.Mapping {
		v.Problem("%s wants a mapping, like %s, but is %s", what, like, v.Kind())
		return nil
	}
	read := map[string]string{}
	for key, value := range v.Fields() {
		if s, ok := text(value, what+"."+key.Text()); ok {
			read[key.Text()] = s
		}
	}
	return read
}

// wrong notes the error of a value, in an expression where that begins to be wrong.
func wrong(v workflow.Value, what string, err error) {
	if syntax, ok := errors.AsType[*expr.SyntaxError](err); ok && v.Kind() == workflow.Text && v.Text() == syntax.Source {
		v.ProblemAt(syntax.Offset, "%s: %s", what, syntax.Message)
		return
	}
	if ours, ok := errors.AsType[*meshhook.Error](err); ok && len(ours.Details) > 0 {
		for _, problem := range ours.Details {
			lookUp(v, problem.Path).Problem("%s: %s", what, problem.Message)
		}
		return
	}
	v.Problem("%s: %v", what, err)
}

// lookUp finds the value at a JSON Pointer (RFC 6901), or the last one on the way to it
// that is there.
func lookUp(v workflow.Value, pointer string) workflow.Value {
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next, ok := member(v, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
		if !ok {
			break
		}
		v = next
	}
	return v
}

func member(v workflow.Value, name string) (workflow.Value, bool) {
	if v.Kind() == workflow.Mapping {
		return v.Get(name)
	}
	for i, item := range v.Items() {
		if name == strconv.Itoa(i) {
			return item, true
		}
	}
	return v, false
}
