package workflow

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What a document may be at most. A workflow of 1000 steps stays far below; an
// alias bomb ("billion laughs") does not.
const (
	maxDocument = 1 << 20 // bytes of a file
	maxNodes    = 100_000 // values, keys included, after aliases are expanded
	maxDepth    = 64      // nesting
)

// kindOf is what sort of value a node is.
type kindOf int

const (
	null kindOf = iota
	boolean
	number
	text
	list
	mapping
)

// String names the kind in messages.
func (k kindOf) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "a mapping"}[k]
}

// node is one value of a document and where it stands. Aliases and merge keys
// are expanded, keys are unique and plain text, numbers are as they were written.
type node struct {
	kind   kindOf
	scalar string  // the text of a text, number or boolean
	keys   []*node // of a mapping
	items  []*node // the values of a mapping, the items of a list
	key    *node   // of which it is the value; nil in a list
	line   int
	column int
	style  yaml.Style
}

// get returns the value of a mapping's key, or nil.
func (n *node) get(key string) *node {
	for i, k := range n.keys {
		if k.scalar == key {
			return n.items[i]
		}
	}
	return nil
}

// value returns the node as plain data, as encoding/json makes it with
// UseNumber: integers of any size stay exact.
func (n *node) value() any {
	switch n.kind {
	case boolean:
		return n.scalar == "true"
	case number:
		return json.Number(n.scalar)
	case text:
		return n.scalar
	case list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.value()
		}
		return items
	case mapping:
		object := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			object[key.scalar] = n.items[i].value()
		}
		return object
	default:
		return nil
	}
}

// errStop ends the building of a tree whose problem is reported already.
var errStop = errors.New("stop")

// builder makes our tree of YAML's.
type builder struct {
	*checker
	nodes int
}

// build returns the tree of the one document in src, or nil when src holds
// none. What is wrong goes to the checker; the tree is then incomplete.
func (c *checker) build(src string) (root *node) {
	b := &builder{checker: c}
	if json.Valid([]byte(src)) {
		root, err := b.fromJSON(src)
		if err != nil {
			return nil
		}
		return root
	}
	decoder := yaml.NewDecoder(strings.NewReader(src))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			c.syntax(err)
			return nil
		}
		if doc.Kind != yaml.DocumentNode || isEmpty(doc.Content[0]) {
			continue
		}
		if root != nil {
			c.problem(c.line0+doc.Line, 1, "here begins a second document; only --- on a line of its own parts the workflows of a file")
			return nil
		}
		if root, err = b.node(doc.Content[0], 0); err != nil {
			return nil
		}
	}
}

// isEmpty tells whether a document says nothing: only comments, or nothing.
func isEmpty(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Value == "" && y.Style == 0
}

// node converts one YAML node and what is below it.
func (b *builder) node(y *yaml.Node, depth int) (*node, error) {
	n := &node{line: b.line0 + y.Line, column: b.column(y), style: y.Style}
	if err := b.count(n, depth); err != nil {
		return nil, err
	}
	switch y.Kind {
	case yaml.AliasNode:
		return b.node(y.Alias, depth+1)
	case yaml.SequenceNode:
		return n, b.sequence(n, y, depth)
	case yaml.MappingNode:
		return n, b.mapping(n, y, depth)
	default:
		b.scalar(n, y)
		return n, nil
	}
}

// count ends the building of a tree that grows too large.
func (b *builder) count(n *node, depth int) error {
	if b.nodes++; b.nodes > maxNodes {
		b.at(n, "the document is too large: more than %d values once its aliases are expanded", maxNodes)
		return errStop
	}
	if depth > maxDepth {
		b.at(n, "the document is nested too deeply: more than %d levels", maxDepth)
		return errStop
	}
	return nil
}

