package expr

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
	"github.com/stretchr/testify/require"
)

const sample = `{
	"n": 3, "f": 1.5, "neg": -2, "big": 123456789012345678901, "s": "Hello, wörld", "z": null, "t": true,
	"list": [3, 1, 2, 1, null, "a", [1], {"a": 1}], "nums": [5, 1, 4, 1], "words": ["b", "a", "c"], "empty": [], "none": {},
	"items": [{"id": 1, "price": 10, "tags": ["x", "y"]}, {"id": 2, "price": 5, "tags": []}, {"id": 3, "price": 10, "tags": ["x"]}],
	"nested": {"a": {"b": {"c": [1, [2, [3]]]}}, "d": [{"e": 1}, {"e": 2}]}, "csv": "a,b;c, d", "time": "2015-03-05T23:51:47Z"
}`

// corpus has an expression at least for each function and piece of syntax of
// jq. Each must give what gojq gives, or fail where gojq fails.
var corpus = []string{
	// syntax
	`.`, `..`, `.n`, `.["n"]`, `."n"`, `.nested.a.b`, `.nested["a"]."b"`, `.list[0]`, `.list[-1]`, `.list[2:4]`, `.list[:2]`, `.list[-2:]`, `.list[1.2:3.5]`,
	`.nums[.n]`, `.nums[.n - 1:]`, `.nums[:.n]`, `.s[1:3]`, `.s[.n:]`, `.["a", "n"]`, `.items[].id`, `.items[]?`, `.n[]?`, `.none[]`, `[.nested.d[].e]`,
	`.a.b.c`, `.n.a?`, `try .n.a catch .`, `.n.a`, `.list.a`, `.s[0]`, `.n[0]`, `{"start": 1, "end": 3} as $r | .nums[$r]`, `.["n\(1 - 1)" | rtrimstr("0")]`,
	`1, 2, "x"`, `.n, .f | . + 1`, `[.n, .f]`, `{n, s}`, `{n: 1, "x y": 2, (.s): 3}`, `{"k\(.n)": .f}`, `{"\(.words[])"}`, `{(.words[]): .n}`, `{n: (1, 2)}`,
	`{$__loc__}?`, `. as $x | {$x} | keys`, `.n as $x | .f as $y | $x + $y`, `.items[0] as {id: $i, tags: [$t]} | [$i, $t]`, `.items[] as {$id, price: $p} | $id * $p`,
	`. as {"n": $a, ("s" | .): $b, "\("f")": $c} | [$a, $b, $c]`, `.list as [$a] ?// $a | $a`, `[[1, 2], {"a": 3}] | .[] as [$a] ?// {a: $a} | $a`,
	`if .n > 2 then "big" elif .n > 1 then "mid" else "small" end`, `if .z then 1 end`, `if (.n, .z) then 1 else 2 end`, `.z // "default"`, `(.z, .n) // 1`, `empty // 1`,
	`.n and .z`, `.n or .z`, `.z | not`, `.n == 3 and (.s | length > 3)`, `reduce .nums[] as $x (0; . + $x)`, `foreach .nums[] as $x (0; . + $x)`, `foreach .nums[] as $x (0; . + $x; [$x, .])`,
	`label $out | .nums[] | if . == 4 then ., break $out else . end`, `def f: . + 1; .n | f | f`, `def f($a; g): $a + g; f(.n; .f)`, `def f(g): def h: g | g; h; .n | f(. * 2)`,
	`def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; [range(1; 25)] | map(fac)`, `def map(f): "mine"; map(.)`, `try error("x") catch .`, `try error({a: 1}) catch .a`, `error(null)`, `error("x")`, `error`,
	`-.n`, `-(.n + 1)`, `-.f`, `-.big`, `+1`, `-"x"`, `1 as $x | [$x, -$x]`, `"a\(.n)b\(.s)c\(.list)"`, `"\(1, 2) \(3, 4)"`, `""`, `"\("nested \("deep")")"`, `"\u00e9\n"`,
	`@text "v: \(.list)"`, `@json "v: \(.s)"`, `@html "<\(.s)> \("<&'\">")"`, `@uri "q=\(.s)"`, `@csv "\(.words)"`, `@tsv "\(.words)"`, `@sh "echo \(.s)"`, `@base64 "\(.s)"`, `@base64d "\("aGk=")"`, `@urid "\("%20")"`,
	`.s | @text, @json, @html, @uri, @base64, @sh`, `.words | @csv, @tsv, @sh`, `"aGk=" | @base64d`, `"a%20b" | @urid`, `.list | @csv`, `.s | ascii_downcase | ascii_upcase`, `# comment
		.n # more`, `"}} # no comment"`,
	`"` + strings.Repeat(`\(.n),`, 40) + `"`,
	// operators
	`.nums - [1]`, `.list - [null, [1]]`, `.none + {a: 1} + {a: 2, b: 3}`, `.nums + .words`, `.z + 1`, `1 + .z`, `.s + "!"`, `.s + 1`, `{a: {b: 1}} * {a: {c: 2}, d: 3}`, `"ab" * 3`, `3 * "ab"`, `"ab" * 0`, `"ab" * -1`, `"ab" * 1.5`,
	`.csv / ","`, `"" / ","`, `"abc" / ""`, `.n / 2`, `6 / .n`, `.n / 0`, `.n % 2`, `5 % -2`, `-5 % 3`, `5.9 % 2.1`, `.n % 0`, `.big + 1, .big - 1, .big * .big, .big / 3, .big % 1000`, `9223372036854775807 + 1, -9223372036854775808 - 1`,
	`-9223372036854775808 * -1`, `9223372036854775807 * 9223372036854775807`, `4611686018427387904 * 2`, `-9223372036854775808 / -1`, `-9223372036854775808 % -1`, `.big == .big + 0.0`, `[.list[] < .list[]]`, `[.list[] <= .list[]]`, `[.list[] == .list[]]`, `[.list[] != .list[]]`, `[.list[] > .list[]]`, `[.list[] >= .list[]]`,
	`.none < {a: 1}`, `.nested == .nested`, `{a: 1, b: 2} < {a: 1, b: 3}`, `[1, 2] - 1`, `{} * 2`, `[] * []`, `{} - {}`, `null - null`, `null * 2`, `{} / 1`, `[] % 2`,
	// changes
	`.n = 5`, `.n |= . + 1`, `.n += 1`, `.n -= 1`, `.n *= 2`, `.n /= 2`, `.n %= 2`, `.z //= 4`, `.n //= 4`, `.a.b.c = 1`, `.nums[1] = 9`, `.nums[-1] = 9`, `.nums[7] = 9`, `.nums[-9] = 9`, `.nums[1:3] = ["x"]`, `.nums[1:3] |= map(. * 10)`, `.nums[] += 1`, `.nums[2:] = 1`,
	`.items[].price |= . * 2`, `(.items[] | select(.id == 2) | .price) = 0`, `.items |= map(select(.price > 5))`, `.nums[] |= empty`, `(.nums[] | select(. == 1)) |= empty`, `.n |= empty`, `.items[0] |= del(.tags)`, `.n = (1, 2)`, `.n += (1, 2)`, `.n |= (1, 2)`,
	`.items |= sort_by(.price)`, `.n.a = 1`, `.s[0] = 1`, `.list.a = 1`, `.nested.a |= with_entries(.value |= 1)`, `.words as [$a, $b] | .[$a] = $b`, `[.[] | numbers] | .[0] = .[1]`, `.nums |= (.[0] = 7 | .[1] = .[0])`,
	`. as $d | .items[] |= (.copy = $d.nums) | .items[1].copy[0] = 1 | [.items[].copy, .nums]`, `.nums[1:] |= (.[0] = 5)`, `.nums[1:][0] = 5`, `.nums[:2][1:] |= ["x", "y"]`, `.[["a"]] = 1`, `. == 1 |= 2`, `.nums[1.7] = 1`,
	`del(.n)`, `del(.nums[0])`, `del(.nums[-1], .nums[0])`, `del(.nums[1:3])`, `del(.nums[1:][0])`, `del(.nums[])`, `del(.items[] | select(.price == 10))`, `del(.items[].tags)`, `del(.nested.a.b, .nested.d[0].e, .missing.x)`, `del(.)`, `del(.n.a)`, `del(.list.a)`, `del(.none[0])`, `del(.nested, .nested.a)`, `del(.nums["a"])`, `del(empty)`,
	`delpaths([["n"], ["nums", 0]])`, `delpaths([])`, `delpaths([[]])`, `delpaths(1)`, `delpaths([1])`, `setpath(["a", 0, "b"]; 1)`, `setpath([]; 1)`, `setpath(["nums", 0]; 1, 2)`, `setpath(1; 1)`, `setpath([true]; 1)`, `setpath(["n", "x"]; 1)`, `.nums | setpath([{"start": 1, "end": null}]; [])`,
	`.nums | setpath([{"start": "x", "end": null}]; [])`, `.n | setpath([{"start": 1, "end": 2}]; [])`, `to_entries`, `.items[0] | to_entries`, `with_entries(.key |= ascii_upcase)`, `[{name: "a", value: 1}, {k: "b", v: 2}] | from_entries`, `.items[0] | map_values(. as $x | $x | tostring)`, `map_values(empty)`,
	`.nums | map_values(. + 1)`, `pick(.n, .nested.a.b)`, `.nums | pick(.[1])`, `pick(.nums[-1])`, `walk(if type == "number" then . + 1 else . end)`, `.nested | walk(if type == "object" then del(.c) else . end)`,
	// paths
	`[paths]`, `[paths(type == "number")]`, `path(.nested.a)`, `[path(..)]`, `path(.items[].id)`, `path(.n + 1)`, `path(first(.items[], .n))`, `path(.nums[1:])`, `path(.items[] | select(.id == 2) | .tags)`, `path(getpath(["a", "b"]))`, `path(if .n then .s else .f end)`, `path(.z // .n)`,
	`getpath(["nested", "a", "b"])`, `getpath(["x", "y"])`, `getpath(["n", "x"])`, `getpath(1)`, `[getpath(["n"], ["f"])]`, `[tostream]`, `fromstream(tostream)`, `[.nums | tostream]`, `[1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]])]`, `fromstream(1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]]))`,
	// functions
	`map(type)`, `[.[] | length?]`, `.s | length, utf8bytelength`, `.n | utf8bytelength`, `[.list[] | tostring]`, `[.list[] | tojson]`, `.s | tojson | fromjson`, `"[1, {\"a\": 2.50}]" | fromjson`, `"{" | fromjson`, `"1 2" | fromjson`, `.n | fromjson`, `"12", "1.5", "x", "-3", ".5", "1e3" | tonumber?`, `"nan" | tonumber`, `"true" | toboolean`, `.n | toboolean`,
	`keys`, `.nums | keys`, `.n | keys`, `has("n"), has("x")`, `.nums | has(0), has(9)`, `has(0)`, `"n" | in({"n": 1})`, `[.[] | arrays, objects | length]`, `[.list[] | iterables]`, `[.list[] | booleans, numbers, strings, nulls, values, scalars]`, `[.[] | finites?]`, `[.list[] | numbers | normals]`,
	`.nums | add, min, max, sort, unique, reverse, first, last, length`, `.list | sort, unique, min, max`, `.empty | add, min, max, sort, first, last`, `.words | add`, `[[1], [2]] | add`, `[{a: 1}, {b: 2}] | add`, `.none | add`, `.list | add`, `add(.nums[])`, `.n | add`, `.n | sort`, `.n | reverse`, `.n | min`, `.s | sort`,
	`.items | sort_by(.price), group_by(.price), unique_by(.price), min_by(.price), max_by(.price)`, `.items | sort_by(.price, -.id) | map(.id)`, `.n | sort_by(.)`, `.empty | group_by(.)`, `[.empty[] | min_by(.x)]`, `.empty | min_by(.x), max_by(.x)`, `.nested.a.b.c | flatten, flatten(1), flatten(0)`, `[1] | flatten(-1)`, `.none | flatten`, `.n | flatten`,
	`[[1, 2], [3]] | transpose`, `[] | transpose`, `.nums | transpose`, `[1, 3, 5] | bsearch(3), bsearch(4), bsearch(0)`, `.n | bsearch(1)`, `.nums | contains([1]), contains([9])`, `.s | contains("wö")`, `.nested | contains({a: {b: {c: [1]}}})`, `.n | contains("x")`, `"a" | inside("abc")`, `[1] | inside([1, 2])`,
	`.s | index("l"), rindex("l"), indices("l"), indices("o, ")`, `.nums | index(1), rindex(1), indices(1), indices([1, 4])`, `.nums | indices([])`, `.z | indices(1)`, `.n | index(1)`, `.s | index(1)`, `.s | startswith("He"), endswith("d")`, `.n | startswith("x")`, `.s | ltrimstr("Hel"), rtrimstr("ld"), trimstr("H")`, `" x " | trim, ltrim, rtrim`, `.n | trim`,
	`.s | explode | implode`, `.n | explode`, `.s | implode`, `[65, 1114112, -1] | implode`, `["x"] | implode`, `.csv | split(","), split(", *"; null), split("[,;]"; "g")`, `.n | split(",")`, `.csv | split(1)`, `.words | join("-"), join("")`, `.list[:4] | join(",")`, `.empty | join(",")`, `.list | join(",")`, `.n | join(",")`, `.words | join(",", ";")`,
	`.s | format("json"), format("text")`, `.s | format("nope")`, `.s | format(1)`, `[recurse] | length`, `[.nested | recurse(.[]?)] | length`, `[2 | recurse(. * .; . < 100)]`, `[1 | while(. < 50; . * 2)]`, `1 | until(. > 50; . * 2)`, `[limit(3; repeat(1))]`, `[limit(0; 1)]`, `[limit(-1; 1)]`, `[skip(1; 1, 2, 3)], [skip(0; 1)]`, `[skip(-1; 1)]`, `nth(1; 1, 2, 3)`, `.nums | nth(1)`, `nth(-1; 1)`,
	`[range(3)], [range(1; 3)], [range(0; 10; 4)], [range(3; 0; -1)], [range(0; 1; 0)], [range(0, 1; 2, 3)]`, `range("a")`, `[range(1.5; 4)]`, `first(range(5)), last(range(5))`, `[first(empty)], [last(empty)]`, `isempty(empty), isempty(1)`, `all, any`, `.nums | all(. > 0), any(. > 4), all, any`, `all(.nums[]; . > 1), any(.nums[]; . > 1)`, `[true, false] | all, any`,
	`.n | IN(1, 3)`, `IN(.nums[]; 4)`, `INDEX(.items[]; .id)`, `.items | INDEX(.id)`, `INDEX(.items[]; .id) as $i | [[1], [3]] | JOIN($i; .[0] | tostring)`, `INDEX(.items[]; .id) as $i | [JOIN($i; ([1], [2]); .[0] | tostring)]`, `INDEX(.items[]; .id) as $i | [JOIN($i; ([1], [2]); .[0] | tostring; .[1].price)]`, `[[1, 2], [3, 4]] | [combinations]`, `[[0, 1] | combinations(2)]`, `[] | [combinations]`,
	`[1, -1, 0, null] | map(abs?)`, `[.n, .f, .neg | floor, ceil, round, trunc, fabs, sqrt?, exp, exp2, log2?, cbrt, sin, cos, tan, atan, sinh, cosh, tanh, asinh, significand, logb, gamma, lgamma, tgamma, frexp, modf, nearbyint, rint, expm1, erf, erfc, j0, j1 | if isnan or isinfinite then "no" else . end]`, `[0.5 | asin, acos, atanh, log, log10, log1p, exp10, y0, y1 | if isnan or isinfinite then "no" else . end]`, `[2 | acosh]`, `"x" | floor`,
	`[pow(2; 10), atan2(1; 2), copysign(1; -2), drem(5; 3), fdim(5; 3), fmax(1; 2), fmin(1; 2), fmod(5; 3), hypot(3; 4), ldexp(1; 3), nextafter(1; 2), nexttoward(1; 2), remainder(5; 3), scalb(1; 2), scalbln(1; 2)]`, `[pow(1, 2; 3, 4)]`, `fma(2; 3; 4)`, `pow("x"; 1)`, `.n | isfinite, isinfinite, isnan, isnormal`, `infinite | isinfinite`, `nan | isnan`, `[nan] | sort | length`, `nan < nan`,
	`.time | fromdate`, `.time | fromdateiso8601 | todateiso8601`, `1425599507 | todate, gmtime, (gmtime | mktime), strftime("%A %d %B %Y %j"), (gmtime | strftime("%H:%M"))`, `.time | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime`, `"x" | fromdate`, `"x" | strftime("%Y")`, `"x" | mktime`, `1 | strptime("%Y")`, `"05 Mar 2015 GMT" | strptime("%d %b %Y %Z")`, `"10:00 +0200" | strptime("%H:%M %z")`, `1 | strftime(1)`,
	`.s | test("WÖ"; "i"), test("x"), test(["L", "i"])`, `.s | [match("l+"; "g")]`, `.s | match("(?<first>[a-z])(x)?"), [match("o", "l"; "g").offset]`, `.s | match(["L", "gi"]) | .offset`, `"abc" | [match("[a-c]*"; "g") | [.offset, .string]]`, `"aXbX" | [match(""; "g").offset]`, `.s | capture("(?<a>[A-Z])(?<b>.)")`, `.s | capture(["(?<a>[a-z])", "g"])`, `.s | [scan("[a-z]")], [scan("(.)(l)")], [scan("L"; "i")]`,
	`.csv | [splits("[,;] *")], [splits("X"; "i")]`, `.s | sub("l"; "L"), gsub("l"; "L"), sub("(?<x>[a-z])"; "<\(.x)>"), gsub("(?<x>[a-z])"; "<\(.x)>"; "i")`, `.s | [gsub("l"; "1", "2")]`, `.s | gsub("^"; ">"), gsub("$"; "<"), gsub(""; "-"), gsub("\\b"; "|"), gsub("x"; "y")`, `.s | gsub("l"; empty)`, `.s | gsub("l"; 1)`, `.s | sub("L"; "x"; "gi")`, `"aé日" | gsub("(?<c>.)"; "[\(.c)]"), [match("."; "g") | .offset, .length]`,
	`.s | test("(")`, `.s | test("x"; "q")`, `.n | test("x")`, `.s | test(1)`, `.s | test("x"; 1)`, `"a\nb" | test("a.b"), test("a.b"; "m")`, `"aaa" | [match("a"; "g") | .offset]`, `"foo bar foo" | [match("foo"; "g") | .offset], [match("\\bfoo"; "g").offset], [match("^foo"; "g").offset], [match("foo$"; "g").offset]`, `"test" | [match("(?<a>t)|(?<b>e)"; "g") | .captures]`,
	`[splits("a")]?`, `"a.b" | split(".")`, `[.items[] | select(.tags | any)]`, `.items | map(select(.price >= 10) | {id, n: (.tags | length)})`, `[.items[] | .price * .id] | add / length`, `.items | map({key: "\(.id)", value: .price}) | from_entries`, `$__prog_args?`, `[.items | .[] , .[0] | .id] | unique`,
	`[.. | strings]`, `[.nested | .. | numbers]`, `ltrimstr("x")?`, `[limit(3; range(10))] | first, last`, `input_line_number?`, `def f: reduce .[] as [$a, $b] (0; . + $a * $b); [[1, 2], [3, 4]] | f`, `getpath(["items", 0, "tags"]) | length`, `try (.n | keys) catch "no"`, `.[] as [$a] ?// $a | if ($a | type) == "object" then error("x") else 1 end`,
}

