package expr

import (
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"

	"github.com/itchyny/gojq"
)

// edit is a change of one value at many paths: |=, = and their kin. A container
// is copied when it is first changed, and belongs to the edit from then on, so
// that the next change of it needs no copy. gojq works alike, but neither pays
// for what it copies nor leaves its input alone: its delpaths writes to objects
// that it did not copy, which is a race where an input is shared.
type edit struct {
	*meter
	root    any
	owned   map[uintptr]any // by address; holding them keeps the address theirs
	dropped []any           // paths to delete at the end
}

func newEdit(m *meter, root any) *edit {
	return &edit{meter: m, root: root, owned: map[uintptr]any{}}
}

func (e *edit) owns(container any) bool { return e.owned[address(container)] != nil }

// address identifies a container as long as it lives.
func address(v any) uintptr { return reflect.ValueOf(v).Pointer() }

// fetch returns the value at a path. Since the program may keep it, it does not
// belong to the edit any more, nor does anything in it.
func (e *edit) fetch(path any) any {
	v := e.root
	for _, key := range path.([]any) {
		if v = child(v, key); v == nil {
			return nil
		}
	}
	switch v.(type) {
	case []any, map[string]any:
		if e.owns(v) {
			clear(e.owned)
		}
	}
	return v
}

// child is v[key] for a key that has been found to fit.
func child(v, key any) any {
	switch v := v.(type) {
	case map[string]any:
		k, _ := key.(string)
		return v[k]
	case []any:
		if span, ok := key.(map[string]any); ok {
			if start, end, err := spanOf(v, span); err == nil {
				return v[start:end]
			}
		}
		if i, ok := position(v, key); ok && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// store sets the value at a path.
func (e *edit) store(path, v any) any {
	root, err := e.update(e.root, path.([]any), v)
	if err != nil {
		return err
	}
	e.root = root
	return nil
}

// drop notes a path for deletion: the update gave nothing for it.
func (e *edit) drop(path any) any {
	e.dropped = append(e.dropped, path)
	return nil
}

// finish returns the changed value.
func (e *edit) finish() any {
	if len(e.dropped) == 0 {
		return e.root
	}
	return e.deletePaths(e.root, e.dropped)
}

// setPath is jq's setpath.
func (m *meter) setPath(v, path, n any) any {
	keys, ok := path.([]any)
	if !ok {
		return typeFault("expected an array as a path but got", path)
	}
	if err := pathCost(m, nil, []any{keys}); err != nil {
		return err
	}
	root, err := newEdit(m, v).update(v, keys, n)
	if err != nil {
		return err
	}
	return root
}

// update returns v with n at the path.
func (e *edit) update(v any, path []any, n any) (any, error) {
	if len(path) == 0 {
		return n, nil
	}
	switch key := path[0].(type) {
	case string:
		object, ok := v.(map[string]any)
		if !ok && v != nil {
			return nil, typeFault("expected an object but got", v)
		}
		return e.updateEntry(object, key, path[1:], n)
	case int, float64, *big.Int, json.Number:
		array, ok := v.([]any)
		if !ok && v != nil {
			return nil, typeFault("expected an array but got", v)
		}
		return e.updateElement(array, key, path[1:], n)
	case map[string]any:
		array, ok := v.([]any)
		if !ok && v != nil {
			return nil, typeFault("expected an array but got", v)
		}
		return e.updateSpan(array, key, path[1:], n)
	default:
		return nil, typeFault("expected a string for object key but got", key)
	}
}

func (e *edit) updateEntry(object map[string]any, key string, path []any, n any) (any, error) {
	n, err := e.update(object[key], path, n)
	if err != nil {
		return nil, err
	}
	if !e.owns(object) {
		if err := e.alloc(entrySize * (len(object) + 1)); err != nil {
			return nil, err
		}
		original := object
		object = make(map[string]any, len(original)+1)
		maps.Copy(object, original)
		e.owned[address(object)] = object
	}
	object[key] = n
	return object, nil
}

func (e *edit) updateElement(array []any, key any, path []any, n any) (any, error) {
	i, ok := position(array, key)
	if !ok {
		return nil, typeFault("array index should not be negative", key)
	}
	var old any
	if i < len(array) {
		old = array[i]
	}
	n, err := e.update(old, path, n)
	if err != nil {
		return nil, err
	}
	length := max(len(array), i+1)
	if !e.owns(array) || length > cap(array) {
		capacity := length
		if e.owns(array) {
			capacity = max(capacity, 2*cap(array))
		}
		if capacity > e.limits.Memory/elementSize {
			return nil, e.tooLarge("an array of %d elements needs more than %s", length, size(e.limits.Memory))
		}
		if err := e.alloc(elementSize * capacity); err != nil {
			return nil, err
		}
		original := array
		array = make([]any, length, capacity)
		copy(array, original)
		e.owned[address(array)] = array
	}
	array = array[:length]
	array[i] = n
	return array, nil
}

func (e *edit) updateSpan(array []any, span map[string]any, path []any, n any) (any, error) {
	start, end, err := spanOf(array, span)
	if err != nil {
		return nil, err
	}
	// The part belongs to the whole: it may be owned, but never grow into it.
	n, err = e.update(array[start:end:end], path, n)
	if err != nil {
		return nil, err
	}
	part, ok := n.([]any)
	if !ok {
		return nil, typeFault("expected an array but got", n)
	}
	if err := e.alloc(elementSize * (len(array) + len(part))); err != nil {
		return nil, err
	}
	return slices.Concat(array[:start], part, array[end:]), nil
}

// position resolves an index; a negative one counts from the end. It is not ok
// where that lies before the beginning.
func position(array []any, key any) (i int, ok bool) {
	i, ok = gojq.ToInt(key)
	if i < 0 {
		i += len(array)
	}
	return min(i, math.MaxInt32), ok && i >= 0
}

// spanOf resolves a slice such as {"start":1,"end":null} in an array, rounding
// outwards as gojq does.
func spanOf(array []any, span map[string]any) (start, end int, err error) {
	n := float64(len(array))
	bound := func(v any, missing float64, round func(float64) float64) (int, error) {
		if v == nil {
			return int(missing), nil
		}
		if err := checkDigits(v); err != nil {
			return 0, err
		}
		f, ok := gojq.ToFloat64(v)
		if !ok {
			return 0, typeFault("expected a number for a slice but got", v)
		}
		if f = round(f); f < 0 {
			f += n
		}
		return int(max(0, min(f, n))), nil
	}
	floor := func(f float64) float64 {
		if math.IsNaN(f) {
			return 0
		}
		return math.Floor(f)
	}
	ceil := func(f float64) float64 {
		if math.IsNaN(f) || -1 < f && f < 0 {
			return n
		}
		return math.Ceil(f)
	}
	if start, err = bound(span["start"], 0, floor); err != nil {
		return 0, 0, err
	}
	if end, err = bound(span["end"], n, ceil); err != nil {
		return 0, 0, err
	}
	return start, max(start, end), nil
}

// deletePaths is jq's delpaths. All paths mean places in v as it is now. It
// walks v once, however many paths there are.
func (m *meter) deletePaths(v, paths any) any {
	list, ok := paths.([]any)
	if !ok {
		return typeFault("expected an array of paths but got", paths)
	}
	groups := make([][]any, len(list))
	for i, path := range list {
		keys, ok := path.([]any)
		if !ok {
			return typeFault("expected an array as a path but got", path)
		}
		if err := pathCost(m, nil, []any{keys}); err != nil {
			return err
		}
		groups[i] = keys
	}
	rest, kept, err := m.without(v, groups)
	if err != nil {
		return err
	}
	if !kept {
		return nil
	}
	return rest
}

// without returns v without what is at the paths; kept is false if that is v
// itself.
func (m *meter) without(v any, paths [][]any) (rest any, kept bool, err error) {
	if slices.ContainsFunc(paths, func(path []any) bool { return len(path) == 0 }) {
		return nil, false, nil
	}
	if len(paths) == 0 || v == nil {
		return v, true, nil
	}
	switch v := v.(type) {
	case map[string]any:
		rest, err = m.withoutEntries(v, paths)
	case []any:
		rest, err = m.withoutElements(v, paths)
	default:
		if _, ok := paths[0][0].(string); ok {
			return nil, false, typeFault("expected an object but got", v)
		}
		return nil, false, typeFault("expected an array but got", v)
	}
	return rest, true, err
}

func (m *meter) withoutEntries(object map[string]any, paths [][]any) (any, error) {
	byKey := map[string][][]any{}
	for _, path := range paths {
		key, ok := path[0].(string)
		if !ok {
			return nil, typeFault("expected a string for object key but got", path[0])
		}
		byKey[key] = append(byKey[key], path[1:])
	}
	if err := m.alloc(entrySize * (len(object) + len(paths))); err != nil {
		return nil, err
	}
	rest := maps.Clone(object)
	for key, below := range byKey {
		old, exists := object[key]
		if !exists {
			continue
		}
		v, kept, err := m.without(old, below)
		if err != nil {
			return nil, err
		}
		if rest[key] = v; !kept {
			delete(rest, key)
		}
	}
	return rest, nil
}

func (m *meter) withoutElements(array []any, paths [][]any) (any, error) {
	byIndex := map[int][][]any{}
	for _, path := range paths {
		if err := m.locate(byIndex, array, 0, path); err != nil {
			return nil, err
		}
	}
	if err := m.alloc(elementSize * (len(array) + len(paths))); err != nil {
		return nil, err
	}
	rest := make([]any, 0, len(array))
	for i, old := range array {
		v, kept, err := m.without(old, byIndex[i])
		if err != nil {
			return nil, err
		}
		if kept {
			rest = append(rest, v)
		}
	}
	return rest, nil
}

// locate notes what a path means for the elements of an array, of which part,
// from offset on, is what the path starts in: .[2:][0] is element 2.
func (m *meter) locate(byIndex map[int][][]any, part []any, offset int, path []any) error {
	switch key := path[0].(type) {
	case int, float64, *big.Int, json.Number:
		if i, ok := position(part, key); ok && i < len(part) {
			byIndex[offset+i] = append(byIndex[offset+i], path[1:])
		}
		return nil
	case map[string]any:
		start, end, err := spanOf(part, key)
		if err != nil {
			return err
		}
		if len(path) > 1 {
			return m.locate(byIndex, part[start:end], offset+start, path[1:])
		}
		if err := m.alloc(entrySize * (end - start)); err != nil {
			return err
		}
		for i := start; i < end; i++ {
			byIndex[offset+i] = append(byIndex[offset+i], nil)
		}
		return nil
	default:
		return typeFault("expected a number for indexing an array but got", key)
	}
}
