package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// refused says why a function of jq is not there, and what to use.
var refused = map[string]string{
	"now":               "now is not available, since an expression must give the same answer again; use .run.started_at or .event.received_at",
	"localtime":         "localtime is not available, since it depends on the server's time zone; use gmtime",
	"strflocaltime":     "strflocaltime is not available, since it depends on the server's time zone; use strftime",
	"env":               "env is not available; use .secrets",
	"$ENV":              "$ENV is not available; use .secrets",
	"$__prog_args":      "$__prog_args is not available",
	"input":             "input is not available; the only input is .",
	"inputs":            "inputs is not available; the only input is .",
	"input_filename":    "input_filename is not available",
	"input_line_number": "input_line_number is not available",
	"debug":             "debug is not available; an expression can do nothing but give results",
	"stderr":            "stderr is not available; an expression can do nothing but give results",
	"halt":              "halt is not available; use error or empty",
	"halt_error":        "halt_error is not available; use error",
	"builtins":          "builtins is not available",
	"modulemeta":        "modulemeta is not available",
	"get_search_list":   "get_search_list is not available",
	"jn":                "jn is not available",
	"yn":                "yn is not available",
}

// operatorNatives are the natives that stand for the binary operators.
var operatorNatives = map[gojq.Operator]string{
	gojq.OpAdd: "_op_add", gojq.OpSub: "_op_subtract", gojq.OpMul: "_op_multiply",
	gojq.OpDiv: "_op_divide", gojq.OpMod: "_op_modulo",
	gojq.OpEq: "_op_equal", gojq.OpNe: "_op_unequal", gojq.OpLt: "_op_less",
	gojq.OpLe: "_op_most", gojq.OpGt: "_op_greater", gojq.OpGe: "_op_least",
}

// formats are gojq's.
var formats = strings.Fields("@text @json @html @uri @urid @csv @tsv @sh @base64 @base64d")

// updates are the operators that the assigning ones apply.
var updates = map[gojq.Operator]gojq.Operator{
	gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul,
	gojq.OpUpdateDiv: gojq.OpDiv, gojq.OpUpdateMod: gojq.OpMod, gojq.OpUpdateAlt: gojq.OpAlt,
}

// check returns what is wrong with a user's program after it was rewritten:
// each function that it calls must be its own or public.
func (r *rewriter) check(lib *library) *SyntaxError {
	for _, name := range r.names {
		if reason := refused[name]; reason != "" {
			r.fail(name, reason)
		} else if strings.HasPrefix(name, "_") || strings.HasPrefix(name, "$__") {
			r.fail(name, fmt.Sprintf("the name %s is reserved; names must not begin with _ or $__", name))
		}
	}
	var unknown []string
	for call := range r.calls {
		if !lib.public[call] && !r.own[call] {
			unknown = append(unknown, call)
		}
	}
	if len(unknown) > 0 {
		call := slices.Min(unknown)
		name, _, _ := strings.Cut(call, "/")
		r.fail(name, "there is no function "+call)
	}
	return r.err
}
