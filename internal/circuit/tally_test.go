package circuit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// A story of calls is told by when each ends after the start, and how.
type told struct {
	at     time.Duration
	failed bool
}

func calls(begin, step time.Duration, results string) (list []told) {
	for i, r := range results {
		list = append(list, told{begin + time.Duration(i)*step, r == 'x'})
	}
	return list
}

func TestTallyOpens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		calls []told
		// opens is which call opens, counted from 1; 0 is none.
		opens int
		of    [2]int
	}{
		"four failures in a row do not":                {calls(0, time.Second, "xxxx"), 0, [2]int{}},
		"five do":                                      {calls(0, time.Second, "xxxxx"), 5, [2]int{5, 5}},
		"five at once do":                              {calls(0, 0, "xxxxx"), 5, [2]int{5, 5}},
		"a success between them ends the row":          {calls(0, time.Second, "xxxx.xxx"), 0, [2]int{}},
		"a minute between them does not end it":        {calls(0, time.Minute, "xxxxx"), 5, [2]int{5, 5}},
		"longer does":                                  {calls(0, time.Minute+1, "xxxxxxxxxxxx"), 0, [2]int{}},
		"five just after a success do not":             {append(calls(0, 0, "."), calls(0, 0, "xxxxx")...), 0, [2]int{}},
		"but one a second after it does":               {append(calls(0, 0, "........."), append(calls(time.Second-1, 0, "xxxxx"), told{time.Second, true})...), 15, [2]int{6, 6}},
		"half of ten do":                               {calls(0, time.Millisecond, ".....xxxxx"), 10, [2]int{5, 10}},
		"half of nine do not":                          {calls(0, time.Millisecond, "xx.xxx.x."), 0, [2]int{}},
		"less than half of many do not":                {calls(0, time.Millisecond, "..x..xx..x..xx..x..xx..x..xx..x"), 0, [2]int{}},
		"what is older than the window does not count": {append(calls(0, 0, "xxxx...."), calls(30*time.Second, 0, "..xx")...), 0, [2]int{}},
		"what is younger does":                         {append(calls(0, 0, "xxxx...."), calls(30*time.Second-1, 0, "..xx")...), 12, [2]int{6, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tl tally
			for i, c := range tt.calls {
				var got [2]int
				if got[0], got[1] = tl.add(noon.Add(c.at), c.failed); i+1 == tt.opens {
					require.Equal(t, tt.of, got)
					return
				}
				require.Zero(t, got, "call %d", i+1)
			}
			require.Zero(t, tt.opens)
		})
	}
}

// A busy host of which two in a hundred calls fail never opens, nor does one whose
// connection was lost with all calls that it carried.
func TestABusyHostDoesNotOpen(t *testing.T) {
	t.Parallel()
	const rate = 1000 // calls a second
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test is no secret
		var tl tally
		for i := range rate * 120 {
			lost := i%(20*rate) > 10*rate && i%(20*rate) < 10*rate+100
			_, of := tl.add(noon.Add(time.Duration(i)*time.Second/rate), lost || random.Float64() < 0.02)
			require.Zero(t, of, "call %d", i)
		}
		// One that is gone opens within a second, whatever it did before.
		for i := range rate + 1 {
			if _, of := tl.add(noon.Add(2*time.Minute+time.Duration(i)*time.Second/rate), true); of > 0 {
				return
			}
		}
		require.Fail(t, "it does not open")
	}
}

func TestTallyIsIdle(t *testing.T) {
	t.Parallel()
	var tl tally
	tl.add(noon, false)
	require.False(t, tl.idle(noon.Add(window)))
	require.True(t, tl.idle(noon.Add(window+1)))
	tl.add(noon, true)
	require.False(t, tl.idle(noon.Add(gap)))
	require.True(t, tl.idle(noon.Add(gap+1)))
}

// However many hosts are named, so many are known: those that fail and, above all,
// those whose circuit is not closed.
func TestHostsAreBounded(t *testing.T) {
	t.Parallel()
	b := New(Options{})
	project := meshhook.NewID()
	b.set(b.host(key{project, "open"}, noon), &meshhook.Circuit{State: meshhook.CircuitOpen})
	b.host(key{project, "failing"}, noon).tally.add(noon, true)
	for i := range 3 * maxHosts {
		b.host(key{project, fmt.Sprint(i)}, noon).tally.add(noon, false)
		require.LessOrEqual(t, len(b.hosts), maxHosts+1)
	}
	require.Contains(t, b.hosts, key{project, "open"})
	require.Contains(t, b.hosts, key{project, "failing"})
	require.Equal(t, 1, b.Open())

	// Where all fail, some of them go.
	for i := range 2 * maxHosts {
		b.host(key{project, "f" + fmt.Sprint(i)}, noon).tally.add(noon, true)
		require.LessOrEqual(t, len(b.hosts), maxHosts+1)
	}
	require.Contains(t, b.hosts, key{project, "open"})
	b.host(key{project, "busy"}, noon).busy = true
	b.sweep(noon.Add(time.Hour))
	require.Len(t, b.hosts, 2, "what is idle goes")
}