func (b *builder) sequence(n *node, y *yaml.Node, depth int) error {
	n.kind = list
	b.checkTag(n, y, "!!seq")
	n.items = make([]*node, 0, len(y.Content))
	for _, content := range y.Content {
		item, err := b.node(content, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	return nil
}

func (b *builder) mapping(n *node, y *yaml.Node, depth int) error {
	n.kind = mapping
	b.checkTag(n, y, "!!map")
	seen := make(map[string]*node, len(y.Content)/2)
	var merges []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, err := b.key(y.Content[i], depth+1)
		if err != nil {
			return err
		}
		item, err := b.node(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if y.Content[i].ShortTag() == "!!merge" {
			merges = append(merges, item)
			continue
		}
		b.pair(n, key, item, seen)
	}
	for _, m := range merges {
		b.merge(n, m, seen)
	}
	return nil
}

// pair adds a key and its value to a mapping.
func (b *builder) pair(n, key, item *node, seen map[string]*node) {
	switch first := seen[key.scalar]; {
	case key.kind != text:
		b.at(key, "a key must be text, but this one is %s", key.kind)
	case first != nil:
		b.at(key, "%s is given twice, first on line %d", quote(key.scalar), first.line)
	default:
		seen[key.scalar], item.key = key, key
		n.keys, n.items = append(n.keys, key), append(n.items, item)
	}
}

// merge adds what a merge key (<<, of YAML 1.1) brings: the pairs of a mapping,
// or of several, whose keys are not there yet.
func (b *builder) merge(n, from *node, seen map[string]*node) {
	switch from.kind {
	case list:
		for _, item := range from.items {
			if item.kind != mapping { // a list in the list would be one too many
				b.at(item, "<< wants a mapping or a list of mappings")
				continue
			}
			b.merge(n, item, seen)
		}
	case mapping:
		for i, key := range from.keys {
			if seen[key.scalar] == nil {
				seen[key.scalar] = key
				n.keys, n.items = append(n.keys, key), append(n.items, from.items[i])
			}
		}
	default:
		b.at(from, "<< wants a mapping or a list of mappings")
	}
}

// key converts a mapping's key. Every scalar is taken by its text, so that
// {200: ok} has the key "200", as it would have in JSON.
func (b *builder) key(y *yaml.Node, depth int) (*node, error) {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind != yaml.ScalarNode {
		return b.node(y, depth)
	}
	b.nodes++ // checked with the value that follows
	return &node{kind: text, scalar: y.Value, line: b.line0 + y.Line, column: b.column(y), style: y.Style}, nil
}

// jsonNumber is the grammar of numbers of RFC 8259, section 6.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar decides what a scalar is. Text is whatever is quoted or tagged so,
// and every plain scalar that is nothing else; a date is text.
func (b *builder) scalar(n *node, y *yaml.Node) {
	n.kind, n.scalar = text, y.Value
	if y.Style == 0 && jsonNumber.MatchString(y.Value) {
		n.kind = number // 1e999, too, which YAML's own rules take for text
		return
	}
	switch y.ShortTag() {
	case "!!str", "!!merge":
	case "!!timestamp":
		if y.Style&yaml.TaggedStyle != 0 {
			b.checkTag(n, y)
		}
	case "!!null":
		n.kind, n.scalar = null, ""
	case "!!bool":
		n.kind, n.scalar = boolean, strings.ToLower(y.Value)
	case "!!int", "!!float":
		n.kind = number
		if !jsonNumber.MatchString(y.Value) {
			// 0x1F, 1_000, 010 (eight!) and .inf: each reader takes them for
			// something else, so that the writer has to say.
			b.at(n, "%s is ambiguous: write the number as JSON does, or put it in quotes to make it text", quote(y.Value))
			n.scalar = "0"
		}
	default:
		b.checkTag(n, y)
	}
}

// checkTag refuses explicit tags other than the given ones.
func (b *builder) checkTag(n *node, y *yaml.Node, allowed ...string) {
	for _, tag := range allowed {
		if y.ShortTag() == tag {
			return
		}
	}
	b.at(n, "the tag %s has no meaning here", quote(y.Tag))
}
