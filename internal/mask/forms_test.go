package mask_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// pem is longer than its lines, the last of which is short.
const pem = "-----BEGIN PRIVATE KEY-----\n" +
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" +
	"MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n" +
	"NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa\n" +
	"-----END PRIVATE KEY-----\n"

var secrets = map[string]string{
	"token":       "sk_live_51H8xQ2eZvKYlo2C",
	"short":       "qz7#k",
	"unicode":     "pässwörd-🔑-ключ",
	"quotes":      `say "it's" \ over`,
	"spaces":      "correct horse battery staple",
	"base64":      "q+/8Zm9v/7+/YmFy+w==",
	"markup":      "<a&b>'c'\"d\"",
	"percent":     "50%41&amp;\\u0041x",
	"slashes":     "a/b/c//d\\/e",
	"pem":         pem,
	"controls":    "tab\tbell\aend\x01\x7f",
	"not unicode": "ab\xff\xfecd",
}

// forms are how a secret may be written.
var forms = map[string]func(string) string{
	"plain":             func(s string) string { return s },
	"trimmed":           strings.TrimSpace,
	"JSON":              jsonQuote,
	"JSON for HTML":     jsonForHTML,
	"JSON ASCII":        func(s string) string { return asciiJSON(s, `\u%04x`, false) },
	"JSON of PHP":       func(s string) string { return strings.ReplaceAll(asciiJSON(s, `\u%04x`, false), "/", `\/`) },
	"JSON by number":    func(s string) string { return asciiJSON(s, `\u%04x`, true) },
	"JSON by NUMBER":    func(s string) string { return asciiJSON(s, `\u%04X`, true) },
	"JSON twice":        func(s string) string { return jsonQuote(jsonQuote(s)) },
	"JSON thrice":       func(s string) string { return jsonForHTML(jsonQuote(jsonQuote(s))) },
	"Go":                func(s string) string { return unquoted(fmt.Sprintf("%q", s)) },
	"query":             url.QueryEscape,
	"path":              url.PathEscape,
	"jq @uri":           func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
	"query, lower case": func(s string) string { return lowerPercent(url.QueryEscape(s)) },
	"all per cent":      func(s string) string { return everyByte(s, "%%%02X") },
	"all per cent, low": func(s string) string { return everyByte(s, "%%%02x") },
	"query twice":       func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"query in JSON":     func(s string) string { return jsonForHTML(url.QueryEscape(s)) },
	"JSON in query":     func(s string) string { return url.QueryEscape(jsonQuote(s)) },
	"HTML":              html.EscapeString,
	"jq @html":          jqHTML.Replace,
	"HTML by number":    func(s string) string { return everyRune(s, "&#%d;") },
	"HTML by hex":       func(s string) string { return everyRune(s, "&#x%x;") },
	"HTML in JSON":      func(s string) string { return jsonForHTML(html.EscapeString(s)) },
	"jq @sh":            func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	"jq @csv":           func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` },
	"base64":            func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 raw":        func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64 of URLs":    func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 raw, URL":   func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 after 1":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u" + s)) },
	"base64 after 2":    func(s string) string { return base64.URLEncoding.EncodeToString([]byte("u:" + s + "!")) },
	"base64 after 5":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s + "\n")) },
	"base64 of JSON": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"k":"` + jsonQuote(s) + `"}`))
	},
	"base64 in query": func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 in PHP": func(s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte("x"+s)), "/", `\/`)
	},
	"hex": func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX": func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
}

var jqHTML = strings.NewReplacer(`<`, "&lt;", `>`, "&gt;", `&`, "&amp;", `'`, "&apos;", `"`, "&quot;")

func unquoted(s string) string { return s[1 : len(s)-1] }

func jsonQuote(s string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err)
	}
	return unquoted(strings.TrimSuffix(out.String(), "\n"))
}

func jsonForHTML(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return unquoted(string(out))
}

// asciiJSON writes all characters, or those beyond ASCII, by number.
func asciiJSON(s, format string, all bool) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, format+format, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case all || r >= 0x7f:
			fmt.Fprintf(&out, format, r)
		default:
			out.WriteString(jsonQuote(string(r)))
		}
	}
	return out.String()
}

func everyByte(s, format string) string {
	var out strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&out, format, s[i])
	}
	return out.String()
}

func everyRune(s, format string) string {
	var out strings.Builder
	for _, r := range s {
		fmt.Fprintf(&out, format, r)
	}
	return out.String()
}

func lowerPercent(s string) string {
	out := []byte(s)
	for i := range out {
		if out[i] == '%' {
			copy(out[i:], strings.ToLower(s[i:i+3]))
		}
	}
	return string(out)
}

func masker(values ...string) *mask.Masker {
	all := make([]meshhook.Secret, len(values))
	for i, value := range values {
		all[i] = meshhook.NewSecret(value)
	}
	return mask.New(all)
}

