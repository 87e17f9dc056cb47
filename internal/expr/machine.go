package expr

import (
	"fmt"

	"github.com/itchyny/gojq"
)

// machine is a compiled program together with the purse that its natives pay
// from. gojq gives a native nothing but values, so the purse must be bound when
// the program is compiled: a machine serves one evaluation at a time, and a
// Program keeps a few.
type machine struct {
	*meter
	code    *gojq.Code
	regexps map[[2]string]*matcher
}

// newMachine compiles a query that rewrite has made safe.
func newMachine(query *gojq.Query) (*machine, error) {
	m := &machine{regexps: map[[2]string]*matcher{}}
	code, err := gojq.Compile(query, m.natives()...)
	if err != nil {
		return nil, err
	}
	m.code = code
	return m, nil
}

// run evaluates the program and calls visit with each result, until that
// returns an error. A panic in gojq, which an input of a type that JSON has not
// provokes, is an error too; the machine must then not be used again.
func (m *machine) run(purse *meter, input any, visit func(any) error) (err error) {
	m.meter = purse
	defer func() {
		if r := recover(); r != nil {
			err = &fault{reason: ReasonInternal, message: fmt.Sprintf("cannot be evaluated: %v", r), plain: "cannot be evaluated"}
		}
		m.meter = nil
	}()
	if err := purse.checkpoint(); err != nil {
		return err
	}
	results := m.code.RunWithContext(purse, input)
	for {
		v, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := v.(error); failed {
			return err
		}
		if err := visit(v); err != nil {
			return err
		}
	}
}

// natives are the functions that rewritten programs call.
func (m *machine) natives() []gojq.CompilerOption {
	binary := func(name string, f func(l, r any) any) gojq.CompilerOption {
		return gojq.WithFunction(name, 2, 2, func(_ any, args []any) any { return f(args[0], args[1]) })
	}
	comparison := func(name string, holds func(order int) bool) gojq.CompilerOption {
		return binary(name, func(l, r any) any {
			order, err := m.compare(l, r)
			if err != nil {
				return err
			}
			return holds(order)
		})
	}
	return append(m.editNatives(),
		binary("_op_add", func(l, r any) any { return m.add(l, r) }),
		binary("_op_subtract", func(l, r any) any { return m.subtract(l, r) }),
		binary("_op_multiply", func(l, r any) any { return m.multiply(l, r) }),
		binary("_op_divide", func(l, r any) any { return m.divide(l, r) }),
		binary("_op_modulo", func(l, r any) any { return m.numbers(&opMod, l, r) }),
		comparison("_op_equal", func(order int) bool { return order == 0 }),
		comparison("_op_unequal", func(order int) bool { return order != 0 }),
		comparison("_op_less", func(order int) bool { return order < 0 }),
		comparison("_op_most", func(order int) bool { return order <= 0 }),
		comparison("_op_greater", func(order int) bool { return order > 0 }),
		comparison("_op_least", func(order int) bool { return order >= 0 }),
		gojq.WithFunction("_pay", 1, 4, m.pay),
		gojq.WithFunction("_enter", 0, 0, m.enter),
		gojq.WithFunction("_key", 0, 0, func(v any, _ []any) any { return key(v) }),
		gojq.WithFunction("_concat", 1, maxParts, func(_ any, parts []any) any { return m.concat(parts) }),
		gojq.WithFunction("_split", 1, 1, m.splitText),
		gojq.WithFunction("_find", 3, 3, m.find),
		gojq.WithFunction("_splice", 2, 2, m.splice),
		gojq.WithFunction("_cut", 1, 1, m.cut),
	)
}

// editNatives are those by which a program changes a value.
func (m *machine) editNatives() []gojq.CompilerOption {
	return []gojq.CompilerOption{
		gojq.WithFunction("_setpath", 2, 2, func(v any, args []any) any { return m.setPath(v, args[0], args[1]) }),
		gojq.WithFunction("_delpaths", 1, 1, func(v any, args []any) any { return m.deletePaths(v, args[0]) }),
		gojq.WithFunction("_edit", 0, 0, func(v any, _ []any) any { return newEdit(m.meter, v) }),
		gojq.WithFunction("_fetch", 2, 2, func(_ any, args []any) any { return args[0].(*edit).fetch(args[1]) }),
		gojq.WithFunction("_store", 3, 3, func(_ any, args []any) any { return args[0].(*edit).store(args[1], args[2]) }),
		gojq.WithFunction("_drop", 2, 2, func(_ any, args []any) any { return args[0].(*edit).drop(args[1]) }),
		gojq.WithFunction("_finish", 1, 1, func(_ any, args []any) any { return args[0].(*edit).finish() }),
	}
}

// pay is the native that stands before one that can be dear: it returns its
// input, so that paths can be taken through it, or an error.
func (m *machine) pay(v any, args []any) any {
	if err := costs[args[0].(string)](m.meter, v, args[1:]); err != nil {
		return err
	}
	return v
}

// enter pays for a call of a function that may be its own caller.
func (m *machine) enter(v any, _ []any) any {
	if err := m.alloc(callSize); err != nil {
		return err
	}
	return v
}

func (m *machine) splitText(v any, args []any) any {
	s, ok := v.(string)
	sep, sepok := args[0].(string)
	if !ok || !sepok {
		return typeFault("cannot split", v, args[0])
	}
	return m.split(s, sep)
}
