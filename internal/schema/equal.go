package schema

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
)

// appendKey appends a text that two JSON values share exactly when JSON Schema
// calls them equal: 1, 1.0 and 10e-1 are one number, the order of keys does not
// count. Lengths stand in front, so that no value can be made to look like
// another.
func appendKey(key []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(key, 'n')
	case bool:
		return strconv.AppendBool(key, v)
	case string:
		return append(appendCount(key, 's', len(v)), v...)
	case json.Number:
		return appendNumberKey(key, string(v))
	case []any:
		key = appendCount(key, 'a', len(v))
		for _, item := range v {
			key = appendKey(key, item)
		}
		return key
	case map[string]any:
		key = appendCount(key, 'o', len(v))
		for _, name := range sortedKeys(v) {
			key = appendKey(appendKey(key, name), v[name])
		}
		return key
	}
	return append(key, '?')
}

func appendCount(key []byte, kind byte, count int) []byte {
	return binary.AppendUvarint(append(key, kind), uint64(count))
}

// appendNumberKey writes sign, significant digits and exponent. The number is
// comparable, so its exponent fits.
func appendNumberKey(key []byte, number string) []byte {
	mantissa, exponent, _ := cutExponent(number)
	unsigned := strings.TrimPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	scale, _ := strconv.Atoi(exponent) // "" is 0
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return append(key, 'd', '0', ';')
	}
	scale += len(digits) - len(significant) - len(fraction)
	key = append(key, 'd')
	if len(unsigned) < len(mantissa) {
		key = append(key, '-')
	}
	key = append(append(key, significant...), 'e')
	return append(strconv.AppendInt(key, int64(scale), 10), ';')
}

// spendKey charges a meter for a key, by its length.
func spendKey(m *meter, key []byte) {
	if m != nil {
		m.spend(len(key) / 64)
	}
}

// firstDuplicate returns the places of the first two equal items, in linear
// time whatever the items are. The meter may be nil.
func firstDuplicate(array []any, m *meter) (first, second int, found bool) {
	seen := make(map[string]int, len(array))
	for i, item := range array {
		key := appendKey(nil, item)
		spendKey(m, key)
		if earlier, ok := seen[string(key)]; ok {
			return earlier, i, true
		}
		seen[string(key)] = i
	}
	return 0, 0, false
}

// valueSet is the members of an enum or const.
type valueSet struct {
	keys     map[string]struct{}
	compound bool // has an array or object
}

func newValueSet(values []any) *valueSet {
	set := &valueSet{keys: map[string]struct{}{}}
	for _, v := range values {
		set.keys[string(appendKey(nil, v))] = struct{}{}
		set.compound = set.compound || isCompound(v)
	}
	return set
}

// has tells whether the set has a value. The meter may be nil.
func (s *valueSet) has(v any, m *meter) bool {
	if isCompound(v) && !s.compound {
		return false
	}
	key := appendKey(nil, v)
	spendKey(m, key)
	_, ok := s.keys[string(key)]
	return ok
}

func isCompound(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}
