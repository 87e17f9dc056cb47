package content

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const wideJSON = "\xff\xfe{\x00}\x00"

func TestRead(t *testing.T) {
	t.Parallel()
	object := Body{Kind: Data, Data: map[string]any{"a": json.Number("1")}}
	text := func(s string) Body { return Body{Kind: Text, Text: s} }
	for _, c := range []struct {
		contentType, body string
		want              Body
	}{
		{"application/json", "", Body{}},
		{"", "", Body{}},
		{"Application/JSON ; charset=utf-8", `{"a":1}`, object},
		{"application/json; charset=ISO-8859-1", `{"a":1}`, object},
		{"application/json; charset=ISO-8859-1", `"é"`, Body{Kind: Data, Data: "é"}},
		{"application/json; charset", `{"a":1}`, object},
		{"application/json; charset=gbk", `{"a":1}`, object},
		{"application/json; charset=utf-8; charset=utf-8", `{"a":1}`, object},
		{"text/json", "\ufeff{\"a\":1}", object},
		{"application/vnd.github+json", `{"a":1}`, object},
		{"application/json", ` null `, Body{Kind: Data}},
		{"application/json", `1e999`, Body{Kind: Data, Data: json.Number("1e999")}},
		{"application/json", `[-0, 1E5]`, Body{Kind: Data, Data: []any{json.Number("-0"), json.Number("1E5")}}},
		{"application/json", `"a\u0000b"`, Body{Kind: Data, Data: "a\x00b"}},

		// Types that say nothing.
		{"", `{"a":1}`, object},
		{"text/plain; charset=UTF-8", `{"a":1}`, object},
		{"application/octet-stream", `[]`, Body{Kind: Data, Data: []any{}}},
		{"text/plain; charset=utf-16", "\xff\xfe[\x00]\x00", Body{Kind: Data, Data: []any{}}},
		{"", "\ufeff\n []", Body{Kind: Data, Data: []any{}}},
		{"", `1`, text("1")},
		{"", `{"a":"\ud83c"}`, text(`{"a":"\ud83c"}`)},
		{"text/plain", "{}\n{}", text("{}\n{}")},
		{"text/html", `{"a":1}`, text(`{"a":1}`)},
		{"application/x-ndjson", `{"a":1}`, text(`{"a":1}`)},

		// Charsets.
		{"text/plain", "café", text("café")},
		{"text/plain; charset=us-ascii", "café", text("café")},
		{"text/plain; charset=iso-8859-1", "caf\xe9 \x80", text("café \u0080")},
		{"text/csv; charset=Windows-1252", "\x80", text("€")},
		{"text/csv; charset=cp1252", "\x80", text("€")},
		{"text/plain; charset=shift_jis", "\x83e\x83X\x83g", text("テスト")},
		{"text/plain; charset=gbk", "\xd6\xd0\xce\xc4", text("中文")},
		{"text/plain; charset=utf-16", "\xff\xfeh\x00i\x00", text("hi")},
		{"text/plain; charset=utf-16", "\x00h\x00i", text("hi")},
		{"text/plain; charset=utf-16le", "h\x00i\x00", text("hi")},
		{"text/plain; charset=utf-16le", "h\x00i", Body{Kind: Binary}},
		{"text/plain; charset=utf-16le", "\x3d\xd8", Body{Kind: Binary}},
		{"text/plain; charset=gbk", "\xff\xff", Body{Kind: Binary}},
		{"text/plain; charset=klingon", "hi", Body{Kind: Binary}},
		{"text/plain; charset=utf-8", "caf\xe9", Body{Kind: Binary}},
		{"text/plain; charset=\"iso-8859-1\"; charset=x", "\xe9", text("é")},
		{"application/xml", `<?xml version="1.0" encoding="ISO-8859-1"?><a>` + "\xe9</a>", text(`<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>`)},
		{"application/soap+xml; charset=utf-8", "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>", text("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>")},
		{"text/xml", "<a>\xe9</a>", Body{Kind: Binary}},
		{"image/png", "\x89PNG\r\n", Body{Kind: Binary}},
		{"text/plain", "caf\x00é", text("caf\x00é")},
		{"text/plain", strings.Repeat("\x01", 16), Body{Kind: Binary}},

		// Forms.
		{formType, "", Body{}},
		{formType, "a=1&b=%7B%7D&b=&&c&a%5B%5D=x&d=1;2&e+f=%C3%A9", form("a", "1", "b", []any{"{}", ""}, "c", "", "a[]", "x", "d", "1;2", "e f", "é")},
		{formType, "a=1&a=2&a=3", form("a", []any{"1", "2", "3"})},
		{formType, "a=%00", form("a", "\x00")},
		{formType + "; charset=iso-8859-1", "n=Jos%E9", form("n", "José")},
		{formType, "_charset_=windows-1252&n=%80", form("_charset_", "windows-1252", "n", "€")},
		{formType, "n=Jos%E9&charset=windows-1252", form("n", "José", "charset", "windows-1252")},
		{formType, "n=Jos%C3%A9&charset=windows-1252", form("n", "José", "charset", "windows-1252")},
	} {
		got, err := Read(c.contentType, []byte(c.body))
		require.NoError(t, err, "%s %q", c.contentType, c.body)
		require.Equal(t, c.want, got, "%s %q", c.contentType, c.body)
	}
}

