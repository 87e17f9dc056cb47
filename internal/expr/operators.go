package expr

import (
	"maps"
	"math"
	"strings"

	"github.com/itchyny/gojq"
)

// The operators of jq, each paying for its result before it is made.

// add is jq's +.
func (m *meter) add(l, r any) any {
	if l == nil {
		return r
	}
	if r == nil {
		return l
	}
	switch l := l.(type) {
	case string:
		if r, ok := r.(string); ok {
			if err := m.alloc(len(l) + len(r)); err != nil {
				return err
			}
			return l + r
		}
	case []any:
		if r, ok := r.([]any); ok {
			return m.addArrays(l, r)
		}
	case map[string]any:
		if r, ok := r.(map[string]any); ok {
			return m.addObjects(l, r)
		}
	}
	return m.numbers(&opAdd, l, r)
}

func (m *meter) addArrays(l, r []any) any {
	if len(l) == 0 {
		return r
	}
	if len(r) == 0 {
		return l
	}
	if err := m.alloc(elementSize * (len(l) + len(r))); err != nil {
		return err
	}
	return append(append(make([]any, 0, len(l)+len(r)), l...), r...)
}

func (m *meter) addObjects(l, r map[string]any) any {
	if len(l) == 0 {
		return r
	}
	if len(r) == 0 {
		return l
	}
	if err := m.alloc(entrySize * (len(l) + len(r))); err != nil {
		return err
	}
	sum := make(map[string]any, len(l)+len(r))
	maps.Copy(sum, l)
	maps.Copy(sum, r)
	return sum
}

// subtract is jq's -: of numbers, and of arrays the elements that are not in r.
func (m *meter) subtract(l, r any) any {
	a, aok := l.([]any)
	b, bok := r.([]any)
	if !aok || !bok {
		return m.numbers(&opSub, l, r)
	}
	if err := m.payProduct(l, r, len(a)); err != nil {
		return err
	}
	rest := make([]any, 0, len(a))
	for _, x := range a {
		if !containsValue(b, x) {
			rest = append(rest, x)
		}
	}
	return rest
}

func containsValue(set []any, v any) bool {
	for _, x := range set {
		if gojq.Compare(x, v) == 0 {
			return true
		}
	}
	return false
}

// multiply is jq's *: of numbers, of objects the deep merge, and of a string
// and a number the repetition.
func (m *meter) multiply(l, r any) any {
	if a, ok := l.(map[string]any); ok {
		if b, ok := r.(map[string]any); ok {
			return m.merge(a, b)
		}
	}
	text, count := l, r
	if _, ok := r.(string); ok {
		text, count = r, l
	}
	if s, ok := text.(string); ok {
		if n, isNumber, err := number(count); err != nil {
			return err
		} else if isNumber {
			return m.repeat(s, toFloat(n))
		}
	}
	return m.numbers(&opMul, l, r)
}

func (m *meter) repeat(s string, n float64) any {
	if n < 0 || math.IsNaN(n) {
		return nil
	}
	total := float64(len(s)) * math.Floor(min(n, math.MaxInt32))
	if err := m.alloc(int(total)); err != nil {
		return err
	}
	if s == "" {
		return s
	}
	return strings.Repeat(s, int(min(n, math.MaxInt32)))
}

// merge is the deep merge of r into l.
func (m *meter) merge(l, r map[string]any) any {
	if err := m.alloc(entrySize * (len(l) + len(r))); err != nil {
		return err
	}
	if err := m.work(len(l) + len(r)); err != nil {
		return err
	}
	merged := maps.Clone(l)
	if merged == nil {
		merged = make(map[string]any, len(r))
	}
	for k, v := range r {
		a, aok := merged[k].(map[string]any)
		if b, bok := v.(map[string]any); aok && bok {
			if v = m.merge(a, b); m.fault != nil {
				return v
			}
		}
		merged[k] = v
	}
	return merged
}

// divide is jq's /: of numbers, and of strings the splitting.
func (m *meter) divide(l, r any) any {
	s, sok := l.(string)
	sep, sepok := r.(string)
	if !sok || !sepok {
		return m.numbers(&opDiv, l, r)
	}
	return m.split(s, sep)
}

func (m *meter) split(s, sep string) any {
	if s == "" {
		return []any{}
	}
	pieces := len(s)
	if sep != "" {
		pieces = strings.Count(s, sep) + 1
	}
	if err := m.alloc(3 * elementSize * pieces); err != nil {
		return err
	}
	parts := make([]any, 0, pieces)
	for _, part := range strings.Split(s, sep) {
		parts = append(parts, part)
	}
	return parts
}

// compare orders l and r as jq does. Two arrays or objects are weighed first,
// since comparing walks them as trees.
func (m *meter) compare(l, r any) (int, error) {
	switch a := l.(type) {
	case string:
		if b, ok := r.(string); ok {
			return strings.Compare(a, b), nil
		}
	case []any:
		if _, ok := r.([]any); ok {
			return m.compareTrees(l, r)
		}
	case map[string]any:
		if _, ok := r.(map[string]any); ok {
			return m.compareTrees(l, r)
		}
	}
	if err := checkDigits(l); err != nil {
		return 0, err
	}
	if err := checkDigits(r); err != nil {
		return 0, err
	}
	return gojq.Compare(l, r), nil
}

func (m *meter) compareTrees(l, r any) (int, error) {
	for _, v := range []any{l, r} {
		if _, err := m.weigh(v); err != nil {
			return 0, err
		}
	}
	return gojq.Compare(l, r), nil
}
