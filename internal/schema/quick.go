package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sync"

	qri "github.com/qri-io/jsonschema"

	"github.com/profullstack/meshhook/internal/content"
)

// maxQuickWork bounds what the quick engine is given: the weight of the payload
// times the size of the schema. It collects every failure with its value, and
// nothing can stop it half-way.
const maxQuickWork = 200_000

// quick is one copy of a schema, inside the subset, in qri-io/jsonschema. It is
// for one goroutine at a time: validating writes to it.
type quick struct{ root *qri.Schema }

// compileQuick takes the decoded document rather than its text, so that both
// engines see the same one where a key stood twice.
func compileQuick(doc any) (q *quick, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			q, err = nil, fmt.Errorf("the quick engine failed: %v", fault)
		}
	}()
	loadKeywords()
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("writing the schema for the quick engine: %w", err)
	}
	q = &quick{root: &qri.Schema{}}
	if err := json.Unmarshal(text, q.root); err != nil {
		return nil, fmt.Errorf("reading the schema in the quick engine: %w", err)
	}
	return q, nil
}

// accepts gives the engine's verdict. Its words are not used: they come in
// random order, without the keyword, and repeat whole values.
func (q *quick) accepts(payload any) (valid bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			valid, err = false, fmt.Errorf("the quick engine failed: %v", fault)
		}
	}()
	return q.root.Validate(context.Background(), payload).IsValid(), nil
}

// loadKeywords fills the library's registry, which is a global of its own, once,
// and puts ours in the place of keywords that are not sound.
var loadKeywords = sync.OnceFunc(func() {
	qri.LoadDraft2019_09()
	qri.GetSchemaRegistry() // is made on first use, without a lock
	for name, maker := range map[string]qri.KeyMaker{
		"type":                 func() qri.Keyword { return &typeKeyword{} },
		"enum":                 func() qri.Keyword { return &enumKeyword{} },
		"const":                func() qri.Keyword { return &constKeyword{} },
		"uniqueItems":          func() qri.Keyword { return &uniqueKeyword{} },
		"additionalProperties": func() qri.Keyword { return &closedKeyword{} },
		"$ref":                 func() qri.Keyword { return &refKeyword{} },
		"pattern":              func() qri.Keyword { return &patternKeyword{} },
		"properties":           func() qri.Keyword { return &propertiesKeyword{} },
		"items":                func() qri.Keyword { return &itemsKeyword{} },
		"minimum":              newBound(func(v, limit float64) bool { return v >= limit }),
		"maximum":              newBound(func(v, limit float64) bool { return v <= limit }),
		"exclusiveMinimum":     newBound(func(v, limit float64) bool { return v > limit }),
		"exclusiveMaximum":     newBound(func(v, limit float64) bool { return v < limit }),
		"definitions":          qri.NewDefs,
		"format":               qri.NewComment, // an annotation
	} {
		qri.RegisterKeyword(name, maker)
	}
})

// Each keyword below embeds Void for the parts of the interface that only
// keywords with subschemas need.

// typeKeyword replaces one that takes "true" for a boolean.
type typeKeyword struct {
	qri.Void
	names []string
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *typeKeyword) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &k.names); err == nil {
		return nil
	}
	k.names = make([]string, 1)
	return json.Unmarshal(text, &k.names[0])
}

// ValidateKeyword implements qri.Keyword.
func (k *typeKeyword) ValidateKeyword(_ context.Context, state *qri.ValidationState, v any) {
	got, alias := typeOf(v)
	if !slices.Contains(k.names, got) && !slices.Contains(k.names, alias) {
		state.AddError(nil, "type")
	}
}

// typeOf names the type of a value, and the second one that an integer has.
func typeOf(v any) (name, alias string) {
	switch v := v.(type) {
	case nil:
		return "null", ""
	case bool:
		return "boolean", ""
	case json.Number:
		if f, err := v.Float64(); err == nil && isInteger(f) {
			return "number", "integer"
		}
		return "number", ""
	case string:
		return "string", ""
	case []any:
		return "array", ""
	}
	return "object", ""
}

