package expr

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// The arithmetic of jq as gojq defines it; TestOperatorsAgreeWithGojq holds it
// to that.

// number parses a json.Number into the int, *big.Int or float64 that jq would
// calculate with; ok is false for what is no number.
func number(v any) (n any, ok bool, err error) {
	switch v := v.(type) {
	case int, float64, *big.Int:
		return v, true, nil
	case json.Number:
		if err := checkDigits(v); err != nil {
			return nil, false, err
		}
		return parseNumber(string(v)), true, nil
	default:
		return nil, false, nil
	}
}

// parseNumber reads the text of a number: exactly if it is an integer, else as
// the nearest float64, an infinity where there is none.
func parseNumber(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return int(i)
	}
	if !strings.ContainsAny(text, ".eE") {
		if i, ok := new(big.Int).SetString(text, 10); ok {
			return i
		}
	}
	f, _ := strconv.ParseFloat(text, 64) // an error of range leaves an infinity in f
	return f
}

// toBig and toFloat convert between the three kinds of number.
func toBig(v any) *big.Int {
	if i, ok := v.(int); ok {
		return big.NewInt(int64(i))
	}
	return v.(*big.Int)
}

func toFloat(v any) float64 {
	f, _ := gojq.ToFloat64(v)
	return f
}

// operator is arithmetic on each pair of kinds. Integers may overflow into
// *big.Int.
type operator struct {
	name   string
	ints   func(l, r int) any
	floats func(l, r float64) any
	bigs   func(l, r *big.Int) any
}

// numbers applies an operator to two numbers; where one of l and r is no
// number, that is a type fault.
func (m *meter) numbers(op *operator, l, r any) any {
	a, aok, err := number(l)
	if err != nil {
		return err
	}
	b, bok, err := number(r)
	if err != nil {
		return err
	}
	if !aok || !bok {
		return typeFault("cannot "+op.name, l, r)
	}
	if i, ok := a.(int); ok {
		if j, ok := b.(int); ok {
			return op.ints(i, j)
		}
	}
	if isFloat(a) || isFloat(b) {
		return op.floats(toFloat(a), toFloat(b))
	}
	x, y := toBig(a), toBig(b)
	if x.BitLen()+y.BitLen() > maxBits {
		return errDigits
	}
	return op.bigs(x, y)
}

func isFloat(v any) bool {
	_, ok := v.(float64)
	return ok
}

var (
	opAdd = operator{
		"add",
		func(l, r int) any {
			if v := l + r; (v >= l) == (r >= 0) {
				return v
			}
			return new(big.Int).Add(toBig(l), toBig(r))
		},
		func(l, r float64) any { return l + r },
		func(l, r *big.Int) any { return new(big.Int).Add(l, r) },
	}
	opSub = operator{
		"subtract",
		func(l, r int) any {
			if v := l - r; (v <= l) == (r >= 0) {
				return v
			}
			return new(big.Int).Sub(toBig(l), toBig(r))
		},
		func(l, r float64) any { return l - r },
		func(l, r *big.Int) any { return new(big.Int).Sub(l, r) },
	}
	opMul = operator{
		"multiply",
		func(l, r int) any {
			if v := l * r; r == 0 || r != -1 && v/r == l {
				return v
			}
			product := new(big.Int).Mul(toBig(l), toBig(r))
			if product.IsInt64() {
				return int(product.Int64())
			}
			return product
		},
		func(l, r float64) any { return l * r },
		func(l, r *big.Int) any { return new(big.Int).Mul(l, r) },
	}
	opDiv = operator{"divide", divideInts, divideFloats, divideBigs}
	opMod = operator{"modulo", moduloInts, moduloFloats, moduloBigs}
)

var errZero = &fault{reason: ReasonType, message: "cannot divide by zero"}

func divideInts(l, r int) any {
	switch {
	case r == 0:
		return errZero
	case r == -1:
		return opMul.ints(l, r)
	case l%r == 0:
		return l / r
	default:
		return float64(l) / float64(r)
	}
}

func divideFloats(l, r float64) any {
	if r == 0 {
		return errZero
	}
	return l / r
}

func divideBigs(l, r *big.Int) any {
	if r.Sign() == 0 {
		return errZero
	}
	quotient, rest := new(big.Int).DivMod(l, r, new(big.Int))
	if rest.Sign() == 0 {
		return quotient
	}
	return toFloat(l) / toFloat(r)
}

func moduloInts(l, r int) any {
	switch r {
	case 0:
		return errZero
	case -1:
		return 0
	default:
		return l % r
	}
}

func moduloFloats(l, r float64) any {
	if math.IsNaN(l) || math.IsNaN(r) {
		return math.NaN()
	}
	i, _ := gojq.ToInt(l)
	j, _ := gojq.ToInt(r)
	return moduloInts(i, j)
}

func moduloBigs(l, r *big.Int) any {
	if r.Sign() == 0 {
		return errZero
	}
	return new(big.Int).Rem(l, r)
}
