package expr

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// within evaluates an expression within limits.
func within(t *testing.T, l Limits, src string) ([]any, *EvalError) {
	t.Helper()
	if l.Time == 0 {
		l.Time = time.Minute
	}
	p, err := l.Compile(src)
	require.NoError(t, err)
	all, err := p.All(t.Context(), nil)
	failed, _ := errors.AsType[*EvalError](err)
	return all, failed
}

func TestLimitsAtTheirEdges(t *testing.T) {
	all, failed := within(t, Limits{Results: 3}, `range(3)`)
	require.Nil(t, failed)
	require.Equal(t, []any{0, 1, 2}, all)
	_, failed = within(t, Limits{Results: 3}, `range(4)`)
	require.Equal(t, &EvalError{Expr: `range(4)`, Message: "gave more than 3 results", Reason: ReasonTooLarge}, failed)

	// Output counts about the bytes of JSON, over all results.
	_, failed = within(t, Limits{Output: 12}, `"1234", "5678"`)
	require.Nil(t, failed)
	_, failed = within(t, Limits{Output: 12}, `"1234", "56789"`)
	require.Equal(t, &EvalError{Expr: `"1234", "56789"`, Message: "gave more than 12 bytes", Reason: ReasonTooLarge}, failed)
	_, failed = within(t, Limits{Output: 1 << 10}, `"x" * 2000, 1`)
	require.Equal(t, "gave more than 1 KiB", failed.Message)

	_, failed = within(t, Limits{Memory: 1000}, `"x" * 1000`)
	require.Nil(t, failed)
	_, failed = within(t, Limits{Memory: 1000}, `"x" * 1001`)
	require.Equal(t, &EvalError{Expr: `"x" * 1001`, Message: "needs more than 1000 bytes of memory", Reason: ReasonTooLarge}, failed)

	_, failed = within(t, Limits{}, `reduce range(1000) as $i (1; [.])`)
	require.Nil(t, failed)
	_, failed = within(t, Limits{}, `reduce range(1001) as $i (1; [.])`)
	require.Equal(t, &EvalError{Expr: `reduce range(1001) as $i (1; [.])`, Message: "a value is nested deeper than 1000", Reason: ReasonTooLarge}, failed)
	_, failed = within(t, Limits{}, `setpath([range(1000) | "a"]; 1) | 1`)
	require.Nil(t, failed)
	_, failed = within(t, Limits{}, `setpath([range(1001) | "a"]; 1) | 1`)
	require.Equal(t, "a path is longer than 1000", failed.Message)
}

func TestTimeAndStepsAtTheirEdges(t *testing.T) {
	steps := newMeter(t.Context(), patient().orDefault())
	p, err := patient().Compile(`[range(10)]`)
	require.NoError(t, err)
	_, err = p.all(steps, nil)
	require.NoError(t, err)
	_, failed := within(t, Limits{Steps: steps.steps}, `[range(10)]`)
	require.Nil(t, failed)
	_, failed = within(t, Limits{Steps: steps.steps - 1}, `[range(10)]`)
	require.Equal(t, ReasonTimeout, failed.Reason)
	require.ErrorIs(t, failed, context.DeadlineExceeded)

	_, failed = within(t, Limits{Time: time.Nanosecond}, `1`)
	require.Equal(t, &EvalError{Expr: `1`, Message: "took longer than 1ns", Reason: ReasonTimeout, Err: context.DeadlineExceeded}, failed)
}

func TestLimitsCannotBeCaught(t *testing.T) {
	for _, src := range []string{
		`try ("x" * 1000000000) catch "caught"`, `("x" * 1000000000)? // 1`, `label $out | try ("x" * 1000000000) catch (1, break $out)`,
		`first(try ("x" * 1000000000) catch 1)`, `.a |= try ("x" * 1000000000) catch 1`, `. as [$a] ?// $a | "x" * 1000000000`,
	} {
		require.Equal(t, ReasonTooLarge, evalError(t, src, `null`).Reason, src)
	}
}

func TestCanceledContext(t *testing.T) {
	p, err := Compile(`last(repeat(1))`)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.One(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
	var failed *EvalError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, ReasonCanceled, failed.Reason)

	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = p.One(past, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorAs(t, err, &failed)
	require.Equal(t, ReasonTimeout, failed.Reason)

	// One that is canceled on the way.
	ctx, cancel = context.WithCancel(t.Context())
	started := make(chan struct{})
	go func() {
		<-started
		cancel()
	}()
	endless, err := Limits{Time: time.Hour, Steps: math.MaxInt - stride}.Compile(`last(repeat(1))`)
	require.NoError(t, err)
	close(started)
	_, err = endless.One(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRegularExpressionLimits(t *testing.T) {
	pattern := strings.Repeat("a", maxPattern)
	require.Equal(t, `true`, eval(t, `test(.)`, `"`+pattern+`"`))
	require.Contains(t, evalError(t, `test(.)`, `"`+pattern+`a"`).Message, "longer than 1000 bytes")
	require.Contains(t, evalError(t, `test("[a-z]{1000}" * 11)`, `"a"`).Message, "too large repetitions")
	require.Contains(t, evalError(t, `[match("(ab?){50}x"; "g")]`, `"`+strings.Repeat("a", 1<<20)+`"`).Message, "takes too long")
	// A machine forgets old expressions; they still work.
	require.Equal(t, `100`, eval(t, `[range(100) | tostring | test("^" + . + "$")] | map(select(.)) | length`, `null`))
}
