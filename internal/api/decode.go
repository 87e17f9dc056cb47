package api

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// decode reads a JSON body into a struct. CodeMalformed is what cannot be read at
// all, fields that are not known, and values of the wrong type, each with its
// place; CodeInvalid, from the types themselves, is a value that cannot be. null
// stands for a field that is not given. No message repeats a value: it may be a
// secret.
func decode(body []byte, into any) error {
	if err := checkShape(body, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	return unmarshal(body, into)
}

// checkShape compares a document with the fields of a type.
func checkShape(body []byte, want reflect.Type) error {
	document, err := content.Decode(body)
	if err != nil {
		return malformed("the body cannot be read: %s", err.Error())
	}
	if _, ok := document.(map[string]any); !ok {
		return malformed("the body must be a JSON object")
	}
	var s shape
	s.compare(document, want, "")
	return s.fault()
}

// unmarshal is json.Unmarshal of what checkShape let through, with our errors.
func unmarshal(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	if misfit := misfits(body, reflect.TypeOf(into).Elem()); misfit != nil {
		return misfit
	}
	if _, ours := errorAs(err); ours {
		return err
	}
	// A value that reads itself, and says no more: its text may quote the value.
	return meshhook.Errorf(meshhook.CodeInvalid, "the body holds a value that cannot be used")
}

// misfits says which texts cannot be what they are to be, durations and ids, each with
// its place, which encoding/json does not tell; nil where there are none.
func misfits(body []byte, want reflect.Type) error {
	document, err := content.Decode(body)
	if err != nil {
		return nil //nolint:nilerr // that was said before
	}
	s := shape{read: true}
	s.compare(document, want, "")
	if len(s.problems) == 0 {
		return nil
	}
	slices.SortFunc(s.problems, func(a, b meshhook.Problem) int { return strings.Compare(a.Path, b.Path) })
	first := s.problems[0]
	return &meshhook.Error{
		Code: meshhook.CodeInvalid, Message: first.Path + ": " + first.Message, Details: s.problems[:min(len(s.problems), maxProblems)],
	}
}

// maxProblems is how many things wrong with a body are listed.
const maxProblems = 20

// shape collects in what a document differs from a type.
type shape struct {
	problems []meshhook.Problem
	// read tells to read the texts that read themselves, too.
	read bool
}

func (s *shape) add(path, message string) {
	s.problems = append(s.problems, meshhook.Problem{Path: path, Message: message})
}

// fault makes one error of the problems, in the order of their places: maps have none.
func (s *shape) fault() error {
	if len(s.problems) == 0 {
		return nil
	}
	slices.SortFunc(s.problems, func(a, b meshhook.Problem) int { return strings.Compare(a.Path, b.Path) })
	return faulty(s.problems[:min(len(s.problems), maxProblems)])
}

// faulty is an error whose message is the first problem: most have just one.
func faulty(problems []meshhook.Problem) error {
	return &meshhook.Error{
		Code: meshhook.CodeMalformed, Message: problems[0].Path + " " + problems[0].Message, Details: problems,
	}
}

// compare looks at one value. What reads itself knows best what is right.
func (s *shape) compare(value any, want reflect.Type, path string) {
	for want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	if value == nil || want.Kind() == reflect.Interface || reads[json.Unmarshaler](want) {
		return
	}
	if reads[encoding.TextUnmarshaler](want) {
		s.expect(is[string](value), path, want)
		s.text(value, want, path)
		return
	}
	switch want.Kind() {
	case reflect.Struct:
		s.object(value, want, path)
	case reflect.Map:
		object, ok := value.(map[string]any)
		s.expect(ok, path, want)
		for name, item := range object {
			s.compare(item, want.Elem(), path+"/"+token(name))
		}
	case reflect.Slice:
		list, ok := value.([]any)
		s.expect(ok, path, want)
		for i, item := range list {
			s.compare(item, want.Elem(), path+"/"+strconv.Itoa(i))
		}
	case reflect.Bool:
		s.expect(is[bool](value), path, want)
	case reflect.String:
		s.expect(is[string](value), path, want)
	default: // there are whole numbers only
		number, ok := value.(json.Number)
		if ok {
			_, err := strconv.ParseInt(number.String(), 10, want.Bits())
			ok = err == nil
		}
		s.expect(ok, path, want)
	}
}

// text reads a text that reads itself.
func (s *shape) text(value any, want reflect.Type, path string) {
	text, ok := value.(string)
	if !ok || !s.read {
		return
	}
	reader, _ := reflect.New(want).Interface().(encoding.TextUnmarshaler)
	err := reader.UnmarshalText([]byte(text))
	said, ours := errorAs(err)
	switch {
	case err == nil:
	case ours:
		s.add(path, said.Message)
	case want == reflect.TypeFor[meshhook.ID]():
		s.add(path, "is not an id; ids look like 01890a5d-ac96-774b-bcce-b302099a8057")
	default:
		s.add(path, "holds a value that cannot be used")
	}
}

// object compares the members of an object with the fields of a struct. Names are
// compared as they are written, which encoding/json does not: a field in another case
// is a slip, and a merge patch would not know it for the same.
func (s *shape) object(value any, want reflect.Type, path string) {
	object, ok := value.(map[string]any)
	s.expect(ok, path, want)
	known := fieldsOf(want)
	for name, item := range object {
		if field, ok := known[name]; ok {
			s.compare(item, field, path+"/"+token(name))
		} else {
			s.add(path+"/"+token(name), "is not a field that is known here")
		}
	}
}

// expect notes a value of the wrong type, without the value.
func (s *shape) expect(ok bool, path string, want reflect.Type) {
	if !ok {
		s.add(path, "must be "+article(want))
	}
}

// fieldsOf returns the fields that JSON knows a struct by, spelled just so.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = f.Type
		}
	}
	return fields
}

// article says what a type is written as.
func article(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch kind := t.Kind(); {
	case kind == reflect.String || reads[encoding.TextUnmarshaler](t):
		return "a string"
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.Slice:
		return "a list"
	case kind == reflect.Struct || kind == reflect.Map:
		return "an object"
	default:
		return "a whole number that is not too large"
	}
}

// reads tells whether values of the type read themselves.
func reads[I any](t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[I]()) }

func is[T any](value any) bool {
	_, ok := value.(T)
	return ok
}

// token is a name as a JSON Pointer has it (RFC 6901, section 4), cut when long.
func token(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(name))
}
