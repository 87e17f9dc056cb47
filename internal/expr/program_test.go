package expr

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestProgramResults(t *testing.T) {
	ctx := t.Context()
	compile := func(src string) *Program {
		p, err := Compile(src)
		require.NoError(t, err, src)
		require.Equal(t, src, p.String())
		return p
	}
	for _, c := range []struct {
		src  string
		all  []any
		one  any
		fail string // of One and True
		is   bool
	}{
		{`empty`, []any{}, nil, "", false},
		{`1`, []any{1}, 1, "", true},
		{`null`, []any{nil}, nil, "", false},
		{`false`, []any{false}, false, "", false},
		{`true`, []any{true}, true, "", true},
		{`0`, []any{0}, 0, "", true},
		{`""`, []any{""}, "", "", true},
		{`[]`, []any{[]any{}}, []any{}, "", true},
		{`.missing.field`, []any{nil}, nil, "", false},
		{`1, 2, 3`, []any{1, 2, 3}, nil, "gave 3 results; wrap it in ", false},
	} {
		p := compile(c.src)
		all, err := p.All(ctx, map[string]any{})
		require.NoError(t, err)
		require.Equal(t, c.all, all, c.src)
		one, err := p.One(ctx, map[string]any{})
		is, conditionErr := p.True(ctx, map[string]any{})
		require.Equal(t, c.one, one, c.src)
		require.Equal(t, c.is, is, c.src)
		if c.fail == "" {
			require.NoError(t, err)
			require.NoError(t, conditionErr)
			continue
		}
		require.EqualError(t, err, `expression "`+c.src+`": `+c.fail+"[ ]")
		require.EqualError(t, conditionErr, `expression "`+c.src+`": `+c.fail+"any( ) or all( )")
		var failed *EvalError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, ReasonResults, failed.Reason)
	}
	_, err := compile(`error("no")`).True(ctx, nil)
	require.EqualError(t, err, `expression "error(\"no\")": no`)
}

func TestCompileLimits(t *testing.T) {
	fits := "1" + strings.Repeat(" ", maxSource-1)
	_, err := Compile(fits)
	require.NoError(t, err)
	_, err = Compile(fits + " ")
	require.ErrorContains(t, err, "the expression is longer than 16 KiB")

	nested := func(n int) string { return strings.Repeat("[", n) + "1" + strings.Repeat("]", n) }
	_, err = Compile(nested(maxNesting - 1))
	require.NoError(t, err)
	_, err = Compile(nested(maxNesting))
	require.ErrorContains(t, err, "nested deeper than 1000")
}

// TestNamesOfData checks that fields and keys may be called what functions and
// variables may not.
func TestNamesOfData(t *testing.T) {
	require.Equal(t, `[1,2,3,4]`, eval(t, `[.now, .env._id, (.["__x"]), {_id: 4}._id]`, `{"now": 1, "env": {"_id": 2}, "__x": 3}`))
	require.Equal(t, `{"_id":1,"now":2}`, eval(t, `{_id: 1, now: 2}`, `null`))
}

// TestForeignInput has expressions meet what no JSON decoder makes.
func TestForeignInput(t *testing.T) {
	for _, src := range []string{`.x`, `.x + 1`, `.x | tojson`, `.x | type`, `.x | length`, `[.x] | sort`, `.x[]`, `"\(.x)"`, `.x.y`} {
		p, err := Compile(src)
		require.NoError(t, err)
		for _, v := range []any{int64(1), time.Time{}, []string{"a"}, map[string]string{"a": "b"}, struct{}{}} {
			_, err = p.One(t.Context(), map[string]any{"x": v})
			var failed *EvalError
			require.ErrorAs(t, err, &failed, "%s of %T", src, v)
		}
		_, err = p.One(t.Context(), map[string]any{"x": "fine"})
		if failed, ok := errors.AsType[*EvalError](err); ok {
			require.NotEqual(t, ReasonInternal, failed.Reason, "the program still works")
		}
	}
	for _, v := range []any{nil, true, 1, 1.5, big.NewInt(1), json.Number("1"), "s", []any{1}, map[string]any{"a": 1}} {
		p, err := Compile(`.`)
		require.NoError(t, err)
		got, err := p.One(t.Context(), v)
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
}

// TestInputIsSharedAndUnchanged evaluates the whole corpus at the same time on
// one input; the race detector sees every write to it.
func TestInputIsSharedAndUnchanged(t *testing.T) {
	input, original := decode(t, sample), decode(t, sample)
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			for _, src := range corpus {
				if p, err := Compile(src); err == nil {
					_, _ = p.All(context.Background(), input)
				}
			}
		})
	}
	workers.Wait()
	require.Empty(t, cmp.Diff(original, input))
}

// TestProgramIsShared evaluates one program in many goroutines, more than it
// keeps machines for.
func TestProgramIsShared(t *testing.T) {
	p, err := patient().Compile(`.n as $n | [range($n)] | map(. * 2) | add | "\(.)" | gsub("(?<d>[0-9])"; "\(.d | tonumber + 1),")`)
	require.NoError(t, err)
	want, err := p.One(t.Context(), map[string]any{"n": 20})
	require.NoError(t, err)
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for range 20 {
				got, err := p.One(context.Background(), map[string]any{"n": 20})
				if err != nil || got != want {
					t.Errorf("got %v, %v; want %v", got, err, want)
				}
			}
		})
	}
	workers.Wait()
}

func FuzzCompile(f *testing.F) {
	for _, src := range corpus {
		f.Add(src)
	}
	input := decode(f, sample)
	limits := Limits{Time: 50 * time.Millisecond, Steps: 20_000, Memory: 1 << 20}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := limits.Compile(src)
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.NotEmpty(t, caret(syntax))
			require.NotContains(t, err.Error(), "\n")
			return
		}
		results, err := p.All(t.Context(), input)
		if err != nil {
			var failed *EvalError
			require.ErrorAs(t, err, &failed)
			require.NotEqual(t, ReasonInternal, failed.Reason, "%v", err)
			return
		}
		for _, v := range results {
			_, err := json.Marshal(v)
			require.NoError(t, err)
		}
	})
}
