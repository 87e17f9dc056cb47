package tail_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/tail"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"empty":            {"", ""},
		"plain":            {`a ~ "b" \ c`, `a ~ "b" \ c`},
		"letters":          {"żółw 亀 🐢 e\u0301", "żółw 亀 🐢 e\u0301"},
		"wide space":       {"a\u3000b\u00a0c", "a\u3000b\u00a0c"},
		"csi":              {"\x1b[31mred", `\x1b[31mred`},
		"osc":              {"\x1b]0;title\x07", `\x1b]0;title\x07`},
		"c1 csi":           {"\u009b31m", `\u009b31m`},
		"raw c1 byte":      {"\x9b31m", `\x9b31m`},
		"lines":            {"a\r\nb\tc", `a\r\nb\tc`},
		"line separators":  {"a\u2028b\u2029", `a\u2028b\u2029`},
		"nul and del":      {"\x00\x7f", `\x00\x7f`},
		"bidi":             {"\u202eexe.\u2066", `\u202eexe.\u2066`},
		"zero width":       {"a\u200bb\u200dc\ufeff", `a\u200bb\u200dc\ufeff`},
		"soft hyphen":      {"a\u00ad", `a\u00ad`},
		"tags":             {"a\U000e0041", `a\U000e0041`},
		"selector":         {"\u2764\ufe0f", "\u2764" + `\ufe0f`},
		"filler":           {"\u3164", `\u3164`},
		"private":          {"\ue000", `\ue000`},
		"unassigned":       {"\U000cffff", `\U000cffff`},
		"bad utf-8":        {"a\xff\xc3(", `a\xff\xc3(`},
		"surrogate bytes":  {"\xed\xa0\x80", `\xed\xa0\x80`},
		"replacement char": {"\ufffd", "\ufffd"},
		"enough marks":     {"a" + strings.Repeat("\u0301", 30), "a" + strings.Repeat("\u0301", 30)},
		"too many marks":   {"a" + strings.Repeat("\u0301", 31), "a" + strings.Repeat("\u0301", 30) + `\u0301`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tail.Clean(tt.in))
		})
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[31m", "\u202e", "\xff\x9b", "a\u0301", "🐢\u200d🐢", "\U000e0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := tail.Clean(in)
		if !utf8.ValidString(out) {
			t.Fatalf("not UTF-8: %q", out)
		}
		for _, r := range out {
			if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Join_Control) {
				t.Fatalf("%U came through: %q", r, out)
			}
		}
		if again := tail.Clean(out); again != out {
			t.Fatalf("not clean: %q, then %q", out, again)
		}
	})
}

func TestEscaped(t *testing.T) {
	t.Parallel()
	escape := func(r rune) string { return fmt.Sprintf("<%x>", r) }
	for text, want := range map[string]string{
		"":                                    "",
		"plain\n日本 é":                         "plain\n日本 é",
		"\x1b[31m\u202ea\u009b\x7f\U000e0041": "<1b>[31m<202e>a<9b><7f><e0041>",
		"\xffa\ufffd":                         "<fffd>a\ufffd",
		"e" + strings.Repeat("\u0301", 31):    "e" + strings.Repeat("\u0301", 30) + "<301>",
	} {
		require.Equal(t, want, tail.Escaped(text, escape), "%q", text)
	}
}
