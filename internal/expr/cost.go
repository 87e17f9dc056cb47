package expr

import (
	"math/bits"
	"strings"

	"github.com/itchyny/gojq"
)

// What values take in memory: an element of an array, an entry of an object,
// and a byte of text that is parsed as JSON in the worst case ({"":0},…).
const (
	elementSize   = 16
	entrySize     = 48
	jsonExpansion = 48
	// callSize is what a call that does not return adds to the stacks of the
	// virtual machine, with what they leave behind when they grow.
	callSize = 1024
	// textExpansion is how much longer a text can become by escaping: a control
	// character takes six bytes in JSON, a quote six in HTML.
	textExpansion = 6
	// compareShare is how many comparisons of elements one step is worth.
	compareShare = 16
)

// cost pays for one call of a native function of gojq on the input v. An error
// is what the call returns instead.
type cost func(m *meter, v any, args []any) error

// costs names every native that is called only after paying. For each of them,
// but those with a _, the prelude gets a function of the same name that pays
// and then calls it.
var costs = map[string]cost{
	"keys/0":           flat(elementSize + 8),
	"reverse/0":        flat(elementSize),
	"explode/0":        flat(elementSize + 8),
	"implode/0":        implodeCost,
	"ascii_downcase/0": flat(1),
	"ascii_upcase/0":   flat(1),
	"has/1":            digitsCost,
	"add/0":            sumCost,
	"join/1":           joinCost,
	"flatten/0":        treeCost,
	"flatten/1":        treeCost,
	"min/0":            treeCost,
	"max/0":            treeCost,
	"sort/0":           sortCost,
	"unique/0":         sortCost,
	"transpose/0":      transposeCost,
	"bsearch/1":        searchCost,
	"contains/1":       containsCost,
	"inside/1":         func(m *meter, v any, args []any) error { return containsCost(m, args[0], []any{v}) },
	"indices/1":        indicesCost,
	"index/1":          indicesCost,
	"rindex/1":         indicesCost,
	"tojson/0":         textCost,
	"tostring/0":       textCost,
	"format/1":         textCost,
	"fromjson/0":       flat(jsonExpansion),
	"tonumber/0":       tonumberCost,
	"getpath/1":        pathCost,
	"gmtime/0":         digitsCost,
	"mktime/0":         digitsCost,
	"strftime/1":       strftimeCost,
	"strptime/1":       strptimeCost,

	// These stand in the prelude or in a rewritten program by name.
	"_by":     func(m *meter, _ any, args []any) error { return sortCost(m, args[0], nil) },
	"_digits": digitsCost,
	"_iter":   iterCost,
	"_path":   func(m *meter, v any, _ []any) error { return pathCost(m, nil, []any{v}) },
	"_text":   textCost,
}

// mathNatives take one, two or three numbers and cost nothing, once those are
// short. jn and yn are missing: their time grows with the value of an argument.
var mathNatives = map[int]string{
	0: `acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp10 exp2 expm1 fabs floor frexp
		gamma isfinite isinfinite isnan isnormal j0 j1 lgamma log log10 log1p log2 logb modf nearbyint rint
		round significand sin sinh sqrt tan tanh tgamma trunc y0 y1`,
	2: `atan2 copysign drem fdim fmax fmin fmod hypot ldexp nextafter nexttoward pow remainder scalb scalbln`,
	3: `fma`,
}

// free names the natives that cost no more than a step or a scan of their input.
var free = strings.Fields(`empty/0 error/0 error/1 length/0 utf8bytelength/0 type/0 toboolean/0 startswith/1 endswith/1
	ltrimstr/1 rtrimstr/1 trimstr/1 ltrim/0 rtrim/0 trim/0 infinite/0 nan/0`)

// flat is the cost of a native whose result has so many bytes for each byte or
// element of its input.
func flat(each int) cost {
	return func(m *meter, v any, _ []any) error {
		n := length(v)
		if err := m.work(n / 8); err != nil {
			return err
		}
		return m.alloc(each * n)
	}
}

// length is the number of bytes, elements or entries of v itself.
func length(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	default:
		return 0
	}
}

