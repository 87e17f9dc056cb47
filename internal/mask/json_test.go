package mask_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	const M = meshhook.Mask
	m := masker("s3cr&t/key", "123456789", "true", "-4.50e1", "nabc", "d83d", "\"quo")
	for document, want := range map[string]string{
		`{"z":"s3cr&t/key","a":1.50}`:                          `{"z":"` + M + `","a":1.50}`,
		` { "s3cr&t\/key" : [ "x\u00e9s3cr\u0026t/key\n" ] } `: ` { "` + M + `" : [ "x\u00e9` + M + `\n" ] } `,
		`"{\"k\":\"s3cr\\u0026t\\/key\"}"`:                     `"{\"k\":\"` + M + `\"}"`,
		`["s3cr%26t%2Fkey","s3cr&amp;t/key"]`:                  `["` + M + `","` + M + `"]`,
		`{"s3cr&t/key":1,"s3cr\u0026t/key":2}`:                 `{"` + M + `":1,"` + M + `":2}`,
		`[123456789,-123456789,1234567890,123456789.0]`:        `["` + M + `","` + M + `",1234567890,123456789.0]`,
		`123456789`:                        `"` + M + `"`,
		`[-4.50e1,4.50e1,-45]`:             `["` + M + `",4.50e1,-45]`,
		`[true,"true"]`:                    `[true,"` + M + `"]`,
		`["\nabc","nabc","\\nabc"]`:        `["\nabc","` + M + `","\\` + M + `"]`,
		`["\ud83d","\ud83d\ude00","d83d"]`: `["\ud83d","\ud83d\ude00","` + M + `"]`,
		`["\"quo","\\\"quo"]`:              `["` + M + `","` + M + `"]`,
		`{"a":"s3cr","b":"&t/key"}`:        `{"a":"s3cr","b":"&t/key"}`,
		`["s3cr&t/key`:                     `"` + M + `"`, // no JSON
		`["s3cr`:                           `["s3cr`,
		``:                                 ``,
	} {
		got := m.JSON(json.RawMessage(document))
		require.Equal(t, want, string(got), document)
		require.Equal(t, want, string(m.JSON(got)), document)
	}
}

// A secret that ends inside a character takes the whole of it, however it is escaped.
func TestHalfACharacter(t *testing.T) {
	t.Parallel()
	got := masker("abc\xc3").JSON(json.RawMessage(`["abc\u00e9","abc\u00e9f"]`))
	require.Equal(t, `["`+meshhook.Mask+`","`+meshhook.Mask+`f"]`, string(got))
}

// An untouched document is the same slice, and costs no memory.
func TestJSONIsNotCopied(t *testing.T) { // not parallel: it counts allocations
	m := masker("sk_live_51H8xQ2eZvKYlo2C", "12345678")
	for _, text := range []string{`{"a":["b\n",1,"\"x\""],"c":"100%"}`, `{"n":123456789012}`} {
		document := json.RawMessage(text)
		got := m.JSON(document)
		require.Same(t, &document[0], &got[0])
	}
	document := json.RawMessage(`{"a":["b\n",1,"\"x\""],"c":"100% & more","url":"http://x/?a=%20b"}`)
	require.Zero(t, testing.AllocsPerRun(10, func() { m.JSON(document) }))
	text := string(document)
	require.Zero(t, testing.AllocsPerRun(10, func() { m.Text(text) }))
}

func TestEveryFormIsHiddenInJSON(t *testing.T) {
	t.Parallel()
	for name, secret := range secrets {
		m := masker(secret)
		for form, write := range forms {
			if form == "JSON thrice" {
				continue // a string of JSON around it makes it the fourth
			}
			written := write(secret)
			document, err := json.Marshal(map[string]any{"key " + written: []any{"a" + written, 1.5}})
			require.NoError(t, err)
			got := m.JSON(document)
			require.Contains(t, string(got), meshhook.Mask, "%s as %s: %s", name, form, document)
			require.NotContains(t, string(got), jsonForHTML(written), "%s as %s", name, form)
			require.Equal(t, shape(t, document), shape(t, got), "%s as %s: %s", name, form, got)
		}
	}
}

// shape is the structure of a document: its tokens, strings and keys as their kind. Numbers
// count as strings, since they may become one.
func shape(t require.TestingT, document []byte) (tokens []string) {
	require.True(t, json.Valid(document), "%q", document)
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return tokens
		}
		switch token.(type) {
		case string, json.Number:
			tokens = append(tokens, "scalar")
		default:
			tokens = append(tokens, fmt.Sprint(token))
		}
	}
}