func TestLanguageAgreesWithGojq(t *testing.T) {
	for _, src := range corpus {
		if strings.Contains(src, "$__") || strings.Contains(src, "input") {
			_, err := Compile(src)
			require.Error(t, err, src)
			continue
		}
		want, wantFailed := byGojq(t, src, sample)
		p, err := patient().Compile(src)
		require.NoError(t, err, src)
		results, err := p.All(context.Background(), decode(t, sample))
		if !wantFailed {
			require.NoError(t, err, src)
			require.Equal(t, want, encode(t, results...), src)
			continue
		}
		require.Error(t, err, "%s: gojq fails", src)
	}
}

// TestEveryFunctionIsKnown holds the tables to the library: what gojq has is
// either allowed, and then in the corpus, or refused.
func TestEveryFunctionIsKnown(t *testing.T) {
	query, err := gojq.Parse("builtins")
	require.NoError(t, err)
	code, err := gojq.Compile(query)
	require.NoError(t, err)
	v, _ := code.Run(nil).Next()
	unknown, untested := []string{}, []string{}
	all := strings.Join(corpus, "\n")
	for _, name := range v.([]any) {
		base, _, _ := strings.Cut(name.(string), "/")
		switch {
		case refused[base] != "":
		case !prelude().public[name.(string)]:
			unknown = append(unknown, name.(string))
		case findWord(all, base) == 0 && !strings.HasPrefix(all, base):
			untested = append(untested, name.(string))
		}
	}
	require.Empty(t, unknown, "new in gojq: decide what it costs, or refuse it")
	require.Empty(t, untested)
	names := []string{}
	for _, name := range v.([]any) {
		names = append(names, name.(string))
	}
	for name, public := range prelude().public {
		require.True(t, !public || slices.Contains(names, name), "%s is no function of gojq", name)
	}
}

