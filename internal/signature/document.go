package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
	"strings"
)

// document reads single values out of a body, for the schemes that put a part of
// what they sign there. The body is parsed when the first one is asked for.
type document struct {
	contentType string
	body        []byte
	// forms tells that values are read from forms, too. Whoever repeats a request
	// chooses its content type, so for other providers a form is none.
	forms bool

	parsed bool
	root   any
	pairs  url.Values
}

// maxDocument bounds what is parsed before it is verified, in bytes: the
// providers that put signatures into bodies send far less. maxValues bounds the
// values in it, each of which may take three hundred bytes once it is parsed.
const (
	maxDocument = 1 << 20
	maxValues   = 20_000
)

func (d *document) parse() {
	if d.parsed {
		return
	}
	d.parsed = true
	if len(d.body) > maxDocument {
		return
	}
	media, _, _ := mime.ParseMediaType(d.contentType)
	if media == "application/x-www-form-urlencoded" {
		if pairs, err := url.ParseQuery(string(d.body)); err == nil {
			d.pairs = pairs
		}
		return
	}
	if values(d.body) > maxValues {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(d.body))
	decoder.UseNumber()
	var root any
	if decoder.Decode(&root) != nil { // whatever the content type: AWS SNS sends JSON as text/plain
		return
	}
	if _, err := decoder.Token(); errors.Is(err, io.EOF) { // else there is more, which nobody looked at
		d.root = root
	}
}

// values counts the values in JSON, or a few more.
func values(text []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++
		case ',', '[', '{':
			if !quoted {
				n++
			}
		}
	}
	return n
}

// form returns the pairs of a form body, nil where it is none.
func (d *document) form() url.Values {
	d.parse()
	return d.pairs
}

// lookup returns the text or number at a path, and whether it is there.
func (d *document) lookup(path string) (string, bool) {
	all := d.all(path)
	if len(all) != 1 {
		return "", false
	}
	return all[0], true
}

// value is lookup with "" for what is not there.
func (d *document) value(path string) string {
	text, _ := d.lookup(path)
	return text
}

// all returns the texts and numbers at a path in which "[]" behind a name stands
// for every element of a list. What is absent or of another type is left out,
// but an element that is makes all of it nil: no element may go unseen.
func (d *document) all(path string) []string {
	d.parse()
	if d.forms && d.pairs != nil {
		return d.pairs[path[strings.LastIndexByte(path, '.')+1:]]
	}
	return walk(d.root, path)
}

func walk(at any, path string) []string {
	if path == "" {
		switch value := at.(type) {
		case string:
			return []string{value}
		case json.Number:
			return []string{value.String()}
		case bool:
			if value {
				return []string{"true"}
			}
			return []string{"false"}
		}
		return nil
	}
	name, rest, _ := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	if name != "" { // else the list is what stands here: "[].name"
		object, _ := at.(map[string]any)
		value, ok := object[name]
		if !ok {
			return nil
		}
		at = value
	}
	if !list {
		return walk(at, rest)
	}
	elements, _ := at.([]any)
	var found []string
	for _, element := range elements {
		texts := walk(element, rest)
		if texts == nil {
			return nil
		}
		found = append(found, texts...)
	}
	return found
}
