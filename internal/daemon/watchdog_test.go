package daemon

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/loop"
)

// A loop in one round for longer than its patience is stuck; time in which the
// database did not answer does not count, and one that gets on is well.
func TestPulse(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	working, goOn := make(chan struct{}), make(chan struct{})
	l := &loop.Loop{Name: "runs", Every: time.Second, Work: func(context.Context) (bool, error) {
		working <- struct{}{}
		<-goOn
		return true, nil
	}}
	var p pulse
	ended := p.watch(l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer ended()
		_ = l.Run(ctx)
	}()
	require.NoError(t, p.judge(time.Hour, true), "a loop that has not begun is not stuck")
	<-working
	require.NoError(t, p.judge(time.Hour, true), "since the last look it has begun")
	require.NoError(t, p.judge(leastPatience-time.Second, true))
	require.NoError(t, p.judge(time.Hour, false), "it may wait for the database")
	require.NoError(t, p.judge(leastPatience-time.Second, true), "what came before the outage is forgotten")
	require.ErrorContains(t, p.judge(time.Second, true), `the loop "runs" has been in one round of work for 5m0s`)
	goOn <- struct{}{}
	<-working
	require.NoError(t, p.judge(time.Hour, true), "it gets on")
	cancel()
	goOn <- struct{}{}
	<-done
	require.ErrorContains(t, p.judge(0, false), `the loop "runs" has ended`)
}

func TestPulse_APanicEndsTheRound(t *testing.T) {
	t.Parallel()
	l := &loop.Loop{Name: "tidy", Every: time.Hour, Work: func(context.Context) (bool, error) { panic("no") }}
	var p pulse
	p.watch(l)
	require.Panics(t, func() { _, _ = l.Work(t.Context()) })
	require.EqualValues(t, 2, p.beats[0].round.Load())
	require.Equal(t, 30*time.Minute, p.beats[0].patience, "what runs seldom may run long")
}

func TestCondition(t *testing.T) {
	t.Parallel()
	d := &Daemon{}
	var outage time.Time
	require.Equal(t, "Serving ", d.condition(nil, &outage))
	first := d.condition(errors.New("refused"), &outage)
	require.Contains(t, first, "The database has not answered since 2")
	since := outage
	require.Equal(t, first, d.condition(errors.New("refused"), &outage))
	require.Equal(t, since, outage)
	require.Equal(t, "Serving ", d.condition(nil, &outage))
	require.True(t, outage.IsZero())
}
