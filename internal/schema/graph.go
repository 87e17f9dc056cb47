package schema

import (
	"cmp"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// graph is the compiled nodes of a schema that can come to judge something,
// ordered by location, and which of them a dynamic reference may pick.
type graph struct {
	nodes     []*jsonschema.Schema
	anchors   map[string][]*jsonschema.Schema // by $dynamicAnchor
	recursive []*jsonschema.Schema            // with $recursiveAnchor
}

// newGraph collects what can be reached from the roots, which include every
// node with a $dynamicAnchor.
func newGraph(roots []*jsonschema.Schema) *graph {
	g := &graph{anchors: map[string][]*jsonschema.Schema{}}
	seen := map[*jsonschema.Schema]bool{}
	for todo := roots; len(todo) > 0; {
		node := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[node] {
			continue
		}
		seen[node] = true
		g.nodes = append(g.nodes, node)
		todo = append(append(todo, subschemasHere(node)...), subschemasBelow(node)...)
	}
	slices.SortFunc(g.nodes, func(a, b *jsonschema.Schema) int { return cmp.Compare(a.Location, b.Location) })
	for _, node := range g.nodes {
		if node.DynamicAnchor != "" {
			g.anchors[node.DynamicAnchor] = append(g.anchors[node.DynamicAnchor], node)
		}
		if node.RecursiveAnchor {
			g.recursive = append(g.recursive, node)
		}
	}
	return g
}

// here lists what a node may apply to the value that it is applied to: what
// subschemasHere lists, and wherever a dynamic reference could lead instead.
func (g *graph) here(node *jsonschema.Schema) []*jsonschema.Schema {
	list := subschemasHere(node)
	if node.DynamicRef != nil && node.DynamicRef.Anchor != "" {
		list = append(list, g.anchors[node.DynamicRef.Anchor]...)
	}
	if node.RecursiveRef != nil {
		list = append(list, g.recursive...)
	}
	slices.SortFunc(list, func(a, b *jsonschema.Schema) int { return cmp.Compare(a.Location, b.Location) })
	return list
}

// reach is what a node brings about for one value.
type reach struct {
	subschemas int // applied to it, the node included
	chain      int // the longest way through them
	open       bool
}

// checkReach refuses references that go in a circle without going deeper into
// the payload, and too many subschemas for one value.
func (g *graph) checkReach() error {
	known := map[*jsonschema.Schema]reach{}
	for _, node := range g.nodes {
		if _, err := g.reach(node, known); err != nil {
			return err
		}
	}
	return nil
}

func (g *graph) reach(node *jsonschema.Schema, known map[*jsonschema.Schema]reach) (reach, error) {
	if r, ok := known[node]; ok {
		if r.open {
			return r, invalidAt(locationOf(node.Location), "refers to itself for the same value, so that checking would never end")
		}
		return r, nil
	}
	known[node] = reach{open: true}
	total := reach{subschemas: 1}
	for _, sub := range g.here(node) {
		r, err := g.reach(sub, known)
		if err != nil {
			return r, err
		}
		total.subschemas += r.subschemas
		total.chain = max(total.chain, r.chain)
		if total.subschemas > maxExpansion {
			return r, invalidAt(locationOf(node.Location), "applies more than %d subschemas to one value", maxExpansion)
		}
	}
	if total.chain++; total.chain > maxChain {
		return total, invalidAt(locationOf(node.Location), "leads through more than %d subschemas for one value", maxChain)
	}
	known[node] = total
	return total, nil
}

// subschemasHere lists what a node applies to the value that it is applied to.
func subschemasHere(node *jsonschema.Schema) []*jsonschema.Schema {
	list := appendSchemas(nil, node.Ref, node.RecursiveRef, node.Not, node.If, node.Then, node.Else)
	if node.DynamicRef != nil {
		list = appendSchemas(list, node.DynamicRef.Ref)
	}
	list = appendSchemas(list, node.AllOf...)
	list = appendSchemas(list, node.AnyOf...)
	list = appendSchemas(list, node.OneOf...)
	for _, sub := range node.DependentSchemas {
		list = appendSchemas(list, sub)
	}
	for _, sub := range node.Dependencies {
		list = appendAny(list, sub)
	}
	return list
}

// subschemasBelow lists what a node applies to items, properties and their
// names.
func subschemasBelow(node *jsonschema.Schema) []*jsonschema.Schema {
	list := appendSchemas(nil, node.PropertyNames, node.UnevaluatedProperties, node.Contains, node.Items2020, node.UnevaluatedItems)
	list = appendSchemas(list, node.PrefixItems...)
	for _, sub := range node.Properties {
		list = appendSchemas(list, sub)
	}
	for _, sub := range node.PatternProperties {
		list = appendSchemas(list, sub)
	}
	for _, sub := range []any{node.AdditionalProperties, node.Items, node.AdditionalItems} {
		list = appendAny(list, sub)
	}
	return list
}

func appendSchemas(list []*jsonschema.Schema, subs ...*jsonschema.Schema) []*jsonschema.Schema {
	for _, sub := range subs {
		if sub != nil {
			list = append(list, sub)
		}
	}
	return list
}

// appendAny is for the fields that hold a bool, a schema or a list of schemas.
func appendAny(list []*jsonschema.Schema, sub any) []*jsonschema.Schema {
	switch sub := sub.(type) {
	case *jsonschema.Schema:
		return appendSchemas(list, sub)
	case []*jsonschema.Schema:
		return appendSchemas(list, sub...)
	}
	return list
}
