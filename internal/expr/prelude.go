package expr

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/itchyny/gojq"
)

//go:embed prelude.jq
var preludeText string

// library is the prelude, ready to be put before programs.
type library struct {
	defs  []*gojq.FuncDef
	needs []map[string]bool // what each of defs calls
	// public holds all names with arity ("map/1") that a program may call.
	public map[string]bool
}

// prelude parses and rewrites the prelude, once; nobody changes it afterwards.
var prelude = sync.OnceValue(func() *library {
	query, err := gojq.Parse(guards() + preludeText)
	if err != nil {
		panic("expr: prelude: " + err.Error()) // the text is ours and tested
	}
	lib := &library{defs: query.FuncDefs, public: map[string]bool{}}
	for _, def := range query.FuncDefs {
		r := newRewriter(preludeText)
		r.trusted = true
		r.query(def.Body)
		lib.needs = append(lib.needs, r.calls)
		lib.public[nameOf(def.Name, len(def.Args))] = !strings.HasPrefix(def.Name, "_")
	}
	for _, name := range free {
		lib.public[name] = true
	}
	return lib
})

// nameOf writes a function with its arity, as jq's messages do.
func nameOf(name string, arity int) string { return name + "/" + strconv.Itoa(arity) }

// guards writes the functions that pay for a native and then call it. Within
// the definition of a function its name means itself, so each native gets
// another name first.
func guards() string {
	var b strings.Builder
	write := func(name string, arity int, cost string) {
		var params, values, binds []string
		for i := range arity {
			p := string(rune('a' + i))
			params, values = append(params, p), append(values, "$"+p)
			binds = append([]string{p + " as $" + p + " | "}, binds...) // jq takes the last argument first
		}
		list := func(items []string) string {
			if len(items) == 0 {
				return ""
			}
			return "(" + strings.Join(items, "; ") + ")"
		}
		fmt.Fprintf(&b, "def _native_%s%s: %s%s;\n", name, list(values), name, list(values))
		fmt.Fprintf(&b, "def %s%s: %s_pay%s | _native_%s%s;\n", name, list(params), strings.Join(binds, ""),
			list(append([]string{strconv.Quote(cost)}, values...)), name, list(values))
	}
	for _, name := range slices.Sorted(maps.Keys(costs)) {
		if base, arity, ok := strings.Cut(name, "/"); ok {
			write(base, int(arity[0]-'0'), name)
		}
	}
	for arity, names := range mathNatives {
		for name := range strings.FieldsSeq(names) {
			write(name, arity, "_digits")
		}
	}
	b.WriteString(`def _native_path(f): path(f);
		def _native_range($a; $b; $c): _range($a; $b; $c);
		def range($a; $b; $c): _pay("_digits"; $a; $b; $c) | _native_range($a; $b; $c);
		`)
	return b.String()
}

// link puts before a program what it calls of the prelude, directly and
// indirectly, and nothing else: a program keeps its code in memory.
func (lib *library) link(query *gojq.Query, calls map[string]bool) {
	needed := maps.Clone(calls)
	var defs []*gojq.FuncDef
	for i := len(lib.defs) - 1; i >= 0; i-- { // a definition calls only earlier ones
		def := lib.defs[i]
		if needed[nameOf(def.Name, len(def.Args))] {
			defs = append(defs, def)
			maps.Copy(needed, lib.needs[i])
		}
	}
	slices.Reverse(defs)
	query.FuncDefs = append(defs, query.FuncDefs...)
}