// form is a form's body, of names and values in turn.
func form(pairs ...any) Body {
	fields := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		fields[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return Body{Kind: Data, Data: fields}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const malformed, unsupported = meshhook.CodeMalformedPayload, meshhook.CodeUnsupportedMediaType
	for _, c := range []struct {
		contentType, body string
		kind              Kind
		code              meshhook.Code
		message           string
	}{
		{";;", "{}", Text, unsupported, `the content type ";;" cannot be read; write it like application/json`},
		{"te xt/plain", "", Empty, unsupported, `the content type "te xt/plain" cannot be read`},
		{"a/b/c", "x", Text, unsupported, `the content type "a/b/c" cannot be read`},
		{"a" + strings.Repeat("é", 100), "x", Text, unsupported, `…" cannot be read`},
		{"application/json", `{"a":1}}`, Text, malformed, "not valid JSON: byte 7 has '}'; expected the end"},
		{"application/json", "\"\xff\"", Binary, malformed, "not valid JSON: byte 1 is not UTF-8"},
		{"application/json", wideJSON, Binary, malformed, "not valid JSON: it is UTF-16 or UTF-32; send it as UTF-8"},
		{"application/json", "\x00{\x00}", Binary, malformed, "it is UTF-16 or UTF-32"},
		{"application/json; charset=utf-16", "\xfe\xff\x00{\x00}", Text, malformed, `says that this JSON is "utf-16"; send it as UTF-8`},
		{"application/json; charset=iso-2022-jp", "\"\x1b$B$\"\x1b(B\"", Text, malformed, `says that this JSON is "iso-2022-jp"; send it as UTF-8`},
		{formType, "a=%zz", Text, malformed, "it has a % without two hexadecimal digits behind it"},
		{formType, "a=%ff", Text, malformed, "it is not utf-8"},
		{formType, "a=\xff", Binary, malformed, "it is not utf-8"},
		{formType, "a=\x01", Text, malformed, "control characters that are not escaped"},
		{formType + "; charset=klingon", "a=b", Binary, malformed, "it is not klingon"},
		{formType, "charset=klingon&a=%ff", Text, malformed, "it is not klingon"},
		{multipartType, "--x--", Text, malformed, "its content type names no boundary"},
		{multipartType + "; boundary=x", "", Empty, "", ""},
		{multipartType + "; boundary=x", "hello", Text, malformed, "its last boundary is missing"},
		{multipartType + "; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", Text, malformed, "its last boundary is missing"},
		{multipartType + "; boundary=x", "--x\r\n--x--", Text, malformed, "a part is broken"},
		{multipartType + "; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=\x01\r\n--x--", Text, malformed, "a part is broken"},
		{multipartType + "; boundary=x", "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", Text, malformed, "a part has no name"},
		{multipartType + "; boundary=x", strings.Repeat("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n", maxParts+1) + "--x--", Text, malformed, "it has more than 1000 parts"},
	} {
		got, err := Read(c.contentType, []byte(c.body))
		require.Equal(t, c.kind, got.Kind, "%s %.100q", c.contentType, c.body)
		require.Equal(t, c.code, meshhook.ErrorCode(err), "%s %.100q", c.contentType, c.body)
		if err != nil {
			require.Contains(t, err.Error(), c.message)
			require.True(t, utf8.ValidString(err.Error()))
		}
	}
}

func TestReadMultipart(t *testing.T) {
	t.Parallel()
	body := strings.ReplaceAll(`--x
Content-Disposition: form-data; name="subject"

Grüße
--x
Content-Disposition: form-data; name="to"

a@example.com
--x
Content-Disposition: form-data; name="to"

b@example.com
--x
Content-Disposition: form-data; name="latin"
Content-Type: text/plain; charset=iso-8859-1

`+"caf\xe9"+`
--x
Content-Disposition: form-data; name="odd`+"\xe9"+`"

`+"\xff\x00"+`
--x
Content-Disposition: form-data; name="attachment1"; filename="../a.csv"
Content-Type: text/csv

a,b
--x
Content-Disposition: form-data; name="nothing"; filename=""

--x--
`, "\n", "\r\n")
	file := func(name, kind, size, content string) map[string]any {
		return map[string]any{"filename": name, "content_type": kind, "size": json.Number(size), "base64": content}
	}
	got, err := Read(`multipart/form-data; boundary="x"`, []byte(body))
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"subject": "Grüße", "to": []any{"a@example.com", "b@example.com"}, "latin": "café", "nothing": "",
		"oddé": file("", "", "2", "/wA="), "attachment1": file("a.csv", "text/csv", "3", "YSxi"),
	}, got.Data)

	most := strings.Repeat("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n", maxParts) + "--x--"
	got, err = Read("multipart/form-data; boundary=x", []byte(most))
	require.NoError(t, err)
	fields, ok := got.Data.(map[string]any)
	require.True(t, ok)
	require.Len(t, fields["a"], maxParts)
}

