package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	shown := func(was, is string) string {
		var b strings.Builder
		for _, line := range diff(strings.Fields(was), strings.Fields(is)) {
			fmt.Fprintf(&b, "%c%s", line.sign, line.text)
		}
		return b.String()
	}
	for _, tt := range [][3]string{
		{"a b c", "a b c", ""},
		{"", "", ""},
		{"", "a b", "+a+b"},
		{"a b", "", "-a-b"},
		{"a b c", "a x c", " a-b+x c"},
		{"a b c d e f g", "a b c d e f x", "~… e f-g+x"},
		{"1 2 3 a 4 5 6 7 8 9 b 1 2 3 4", "1 2 3 4 5 6 7 8 9 c 1 2 3 4", " 1 2 3-a 4 5~… 8 9-b+c 1 2~…"},
		{"a x b y c", "x y z", "-a x-b y-c+z"},
	} {
		require.Equal(t, tt[2], shown(tt[0], tt[1]), "%s → %s", tt[0], tt[1])
	}
}

// Texts that are too long to be compared are shown one after the other.
func TestDiffIsBounded(t *testing.T) {
	t.Parallel()
	text := func(sign string) (lines []string) {
		for i := range 2100 {
			lines = append(lines, fmt.Sprintf("%s%d", sign, i))
		}
		return append(lines, "same"+sign, "middle", sign)
	}
	lines := diff(text("a"), text("b"))
	require.Len(t, lines, 2*2103)
	require.Equal(t, byte('-'), lines[2102].sign)
	require.Equal(t, byte('+'), lines[2103].sign)
}
