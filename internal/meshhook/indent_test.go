package meshhook_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestIndentJSON(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	lines := strings.Split(meshhook.IndentJSON([]byte(` {"a":["[\"{",1]} `)), "\n")
	require.Equal(t, []string{"{", `  "a": [`, `    "[\"{",`, "    1", "  ]", "}"}, lines)
	for _, raw := range []string{"", "no", `{"a"`, deep(meshhook.DeepestIndented + 1)} {
		require.Equal(t, raw, meshhook.IndentJSON([]byte(raw)))
	}
	require.Contains(t, meshhook.IndentJSON([]byte(deep(meshhook.DeepestIndented))), "[\n")
}
