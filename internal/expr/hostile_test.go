package expr

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile are expressions that take gigabytes, minutes or the whole process with
// gojq alone, by what they abuse.
var hostile = map[string]string{
	"repetition":               `"x" * 1000000000`,
	"repetition, computed":     `"x" * (10 | pow(.; 9))`,
	"repetition, swapped":      `1000000000 * "x"`,
	"repetition, growing":      `reduce range(40) as $i ("x"; . * 2)`,
	"repetition, assigned":     `{a: "x"} | .a *= 1000000000`,
	"strings, growing":         `reduce range(40) as $i ("x"; . + .)`,
	"strings, interpolated":    `reduce range(40) as $i ("x"; "\(.)\(.)")`,
	"strings, formatted":       `reduce range(40) as $i ("x"; @json "\(.)\(.)")`,
	"strings, as keys":         `reduce range(40) as $i ("x"; {"\(.)\(.)": 1} | keys[0])`,
	"strings, assigned":        `reduce range(40) as $i ({a: "x"}; .a += .a)`,
	"strings, many":            `[range(1000) | "x" * 1000000]`,
	"arrays, growing":          `reduce range(40) as $i ([1]; . + .)`,
	"arrays, filled":           `[range(1e9)]`,
	"arrays, limited":          `[limit(1e9; repeat(1))]`,
	"arrays, visited":          `[range(100000)] as $a | def f: $a[] | f; f`,
	"objects, growing":         `reduce range(1e9) as $i ({}; .["k\($i)"] = $i)`,
	"objects, added":           `reduce range(1e6) as $i ({}; . + {"k\($i)": 1})`,
	"objects, merged":          `reduce range(40) as $i ({a: 1}; {a: ., b: .} * {a: ., b: .})`,
	"integers, growing":        `reduce range(40) as $i (10; . * .)`,
	"far index":                `.[536870911] = 1`,
	"far index, computed":      `setpath([100000000]; 1)`,
	"far index, updated":       `.[100000000] |= 1`,
	"far index, often":         `[range(1000) | [] | .[1000000] = 1]`,
	"joined":                   `("x" * 1000000) as $s | [range(1000) | $s] | join($s)`,
	"added up":                 `("x" * 1000000) as $s | [range(1000) | $s] | add`,
	"exploded":                 `"x" * 10000000 | explode`,
	"split":                    `"x" * 10000000 | split("")`,
	"divided":                  `"x" * 10000000 / ""`,
	"encoded":                  `"x" * 20000000 | @base64 | @base64 | @uri`,
	"shared, printed":          `reduce range(40) as $i (1; [., .]) | tojson`,
	"shared, as text":          `reduce range(40) as $i (1; [., .]) | "\(.)"`,
	"shared, formatted":        `reduce range(40) as $i (1; [., .]) | @html`,
	"shared, compared":         `reduce range(40) as $i (1; [., .]) | . == (reduce range(40) as $i (1; [., .]))`,
	"shared, flattened":        `reduce range(40) as $i (1; [., .]) | flatten`,
	"shared, sorted":           `reduce range(40) as $i (1; [., .]) | [., .] | sort`,
	"shared, searched":         `reduce range(40) as $i (1; [., .]) | contains([[1]])`,
	"shared, subtracted":       `reduce range(40) as $i (1; [., .]) | . - .`,
	"shared, returned":         `reduce range(40) as $i (1; [., .])`,
	"shared, walked":           `reduce range(40) as $i (1; [., .]) | [..]`,
	"deep, returned":           `reduce range(20000) as $i (1; [.])`,
	"deep, printed":            `reduce range(20000) as $i (1; [.]) | tojson`,
	"deep, compared":           `reduce range(20000) as $i (1; [.]) | . == [.]`,
	"deep, its paths":          `reduce range(20000) as $i (1; [.]) | [paths]`,
	"deep, made by a path":     `setpath([range(20000) | "a"]; 1)`,
	"transposed":               `[[range(20000)]] + [range(20000) | [.]] | transpose`,
	"differences":              `[range(50000)] | . - map(. + 100000)`,
	"indices":                  `("a" * 500000) | indices("a" * 250000 + "b")`,
	"matched everywhere":       `"x" * 1000000 | [match("."; "g")]`,
	"matched slowly":           `"a" * 1000000 | test("(a|a?){50}b")`,
	"matched again and again":  `"a" * 100000 | [match("a.*b|a"; "g")]`,
	"replaced everywhere":      `"x" * 1000000 | gsub("x"; "yy")`,
	"large expression":         `"a" | test("a{1000}" * 140)`,
	"many expressions":         `range(100000) | tostring as $re | "a" | test($re + "[a-z]{900}")`,
	"endless loop":             `def f: f; f`,
	"endless recursion":        `def f: 1 + f; f`,
	"endless forks":            `def f: f, f; f`,
	"endless tries":            `def f: try f catch 1; f`,
	"endless labels":           `def f: label $x | f; f`,
	"endless until":            `0 | until(false; . + 1)`,
	"endless while":            `[0 | while(true; . + 1)]`,
	"endless range":            `range(infinite)`,
	"endless steps":            `last(repeat(1))`,
	"caught":                   `def f: try ("x" * 1000000000) catch f; f`,
	"error with a large value": `error("x" * 50000000)`,
	"error with a tree":        `reduce range(40) as $i (1; [., .]) | error`,
	"wide format":              `0 | strftime("%1024Y" * 100000)`,
	"combinations":             `[range(100)] | [., ., ., ., .] | [combinations]`,
}