// TestOperatorsAgreeWithGojq applies each operator to each pair of values.
func TestOperatorsAgreeWithGojq(t *testing.T) {
	values := strings.Split(`null|true|false|0|1|-1|2|7|-3|1.5|-0.5|1.25|9223372036854775807|-9223372036854775808|9007199254740993|123456789012345678901234567890|-123456789012345678901234567890|""|"a"|"abc"|","|[]|[1]|[1,2,1]|[[1]]|{}|{"a":1}|{"a":{"b":1}}|{"a":{"c":2},"d":3}`, "|")
	for _, op := range []string{"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="} {
		p, err := patient().Compile(".[0] " + op + " .[1]")
		require.NoError(t, err)
		reference := compileGojq(t, ".[0] "+op+" .[1] | if isinfinite then error else . end")
		for _, l := range values {
			for _, r := range values {
				input := "[" + l + "," + r + "]"
				if op == "*" && (len(input) > 18) && strings.Contains(input, `"`) {
					continue // gojq makes gigabytes of text of these
				}
				want, wantFailed := runGojq(t, reference, input)
				got, err := p.One(context.Background(), decode(t, input))
				if wantFailed {
					require.Error(t, err, "%s %s %s", l, op, r)
					continue
				}
				require.NoError(t, err, "%s %s %s", l, op, r)
				require.Equal(t, want, encode(t, got), "%s %s %s", l, op, r)
			}
		}
	}
}

