package meshhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	good := []string{"a", "7", "ab", "github-to-chat", "a.b_c-d", "0-0", strings.Repeat("x", 63)}
	for _, name := range good {
		require.NoError(t, meshhook.CheckName("workflow", name), name)
	}
	bad := []string{
		"", "-", "-a", "a-", ".a", "a.", "_a", "a_", "A", "Orders", "a b", "a/b", "a\n", "\na", "ä", "a\x00", "a'b",
		strings.Repeat("x", 64), "$(id)", "..",
	}
	for _, name := range bad {
		err := meshhook.CheckName("workflow", name)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), name)
		require.ErrorContains(t, err, "cannot name a workflow; use 1 to 63 lower-case letters")
		require.NotContains(t, err.Error(), "\n", "an error is one line")
	}
}

// One argument takes a name or an id, so no name may look like an id.
func TestCheckNameRefusesIDs(t *testing.T) {
	t.Parallel()
	require.EqualError(t, meshhook.CheckName("workflow", anID), `"`+anID+`" cannot name a workflow, because it looks like an id; use a word`)
	require.NoError(t, meshhook.CheckName("workflow", anID+"0"))
}

func TestCheckSecretName(t *testing.T) {
	t.Parallel()
	good := []string{"a", "_", "A", "API_KEY", "x9", "_9", strings.Repeat("s", 63)}
	for _, name := range good {
		require.NoError(t, meshhook.CheckSecretName(name), name)
	}
	bad := []string{"", "9x", "a-b", "a.b", "a b", "ä", "a\n", "a\x00", "$a", strings.Repeat("s", 64)}
	for _, name := range bad {
		err := meshhook.CheckSecretName(name)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), name)
		require.ErrorContains(t, err, "so that .secrets.NAME can be written")
	}
}

func TestFormatTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		at   time.Time
		want string
	}{
		{time.Date(2025, 1, 2, 3, 4, 5, 6_789_000, time.UTC), "2025-01-02T03:04:05.006Z"},
		{time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), "2025-01-02T03:04:05.000Z"},
		{time.Date(2025, 1, 2, 3, 4, 5, 999_999_999, time.UTC), "2025-01-02T03:04:05.999Z"},
		{time.Date(2025, 1, 2, 0, 30, 0, 0, time.FixedZone("", 3600)), "2025-01-01T23:30:00.000Z"},
	}
	for _, test := range tests {
		text := meshhook.FormatTime(test.at)
		require.Equal(t, test.want, text)
		back, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		require.Equal(t, test.at.UTC().Truncate(time.Millisecond), back)
	}
}
