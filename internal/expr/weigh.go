package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
)

const (
	// maxDepth is how deep a value may be nested that is compared, printed or
	// returned. Of what is deeper, indented JSON would be spaces by the megabyte, and
	// encoding/json refuses it at 10,000.
	maxDepth = 1000
	// maxDigits is how long the text of a number may be that is calculated with,
	// and maxBits the same for one that was calculated (about 1200 digits).
	maxDigits = 1000
	maxBits   = 4096
	// payEvery is how many nodes are walked between two payments.
	payEvery = 1024
	// bytesPerStep is how many bytes can be copied or scanned in the time of one
	// step, roughly.
	bytesPerStep = 64
)

// weight is the size of a value as a tree, where what is shared counts each
// time: [$x, $x] is twice as heavy as $x. Forty lines of sharing make a tree of
// 2^40 nodes in a few bytes, so walking must stop at a limit.
type weight struct {
	nodes int
	bytes int // about the length as JSON
}

// steps is what walking over the value once costs.
func (w weight) steps() int { return w.nodes + w.bytes/bytesPerStep }

// weigh walks v and pays for the walk. A value that is too heavy or too deep
// ends the evaluation; a number with more digits than may be calculated with is
// an error that try can catch.
func (m *meter) weigh(v any) (weight, error) {
	return m.weighOn(v, scale{shortNumbers: true})
}

// weighText is weigh for a value that becomes text: long numbers are no matter
// then, but infinities and NaN are an error.
func (m *meter) weighText(v any) (weight, error) {
	return m.weighOn(v, scale{finite: true})
}

func (m *meter) weighOn(v any, s scale) (weight, error) {
	s.maxBytes, s.maxNodes, s.purse = m.limits.Memory, m.limits.Steps, m
	err := s.add(v, 0)
	if werr := m.work(s.nodes%payEvery + s.bytes/bytesPerStep); werr != nil {
		return weight{}, werr
	}
	if f, ok := errors.AsType[*fault](err); ok && f.reason == ReasonTooLarge {
		return weight{}, m.spend(f)
	}
	return s.weight, err
}

// emitValue pays for a result that leaves the evaluation.
func (m *meter) emitValue(v any) error {
	s := scale{maxBytes: m.limits.Output, maxNodes: m.limits.Output, finite: true}
	if err := s.add(v, 0); err != nil {
		return err
	}
	return m.emit(s.bytes)
}

// scale adds up a weight.
type scale struct {
	weight
	maxBytes, maxNodes int
	finite             bool   // refuse infinities and NaN
	shortNumbers       bool   // refuse numbers that are too long to calculate with
	purse              *meter // who pays for the nodes, payEvery at a time; may be nil
}

func (s *scale) add(v any, depth int) error {
	if s.nodes++; s.purse != nil && s.nodes%payEvery == 0 {
		if err := s.purse.work(payEvery); err != nil {
			return err
		}
	}
	if depth > maxDepth {
		return &fault{reason: ReasonTooLarge, message: fmt.Sprintf("a value is nested deeper than %d", maxDepth)}
	}
	if s.bytes > s.maxBytes || s.nodes > s.maxNodes {
		return &fault{reason: ReasonTooLarge, message: fmt.Sprintf("a value has more than %s", size(s.maxBytes))}
	}
	switch v := v.(type) {
	case nil, bool:
		s.bytes += 4
	case string:
		s.bytes += len(v) + 2
	case []any:
		s.bytes += 2
		for _, x := range v {
			s.bytes++
			if err := s.add(x, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		s.bytes += 2
		for k, x := range v {
			s.bytes += len(k) + 4
			if err := s.add(x, depth+1); err != nil {
				return err
			}
		}
	default:
		return s.addNumber(v)
	}
	return nil
}

func (s *scale) addNumber(v any) error {
	s.bytes += 8
	switch v := v.(type) {
	case int:
	case float64:
		if s.finite && (math.IsInf(v, 0) || math.IsNaN(v)) {
			return errNotFinite
		}
	case *big.Int:
		s.bytes += v.BitLen() / 3
	case json.Number:
		s.bytes += len(v)
		if s.shortNumbers && len(v) > maxDigits {
			return errDigits
		}
	default:
		return &fault{
			reason:  ReasonInternal,
			message: fmt.Sprintf("a %T is no JSON value; convert it before it is given to an expression", v),
		}
	}
	return nil
}

var (
	errNotFinite = numberFault("a number is infinite or not a number; JSON has no such value")
	errDigits    = numberFault(fmt.Sprintf("a number has more than %d digits; it can be passed on, but not calculated with", maxDigits))
)

// checkDigits refuses a number that takes too long to parse. Every native of
// gojq that takes a number parses a json.Number anew, in quadratic time.
func checkDigits(v any) error {
	if n, ok := v.(json.Number); ok && len(n) > maxDigits {
		return errDigits
	}
	return nil
}