// elements calls f for each element of an array or object.
func elements(v any, f func(any) error) error {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if err := f(x); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, x := range v {
			if err := f(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// digitsCost refuses numbers that take too long to parse: in the input and the
// arguments, and among the few elements of an input that stands for a time or a
// slice.
func digitsCost(_ *meter, v any, args []any) error {
	if err := checkDigits(v); err != nil {
		return err
	}
	for _, x := range args {
		if err := checkDigits(x); err != nil {
			return err
		}
	}
	if length(v) <= 8 {
		return elements(v, checkDigits)
	}
	return nil
}

func implodeCost(m *meter, v any, args []any) error {
	if err := flat(4)(m, v, args); err != nil {
		return err
	}
	return elements(v, checkDigits)
}

// sumCost is the cost of adding up elements: the last sum has all their sizes.
func sumCost(m *meter, v any, _ []any) error {
	if err := m.work(length(v)); err != nil {
		return err
	}
	return elements(v, func(x any) error {
		each := elementSize
		switch x.(type) {
		case string:
			each = 2 // a builder grows by doubling
		case map[string]any:
			each = entrySize
		}
		if err := checkDigits(x); err != nil {
			return err
		}
		return m.alloc(each * length(x))
	})
}

func joinCost(m *meter, v any, args []any) error {
	if err := m.alloc(2 * length(v) * length(args[0])); err != nil {
		return err
	}
	return sumCost(m, v, nil)
}

// treeCost is the cost of a native that walks the whole input once.
func treeCost(m *meter, v any, _ []any) error {
	w, err := m.weigh(v)
	if err != nil {
		return err
	}
	return m.alloc(2 * elementSize * w.nodes)
}

func sortCost(m *meter, v any, _ []any) error {
	w, err := m.weigh(v)
	if err != nil {
		return err
	}
	if err := m.work(w.steps() * bits.Len(uint(length(v)))); err != nil {
		return err
	}
	return m.alloc(4 * elementSize * length(v))
}

func transposeCost(m *meter, v any, _ []any) error {
	longest := 0
	_ = elements(v, func(row any) error {
		longest = max(longest, length(row))
		return nil
	})
	if err := m.work(length(v) + longest); err != nil {
		return err
	}
	return m.alloc(elementSize * length(v) * (longest + 1))
}

func searchCost(m *meter, v any, args []any) error {
	if _, err := m.weigh(v); err != nil {
		return err
	}
	return m.payProduct(nil, args[0], bits.Len(uint(length(v))))
}

func containsCost(m *meter, v any, args []any) error {
	if _, ok := v.(string); ok {
		return m.work(length(v) / bytesPerStep)
	}
	w, err := m.weigh(v)
	if err != nil {
		return err
	}
	return m.payProduct(v, args[0], w.steps())
}

// indicesCost pays for looking for a string or an array at every place of
// another; strings are made arrays of characters first.
func indicesCost(m *meter, v any, args []any) error {
	if _, ok := v.(string); !ok {
		return m.payProduct(v, args[0], length(v))
	}
	n, k := length(v), length(args[0])
	if err := m.work(n/8 + n*k/compareShare); err != nil {
		return err
	}
	return m.alloc((elementSize + 8) * (n + k))
}

// payProduct pays for comparing each of n values with all that is in r.
func (m *meter) payProduct(l, r any, n int) error {
	if _, err := m.weigh(l); err != nil {
		return err
	}
	w, err := m.weigh(r)
	if err != nil {
		return err
	}
	if err := m.work(n * w.steps() / compareShare); err != nil {
		return err
	}
	return m.alloc(elementSize * n)
}

// textCost is the cost of making text of a value.
func textCost(m *meter, v any, _ []any) error {
	if s, ok := v.(string); ok {
		if err := m.work(len(s) / bytesPerStep); err != nil {
			return err
		}
		return m.alloc(textExpansion * len(s))
	}
	w, err := m.weighText(v)
	if err != nil {
		return err
	}
	return m.alloc(textExpansion * w.bytes)
}

func tonumberCost(_ *meter, v any, _ []any) error {
	if s, ok := v.(string); ok && len(s) > maxDigits {
		return errDigits
	}
	return nil
}

// pathCost is the cost of a path, which the virtual machine keeps on a stack.
func pathCost(m *meter, _ any, args []any) error {
	n := length(args[0])
	if n > maxDepth {
		return m.tooLarge("a path is longer than %d", maxDepth)
	}
	if err := elements(args[0], checkDigits); err != nil {
		return err
	}
	return m.alloc(entrySize * n)
}

// iterCost is the cost of .[], which makes a list of what it will visit.
func iterCost(m *meter, v any, _ []any) error {
	if _, ok := v.(string); ok {
		return nil
	}
	return m.alloc(2 * elementSize * length(v))
}

// strftimeCost pays for the widths that a format can ask for, at most 1024
// characters for three of its own.
func strftimeCost(m *meter, v any, args []any) error {
	if err := m.alloc(512 * length(args[0])); err != nil {
		return err
	}
	return digitsCost(m, v, args)
}

// strptimeCost refuses names of time zones, which gojq understands by the zone
// of the server; UTC and GMT are the same everywhere.
func strptimeCost(m *meter, v any, args []any) error {
	text, _ := v.(string)
	format, _ := args[0].(string)
	if hasZoneName(format) && !strings.Contains(text, "UTC") && !strings.Contains(text, "GMT") {
		return &fault{reason: ReasonType, message: "strptime reads no zone names but UTC and GMT; use an offset and %z"}
	}
	return m.alloc(textExpansion * (len(text) + len(format)))
}

// hasZoneName tells whether a format has a directive that reads a zone name: %Z,
// also with flags, or %+.
func hasZoneName(format string) bool {
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return false
		}
		rest = strings.TrimLeft(rest, "-_^#0123456789:EO")
		if strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "+") {
			return true
		}
		format = strings.TrimPrefix(rest, "%")
	}
}

// key checks the result of a computed index. An array would be searched for.
func key(v any) any {
	if _, ok := v.([]any); ok {
		return &fault{reason: ReasonType, message: "an array cannot be an index here; use indices(…)"}
	}
	if err := digitsCost(nil, v, nil); err != nil {
		return err
	}
	return v
}

// concat is string interpolation: the text of all parts, one after another.
func (m *meter) concat(parts []any) any {
	var b strings.Builder
	for _, part := range parts {
		s, ok := part.(string)
		if !ok {
			if err := textCost(m, part, nil); err != nil {
				return err
			}
			text, err := gojq.Marshal(part)
			if err != nil {
				return err
			}
			s = string(text)
		}
		if err := m.alloc(2 * len(s)); err != nil {
			return err
		}
		b.WriteString(s)
	}
	return b.String()
}
