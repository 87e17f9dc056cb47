package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// describe turns the engine's tree of failures into at most maxProblems
// problems, ordered by path. Where all alternatives of an anyOf or oneOf
// failed, their failures stand behind its own. What a payload holds is never
// shown, but for names of properties, which are cut short.
func describe(failure *jsonschema.ValidationError) []meshhook.Problem {
	var l list
	l.add(failure)
	problems := make([]meshhook.Problem, len(l))
	for i, f := range l {
		problems[i] = meshhook.Problem{Path: pointer(f.location), Message: f.message, Keyword: f.keyword}
	}
	return problems
}

// finding is a failure that is worth telling.
type finding struct {
	location         []string
	keyword, message string
}

// list keeps the first maxProblems findings in order: a large payload can fail
// half a million times.
type list []finding

func (l *list) add(failure *jsonschema.ValidationError) {
	switch failure.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
	case *kind.Contains, *kind.MinContains, *kind.PropertyNames:
		l.insert(failure)
		return // the causes say why each item is not the wanted one
	default:
		l.insert(failure)
	}
	for _, cause := range failure.Causes {
		l.add(cause)
	}
}

func (l *list) insert(failure *jsonschema.ValidationError) {
	full := len(*l) == maxProblems
	if full && compareLocations(failure.InstanceLocation, (*l)[maxProblems-1].location) > 0 {
		return // before its text is made
	}
	f := finding{failure.InstanceLocation, keyword(failure), sentence(failure)}
	at, known := slices.BinarySearchFunc(*l, f, compareFindings)
	if known || at == maxProblems {
		return
	}
	if full {
		*l = (*l)[:maxProblems-1]
	}
	*l = slices.Insert(*l, at, f)
}

func compareFindings(a, b finding) int {
	return cmp.Or(
		compareLocations(a.location, b.location),
		cmp.Compare(a.keyword, b.keyword),
		cmp.Compare(a.message, b.message),
	)
}

// compareLocations orders item 9 before item 10.
func compareLocations(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		if isIndex(x) && isIndex(y) {
			return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
		}
		return cmp.Compare(x, y)
	})
}

func isIndex(token string) bool {
	return token != "" && strings.Trim(token, "0123456789") == ""
}

func keyword(failure *jsonschema.ValidationError) string {
	switch k := failure.ErrorKind.(type) {
	case *kind.Not:
		return "not"
	case *kind.Dependency:
		return "dependencies"
	case *kind.FalseSchema:
		return falseKeyword(failure.SchemaURL)
	default:
		if path := k.KeywordPath(); len(path) > 0 {
			return path[0]
		}
	}
	return ""
}

// falseKeyword names the keyword whose schema is false, so that nothing may
// stand there.
func falseKeyword(address string) string {
	location := locationOf(address)
	for i := len(location) - 1; i >= 0 && i >= len(location)-2; i-- {
		switch location[i] {
		case "properties", "patternProperties", "additionalProperties", "unevaluatedProperties",
			"items", "prefixItems", "additionalItems", "unevaluatedItems", "then", "else":
			return location[i]
		}
	}
	return ""
}

// sentence says what was expected. Its subject is the value at the path.
func sentence(failure *jsonschema.ValidationError) string {
	switch k := failure.ErrorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return "must be one of " + shownList(k.Want)
	case *kind.Const:
		return "must be " + shown(k.Want)
	case *kind.Format:
		return "must be a valid " + shorten(k.Want)
	case *kind.Not:
		return "must not match the schema in \"not\""
	case *kind.AnyOf:
		return "must match one of the schemas in \"anyOf\""
	case *kind.OneOf:
		if len(k.Subschemas) == 2 {
			return fmt.Sprintf("must match one schema in \"oneOf\", but matches number %d and %d", k.Subschemas[0], k.Subschemas[1])
		}
		return "must match one of the schemas in \"oneOf\""
	case *kind.FalseSchema:
		return "must not be there"
	case *kind.Pattern:
		return "must match the pattern " + shorten(k.Want)
	}
	if text := compoundSentence(failure.ErrorKind); text != "" {
		return text
	}
	if text := boundSentence(failure.ErrorKind); text != "" {
		return text
	}
	return "must match the schema"
}

// compoundSentence is for the keywords of objects and arrays.
func compoundSentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return "must have " + names(k.Missing)
	case *kind.Dependency:
		return fmt.Sprintf("must have %s, because it has %q", names(k.Missing), shorten(k.Prop))
	case *kind.DependentRequired:
		return fmt.Sprintf("must have %s, because it has %q", names(k.Missing), shorten(k.Prop))
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
		return "must not have " + names(k.Properties)
	case *kind.PropertyNames:
		return fmt.Sprintf("must not have a property with the name %q", shorten(k.Property))
	case *kind.AdditionalItems:
		return fmt.Sprintf("must not have its last %d items", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("must not have equal items, but %d and %d are", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "must have an item that matches \"contains\""
	case *kind.MinContains:
		return fmt.Sprintf("must have at least %d items that match \"contains\", not %d", k.Want, len(k.Got))
	case *kind.MaxContains:
		return fmt.Sprintf("must have at most %d items that match \"contains\", not %d", k.Want, len(k.Got))
	}
	return ""
}

// boundSentence is for the keywords with a number.
func boundSentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Minimum:
		return "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		return "must be at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + decimal(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + decimal(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, not %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, not %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items, not %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, not %d", k.Want, k.Got)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d properties, not %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d properties, not %d", k.Want, k.Got)
	}
	return ""
}

// shownListed is how many members of a list a message shows.
const shownListed = 10

func names(list []string) string {
	values := make([]any, len(list))
	for i, name := range list {
		values[i] = name
	}
	return shownList(values)
}

func shownList(values []any) string {
	parts := make([]string, 0, shownListed+1)
	for i, v := range values {
		if i == shownListed {
			parts = append(parts, fmt.Sprintf("%d more", len(values)-i))
			break
		}
		parts = append(parts, shown(v))
	}
	return strings.Join(parts, ", ")
}

// shown writes a value of the schema, or a name, as JSON.
func shown(v any) string {
	if text, ok := v.(string); ok {
		v = shorten(text)
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "a value"
	}
	return shorten(strings.TrimSuffix(b.String(), "\n"))
}

// decimal writes a bound as its author did, near enough.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return shorten(r.Num().String())
	}
	return shorten(strings.TrimRight(r.FloatString(20), "0"))
}
