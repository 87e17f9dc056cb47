package expr

import (
	"maps"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// References returns what of its input the program reads, sorted: the first two
// names of each path, such as "steps.order", "event.body", "secrets.crm_token",
// or one name where the program goes no deeper, or computes the second. "." is
// the whole input, where it is used as a value.
//
// It is a guess for warnings and for keeping secrets out of messages. It errs on
// the side of naming too much; what it cannot see is a path that is put together
// at run time, for which it names what the path is taken from.
func (p *Program) References() []string { return slices.Clone(p.references) }

// mayReadSecrets tells whether a reference can lead to a secret.
func mayReadSecrets(reference string) bool {
	return reference == "." || reference == "secrets" || strings.HasPrefix(reference, "secrets.")
}

// place is what is known of where a value stands in the input: its path, cut
// after two names. nil is a value that does not stand in it.
type place []string

func references(q *gojq.Query) []string {
	r := &reader{found: map[string]bool{}}
	r.use(r.query(q, place{}, nil))
	return slices.Sorted(maps.Keys(r.found))
}

// reader follows the paths of a program through its AST.
type reader struct{ found map[string]bool }

// variables is a chain of what the variables in scope stand for.
type variables struct {
	name  string
	value place
	outer *variables
}

func (v *variables) get(name string) place {
	for ; v != nil; v = v.outer {
		if v.name == name {
			return v.value
		}
	}
	return nil
}

// use notes that the value at a place is read.
func (r *reader) use(p place) {
	if p != nil {
		name := strings.Join(p, ".")
		if name == "" {
			name = "."
		}
		r.found[name] = true
	}
}

// query notes what q reads when its input stands at in, and returns where its
// result stands.
func (r *reader) query(q *gojq.Query, in place, vars *variables) place {
	if q == nil {
		return nil
	}
	for _, def := range q.FuncDefs {
		r.use(r.query(def.Body, in, vars)) // as if it were called here
	}
	switch {
	case q.Term != nil:
		return r.term(q.Term, in, vars)
	case q.Op == gojq.OpPipe && len(q.Patterns) > 0:
		value := r.query(q.Left, in, vars)
		if len(q.Patterns) == 1 && q.Patterns[0].Name != "" {
			return r.query(q.Right, in, &variables{q.Patterns[0].Name, value, vars})
		}
		r.use(value)
		return r.query(q.Right, in, vars)
	case q.Op == gojq.OpPipe:
		return r.query(q.Right, r.query(q.Left, in, vars), vars)
	case q.Op == gojq.OpModify || updates[q.Op] != 0 || q.Op == gojq.OpAssign:
		r.use(in) // the result is the whole input, changed
	}
	r.use(r.query(q.Left, in, vars))
	r.use(r.query(q.Right, in, vars))
	return nil
}

func (r *reader) term(t *gojq.Term, in place, vars *variables) place {
	var at place
	switch t.Type {
	case gojq.TermTypeIdentity:
		at = in
	case gojq.TermTypeIndex:
		at = r.index(in, t.Index, in, vars)
	case gojq.TermTypeQuery:
		at = r.query(t.Query, in, vars)
	case gojq.TermTypeFunc:
		at = r.function(t.Func, in, vars)
	case gojq.TermTypeRecurse:
		r.use(in)
	case gojq.TermTypeObject:
		r.object(t.Object, in, vars)
	case gojq.TermTypeReduce:
		r.use(r.query(t.Reduce.Query, in, vars))
		r.use(r.query(t.Reduce.Start, in, vars))
		r.use(r.query(t.Reduce.Update, nil, vars)) // its input is what it made so far
	case gojq.TermTypeForeach:
		r.use(r.query(t.Foreach.Query, in, vars))
		r.use(r.query(t.Foreach.Start, in, vars))
		r.use(r.query(t.Foreach.Update, nil, vars))
		r.use(r.query(t.Foreach.Extract, nil, vars))
	default:
		for _, q := range parts(t) {
			r.use(r.query(q, in, vars))
		}
	}
	for _, suffix := range t.SuffixList {
		switch {
		case suffix.Index != nil:
			at = r.index(at, suffix.Index, in, vars)
		case suffix.Iter:
			r.use(at)
			at = nil
		}
	}
	return at
}

// index returns where p[x] stands; the index itself is computed from in.
func (r *reader) index(p place, x *gojq.Index, in place, vars *variables) place {
	name := x.Name
	if x.Str != nil {
		name = x.Str.Str
		for _, q := range x.Str.Queries {
			r.use(r.query(q, in, vars))
		}
	}
	if x.Start != nil && x.Start.Term != nil && x.Start.Term.Type == gojq.TermTypeString {
		name = x.Start.Term.Str.Str
	}
	r.use(r.query(x.Start, in, vars))
	r.use(r.query(x.End, in, vars))
	switch {
	case p == nil || len(p) == 2:
		return p
	case name == "":
		r.use(p)
		return nil
	default:
		return append(slices.Clone(p), name)
	}
}

// elementwise names the functions whose argument sees what is in the input.
var elementwise = strings.Fields(`map/1 map_values/1 with_entries/1 sort_by/1 group_by/1 unique_by/1 min_by/1 max_by/1
	any/1 all/1 walk/1 INDEX/1 paths/1`)

// function notes what the arguments read, as if their input were the input of
// the call; for most functions it is that, or something in it.
func (r *reader) function(f *gojq.Func, in place, vars *variables) place {
	if strings.HasPrefix(f.Name, "$") {
		return vars.get(f.Name)
	}
	below := in
	if slices.Contains(elementwise, nameOf(f.Name, len(f.Args))) {
		below = nil
	}
	for _, arg := range f.Args {
		r.use(r.query(arg, below, vars))
	}
	switch nameOf(f.Name, len(f.Args)) {
	case "empty/0", "error/1", "not/0":
		return nil
	case "select/1":
		return in
	case "first/1", "any/2", "all/2", "isempty/1", "limit/2", "range/1", "range/2", "range/3":
		return nil
	}
	r.use(in)
	return nil
}

func (r *reader) object(o *gojq.Object, in place, vars *variables) {
	for _, entry := range o.KeyVals {
		r.use(r.query(entry.KeyQuery, in, vars))
		r.use(r.query(entry.Val, in, vars))
		var key string
		if entry.KeyString != nil {
			key = entry.KeyString.Str
			for _, q := range entry.KeyString.Queries {
				r.use(r.query(q, in, vars))
			}
		} else {
			key = entry.Key
		}
		switch {
		case strings.HasPrefix(key, "$"):
			r.use(vars.get(key))
		case entry.Val == nil: // {event} is {event: .event}
			r.use(r.index(in, &gojq.Index{Name: key}, in, vars))
		}
	}
}

// parts returns the queries that a term is made of, apart from its suffixes.
func parts(t *gojq.Term) []*gojq.Query {
	switch t.Type {
	case gojq.TermTypeArray:
		return []*gojq.Query{t.Array.Query}
	case gojq.TermTypeUnary:
		return []*gojq.Query{query(t.Unary.Term)}
	case gojq.TermTypeString, gojq.TermTypeFormat:
		if t.Str == nil {
			return []*gojq.Query{identity()}
		}
		return t.Str.Queries
	case gojq.TermTypeIf:
		list := []*gojq.Query{t.If.Cond, t.If.Then, t.If.Else}
		for _, elif := range t.If.Elif {
			list = append(list, elif.Cond, elif.Then)
		}
		return list
	case gojq.TermTypeTry:
		return []*gojq.Query{t.Try.Body}
	case gojq.TermTypeLabel:
		return []*gojq.Query{t.Label.Body}
	default:
		return nil
	}
}
