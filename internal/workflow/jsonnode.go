package workflow

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fromJSON returns the tree of a document that is valid JSON, which YAML's
// parser reads, but not all of it: it knows neither \/ nor surrogate pairs, and
// stumbles over tabs.
func (b *builder) fromJSON(src string) (*node, error) {
	decoder := json.NewDecoder(strings.NewReader(src))
	decoder.UseNumber()
	return (&jsonReader{builder: b, src: src, line: b.line0 + 1, decoder: decoder}).node(0)
}

// jsonReader makes a tree of JSON's tokens and knows where they stand.
type jsonReader struct {
	*builder
	src     string
	decoder *json.Decoder
	line    int // of the byte at done
	start   int // of that line
	done    int // bytes whose lines are counted
}

// next returns the next token and a node at its place.
func (r *jsonReader) next() (json.Token, *node, error) {
	from := int(r.decoder.InputOffset())
	token, err := r.decoder.Token()
	if err != nil {
		return nil, nil, err // never: the text is valid
	}
	begin := from + len(r.src[from:]) - len(strings.TrimLeft(r.src[from:], " \t\r\n,:"))
	r.line += strings.Count(r.src[r.done:begin], "\n")
	if last := strings.LastIndexByte(r.src[r.done:begin], '\n'); last >= 0 {
		r.start = r.done + last + 1
	}
	r.done = begin
	return token, &node{line: r.line, column: begin - r.start + 1}, nil
}

// node reads one value and what is below it.
func (r *jsonReader) node(depth int) (*node, error) {
	token, n, err := r.next()
	if err != nil {
		return nil, err
	}
	if err := r.count(n, depth); err != nil {
		return nil, err
	}
	switch value := token.(type) {
	case json.Delim:
		if value == '[' {
			return n, r.list(n, depth)
		}
		return n, r.object(n, depth)
	case string:
		n.kind, n.scalar, n.style = text, value, yaml.DoubleQuotedStyle
	case json.Number:
		n.kind, n.scalar = number, value.String()
	case bool:
		n.kind, n.scalar = boolean, map[bool]string{true: "true", false: "false"}[value]
	}
	return n, nil
}

func (r *jsonReader) list(n *node, depth int) error {
	n.kind = list
	for r.decoder.More() {
		item, err := r.node(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, _, err := r.next()
	return err
}

func (r *jsonReader) object(n *node, depth int) error {
	n.kind = mapping
	seen := map[string]*node{}
	for r.decoder.More() {
		key, err := r.node(depth + 1)
		if err != nil {
			return err
		}
		item, err := r.node(depth + 1)
		if err != nil {
			return err
		}
		r.pair(n, key, item, seen)
	}
	_, _, err := r.next()
	return err
}