func TestEveryFormIsHidden(t *testing.T) {
	t.Parallel()
	all := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		all = append(all, secret)
	}
	for of, m := range map[string]func(string) *mask.Masker{
		"alone":      func(secret string) *mask.Masker { return masker(secret) },
		"among many": func(string) *mask.Masker { return masker(all...) },
	} {
		for name, secret := range secrets {
			for form, write := range forms {
				written := write(secret)
				text := "before (" + written + ") after"
				got := m(secret).Text(text)
				require.Contains(t, got, meshhook.Mask, "%s as %s %s: %s", name, form, of, text)
				require.NotContains(t, got, written, "%s as %s %s", name, form, of)
				// Nothing is left but what was added, and what trims and pads.
				left := strings.ReplaceAll(got[len("before ("):len(got)-len(") after")], meshhook.Mask, "")
				require.LessOrEqual(t, len(left), allowed(form, name), "%s as %s %s: %s", name, form, of, got)
				require.Equal(t, got, m(secret).Text(got), "%s as %s %s", name, form, of)
			}
		}
	}
}

// allowed is how many bytes may be left of a form.
func allowed(form, name string) int {
	switch {
	case name == "pem" && strings.HasPrefix(form, "base64"):
		return 30 // the line break at its end, and padding
	case name == "pem":
		return 16 // the line break at its end, in some escape or other
	case form == "base64 of JSON":
		return 16
	case strings.HasPrefix(form, "base64"):
		return 12
	case form == "jq @sh", form == "jq @csv":
		return 2
	}
	return 0
}

func TestLeftAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ secret, text string }{
		{"abc", "abc"},
		{" abc\n", " abc\n"},
		{"    ", "a    b"},
		{"", "anything"},
		{"abcd", base64.StdEncoding.EncodeToString([]byte("abcd"))}, // too short to be told from chance
		{"secret", "secre"},
		{"secret", "Secret"},
		{"secret", `\`},
		{"secret", `\u00`},
		{"secret", `\ud83d\ud83d\x7`},
		{"secret", "%7"},
		{"secret", "%zz%+1"},
		{"secret", "&#;&#x;&#+115;&#99999999999;&#x110000;&#9999999;&copy;&"},
		{pem, "-----BEGIN PRIVATE KEY-----"},
	} {
		require.Equal(t, c.text, masker(c.secret).Text(c.text), c.secret)
	}
	// The edges of these limits.
	require.Equal(t, meshhook.Mask, masker("abcd").Text("abcd"))
	require.Equal(t, meshhook.Mask+"==", masker("abcde f").Text(base64.StdEncoding.EncodeToString([]byte("abcde f"))))
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", before) + "abcde"))
		require.Contains(t, masker("abcde").Text(encoded), meshhook.Mask, encoded)
	}
	lines := masker("a line of sixtn!\na line of 15 b!\r\n")
	require.Equal(t, meshhook.Mask, lines.Text("a line of sixtn!"))
	require.Equal(t, "a line of 15 b!", lines.Text("a line of 15 b!"))
}

func TestEveryLineIsHidden(t *testing.T) {
	t.Parallel()
	m := masker(pem)
	for _, line := range strings.Split(pem, "\n")[1:4] {
		require.Equal(t, "it says "+meshhook.Mask, m.Text("it says "+line))
	}
	require.Equal(t, meshhook.Mask, m.Text(strings.TrimSpace(pem)))
	require.NotContains(t, m.Text(strings.ReplaceAll(pem, "\n", "\r\n")), "MII")
}

func TestMasksThatMeet(t *testing.T) {
	t.Parallel()
	const M = meshhook.Mask
	for _, c := range []struct {
		secrets    []string
		text, want string
	}{
		{[]string{"secret", "secretive"}, "a secretive b", "a " + M + " b"},
		{[]string{"abcdef", "efgh"}, "abcdefgh", M},
		{[]string{"abab"}, "abababa", M + "a"},
		{[]string{"aaaa"}, strings.Repeat("a", 99), M},
		{[]string{"abcd", "efgh"}, "abcdefgh", M + M},
		{[]string{"abcd", "x" + M + "y"}, "xabcdy", M}, // what is left is a secret
		{[]string{"abcd", M + "y"}, "abcdyy", M},       // and again
		{[]string{"••"}, M, M},                         // a part of the mask
		{[]string{"••"}, "•••••••", M},                 // more than a mask
		{[]string{"•• x"}, M + " x", M},                // its end
		{[]string{"abcd", "•• x"}, "abcd x, " + M, M + ", " + M},
		{[]string{"abcd"}, M + "abcd" + M, M + M + M},
		{[]string{`abc\`, "WXYZ"}, `abc\\u0057XYZ`, M},
	} {
		m := masker(c.secrets...)
		require.Equal(t, c.want, m.Text(c.text), "%q in %q", c.secrets, c.text)
		require.Equal(t, c.want, m.Text(c.want), "%q in %q", c.secrets, c.want)
	}
}

func TestNilMasksNothing(t *testing.T) {
	t.Parallel()
	for _, m := range []*mask.Masker{nil, mask.New(nil), masker("", "abc")} {
		require.True(t, m.Empty())
		require.Equal(t, "abc", m.Text("abc"))
		require.JSONEq(t, `"abc"`, string(m.JSON(json.RawMessage(`"abc"`))))
	}
	require.False(t, masker("abcd").Empty())
}
