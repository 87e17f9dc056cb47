package meshhook_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestClip(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "abc": "abc", "abcd": "abc…", "üüü": "üüü", "üüüü": "üüü…", "a\xff\xfe": "a\xff\xfe", "a\xff\xfeb": "a\xff\xfe…",
	} {
		require.Equal(t, want, meshhook.Clip(text, 3))
	}
	require.Equal(t, "…", meshhook.Clip(strings.Repeat("x", 100), 0))
}
