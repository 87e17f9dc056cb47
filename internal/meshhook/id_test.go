package meshhook_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const anID = "01890a5d-ac96-774b-bcce-b302099a8057"

func TestNewIDGrows(t *testing.T) {
	t.Parallel()
	last := meshhook.NewID()
	for range 10_000 {
		next := meshhook.NewID()
		require.Equal(t, uuid.Version(7), next.Version())
		require.Equal(t, uuid.RFC4122, next.Variant())
		require.Negative(t, bytes.Compare(last[:], next[:]), "%s came before %s", last, next)
		last = next
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"canonical", anID, true},
		{"nil", "00000000-0000-0000-0000-000000000000", true},
		{"another version", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", true},
		{"upper case", strings.ToUpper(anID), false},
		{"one letter in upper case", strings.Replace(anID, "d", "D", 1), false},
		{"empty", "", false},
		{"braces", "{" + anID + "}", false},
		{"URN", "urn:uuid:" + anID, false},
		{"no hyphens", strings.ReplaceAll(anID, "-", ""), false},
		{"a byte short", anID[:35], false},
		{"a byte long", anID + "0", false},
		{"no hexadecimal digit", "g" + anID[1:], false},
		{"hyphens astray", "0189-0a5dac96-774b-bcce-b302099a8057", false},
		{"a name as long as an id", strings.Repeat("a", 36), false},
		{"spaces around", " " + anID[1:35] + " ", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id, err := meshhook.ParseID(test.text)
			require.Equal(t, test.ok, meshhook.LooksLikeID(test.text))
			if test.ok {
				require.NoError(t, err)
				require.Equal(t, test.text, id.String())
				return
			}
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			require.ErrorContains(t, err, "is not an id; ids look like "+anID)
			require.Equal(t, meshhook.ID{}, id)
		})
	}
}

// Whatever is read as an id is written in the same way: an id has one spelling.
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{anID, strings.ToUpper(anID), "{" + anID + "}", "urn:uuid:" + anID, "", "01890a5dac96774bbcceb302099a8057"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := meshhook.ParseID(text)
		require.Equal(t, err == nil, meshhook.LooksLikeID(text))
		if err == nil {
			require.Equal(t, text, id.String())
		} else {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		}
	})
}

func TestFirstIDAtIsTheBoundOfATime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		at   time.Time
		want string
		time time.Time
	}{
		{"a day", time.Date(2025, 11, 22, 23, 7, 1, 234_567_890, time.UTC), "019aadd2-22f2-7000-8000-000000000000", time.Date(2025, 11, 22, 23, 7, 1, 234_000_000, time.UTC)},
		{"in another zone", time.Date(2025, 11, 23, 1, 7, 1, 234_000_000, time.FixedZone("", 2*3600)), "019aadd2-22f2-7000-8000-000000000000", time.Date(2025, 11, 22, 23, 7, 1, 234_000_000, time.UTC)},
		{"the epoch", time.Unix(0, 0), "00000000-0000-7000-8000-000000000000", time.Unix(0, 0).UTC()},
		{"a millisecond before the epoch", time.UnixMilli(-1), "00000000-0000-7000-8000-000000000000", time.Unix(0, 0).UTC()},
		{"the zero time", time.Time{}, "00000000-0000-7000-8000-000000000000", time.Unix(0, 0).UTC()},
		{"the last of 48 bits", time.UnixMilli(1<<48 - 1), "ffffffff-ffff-7000-8000-000000000000", time.UnixMilli(1<<48 - 1).UTC()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id := meshhook.FirstIDAt(test.at)
			require.Equal(t, test.want, id.String())
			require.Equal(t, test.time, meshhook.IDTime(id))
		})
	}
}

func TestIDTimeIsWhenAnIDWasMade(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	id := meshhook.NewID()
	after := time.Now()

	made := meshhook.IDTime(id)
	require.Equal(t, time.UTC, made.Location())
	require.False(t, made.Before(before), "%s before %s", made, before)
	require.False(t, made.After(after), "%s after %s", made, after)
	bound, next := meshhook.FirstIDAt(made), meshhook.FirstIDAt(made.Add(time.Millisecond))
	require.LessOrEqual(t, bytes.Compare(bound[:], id[:]), 0)
	require.Negative(t, bytes.Compare(id[:], next[:]))
}
