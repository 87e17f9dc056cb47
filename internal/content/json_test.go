package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`null`:                          nil,
		`true`:                          true,
		" false\r\n\t":                  false,
		`0`:                             json.Number("0"),
		`-0.50e+10`:                     json.Number("-0.50e+10"),
		`1e400`:                         json.Number("1e400"),
		`9007199254740993`:              json.Number("9007199254740993"),
		`""`:                            "",
		`"grüße 🎉"`:                     "grüße 🎉",
		`"\"\\\/\b\f\n\r\t"`:            "\"\\/\b\f\n\r\t",
		`"a\u0000b\u00fC\ud83c\udf89z"`: "a\x00bü🎉z",
		`[]`:                            []any{},
		`[1, "x", [null]]`:              []any{json.Number("1"), "x", []any{nil}},
		`{}`:                            map[string]any{},
		`{"a": {"b": []}, "c" : true}`:  map[string]any{"a": map[string]any{"b": []any{}}, "c": true},
		"\ufeff {}":                     map[string]any{},
		`{"a": 1, "b": 2, "a": 3}`:      map[string]any{"a": json.Number("3"), "b": json.Number("2")},
	} {
		got, err := Decode([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                  "byte 0 ends too early; expected a value",
		`  `:                "byte 2 ends too early; expected a value",
		`{"a":1} x`:         "byte 8 has 'x'; expected the end, since the JSON value ends before it",
		`1 2`:               "byte 2 has '2'; expected the end, since the JSON value ends before it",
		`[1,]`:              "byte 3 has ']'; expected a value",
		`[1`:                "byte 2 ends too early; expected ',' or ']'",
		`[1 2]`:             "byte 3 has '2'; expected ',' or ']'",
		`{"a":1,}`:          "byte 7 has '}'; expected a key in double quotes",
		`{a:1}`:             "byte 1 has 'a'; expected a key in double quotes",
		`{"a" 1}`:           "byte 5 has '1'; expected ':'",
		`{"a":1 "b":2}`:     "byte 7 has '\"'; expected ',' or '}'",
		`{"a`:               "byte 3 ends too early; expected the closing '\"' of a string",
		`{"a":}`:            "byte 5 has '}'; expected a value",
		`"a\n`:              "byte 4 ends too early; expected the closing '\"' of a string",
		"\"a\nb\"":          "byte 2 has '\\n'; expected an escape, since control characters may not stand in a string",
		"\"\\n\x00\"":       "byte 3 has '\\x00'; expected an escape, since control characters may not stand in a string",
		`"\x"`:              "byte 2 has 'x'; expected an escape sequence",
		`"\u12g4"`:          "byte 5 has 'g'; expected a hexadecimal digit",
		`"\ud83c\u12"`:      "byte 11 has '\"'; expected a hexadecimal digit",
		`tru`:               "byte 3 ends too early; expected true",
		`nul!`:              "byte 3 has '!'; expected null",
		`fälse`:             "byte 1 has 'ä'; expected false",
		`01`:                "byte 1 has '1'; expected the end, since the JSON value ends before it",
		`-`:                 "byte 1 ends too early; expected a digit",
		`1.`:                "byte 2 ends too early; expected a digit",
		`1e+`:               "byte 3 ends too early; expected a digit",
		`+1`:                "byte 0 has '+'; expected a value",
		`NaN`:               "byte 0 has 'N'; expected a value",
		"\ufeff\ufeff{}":    "byte 3 has '\\ufeff'; expected a value",
		"[\"ok\",\"\xff\"]": "byte 7 is not UTF-8",
		"\"\xed\xa0\x80\"":  "byte 1 is not UTF-8",
		`["\ud83c"]`:        "byte 2 is a lone surrogate, which is no character",
		`"\udf89"`:          "byte 1 is a lone surrogate, which is no character",
		`"\ud83c\ud83c"`:    "byte 1 is a lone surrogate, which is no character",
		`"\ud83cx"`:         "byte 1 is a lone surrogate, which is no character",
	} {
		v, err := Decode([]byte(text))
		require.Nil(t, v, text)
		var e *meshhook.Error
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, meshhook.CodeMalformedPayload, e.Code, text)
		require.Equal(t, "not valid JSON: "+want, e.Message, text)
	}
}

