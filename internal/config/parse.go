package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// parse reads the text of a configuration file: a YAML mapping of keys. Keys
// stand nested ("log:" over "level:") or dotted ("log.level:"). A key that is
// unknown or stands twice is an error, and so are aliases: the few settings need
// none, and without them nothing can blow up.
func parse(path string, text []byte) (layer, error) {
	p := parser{path: path, values: layer{}, fields: fields(new(Config))}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
		return p.values, nil // empty, or comments only
	} else if err != nil {
		return nil, p.syntax(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, p.fault(&second, "it holds a second document; put everything into one")
	} else if !errors.Is(err, io.EOF) {
		return nil, p.syntax(err)
	}
	top := root.Content[0]
	if isNull(top) {
		return p.values, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, p.fault(top, "it is no mapping of keys to values; write lines like `listen: \":8080\"`")
	}
	return p.values, p.group("", top)
}

// parser flattens the tree of one file into a layer.
type parser struct {
	path   string
	values layer
	fields map[string]reflect.Value
}

// group reads the keys of a mapping, each with prefix in front.
func (p *parser) group(prefix string, mapping *yaml.Node) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, node := mapping.Content[i], mapping.Content[i+1]
		if name.Kind != yaml.ScalarNode {
			return p.fault(name, "a key must be a plain word")
		}
		key := prefix + name.Value
		_, known := p.fields[key]
		var err error
		switch {
		case known:
			err = p.leaf(key, name, node)
		case !p.isGroup(key):
			err = p.fault(name, "unknown key %s%s", shorten(key), didYouMean(key, p.names()))
		case node.Kind == yaml.MappingNode:
			err = p.group(key+".", node)
		case !isNull(node):
			err = p.fault(node, "%s is a group of keys; write %s under it", key, p.under(key))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaf reads the value of a key.
func (p *parser) leaf(key string, name, node *yaml.Node) error {
	if _, twice := p.values[key]; twice {
		return p.fault(name, "the key %s stands there twice", key)
	}
	switch {
	case isNull(node):
		return nil
	case node.Style&yaml.TaggedStyle != 0:
		return p.fault(node, "%s: tags are not read here; write the plain value, or quote it if it begins with !", key)
	case node.Kind == yaml.ScalarNode:
		p.values[key] = value{node.Value, p.origin(node)}
		return nil
	case node.Kind == yaml.SequenceNode && isList(p.fields[key]):
		items := make([]string, 0, len(node.Content))
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return p.fault(item, "%s takes a list of plain values", key)
			}
			items = append(items, item.Value)
		}
		p.values[key] = value{items, p.origin(node)}
		return nil
	case node.Kind == yaml.AliasNode:
		return p.fault(node, "%s: aliases are not read here; write the value out, or quote it if it begins with *", key)
	default:
		return p.fault(node, "%s takes one plain value", key)
	}
}

func (p *parser) origin(node *yaml.Node) Origin {
	return Origin(fmt.Sprintf("file %s:%d", p.path, node.Line))
}

func (p *parser) fault(node *yaml.Node, format string, args ...any) error {
	return meshhook.Errorf(meshhook.CodeInvalid, "%s:%d: %s", p.path, node.Line, fmt.Sprintf(format, args...))
}

// yamlLine finds the line in an error of the YAML library.
var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntax says what the YAML library found wrong. Its text can quote the file only
// in the name of an anchor, which may be a secret that nobody quoted.
func (p *parser) syntax(err error) error {
	text := err.Error()
	place := p.path
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		place, text = place+":"+found[1], text[len(found[0]):]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	if strings.HasPrefix(text, "unknown anchor") {
		text = "a value that begins with * must be quoted"
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "%s: it is not valid YAML: %s", place, text)
}

func (p *parser) isGroup(key string) bool { return p.under(key) != "" }

// under returns a key of the group, empty if it is none.
func (p *parser) under(group string) string {
	for _, key := range p.names() {
		if rest, ok := strings.CutPrefix(key, group+"."); ok {
			return rest
		}
	}
	return ""
}

func (p *parser) names() []string {
	names := make([]string, 0, len(p.fields))
	for _, key := range Keys() {
		names = append(names, key.Name)
	}
	return names
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// shorten keeps a stranger's word from filling the screen.
func shorten(word string) string {
	const most = 60
	if len(word) > most {
		word = word[:most] + "…"
	}
	return fmt.Sprintf("%q", word)
}