func TestNumbersStayExact(t *testing.T) {
	for _, c := range []struct{ src, input, want string }{
		{`.id`, `{"id": 9007199254740993}`, `9007199254740993`},
		{`.id`, `{"id": 12345678901234567890123}`, `12345678901234567890123`},
		{`.id + 1`, `{"id": 9007199254740993}`, `9007199254740994`},
		{`.id == 9007199254740993`, `{"id": 9007199254740993}`, `true`},
		{`.id == 9007199254740992`, `{"id": 9007199254740993}`, `false`},
		{`.id > 9007199254740992`, `{"id": 9007199254740993}`, `true`},
		{`.id * 1000000`, `{"id": 9007199254740993}`, `9007199254740993000000`},
		{`-.id`, `{"id": 9223372036854775808}`, `-9223372036854775808`},
		{`[.a, .b] | sort`, `{"a": 9007199254740993, "b": 9007199254740992}`, `[9007199254740992,9007199254740993]`},
		{`"\(.id)"`, `{"id": 9007199254740993}`, `"9007199254740993"`},
		{`.id | tojson`, `{"id": 123456789012345678901}`, `"123456789012345678901"`},
		{`"9007199254740993" | tonumber`, `null`, `9007199254740993`},
		{`"{\"a\": 9007199254740993}" | fromjson.a`, `null`, `9007199254740993`},
		{`9007199254740993`, `null`, `9007199254740993`},
		{`.x`, `{"x": 1.10}`, `1.10`},
		{`.x + 1`, `{"x": 1.5}`, `2.5`},
		{`.x`, `{"x": 1e400}`, `1e400`},
		{`"\(.x)"`, `{"x": 1e400}`, `"1e400"`},
		{`.x > 5`, `{"x": 1e400}`, `true`},
		{`.x`, `{"x": 0.1}`, `0.1`},
		{`[limit(2; .[])]`, `[1.0, 10000000000000000000000000]`, `[1.0,10000000000000000000000000]`},
	} {
		require.Equal(t, c.want, eval(t, c.src, c.input), "%s of %s", c.src, c.input)
	}
	for _, src := range []string{`.x + 1`, `.x * 1`, `[.x + 1]`, `.x + 1 | tojson`, `"\(.x + 1)"`, `nan`, `infinite`, `{a: [nan]}`, `@html "\(infinite)"`, `"1e400" | tonumber`} {
		require.Equal(t, ReasonNumber, evalError(t, src, `{"x": 1e400}`).Reason, src)
	}
	// The edge of what may be calculated with.
	digits := strings.Repeat("9", maxDigits)
	require.Equal(t, "1"+strings.Repeat("0", maxDigits), eval(t, `. + 1`, digits))
	require.Equal(t, ReasonNumber, evalError(t, `. + 1`, digits+"9").Reason)
	require.Equal(t, ReasonNumber, evalError(t, `. * .`, digits).Reason)
	require.Equal(t, digits, eval(t, digits, `null`))
	_, err := Compile(digits + "9")
	require.ErrorContains(t, err, "too large")
	_, err = Compile(`[1e400]`)
	require.EqualError(t, err, `expression "[1e400]": column 2: the number 1e400 is too large`)
}

func TestDifferencesFromGojq(t *testing.T) {
	require.Equal(t, ReasonType, evalError(t, `.[[1]]`, `[1, 1]`).Reason)
	require.Equal(t, ReasonType, evalError(t, `"12 CET" | strptime("%H %Z")`, `null`).Reason)
	require.Equal(t, ReasonType, evalError(t, `"12 CET" | strptime("%H %-Z")`, `null`).Reason)
	require.Equal(t, ReasonType, evalError(t, `"12 CET" | strptime("%%%+")`, `null`).Reason)
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		_, err := Compile(name)
		require.ErrorContains(t, err, "not available", name)
	}
}
