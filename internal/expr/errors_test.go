package expr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct{ src, message, caret string }{
		{`.a ** .b`, `expression ".a ** .b": column 5: unexpected token "*"`, ".a ** .b\n    ^"},
		{`.a +`, `expression ".a +": column 5: the expression is not complete`, ".a +\n    ^"},
		{``, `expression "": column 1: the expression is empty; "." is the whole input`, "\n^"},
		{` # x`, `expression "# x": column 5: the expression is empty; "." is the whole input`, " # x\n    ^"},
		{`def f: 1;`, `expression "def f: 1;": column 10: the expression is empty; "." is the whole input`, "def f: 1;\n         ^"},
		{`"abc`, `expression "\"abc": column 5: unterminated string literal`, "\"abc\n    ^"},
		{"1 |\n\t.é", "expression \"1 | .é\": line 2, column 3: unexpected token \"é\"", " .é\n  ^"},
		{"1 |\n\tfoo", "expression \"1 | foo\": line 2, column 2: there is no function foo/0", " foo\n ^"},
		{`.foo | foo(1; 2)`, `expression ".foo | foo(1; 2)": column 8: there is no function foo/2`, ".foo | foo(1; 2)\n       ^"},
		{`"foo \(foo)"`, `expression "\"foo \\(foo)\"": column 8: there is no function foo/0`, "\"foo \\(foo)\"\n       ^"},
		{`1 + $x`, `expression "1 + $x": column 5: variable not defined: $x`, "1 + $x\n    ^"},
		{`break $out`, `expression "break $out": column 7: label not defined: $out`, "break $out\n      ^"},
		{`map(now)`, `expression "map(now)": column 5: now is not available, since an expression must give the same answer again; use .run.started_at or .event.received_at`, "map(now)\n    ^"},
		{`.env | $ENV.HOME`, `expression ".env | $ENV.HOME": column 8: $ENV is not available; use .secrets`, ".env | $ENV.HOME\n       ^"},
		{`def now: 1; now`, `expression "def now: 1; now": column 5: now is not available, since an expression must give the same answer again; use .run.started_at or .event.received_at`, "def now: 1; now\n    ^"},
		{`def _pay($x): .; 1`, `expression "def _pay($x): .; 1": column 5: the name _pay is reserved; names must not begin with _ or $__`, "def _pay($x): .; 1\n    ^"},
		{`_pay("x")`, `expression "_pay(\"x\")": column 1: the name _pay is reserved; names must not begin with _ or $__`, "_pay(\"x\")\n^"},
		{`. as {$__right} | 1`, `expression ". as {$__right} | 1": column 7: the name $__right is reserved; names must not begin with _ or $__`, ". as {$__right} | 1\n      ^"},
		{`. as {a: [$__x]} | {$__x}`, `expression ". as {a: [$__x]} | {$__x}": column 11: the name $__x is reserved; names must not begin with _ or $__`, ". as {a: [$__x]} | {$__x}\n          ^"},
		{`@base32 "x"`, `expression "@base32 \"x\"": column 1: there is no format @base32; there are @text @json @html @uri @urid @csv @tsv @sh @base64 @base64d`, "@base32 \"x\"\n^"},
		{`import "a" as a; 1`, `expression "import \"a\" as a; 1": column 1: modules are not available`, "import \"a\" as a; 1\n^"},
		{`include "a"; 1`, `expression "include \"a\"; 1": column 1: modules are not available`, "include \"a\"; 1\n^"},
		{`module {}; 1`, `expression "module {}; 1": column 1: modules are not available`, "module {}; 1\n^"},
		{"1\x00 | foo", `expression "1\x00 | foo": column 2: there is a NUL character`, "1  | foo\n ^"},
		{`a::b`, `expression "a::b": column 1: there is no function a::b/0`, "a::b\n^"},
	} {
		p, err := Compile(c.src)
		require.Nil(t, p)
		require.EqualError(t, err, c.message)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.Equal(t, c.src, syntax.Source)
		require.Equal(t, c.caret, caret(syntax))
	}
}

func TestEvalErrors(t *testing.T) {
	for _, c := range []struct {
		src, message string
		reason       Reason
	}{
		{`.a + 1`, `cannot add: string ("x") and number (1)`, ReasonType},
		{`.a.b`, `expected an object but got: string ("x")`, ReasonType},
		{`.a[]`, `cannot iterate over: string ("x")`, ReasonType},
		{`1 / 0`, `cannot divide by zero`, ReasonType},
		{`null - 1`, `cannot subtract: null and number (1)`, ReasonType},
		{`error("out of " + "stock")`, `out of stock`, ReasonUser},
		{`error({code: 1})`, `{"code":1}`, ReasonUser},
		{`error(null)`, `null`, ReasonUser},
		{`"a" | test("(")`, "invalid regular expression: error parsing regexp: missing closing ): `(`", ReasonType},
		{`error("a\nb" + "c" * 1000)`, "a b" + strings.Repeat("c", 296) + "…", ReasonUser},
		{`infinite`, `a number is infinite or not a number; JSON has no such value`, ReasonNumber},
	} {
		failed := evalError(t, c.src, `{"a": "x"}`)
		require.Equal(t, &EvalError{Expr: c.src, Message: c.message, Reason: c.reason}, failed)
		require.NotContains(t, failed.Error(), "\n")
	}
}

// TestErrorsShowNoSecrets evaluates what fails on a secret.
func TestErrorsShowNoSecrets(t *testing.T) {
	const input = `{"secrets": {"token": "sk_live_4242", "pin": 4242, "list": ["sk_live_4242"]}, "event": {"body": "seen"}}`
	for src, message := range map[string]string{
		`.secrets.token + 1`:                         `cannot add: string and number`,
		`.secrets.token.x`:                           `expected an object but got: string`,
		`.secrets["token"][]`:                        `cannot iterate over: string`,
		`.["secrets"].token | fromjson`:              `fromjson cannot be applied to (the value is not shown, since the expression reads secrets)`,
		`.secrets as $s | $s.token | ltrimstr($s)`:   `ltrimstr (the value is not shown, since the expression reads secrets)`,
		`.[] | .token? | strptime("%Y")`:             `strptime (the value is not shown, since the expression reads secrets)`,
		`.secrets.list | implode`:                    `implode cannot be applied to: array`,
		`. | tojson | tonumber`:                      `tonumber cannot be applied to (the value is not shown, since the expression reads secrets)`,
		`error("bad " + .secrets.token)`:             `bad ` + meshhook.Mask,
		`.. | select(. == "sk_live_4242") | error`:   meshhook.Mask,
		`.secrets.pin | .[1]`:                        `expected an array but got: number`,
		`.secrets | .[0]`:                            `expected an array but got: object`,
		`.secrets.token | test("(" + .)`:             `invalid regular expression`,
		`setpath(["secrets", "token", "x"]; 1)`:      `expected an object but got: string`,
		`.secrets.token as [$a] | $a`:                `expected an array but got: string`,
		`[.secrets.token] | join(1)`:                 "",
		`try (.secrets.token + 1) catch "recovered"`: "",
	} {
		p, err := Compile(src)
		require.NoError(t, err, src)
		_, err = p.All(t.Context(), decode(t, input))
		if message == "" {
			require.NoError(t, err, src)
			continue
		}
		var failed *EvalError
		require.ErrorAs(t, err, &failed, src)
		require.Equal(t, message, failed.Message, src)
		require.NotContains(t, strings.ReplaceAll(failed.Error(), src, ""), "4242\"", src)
	}
	require.Equal(t, `cannot add: string ("seen") and number (1)`, evalError(t, `.event.body + 1`, input).Message)
}
