package expr

import (
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// Single tells whether the expression can be seen to give one result at most,
// whatever its input, as .a.b and [.a[] | select(.b)] do. Where it cannot be seen,
// as with .a[] or a function of one's own, the answer is false.
func (p *Program) Single() bool { return p.single }

// several are the functions that may give several results of one input.
var several = strings.Fields(`range recurse while until repeat limit skip splits scan match capture
	paths path combinations tostream fromstream truncate_stream getpath walk`)

// folding are the functions whose argument may give several results, of which they
// make one.
var folding = strings.Fields(`map map_values with_entries sort_by group_by unique_by min_by max_by any all
	add first last isempty del delpaths pick to_entries`)

func single(q *gojq.Query) bool {
	switch {
	case q == nil:
		return true
	case len(q.FuncDefs) > 0:
		return false
	case q.Term != nil:
		return singleTerm(q.Term)
	case q.Op == gojq.OpComma:
		return false
	default:
		return single(q.Left) && single(q.Right)
	}
}

func singleTerm(t *gojq.Term) bool {
	for _, suffix := range t.SuffixList {
		if suffix.Iter || !singleIndex(suffix.Index) {
			return false
		}
	}
	switch t.Type {
	case gojq.TermTypeArray, gojq.TermTypeReduce:
		return true
	case gojq.TermTypeRecurse, gojq.TermTypeForeach, gojq.TermTypeLabel:
		return false
	case gojq.TermTypeIndex:
		return singleIndex(t.Index)
	case gojq.TermTypeQuery:
		return single(t.Query)
	case gojq.TermTypeFunc:
		return singleCall(t.Func)
	case gojq.TermTypeObject:
		return !slices.ContainsFunc(t.Object.KeyVals, func(kv *gojq.ObjectKeyVal) bool { return !single(kv.KeyQuery) || !single(kv.Val) })
	case gojq.TermTypeTry:
		return single(t.Try.Body) && single(t.Try.Catch)
	default:
		return !slices.ContainsFunc(parts(t), func(q *gojq.Query) bool { return !single(q) })
	}
}

func singleIndex(i *gojq.Index) bool {
	return i == nil || single(i.Start) && single(i.End)
}

func singleCall(f *gojq.Func) bool {
	if slices.Contains(several, f.Name) {
		return false
	}
	return slices.Contains(folding, f.Name) || !slices.ContainsFunc(f.Args, func(q *gojq.Query) bool { return !single(q) })
}

// Assigns tells whether the expression changes its input by = and the like, and so is
// never null or false where that is an object: in a condition, == was meant.
func (p *Program) Assigns() bool { return p.assigns }

func assigns(q *gojq.Query) bool {
	switch {
	case q == nil:
		return false
	case q.Op == gojq.OpPipe:
		return assigns(q.Right)
	case q.Term != nil && q.Term.Type == gojq.TermTypeQuery:
		return assigns(q.Term.Query)
	}
	return q.Op == gojq.OpAssign || q.Op == gojq.OpModify || updates[q.Op] != 0
}