// patience is how long the clock may run for what is stopped after 25 ms: on an
// idle machine less than half a second, but tests run on busy ones, and with the
// race detector.
const patience = 4 * time.Second

// TestHostileExpressionsAreStopped runs each of them with the default limits,
// but for the time, and measures what it took.
func TestHostileExpressionsAreStopped(t *testing.T) {
	limits := Limits{Time: 25 * time.Millisecond}
	for name, src := range hostile {
		t.Run(name, func(t *testing.T) {
			p, err := limits.Compile(src)
			require.NoError(t, err)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err = p.All(context.Background(), nil)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			var failed *EvalError
			require.ErrorAs(t, err, &failed)
			require.Contains(t, []Reason{ReasonTimeout, ReasonTooLarge, ReasonNumber, ReasonUser, ReasonType}, failed.Reason)
			require.Less(t, len(failed.Error()), 2000)
			require.Less(t, took, patience)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100<<20))
			t.Logf("%s, %d MiB: %s", took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20, failed.Message)
		})
	}
}

// TestHostileInputIsStopped has simple expressions meet what a stranger can send
// in a body of 256 KiB.
func TestHostileInputIsStopped(t *testing.T) {
	limits := Limits{Time: 25 * time.Millisecond}
	for name, body := range map[string]string{
		"small elements": "[" + strings.Repeat("1,", 1<<17) + "1]",
		"small objects":  "[" + strings.Repeat(`{"":0},`, 1<<15) + "1]",
		"nested":         strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
	} {
		t.Run(name, func(t *testing.T) {
			input := decode(t, body)
			for _, src := range []string{`. == .`, `sort`, `[..] | length`, `tojson | fromjson | length`, `map_values(1)`, `flatten | length`} {
				p, err := limits.Compile(src)
				require.NoError(t, err)
				start := time.Now()
				_, _ = p.All(context.Background(), input) // an answer is fine too
				require.Less(t, time.Since(start), patience, src)
			}
		})
	}
}

// TestLongNumbers has expressions meet a number so long that it must not be
// parsed; one of a million digits takes four seconds.
func TestLongNumbers(t *testing.T) {
	digits := strings.Repeat("9", 1<<14)
	input := `{"n":` + digits + `}`
	require.Equal(t, digits, eval(t, `.n`, input), "it is passed on as it is")
	require.Equal(t, `"`+digits+`"`, eval(t, `.n | tojson`, input))
	for _, src := range []string{
		`.n > 5`, `5 < .n`, `.n == "x"`, `"x" == .n`, `.n + 1`, `1 * .n`, `-.n`, `.n | floor`, `[.n] | sort`, `[.n] == [1]`,
		`[1][.n]`, `[1][.n:]`, `[1][.n:2]`, `{start: .n, end: 1} as $s | [1][$s]`, `.n as $n | [1] | has($n)`, `range(.n)`, `[.n] | implode`,
		`[.n] | add`, `[.n] | mktime`, `.n | gmtime`, `.n as $n | 0 | strftime("%Y") | tonumber < $n`, `.n | tojson | tonumber`,
		`pow(.n; 2)`, `.n as $n | [1] | getpath([$n])`, `.n as $n | setpath([$n]; 1)`, `.n as $n | [1] | delpaths([[$n]])`,
		`.n as $n | [1] | .[$n] = 1`, `limit(.n; 1)`, `[.n] | contains([1])`, `[.n] | index(1)`, `[.n] | min`, `[[.n]] | unique`, `[.n] - [1]`,
		`.n % 2`, `"x" * .n`, `.n as $n | [1] | bsearch($n)`, `fma(.n; 1; 1)`, `[.n] | inside([1])`, `.n as $n | [1] | del(.[{start: $n, end: 2}])`,
	} {
		start := time.Now()
		failed := evalError(t, src, input)
		require.Equal(t, ReasonNumber, failed.Reason, src)
		require.Less(t, time.Since(start), patience, src)
	}
}
