package mask_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestCut(t *testing.T) {
	t.Parallel()
	const secret = `p4ss "word" of many bytes`
	m := mask.New([]meshhook.Secret{meshhook.NewSecret(secret), meshhook.NewSecret("12345678")})
	for text, want := range map[string]string{
		"":                                   "",
		"nothing":                            "nothing",
		"all " + secret:                      "all " + meshhook.Mask,
		"part " + secret[:20]:                "part " + meshhook.Mask,
		"part " + secret[:4]:                 "part " + meshhook.Mask,
		"part " + secret[:3]:                 "part " + secret[:3], // four bytes tell something
		secret[:20] + " goes on":             secret[:20] + " goes on",
		secret + " " + secret[:9]:            meshhook.Mask + " " + meshhook.Mask,
		`{"a":"p4ss \"wor`:                   `{"a":"` + meshhook.Mask,
		`"{\"a\":\"p4ss \\\"wor`:             `"{\"a\":\"` + meshhook.Mask,
		"?q=" + url.QueryEscape(secret[:12]): "?q=" + meshhook.Mask,
		"1234567":                            meshhook.Mask,
	} {
		require.Equal(t, want, m.Cut(text), text)
	}
	long := strings.Repeat("x", 1<<20)
	require.Equal(t, long+meshhook.Mask, m.Cut(long+secret[:10]))
	require.Equal(t, "as it is", mask.New(nil).Cut("as it is"))
}

// Wherever a text with a secret in it is cut, less than four bytes of it are seen.
func FuzzCut(f *testing.F) {
	f.Add("some-secret", "before ", uint8(7))
	f.Add("a\\u0041\"b", "\\", uint8(5))
	f.Fuzz(func(t *testing.T, secret, before string, size uint8) {
		m := mask.New([]meshhook.Secret{meshhook.NewSecret(secret)})
		value := strings.TrimSpace(secret)
		part := value[:min(int(size), len(value))]
		if m.Empty() || len(part) < 4 {
			return
		}
		masked := m.Cut(before + part)
		if !strings.HasPrefix(meshhook.Mask, part) && !strings.Contains(before, part) {
			require.NotContains(t, strings.ReplaceAll(masked, meshhook.Mask, ""), part)
		}
		require.Equal(t, masked, m.Cut(masked))
	})
}