// boundKeyword is minimum and its kin. The library's know float64 only, so that
// each payload would have to be copied for them.
type boundKeyword struct {
	qri.Void
	limit float64
	holds func(v, limit float64) bool
}

func newBound(holds func(v, limit float64) bool) qri.KeyMaker {
	return func() qri.Keyword { return &boundKeyword{holds: holds} }
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *boundKeyword) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &k.limit) }

// ValidateKeyword implements qri.Keyword. The number is one that float64 keeps.
func (k *boundKeyword) ValidateKeyword(_ context.Context, state *qri.ValidationState, v any) {
	n, ok := v.(json.Number)
	if !ok {
		return
	}
	if f, err := n.Float64(); err != nil || !k.holds(f, k.limit) {
		state.AddError(nil, "bound")
	}
}

// enumKeyword replaces one that panics on an empty list, decodes each member
// again for each value, and writes them all into each error.
type enumKeyword struct {
	qri.Void
	set *valueSet
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *enumKeyword) UnmarshalJSON(text []byte) error {
	v, err := content.Decode(text)
	if err != nil {
		return err
	}
	members, _ := v.([]any)
	k.set = newValueSet(members)
	return nil
}

// ValidateKeyword implements qri.Keyword.
func (k *enumKeyword) ValidateKeyword(_ context.Context, state *qri.ValidationState, v any) {
	if !k.set.has(v, nil) {
		state.AddError(nil, "enum")
	}
}

// constKeyword is an enum of one.
type constKeyword struct{ enumKeyword }

// UnmarshalJSON implements json.Unmarshaler.
func (k *constKeyword) UnmarshalJSON(text []byte) error {
	v, err := content.Decode(text)
	if err != nil {
		return err
	}
	k.set = newValueSet([]any{v})
	return nil
}

// uniqueKeyword replaces one that compares each item with each and takes false
// for true.
type uniqueKeyword struct {
	qri.Void
	on bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *uniqueKeyword) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &k.on) }

// ValidateKeyword implements qri.Keyword.
func (k *uniqueKeyword) ValidateKeyword(_ context.Context, state *qri.ValidationState, v any) {
	array, ok := v.([]any)
	if !ok || !k.on {
		return
	}
	if _, _, found := firstDuplicate(array, nil); found {
		state.AddError(nil, "uniqueItems")
	}
}

// patternKeyword replaces one that copies the expression and each text.
type patternKeyword struct {
	qri.Void
	pattern *regexp.Regexp
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *patternKeyword) UnmarshalJSON(text []byte) error {
	var pattern string
	if err := json.Unmarshal(text, &pattern); err != nil {
		return err
	}
	var err error
	k.pattern, err = regexp.Compile(pattern)
	return err
}

// ValidateKeyword implements qri.Keyword.
func (k *patternKeyword) ValidateKeyword(_ context.Context, state *qri.ValidationState, v any) {
	if text, ok := v.(string); ok && !k.pattern.MatchString(text) {
		state.AddError(nil, "pattern")
	}
}

// closedKeyword is additionalProperties with true or false. The library's takes
// a name for declared when any object inside the value declares it.
type closedKeyword struct {
	qri.Void
	open bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *closedKeyword) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &k.open) }

// ValidateKeyword implements qri.Keyword.
func (k *closedKeyword) ValidateKeyword(_ context.Context, state *qri.ValidationState, v any) {
	object, ok := v.(map[string]any)
	if !ok || k.open {
		return
	}
	declared, _ := state.Local.JSONProp("properties").(*propertiesKeyword)
	for name := range object {
		if declared == nil || declared.Properties[name] == nil {
			state.AddError(nil, "additionalProperties")
			return
		}
	}
}
