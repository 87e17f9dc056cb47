package expr

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestResultsDoNotAlias checks that an edit copies what the program still holds.
func TestResultsDoNotAlias(t *testing.T) {
	for src, want := range map[string]string{
		`. as $d | .a.b = 2 | [., $d]`:                                                                              `[{"a":{"b":2}},{"a":{"b":1}}]`,
		`reduce (1, 2) as $i (.; . as $d | .a.b += $i | .old = $d.a.b)`:                                             `{"a":{"b":4},"old":2}`,
		`(.a, .a.b) |= if type == "object" then .b = 5 else . + 1 end`:                                              `{"a":{"b":6}}`,
		`[.a, .a] | .[0].b = 9`:                                                                                     `[{"b":9},{"b":1}]`,
		`{x: .a} | (.y, .x.b) |= if . == null then 7 else 8 end`:                                                    `{"x":{"b":8},"y":7}`,
		`[[1, 2], [3]] | . as $o | .[][0] |= . + 1 | [., $o]`:                                                       `[[[2,2],[4]],[[1,2],[3]]]`,
		`[1, 2, 3] | . as $o | .[1:] |= (. as $p | .[0] = 9 | . + $p) | [., $o]`:                                    `[[1,9,3,2,3],[1,2,3]]`,
		`[[1]] | (.[0], .[0][0]) |= if type == "array" then . + [2] else 5 end`:                                     `[[5,2]]`,
		`[{"k": 1}] | (.[0], .[1], .[0].k, .[1].k) |= if . == null then {} elif type == "object" then . else 5 end`: `[{"k":5},{"k":{}}]`,
	} {
		require.Equal(t, want, eval(t, src, `{"a": {"b": 1}}`), src)
	}
}
