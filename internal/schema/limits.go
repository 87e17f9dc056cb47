package schema

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The limits of a schema. Each keeps compiling, or applying, a schema from
// costing what an ordinary one never does.
const (
	// MaxSchemaBytes is the size of a schema's text.
	MaxSchemaBytes = 256 << 10
	// MaxSchemaDepth is how many arrays and objects may stand inside each other.
	MaxSchemaDepth = 64
	// maxSchemaObjects bounds the objects of a schema; compiling is quadratic in them.
	maxSchemaObjects = 5000
	// maxExpansion is how many subschemas may come to judge one and the same
	// value: it stops the doubling of allOf over $ref.
	maxExpansion = 2000
	// maxChain is how many of them may lead to each other. The engine recurses
	// through them at each of the maxDepth levels of a payload, and a full stack
	// cannot be recovered from.
	maxChain = 100
	// maxCount is the largest minLength, maxItems and the like: what int holds
	// on every platform, and far more than any payload.
	maxCount = 1<<31 - 1
)

// The limits of judging one payload.
const (
	// maxDepth is how many arrays and objects may stand inside each other.
	maxDepth = content.MaxDepth
	// maxSteps is how many times a subschema may be applied to a value. A recursive
	// schema can double the work with every level of the payload, and each
	// failing step costs some 300 bytes until the end.
	maxSteps = 500_000
	// maxProblems is how many problems Validate reports.
	maxProblems = 20
	// maxShown is how many characters of a name or value a message shows.
	maxShown = 60
)

// countKeywords hold whole numbers that the strict engine reads as int.
var countKeywords = map[string]bool{
	"minLength": true, "maxLength": true, "minItems": true, "maxItems": true,
	"minProperties": true, "maxProperties": true, "minContains": true, "maxContains": true,
}

// limiter walks a schema's document before any library sees it.
type limiter struct{ objects int }

func (l *limiter) check(v any, location []string) error {
	switch v := v.(type) {
	case json.Number:
		return checkNumber(v, location)
	case []any:
		if len(location) >= MaxSchemaDepth {
			return tooDeep(location)
		}
		for i, item := range v {
			if err := l.check(item, append(location, strconv.Itoa(i))); err != nil {
				return err
			}
		}
	case map[string]any:
		if len(location) >= MaxSchemaDepth {
			return tooDeep(location)
		}
		if l.objects++; l.objects > maxSchemaObjects {
			return invalidAt(location, "is more than fits: a schema may have %d objects", maxSchemaObjects)
		}
		for _, key := range sortedKeys(v) {
			if err := l.check(v[key], append(location, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func tooDeep(location []string) error {
	return invalidAt(location, "nests deeper than %d levels", MaxSchemaDepth)
}

func checkNumber(n json.Number, location []string) error {
	if !isComparable(n) {
		return invalidAt(location, "is a number with more than %d digits or an exponent beyond %d", maxNumberLength, maxExponent)
	}
	if len(location) == 0 || !countKeywords[location[len(location)-1]] {
		return nil
	}
	if f, err := n.Float64(); err != nil || f > maxCount {
		return invalidAt(location, "is more than %d; leave the bound out", maxCount)
	}
	return nil
}

// invalidAt makes the error for a place in a schema, whose last token is the
// keyword.
func invalidAt(location []string, format string, args ...any) *meshhook.Error {
	what := meshhook.Errorf(meshhook.CodeInvalid, format, args...)
	problem := meshhook.Problem{Path: pointer(location), Message: what.Message}
	if len(location) > 0 {
		problem.Keyword = shorten(location[len(location)-1])
	}
	return invalid(problem)
}

// invalid makes the error of Compile from the problem to show first, and the
// others behind it.
func invalid(problem meshhook.Problem, others ...meshhook.Problem) *meshhook.Error {
	where := "the schema"
	if problem.Path != "" {
		where += " at " + problem.Path
	}
	err := meshhook.Errorf(meshhook.CodeInvalid, "%s %s", where, strings.TrimSpace(problem.Message))
	err.Details = append([]meshhook.Problem{problem}, others...)
	return err
}

// survey is what one walk over a payload finds out before an engine sees it.
type survey struct {
	weight       int  // values, and one more for every 64 bytes of text
	tooDeep      bool // deeper than maxDepth
	inexact      bool // has a number that float64 may not keep
	incomparable bool // has a number that is too large to compare
}

func look(v any) survey {
	var s survey
	s.walk(v, 0)
	return s
}

func (s *survey) walk(v any, depth int) {
	s.weight++
	if depth > maxDepth {
		s.tooDeep = true
		return
	}
	switch v := v.(type) {
	case string:
		s.weight += len(v) / 64
	case json.Number:
		if !isExact(v) {
			s.inexact = true
			s.incomparable = s.incomparable || !isComparable(v)
		}
	case []any:
		for _, item := range v {
			s.walk(item, depth+1)
		}
	case map[string]any:
		for key, value := range v {
			s.weight += len(key) / 64
			s.walk(value, depth+1)
		}
	}
}