// Whatever the secrets and wherever they stand, nothing is seen of them.
func TestNothingIsSeen(t *testing.T) {
	t.Parallel()
	names := make([]string, 0, len(forms))
	for name := range forms {
		if name != "JSON thrice" { // one layer more than is taken off in a document
			names = append(names, name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		// Nothing around a value may be taken for the beginning of an escape: what is
		// behind "100%" and the encoded value cannot be told.
		around := rapid.StringMatching(`[ a-z0-9"{},:=é•<\n]{0,12}`)
		values := rapid.SliceOfN(secretValue(), 1, 4).Draw(t, "secrets")
		m := masker(values...)
		var text, document strings.Builder
		document.WriteString(`{"list":[0`)
		var written []string
		for range rapid.IntRange(1, 4).Draw(t, "uses") {
			value := rapid.SampledFrom(values).Draw(t, "value")
			form := rapid.SampledFrom(names).Draw(t, "form")
			w := forms[form](value)
			written = append(written, w)
			before, after := around.Draw(t, "before"), around.Draw(t, "after")
			text.WriteString(before + "." + w + "." + after)
			fmt.Fprintf(&document, `,"%s",{"%s":[]}`, jsonForHTML(before+"."+w+"."+after), jsonQuote(w))
		}
		document.WriteString(`]}`)

		got := m.Text(text.String())
		masked := m.JSON(json.RawMessage(document.String()))
		for _, w := range written {
			require.NotContains(t, got, w)
			require.NotContains(t, string(masked), jsonQuote(w))
			require.NotContains(t, string(masked), jsonForHTML(w))
		}
		require.Equal(t, got, m.Text(got))
		require.Equal(t, string(masked), string(m.JSON(masked)))
		require.Equal(t, shape(t, []byte(document.String())), shape(t, masked))
	})
}

func secretValue() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9_+/=-]{6,40}`),
		rapid.StringMatching(`[ -~]{6,30}`),
		rapid.StringMatching(`[ab"'\\/&%+ é🔑•]{6,12}`),
		rapid.StringMatching(`([A-Za-z0-9+/]{16,40}\n){2,4}`),
	).Filter(func(s string) bool { return len(strings.TrimSpace(s)) >= 5 })
}

func FuzzJSON(f *testing.F) {
	f.Add("secret", `{"a":"secret","b":["\u0073ecret",1.0]}`)
	f.Add("123456", `[123456,-123456,1234567]`)
	f.Add("•• x", `["•••••• x","\u2022"]`)
	f.Add(`a\"b`, `"a\\\"b\ud83d"`)
	f.Add("&#38;%26", `"&amp;#38;%2526\\u0026"`)
	f.Add("abcd\nlonger than sixteen", `"YWJjZA\/\/"`)
	f.Fuzz(func(t *testing.T, secret, document string) {
		m := masker(secret)
		got := m.JSON(json.RawMessage(document))
		text := m.Text(document)
		require.Equal(t, text, m.Text(text))
		if !json.Valid([]byte(document)) {
			return
		}
		require.Equal(t, shape(t, []byte(document)), shape(t, got))
		require.Equal(t, string(got), string(m.JSON(got)))
		value := strings.TrimSpace(secret)
		if !strings.Contains(string(got), meshhook.Mask) {
			require.Equal(t, document, string(got))
		}
		if len(value) < 4 || !utf8.ValidString(value) || strings.Contains(meshhook.Mask, value) {
			return
		}
		for _, s := range stringsOf(t, got) {
			require.NotContains(t, s, value)
		}
	})
}

// stringsOf returns the strings of a document, keys among them.
func stringsOf(t *testing.T, document []byte) (all []string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return all
		}
		if s, ok := token.(string); ok {
			all = append(all, s)
		}
	}
}

// sizes of outputs; the big one is the most that a step may give out.
var sizes = map[string]int{"100B": 100, "4KiB": 4 << 10, "256KiB": 256 << 10}

func output(size int) json.RawMessage {
	const record = `{"id":"evt_1PxQ2e","object":"charge","amount":4200,"currency":"eur","note":"it said \"ok\"\n","url":"https://x.example/a?b=c%20d"},`
	return json.RawMessage("[" + strings.Repeat(record, max(1, size/len(record))) + "0]")
}

func tokens(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("sk_live_%d1H8xQ2eZvKYlo2C%dqW", i, i*7)
	}
	return all
}

func BenchmarkJSON(b *testing.B) {
	for _, n := range []int{1, 10} {
		for name, size := range sizes {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				m, document := masker(tokens(n)...), output(size)
				b.SetBytes(int64(len(document)))
				b.ReportAllocs()
				for b.Loop() {
					m.JSON(document)
				}
			})
		}
	}
}

func BenchmarkContains(b *testing.B) { // what one plain secret would cost
	for name, size := range sizes {
		b.Run(name, func(b *testing.B) {
			document, token := output(size), []byte(tokens(1)[0])
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				bytes.Contains(document, token)
			}
		})
	}
}

func BenchmarkJSONWithSecret(b *testing.B) {
	m := masker(tokens(10)...)
	document := output(4 << 10)
	document = append(document[:len(document)-2], `"`+tokens(10)[3]+`"]`...)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		m.JSON(document)
	}
}

func BenchmarkJSONEscapedTwice(b *testing.B) { // with layers to be taken off
	m := masker(tokens(10)...)
	document, err := json.Marshal(string(output(256 << 10)))
	require.NoError(b, err)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		m.JSON(document)
	}
}

func BenchmarkJSONOfEscapes(b *testing.B) { // the worst that a sender can do
	m := masker(tokens(10)...)
	document := json.RawMessage(`"` + strings.Repeat(`\\\\u0025252525&amp;amp;amp;`, (256<<10)/28) + `"`)
	require.True(b, json.Valid(document))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		m.JSON(document)
	}
}

func BenchmarkNew(b *testing.B) {
	for name, values := range map[string][]string{"1": tokens(1), "10": tokens(10), "PEM": {strings.Repeat(pem, 9)}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NotNil(b, masker(values...))
			}
		})
	}
}
