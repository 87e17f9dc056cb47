package schema

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// schemaURL is the base that a schema without an $id is given. Nothing can be
// loaded from it.
const schemaURL = "meshhook:///schema"

// strict is one compiled copy of a schema in the engine that conforms fully. It
// is for one goroutine at a time, because its meter is.
type strict struct {
	root  *jsonschema.Schema
	meter *meter
	// numeric tells whether the schema looks at the value of numbers.
	numeric bool
}

// compileStrict compiles a document that has passed the limits. It loads
// nothing: a $ref leads into the document or to a meta-schema, which are
// embedded. Errors are for the schema's author.
func compileStrict(doc any, assertFormats bool) (s *strict, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			s, err = nil, meshhook.Errorf(meshhook.CodeInvalid, "the schema cannot be compiled: %v", fault)
		}
	}()
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if assertFormats {
		compiler.AssertFormat()
	}
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return nil, explain(err, doc)
	}
	root, err := compiler.Compile(schemaURL)
	if err != nil {
		return nil, explain(err, doc)
	}
	nodes := []*jsonschema.Schema{root}
	for _, place := range dynamicAnchors(doc, "") {
		// What does not compile is no schema, but part of a default, say: the
		// document as a whole is sound.
		if node, err := compiler.Compile(schemaURL + "#" + place); err == nil {
			nodes = append(nodes, node)
		}
	}
	g := newGraph(nodes)
	if err := g.checkReach(); err != nil {
		return nil, err
	}
	s = &strict{root: root, meter: &meter{}}
	s.numeric = harden(g.nodes, s.meter, assertFormats)
	return s, nil
}

// draft names the draft by which the schema is read.
func (s *strict) draft() string {
	switch version := s.root.DraftVersion; {
	case version >= 2020:
		return "2020-12"
	case version >= 2019:
		return "2019-09"
	default:
		return fmt.Sprintf("draft-%02d", version)
	}
}

// problems judges a payload; nil means that it is valid. The error is not about
// the payload: the engine itself failed.
func (s *strict) problems(payload any) (problems []meshhook.Problem, err error) {
	defer func() {
		switch fault := recover(); fault {
		case nil:
		case errTooManySteps:
			problems = []meshhook.Problem{{Message: fmt.Sprintf("takes more than %d steps to check; send it in smaller parts, or make the schema simpler", maxSteps)}}
		default:
			problems, err = nil, fmt.Errorf("the strict engine failed: %v", fault)
		}
	}()
	s.meter.left = maxSteps
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](s.root.Validate(payload)); ok {
		return describe(invalid), nil
	}
	return nil, nil
}

// noLoader refuses every document: a schema must not be able to make the daemon
// fetch an address or read a file.
type noLoader struct{}

var errNotLoaded = errors.New("schemas are not loaded from elsewhere")

// Load implements jsonschema.URLLoader.
func (noLoader) Load(string) (any, error) { return nil, errNotLoaded }

// dynamicAnchors lists, as URL fragments, the objects that a $dynamicRef may
// lead to by their name alone.
func dynamicAnchors(v any, place string) []string {
	var places []string
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			places = append(places, dynamicAnchors(item, place+"/"+strconv.Itoa(i))...)
		}
	case map[string]any:
		if _, ok := v["$dynamicAnchor"].(string); ok {
			places = append(places, place)
		}
		for _, key := range sortedKeys(v) {
			places = append(places, dynamicAnchors(v[key], place+"/"+url.PathEscape(escapeToken(key)))...)
		}
	}
	return places
}

// explain turns an error of the compiler into one that names the place and says
// what to do.
func explain(err error, doc any) *meshhook.Error {
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		return explainInvalid(e)
	}
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return explainNotLoaded(e.URL, doc)
	}
	if e, ok := errors.AsType[*jsonschema.InvalidRegexError](err); ok {
		return invalidAt(locationOf(e.URL), "is no regular expression (RE2 syntax, without look-around): %s", shorten(e.Err.Error()))
	}
	if e, ok := errors.AsType[*jsonschema.JSONPointerNotFoundError](err); ok {
		return explainMissing(e.URL, doc)
	}
	if e, ok := errors.AsType[*jsonschema.AnchorNotFoundError](err); ok {
		return explainMissing(e.Reference, doc)
	}
	if e, ok := errors.AsType[*jsonschema.DuplicateAnchorError](err); ok {
		return explainDuplicate(e.Anchor, e.Ptr1, e.Ptr2)
	}
	if e, ok := errors.AsType[*jsonschema.DuplicateIDError](err); ok {
		return explainDuplicate(e.ID, e.Ptr1, e.Ptr2)
	}
	if e, ok := errors.AsType[*jsonschema.ParseIDError](err); ok {
		return invalidAt(append(locationOf(e.URL), "$id"), "is no URI reference (RFC 3986)")
	}
	text := strings.ReplaceAll(err.Error(), schemaURL, "")
	return meshhook.Errorf(meshhook.CodeInvalid, "the schema cannot be compiled: %s", text)
}

// explainInvalid is for a schema that is not one by its own meta-schema. Of
// what an anyOf reports, the alternatives say more than the anyOf.
func explainInvalid(e *jsonschema.SchemaValidationError) *meshhook.Error {
	cause, ok := errors.AsType[*jsonschema.ValidationError](e.Err)
	if !ok {
		return meshhook.Errorf(meshhook.CodeInvalid, "the schema is not valid: %w", e.Err)
	}
	problems := describe(cause)
	base := pointer(locationOf(e.URL))
	first := 0
	for i := range problems {
		problems[i].Path = base + problems[i].Path
		if first == i && i+1 < len(problems) && problems[i].Keyword == "anyOf" {
			first = i + 1
		}
	}
	return invalid(problems[first], append(problems[:first:first], problems[first+1:]...)...)
}

func explainNotLoaded(address string, doc any) *meshhook.Error {
	if location, ok := findSchemaURI(doc, address, nil); ok {
		return invalidAt(location, "names %q, which is not known; use draft-07, 2019-09 or 2020-12", shorten(address))
	}
	location := findRef(doc, func(target string) bool {
		document, _, _ := strings.Cut(target, "#")
		return document == address
	})
	return invalidAt(location, "refers to %q, which is not loaded; inline it: copy that schema into \"$defs\" and refer to it as \"#/$defs/NAME\"", shorten(address))
}

func explainMissing(target string, doc any) *meshhook.Error {
	location := findRef(doc, func(ref string) bool {
		unescaped, err := url.PathUnescape(ref)
		return err == nil && (ref == target || unescaped == target)
	})
	return invalidAt(location, "refers to %q, which is not in the schema", shorten(strings.TrimPrefix(target, schemaURL)))
}

// explainDuplicate names the later place; the compiler goes through them at random.
func explainDuplicate(name, place1, place2 string) *meshhook.Error {
	return invalidAt(splitPointer(max(place1, place2)), "gives the name %q a second time", shorten(name))
}

// locationOf returns the tokens of the JSON Pointer in a URL's fragment.
func locationOf(address string) []string {
	_, fragment, _ := strings.Cut(address, "#")
	unescaped, err := url.PathUnescape(fragment)
	if err != nil {
		return nil
	}
	return splitPointer(unescaped)
}
