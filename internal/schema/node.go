package schema

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"

	qri "github.com/qri-io/jsonschema"
)

// node is a subschema of the quick engine with its keywords at hand. The library looks
// each of them up by its name for each value, and makes a state, with maps, for it:
// together that was most of the work.
type node struct {
	schema   *qri.Schema
	keywords []qri.Keyword
}

func newNode(schema *qri.Schema) node {
	n := node{schema: schema}
	for _, name := range judging() {
		if keyword, ok := schema.JSONProp(name).(qri.Keyword); ok {
			n.keywords = append(n.keywords, keyword)
		}
	}
	return n
}

// judging are the keywords of the subset that say something of a value, in the order
// in which the library asks them: if comes before then.
var judging = sync.OnceValue(func() []string {
	var names []string
	for name, kind := range quickKeywords {
		if kind != annotation && kind != formatted && name != "$defs" && name != "definitions" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(qri.GetKeywordOrder(a)-qri.GetKeywordOrder(b), qri.GetKeywordInsertOrder(a)-qri.GetKeywordInsertOrder(b))
	})
	return names
})

// judge puts a value to the subschema, in a state that was borrowed for it.
func (n node) judge(ctx context.Context, state *qri.ValidationState, v any) {
	if len(n.keywords) == 0 { // true, false or {}
		n.schema.ValidateKeyword(ctx, state, v)
		return
	}
	clear(state.Misc) // what the subschema before it noted there
	state.Local = n.schema
	for _, keyword := range n.keywords {
		keyword.ValidateKeyword(ctx, state, v)
	}
}

var states = sync.Pool{New: func() any { return &qri.ValidationState{Misc: map[string]any{}} }}

// borrow returns a state below another one, whose faults become those of that.
func borrow(state *qri.ValidationState) *qri.ValidationState {
	below, _ := states.Get().(*qri.ValidationState)
	misc := below.Misc
	*below = *state
	below.Misc = misc
	return below
}

// giveBack ends a state. Nothing of the payload stays in it.
func giveBack(below *qri.ValidationState) {
	clear(below.Misc)
	*below = qri.ValidationState{Misc: below.Misc}
	states.Put(below)
}

// Each keyword below replaces one that also keeps account of what was evaluated, and
// where, for keywords that are outside the subset. The rest is the library's.

type propertiesKeyword struct {
	qri.Properties
	nodes []property
}

type property struct {
	name string
	node
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *propertiesKeyword) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &k.Properties); err != nil {
		return err
	}
	for name, schema := range k.Properties {
		k.nodes = append(k.nodes, property{name, newNode(schema)})
	}
	return nil
}

// ValidateKeyword implements qri.Keyword.
func (k *propertiesKeyword) ValidateKeyword(ctx context.Context, state *qri.ValidationState, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	below := borrow(state)
	for _, property := range k.nodes {
		if value, ok := object[property.name]; ok {
			property.judge(ctx, below, value)
		}
	}
	giveBack(below)
}

type itemsKeyword struct {
	qri.Items
	node node
}

// UnmarshalJSON implements json.Unmarshaler. In the subset there is one schema.
func (k *itemsKeyword) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &k.Items); err != nil {
		return err
	}
	k.node = newNode(k.Schemas[0])
	return nil
}

// ValidateKeyword implements qri.Keyword.
func (k *itemsKeyword) ValidateKeyword(ctx context.Context, state *qri.ValidationState, v any) {
	array, ok := v.([]any)
	if !ok {
		return
	}
	below := borrow(state)
	for _, item := range array {
		k.node.judge(ctx, below, item)
	}
	giveBack(below)
}

type refKeyword struct {
	qri.Ref
	list, name string
	target     *node
}

// UnmarshalJSON implements json.Unmarshaler. The subset has no other references.
func (k *refKeyword) UnmarshalJSON(text []byte) error {
	var ref string
	if err := json.Unmarshal(text, &ref); err != nil {
		return err
	}
	if match := quickRef.FindStringSubmatch(ref); match != nil {
		k.list, k.name = match[1], match[2]
	}
	return json.Unmarshal(text, &k.Ref)
}

// ValidateKeyword implements qri.Keyword.
func (k *refKeyword) ValidateKeyword(ctx context.Context, state *qri.ValidationState, v any) {
	if k.target == nil && !k.find(state.Root) {
		k.Ref.ValidateKeyword(ctx, state, v) // which says that there is none
		return
	}
	below := borrow(state)
	k.target.judge(ctx, below, v)
	giveBack(below)
}

func (k *refKeyword) find(root *qri.Schema) bool {
	definitions, ok := root.JSONProp(k.list).(*qri.Defs)
	if !ok || (*definitions)[k.name] == nil {
		return false
	}
	found := newNode((*definitions)[k.name])
	k.target = &found
	return true
}