func TestQuery(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]any{"a": "1", "b": []any{"2", "3"}, "d": "", "e": "é", "f": "ÿ", "g": "\x00", "é": "", "h[x]": "1;2"},
		Query("a=1&b=2&b=3&c=%zz&d&e=%C3%A9&f=%ff&g=%00&%E9&h[x]=1;2"))
	require.Empty(t, Query(""))
}

func TestLegible(t *testing.T) {
	t.Parallel()
	require.Equal(t, "é", Legible("é"))
	require.Equal(t, "é\u0080", Legible("\xe9\x80"))
}

// Whatever Read takes is what JSON can say: it is read back as it was.
func FuzzRead(f *testing.F) {
	for _, kind := range []string{"application/json", "", formType, "multipart/form-data; boundary=x", "text/plain; charset=gbk", "text/xml; charset=utf-16", ";"} {
		for _, body := range []string{
			`{"a":[1,-2.5e+3,"\u00e9\ud83c\udf89\n",1e400,"\u0000"]}`, "a=%ff&charset=gbk", "\xff\xfea\x00", "\x00",
			"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n\xff\r\n--x--",
		} {
			f.Add(kind, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got, err := Read(Legible(contentType), body)
		if err != nil {
			code := meshhook.ErrorCode(err)
			require.True(t, code == meshhook.CodeMalformedPayload || code == meshhook.CodeUnsupportedMediaType)
			require.NotEqual(t, Data, got.Kind)
			require.True(t, utf8.ValidString(err.Error()), err)
			require.Less(t, len(err.Error()), 600)
		}
		require.Equal(t, len(body) == 0, got.Kind == Empty)
		text, err := json.Marshal([]any{got.Data, got.Text})
		require.NoError(t, err)
		again, err := DecodeOwn(text)
		require.NoError(t, err)
		require.Equal(t, []any{got.Data, got.Text}, again)
	})
}