func TestDecodeDepth(t *testing.T) {
	t.Parallel()
	for _, pair := range [][3]string{{"[", "1", "]"}, {`{"a":`, "1", "}"}, {`[{"a":`, "1", "}]"}} {
		levels := strings.Count(pair[0], "[") + strings.Count(pair[0], "{")
		_, err := Decode([]byte(nested(pair[0], pair[1], pair[2], MaxDepth/levels)))
		require.NoError(t, err)
		_, err = Decode([]byte(nested(pair[0], pair[1], pair[2], MaxDepth/levels+1)))
		require.ErrorContains(t, err, "nests deeper than 128 levels")
	}
	_, err := Decode(bytes.Repeat([]byte("["), 1<<20))
	require.ErrorContains(t, err, "byte 128 nests deeper than 128 levels")
}

// standard decodes with encoding/json, of which Decode must differ only where
// it says so.
func standard(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e+3,"\u00e9\ud83c\udf89\n",true,false,null,{}]}`, `"\ud800"`, "\"\xff\"", `[[[]]]`, `1 1`, ` [ 1 , 2 ] `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Decode(body)
		body = bytes.TrimPrefix(body, []byte(bom))
		want, standardErr := standard(body)
		if err == nil {
			require.NoError(t, standardErr)
			require.Equal(t, want, got)
			return
		}
		documented := !utf8.Valid(body) || strings.Contains(err.Error(), "surrogate") || strings.Contains(err.Error(), "deeper") ||
			strings.Contains(err.Error(), "begins a number")
		if standardErr == nil {
			require.True(t, documented, "encoding/json takes it: %v", err)
		}
		require.Equal(t, meshhook.CodeMalformedPayload, meshhook.ErrorCode(err))
		require.Less(t, len(err.Error()), 160)
	})
}

func BenchmarkDecode(b *testing.B) {
	body, err := os.ReadFile("../schema/testdata/push.json") // 2 KB, in the form of a GitHub push event
	require.NoError(b, err)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDecodeNumbersOfAnyLength(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("9", MaxNumber)
	got, err := Decode([]byte("[" + longest + "]"))
	require.NoError(t, err)
	require.Equal(t, []any{json.Number(longest)}, got)
	_, err = Decode([]byte("[" + longest + "9]"))
	require.EqualError(t, err, "not valid JSON: byte 1 begins a number with more than 1000 characters")
	got, err = DecodeOwn([]byte(longest + "9"))
	require.NoError(t, err)
	require.Equal(t, json.Number(longest+"9"), got)
}

func TestDecodeLeniently(t *testing.T) {
	t.Parallel()
	got, err := DecodeLeniently([]byte("[\"a\\ud83cb\",\"\\udf89\\u0041\",\"\\ud83c\\u0042\",\"\xff\"]"))
	require.NoError(t, err)
	require.Equal(t, []any{"a\ufffdb", "\ufffdA", "\ufffdB", "\ufffd"}, got)
	_, err = DecodeLeniently([]byte(nested("[", "", "]", MaxDepth+1)))
	require.Error(t, err)
}

// What an expression may make, as deep as it may be, can be read again.
func TestDecodeOwn(t *testing.T) {
	t.Parallel()
	got, err := DecodeOwn([]byte(nested("[", "", "]", ownDepth)))
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.Len(t, text, 2*ownDepth)
	_, err = DecodeOwn(bytes.Repeat([]byte("["), 1<<20))
	require.ErrorContains(t, err, "nests deeper than 10000 levels")
}

// nested puts depth pairs of open and close around the inside.
func nested(open, inside, end string, depth int) string {
	return strings.Repeat(open, depth) + inside + strings.Repeat(end, depth)
}
