package meshhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestTokensAreRandomAndKnownByTheirDigest(t *testing.T) {
	t.Parallel()
	one, two := meshhook.NewToken(), meshhook.NewToken()
	require.Regexp(t, `^mhk_[A-Za-z0-9_-]{43}$`, one.Reveal())
	require.NotEqual(t, one.Reveal(), two.Reveal())
	require.NotContains(t, fmt.Sprint(one), "mhk_")
	digest, ok := meshhook.TokenDigest(one)
	require.True(t, ok)
	same, _ := meshhook.TokenDigest(meshhook.NewSecret(one.Reveal()))
	require.Equal(t, digest, same)
	other, _ := meshhook.TokenDigest(two)
	require.NotEqual(t, digest, other)
	for _, text := range []string{
		"", "mhk_", "mhk_" + strings.Repeat("a", 42), "mhk_" + strings.Repeat("a", 44), "MHK_" + strings.Repeat("a", 43),
		"mhk_" + strings.Repeat("+", 43), "ghp_" + strings.Repeat("a", 43), one.Reveal() + "\n", one.Reveal()[:46] + "\x00",
	} {
		_, ok := meshhook.TokenDigest(meshhook.NewSecret(text))
		require.False(t, ok, "%q", text)
	}
}

func TestRolesGrow(t *testing.T) {
	t.Parallel()
	for i, have := range meshhook.Roles() {
		for j, needed := range meshhook.Roles() {
			require.Equal(t, i >= j, have.Allows(needed), "%s asks for %s", have, needed)
		}
	}
	require.False(t, meshhook.Role("").Allows(meshhook.RoleRead))
	require.False(t, meshhook.RoleAdmin.Allows(""))
	require.False(t, meshhook.Role("root").Allows(""))
}

func TestTokenValidate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(d time.Duration) *time.Time { moment := now.Add(d); return &moment }
	id := meshhook.NewID()
	plain := meshhook.Token{ID: id}
	require.NoError(t, plain.Validate(now))
	require.Equal(t, meshhook.Token{ID: id, Role: meshhook.RoleRead, Name: "token-" + id.String()[24:]}, plain)
	require.True(t, plain.ActiveAt(now))

	good := meshhook.Token{ID: id, Name: "ci", Role: meshhook.RoleAdmin, ExpiresAt: at(time.Hour)}
	require.NoError(t, good.Validate(now))
	require.True(t, good.ActiveAt(now.Add(time.Hour-1)))
	require.False(t, good.ActiveAt(now.Add(time.Hour)))
	for _, bad := range []meshhook.Token{
		{ID: id, Role: "root"},
		{ID: id, Name: "No Name"},
		{ID: id, Name: id.String()},
		{ID: id, ExpiresAt: at(0)},
		{ID: id, ExpiresAt: at(-time.Hour)},
		{ID: id, ExpiresAt: at(11 * 365 * 24 * time.Hour)},
	} {
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(bad.Validate(now)), "%+v", bad)
	}
}

func TestHTTPStatus(t *testing.T) {
	t.Parallel()
	require.Equal(t, http.StatusUnprocessableEntity, meshhook.HTTPStatus(meshhook.CodeInvalid))
	require.Equal(t, http.StatusBadRequest, meshhook.HTTPStatus(meshhook.CodeMalformed))
	require.Equal(t, http.StatusInternalServerError, meshhook.HTTPStatus("whatever"))
	require.Equal(t, meshhook.ErrorAnswer{
		Status: "error", Error: meshhook.ErrorInAnswer{Code: meshhook.CodeNotFound, Message: "no"},
	}, meshhook.NewErrorAnswer(meshhook.CodeNotFound, "no", nil))
}

func TestCursorsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []meshhook.Cursor{{}, {XID: 7, ID: meshhook.NewID()}, {XID: 1<<63 - 1, ID: meshhook.NewID()}} {
		parsed, err := meshhook.ParseCursor(c.String())
		require.NoError(t, err)
		require.Equal(t, c, parsed)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("12-01890a5dac96774bbcceb302099a8057")
	f.Add("-")
	f.Add("18446744073709551615-" + strings.Repeat("f", 32))
	f.Add("1-" + strings.Repeat("F", 32))
	f.Add("01-" + strings.Repeat("0", 33))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := meshhook.ParseCursor(text)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		require.Equal(t, text, c.String())
	})
}

func TestIssueToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6789, time.FixedZone("", 3600))
	hour := meshhook.Duration(time.Hour)
	issued, digest, err := meshhook.IssueToken("ci", meshhook.RoleWrite, &hour, now)
	require.NoError(t, err)
	sum, ok := meshhook.TokenDigest(meshhook.NewSecret(issued.Text))
	require.True(t, ok)
	require.Equal(t, sum[:], digest)
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.Equal(t, meshhook.Token{ID: issued.ID, Name: "ci", Role: meshhook.RoleWrite, ExpiresAt: &until}, issued.Token)

	issued, _, err = meshhook.IssueToken("", "", nil, now)
	require.NoError(t, err)
	require.Equal(t, meshhook.RoleRead, issued.Role)
	require.NotEmpty(t, issued.Name)
	require.Nil(t, issued.ExpiresAt)
	_, _, err = meshhook.IssueToken("ci", "root", nil, now)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	var none meshhook.Duration
	_, _, err = meshhook.IssueToken("ci", "", &none, now)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), "nothing is not for ever")
}
