package spelling_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/spelling"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", spelling.MaxLength)
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"stripe", "stripe", 0},
		{"strip", "stripe", 1},
		{"stripes", "stripe", 1},
		{"stroke", "stripe", 2},
		{"strpie", "stripe", 1},
		{"Stripe", "stripe", 1},
		{"ca", "abc", 3}, // nothing is put between two that have changed places
		{longest, "", spelling.MaxLength},
		{longest, longest, 0},
		{longest + "x", longest, spelling.MaxLength + 1},
	} {
		require.Equal(t, c.want, spelling.Distance(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, spelling.Distance(c.b, c.a), "%s %s", c.b, c.a)
	}
}

// So many bytes too many are so many slips, wherever they stand.
func TestDistanceCountsSlips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{0,12}`).Draw(t, "word")
		wrong, slips := []byte(word), rapid.IntRange(0, 3).Draw(t, "slips")
		for range slips {
			at := rapid.IntRange(0, len(wrong)).Draw(t, "at")
			wrong = append(wrong[:at:at], append([]byte{rapid.SampledFrom([]byte("abc")).Draw(t, "byte")}, wrong[at:]...)...)
		}
		require.Equal(t, slips, spelling.Distance(string(wrong), word))
	})
}
