// Package expr is MeshHook's one expression language: jq, and text with
// {{ jq }} in it. Workflow steps, endpoint filters and dedup keys, custom
// responses, alert payloads, `meshhook expr` and the filters of the terminal UI
// all come here.
//
// # The language
//
// It is jq as gojq speaks it, with exact integers of any size. What would make
// an answer depend on anything but the input is refused when an expression is
// compiled: now, localtime, strflocaltime, env, $ENV, input, inputs, debug,
// modules, halt. Three things differ from jq, each to keep evaluation bounded:
//
//   - An index that is computed must not be an array; to look for an array in an
//     array, write indices([1, 2]) for .[[1, 2]].
//   - strptime reads the zone names UTC and GMT, no others: those would be
//     understood by the zone of the server. Offsets (%z) always work.
//   - The Bessel functions jn and yn are missing, since their time grows with
//     the value of their argument.
//
// The input is a value of JSON in Go's clothes: nil, bool, string, int, float64,
// *big.Int, json.Number, []any, map[string]any. Decode with UseNumber: a
// json.Number that is only passed on keeps every digit. Results are of the same
// types, and encoding/json prints all of them exactly. Nothing in the input is
// ever changed, and results share structure with it: treat both as read-only.
//
// Numbers: integers are exact in arithmetic too. A number with a fraction or an
// exponent is calculated as float64, as in jq. One that float64 cannot hold
// (1e400) is passed on and printed as it came; arithmetic makes it an infinity,
// and an infinity or NaN in a result or in tojson is an error (ReasonNumber),
// never a wrong number. A number of more than 1000 digits can be passed on, but
// not be calculated with or compared: parsing it takes quadratic time.
//
// # Templates
//
// In a string, {{ expr }} is replaced by the result of expr. Braces, strings and
// comments of the expression are understood, so {{ {a: {b: "}}"}} }} is one
// expression. A literal {{ is written {{ "{{" }}; Quote does it.
//
// # What is bounded
//
// Expressions are written by users and fed by strangers. Limits bounds the time,
// the steps of the virtual machine, the memory, the size of the answer and the
// number of results. gojq itself bounds none of this, and a single call in it
// ("x" * 1e9) can take gigabytes and seconds; so the program that runs is not
// the one that was written. Every operator, iteration and function that can cost
// more than a small constant is replaced by one that first pays for itself out
// of a meter (rewrite.go, cost.go, prelude.jq), and a name that is not in the
// tables here does not compile. The price is an upper bound, not the truth:
// memory counts what is allocated, not what is alive, and a step that the
// virtual machine takes is priced by Steps alone. See BenchmarkOverhead for what
// this costs. An exceeded limit ends the evaluation; try cannot catch it.
//
// Not bounded: one search of a regular expression is checked against the clock
// only when it ends (its length times the size of the text is bounded, to about
// a second of the worst case), and memory is an estimate within a factor of two.
package expr
