package schema

import (
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// errTooManySteps is what the meter panics with: the library knows no other way
// to stop half-way.
var errTooManySteps = errors.New("too many steps")

// meter counts down the steps of one validation.
type meter struct{ left int }

func (m *meter) spend(steps int) {
	if m.left -= steps; m.left < 0 {
		panic(errTooManySteps)
	}
}

// harden mends compiled nodes, through the library's exported fields and
// extension point, where a sender could abuse them:
//   - the work of one validation is metered;
//   - enum, const and uniqueItems compare in linear time (the hash that the
//     library uses for uniqueItems can be made to collide);
//   - propertyNames reports the right path (the library's shares memory with its
//     siblings');
//   - format is an annotation unless asserted (up to draft-07 the library always
//     asserts it, and rejects what the providers' own schemas allow).
//
// It tells whether the nodes look at the value of numbers.
func harden(nodes []*jsonschema.Schema, m *meter, assertFormats bool) (numeric bool) {
	for _, node := range nodes {
		numeric = numeric || comparesNumbers(node)
		if !assertFormats {
			node.Format = nil
		}
		skipRefs(node)
		node.Extensions = append(node.Extensions, newGuard(node, m))
		node.Const, node.Enum, node.UniqueItems, node.PropertyNames = nil, nil, false, nil
	}
	return numeric
}

// skipRefs makes a draft-07 $ref lead to the end of a chain of $refs: on the
// way there such a node has nothing else, not even a guard.
func skipRefs(node *jsonschema.Schema) {
	for node.Ref != nil && node.Ref.DraftVersion < 2019 && node.Ref.Ref != nil {
		node.Ref = node.Ref.Ref
	}
}

func comparesNumbers(node *jsonschema.Schema) bool {
	return node.Maximum != nil || node.Minimum != nil || node.MultipleOf != nil ||
		node.ExclusiveMaximum != nil || node.ExclusiveMinimum != nil ||
		node.UniqueItems || node.Enum != nil || node.Const != nil ||
		node.Types != nil && slices.Contains(node.Types.ToStrings(), "integer")
}

// guard is what each node gets beside the library's own keywords.
type guard struct {
	meter *meter
	// How many subschemas the node applies to a value itself, and to each of
	// its items or properties.
	here, perItem, perProperty int

	enum, constant *valueSet // nil without
	enumFailed     *kind.Enum
	constFailed    *kind.Const
	unique         bool
	names          *jsonschema.Schema
}

var _ jsonschema.SchemaExt = (*guard)(nil)

func newGuard(node *jsonschema.Schema, m *meter) *guard {
	g := &guard{
		meter: m,
		here:  len(subschemasHere(node)),
		perItem: count(node.Items != nil, node.AdditionalItems != nil, node.Items2020 != nil,
			len(node.PrefixItems) > 0, node.Contains != nil, node.UnevaluatedItems != nil),
		perProperty: len(node.PatternProperties) + count(len(node.Properties) > 0,
			node.AdditionalProperties != nil, node.PropertyNames != nil, node.UnevaluatedProperties != nil),
		unique: node.UniqueItems,
		names:  node.PropertyNames,
	}
	if node.Enum != nil {
		g.enum = newValueSet(node.Enum.Values)
		g.enumFailed = &kind.Enum{Want: node.Enum.Values}
	}
	if node.Const != nil {
		g.constant = newValueSet([]any{*node.Const})
		g.constFailed = &kind.Const{Want: *node.Const}
	}
	return g
}

// Validate implements jsonschema.SchemaExt.
func (g *guard) Validate(ctx *jsonschema.ValidatorContext, v any) {
	g.meter.spend(g.here)
	if g.enum != nil && !g.enum.has(v, g.meter) {
		ctx.AddError(g.enumFailed)
	}
	if g.constant != nil && !g.constant.has(v, g.meter) {
		ctx.AddError(g.constFailed)
	}
	switch v := v.(type) {
	case []any:
		g.meter.spend(g.perItem * len(v))
		if g.unique {
			g.checkUnique(ctx, v)
		}
	case map[string]any:
		g.meter.spend(g.perProperty * len(v))
		if g.names != nil {
			g.checkNames(ctx, v)
		}
	}
}

func (g *guard) checkUnique(ctx *jsonschema.ValidatorContext, array []any) {
	if first, second, found := firstDuplicate(array, g.meter); found {
		ctx.AddError(&kind.UniqueItems{Duplicates: [2]int{first, second}})
	}
}

func (g *guard) checkNames(ctx *jsonschema.ValidatorContext, object map[string]any) {
	for name := range object {
		if cause, ok := errors.AsType[*jsonschema.ValidationError](g.names.Validate(name)); ok {
			ctx.AddErrors(cause.Causes, &kind.PropertyNames{Property: name})
		}
	}
}

func count(facts ...bool) int {
	n := 0
	for _, fact := range facts {
		if fact {
			n++
		}
	}
	return n
}
