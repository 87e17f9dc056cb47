package expr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Template is a structure with expressions in its strings: the body of a request
// or the output of a run. It may be used by many goroutines at once.
type Template struct {
	root   node
	limits Limits
}

// ParseTemplate compiles a decoded YAML or JSON value: nil, bool, string, a
// number, []any or map[string]any. In each string, {{ expr }} stands for its
// result; a string that is one {{ expr }} and nothing else takes the result with
// its type. Keys are taken as they are. The error is a *meshhook.Error with
// CodeInvalid, one of its Details for each string that is wrong.
func ParseTemplate(v any) (*Template, error) { return Limits{}.ParseTemplate(v) }

// ParseTemplate compiles a template that is rendered within these limits.
func (l Limits) ParseTemplate(v any) (*Template, error) {
	b := builder{limits: l.orDefault()}
	root := b.build("", v)
	if len(b.problems) > 0 {
		err := meshhook.Errorf(meshhook.CodeInvalid, "%w", b.first)
		if path := b.problems[0].Path; path != "" {
			err = meshhook.Errorf(meshhook.CodeInvalid, "at %s: %w", path, b.first)
		}
		err.Details = b.problems
		return nil, err
	}
	return &Template{root: root, limits: b.limits}, nil
}

// Render evaluates the expressions and returns the structure. What it took from
// the input is shared with that; the rest is new. An error wraps an *EvalError
// and says where in the template it arose.
func (t *Template) Render(ctx context.Context, input any) (any, error) {
	return t.root.render(newMeter(ctx, t.limits), input)
}

// References returns what all expressions of the template read, as
// Program.References does.
func (t *Template) References() []string { return referencesOf(t.root.walk) }

// node is a value of a template.
type node interface {
	render(m *meter, input any) (any, error)
	walk(visit func(*Program))
}

type (
	// constant is a scalar without expressions.
	constant struct{ value any }
	// whole is a string that is one expression.
	whole struct {
		at      string
		program *Program
	}
	// mixed is a string with expressions in it.
	mixed struct {
		at    string
		parts []part
	}
	list   []node
	object map[string]node
)

func (c constant) render(m *meter, _ any) (any, error) {
	if err := m.emitValue(c.value); err != nil {
		return nil, outputError(err)
	}
	return c.value, nil
}

func (w whole) render(m *meter, input any) (any, error) {
	v, err := w.program.one(m, input, "wrap it in [ ]")
	return v, located(w.at, err)
}

func (t mixed) render(m *meter, input any) (any, error) {
	values, err := evaluate(m, t.parts, input)
	if err != nil {
		return nil, located(t.at, err)
	}
	text, err := joinText(values)
	return text, located(t.at, err)
}

func (l list) render(m *meter, input any) (any, error) {
	values := make([]any, len(l))
	for i, n := range l {
		v, err := n.render(m, input)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (o object) render(m *meter, input any) (any, error) {
	values := make(map[string]any, len(o))
	for _, key := range slices.Sorted(maps.Keys(o)) { // the first error is always the same
		v, err := o[key].render(m, input)
		if err != nil {
			return nil, err
		}
		values[key] = v
	}
	return values, nil
}

func (constant) walk(func(*Program)) {}

func (w whole) walk(visit func(*Program)) { visit(w.program) }

func (t mixed) walk(visit func(*Program)) { walkParts(t.parts, visit) }

func (l list) walk(visit func(*Program)) {
	for _, n := range l {
		n.walk(visit)
	}
}

func (o object) walk(visit func(*Program)) {
	for _, n := range o {
		n.walk(visit)
	}
}

// referencesOf collects the references of all programs that walk visits.
func referencesOf(walk func(visit func(*Program))) []string {
	found := map[string]bool{}
	walk(func(p *Program) {
		for _, name := range p.references {
			found[name] = true
		}
	})
	return slices.Sorted(maps.Keys(found))
}

// located adds to an error where in a template it arose.
func located(at string, err error) error {
	if err == nil || at == "" {
		return err
	}
	return fmt.Errorf("at %s: %w", at, err)
}

// builder compiles the values of a template and collects what is wrong.
type builder struct {
	limits   Limits
	problems []meshhook.Problem
	first    error
	depth    int
}

func (b *builder) build(at string, v any) node {
	if b.depth++; b.depth > maxDepth {
		b.fail(at, meshhook.Errorf(meshhook.CodeInvalid, "the template is nested deeper than %d", maxDepth))
		return nil
	}
	defer func() { b.depth-- }()
	switch v := v.(type) {
	case string:
		return b.text(at, v)
	case []any:
		nodes := make(list, len(v))
		for i, x := range v {
			nodes[i] = b.build(at+"/"+strconv.Itoa(i), x)
		}
		return nodes
	case map[string]any:
		nodes := make(object, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			nodes[key] = b.build(at+"/"+escapePointer(key), v[key])
		}
		return nodes
	default:
		scalar, err := scalarOf(v)
		if err != nil {
			b.fail(at, err)
		}
		return constant{scalar}
	}
}

func (b *builder) text(at, s string) node {
	parts, err := parseParts(s, b.limits)
	switch {
	case err != nil:
		b.fail(at, invalid("template", err))
		return nil
	case len(parts) == 1 && parts[0].program != nil:
		return whole{at, parts[0].program}
	case len(parts) == 1:
		return constant{parts[0].literal}
	case len(parts) == 0:
		return constant{""}
	}
	return mixed{at, parts}
}

func (b *builder) fail(at string, err error) {
	if b.first == nil {
		b.first = err
	}
	b.problems = append(b.problems, meshhook.Problem{Path: at, Message: err.Error()})
}

// scalarOf takes a number of any type that decoders make as one that jq knows.
func scalarOf(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int, float64, *big.Int, json.Number:
		s := scale{maxBytes: maxSource, maxNodes: 1, finite: true}
		return v, s.add(v, 0)
	case int64:
		return parseNumber(strconv.FormatInt(v, 10)), nil
	case uint64:
		return parseNumber(strconv.FormatUint(v, 10)), nil
	default:
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "a %T cannot stand in a template; put it in quotes", v)
	}
}

// escapePointer writes a key as a step of a JSON Pointer (RFC 6901, section 3).
func escapePointer(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
